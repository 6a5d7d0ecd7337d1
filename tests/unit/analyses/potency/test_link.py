"""Attributes and outcomes: known links, blocks, errors of measurement, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imscope.analyses.potency import (
    LinkSettings,
    chance,
    link_outcomes,
    lots_needed,
    smallest_correlation,
    summarise_outcomes,
)
from imscope.analyses.potency.blocks import Blocks, make_blocks
from imscope.analyses.potency.ridge import predict_left_out
from imscope.analyses.potency.slope import fit_slope, most_influential, permutation_p
from imscope.core.errors import DataError, UsageError
from imscope.core.schema import OUTCOME_LOT_VALUES, POTENCY_LINK
from imscope.io.outcomes import check_outcomes, read_outcomes
from imscope.simulate import LotSettings, simulate_lots

ONE = Blocks(np.zeros(8, dtype=np.intp), "all lots together")


def outcomes(values, **change):
    table = pd.DataFrame({"lot": [f"L{k}" for k in range(len(values))], "value": values})
    return table.assign(outcome="IDO", unit="uM", direction="higher").assign(**change)


def attributes(n, **columns):
    return pd.DataFrame({"lot": [f"L{k}" for k in range(n)], **columns})


# ---- the parts -------------------------------------------------------------------------------
def test_without_error_the_slope_is_that_of_least_squares():
    rng = np.random.default_rng(1)
    x, e = rng.normal(size=12), rng.normal(size=12)
    y = 0.7 * x + e
    want = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 10) * want.stderr
    got = fit_slope(x - x.mean(), y - y.mean(), np.zeros(12), 11)
    np.testing.assert_allclose(
        [got.value, got.low, got.high, got.correlation],
        [want.slope, want.slope - half, want.slope + half, want.rvalue],
        rtol=1e-10,
    )


def test_error_in_the_attribute_is_taken_out_and_widens_the_interval():
    rng = np.random.default_rng(2)
    true = rng.normal(size=4_000)
    seen, y = true + 0.8 * rng.normal(size=4_000), 2 * true + rng.normal(size=4_000)
    plain = fit_slope(seen - seen.mean(), y - y.mean(), np.zeros(4_000), 3_999)
    mended = fit_slope(seen - seen.mean(), y - y.mean(), np.full(4_000, 0.8), 3_999)
    assert plain.value == pytest.approx(2 / 1.64, rel=0.05)
    assert mended.value == pytest.approx(2, rel=0.05)
    assert mended.reliability == pytest.approx(1 / 1.64, rel=0.05)
    assert mended.low < 2 < mended.high
    assert mended.high - mended.low > plain.high - plain.low


def test_an_attribute_that_is_all_error_has_no_slope():
    x = np.array([1.0, -1, 1, -1, 1, -1])
    got = fit_slope(x, x + 0.1, np.full(6, 1.2), 5)
    assert np.isnan(got.value)
    assert (got.low, got.high) == (-np.inf, np.inf)


def test_permutations_are_exact_where_all_can_be_counted():
    x, y = np.array([-2.0, -1, 0.5, 2.5]), np.array([-1.0, 0.2, -0.7, 1.5])
    y = y - y.mean()
    every = np.array(list(itertools.permutations(range(4))))
    exact = np.mean(np.abs(y[every] @ x) >= abs(x @ y) - 1e-12)
    block = Blocks(np.zeros(4, dtype=np.intp), "")
    drawn = block.permutations(np.random.default_rng(0), 20_000)
    assert permutation_p(x, y, drawn) == pytest.approx(exact, abs=0.01)


@given(st.lists(st.integers(0, 3), min_size=3, max_size=15))
def test_units_never_leave_their_block(code):
    block = Blocks(np.unique(code, return_inverse=True)[1], "")
    for order in block.permutations(np.random.default_rng(0), 5):
        assert sorted(order) == list(range(len(code)))
        assert (block.code[order] == block.code).all()
    centred = block.centre(np.arange(float(len(code))))
    np.testing.assert_allclose(np.bincount(block.code, centred), 0, atol=1e-9)


def test_blocks_follow_the_design():
    two = np.array(["iMSC"] * 3 + ["primary_MSC"] * 3, dtype=object)
    none = np.full(6, "", dtype=object)
    own = np.array(list("abcdef"), dtype=object)
    shared = np.array(list("aabbcc"), dtype=object)
    assert make_blocks(two, none).words == "within source classes"
    assert make_blocks(two, own).n_blocks == 2
    assert make_blocks(two, shared).words == "within donors"
    mixed = make_blocks(two[:4], np.array(["a", "a", "a", ""], dtype=object))
    assert mixed.informing.tolist() == [True, True, True, False]


def test_influence_is_that_of_leaving_one_out():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=9), rng.normal(size=9)
    x[3], y[3] = 4.0, -5.0
    x, y = x - x.mean(), y - y.mean()
    unit, change = most_influential(x, y, np.zeros(9, dtype=np.intp), 8)
    full = stats.linregress(x, y).slope
    moved = []
    for k in range(9):
        keep = np.arange(9) != k
        part = stats.linregress(x[keep], y[keep])
        rest = y[keep] - part.intercept - part.slope * x[keep]
        moved.append(abs(full - part.slope) / np.sqrt(rest @ rest / 6 / (x @ x)))
    assert unit == int(np.argmax(moved)) == 3
    assert change == pytest.approx(moved[3], rel=1e-9)


def test_what_lots_can_show_agrees_with_draws():
    rng, n, rho = np.random.default_rng(5), 12, 0.7
    x = rng.normal(size=(20_000, n))
    y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=(20_000, n))
    xc, yc = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
    r = (xc * yc).sum(1) / np.sqrt((xc**2).sum(1) * (yc**2).sum(1))
    p = 2 * stats.t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)
    assert chance(rho, n - 1) == pytest.approx(np.mean(p <= 0.05), abs=0.01)
    assert chance(smallest_correlation(11), 11) == pytest.approx(0.8, abs=0.005)
    assert chance(0.5, lots_needed(0.5) - 1) >= 0.8 > chance(0.5, lots_needed(0.5) - 2)
    assert np.isnan(smallest_correlation(2))
    assert lots_needed(0.01) is None
    assert chance(0.9, 1) == 0


def test_attributes_together_are_judged_on_the_unit_left_out():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(16, 4))
    one = Blocks(np.zeros(16, dtype=np.intp), "")
    good = predict_left_out(x, x @ [1.0, 1, 0, 0] + 0.2 * rng.normal(size=16), one, rng)
    bad = predict_left_out(x, rng.normal(size=16), one, rng)
    assert good.r2 > 0.8
    assert good.p_value <= 0.01
    assert bad.r2 < 0.4
    assert bad.p_value > 0.02
    assert np.isnan(predict_left_out(x[:5], x[:5, 0], Blocks(one.code[:5], ""), rng).r2)


# ---- outcomes --------------------------------------------------------------------------------
def test_runs_animals_and_patients_are_inside_lots():
    rows = [("A", 1.0), ("A", 3.0), ("B", 5.0), ("B", 7.0), ("B", 9.0), ("C", 4.0)]
    table = pd.DataFrame(rows, columns=["lot", "value"])
    table = table.assign(outcome="GVHD", unit="score", direction="lower", animal=range(6))
    found = summarise_outcomes(check_outcomes(table).table).set_index("lot")
    OUTCOME_LOT_VALUES.check(found.reset_index())
    pooled = (2 + 8) / 3
    assert found.loc["B", "value"] == 7
    np.testing.assert_allclose(found["error"], np.sqrt(pooled / np.array([2, 3, 1])))
    assert found["n"].tolist() == [2, 3, 1]
    assert set(found["direction"]) == {"lower"}
    assert set(found["scale"]) == {"identity"}
    assert set(found["unit"]) == {"score"}


def test_scales_follow_what_was_measured():
    wide = summarise_outcomes(check_outcomes(outcomes([1.0, 20.0])).table)
    assert wide["scale"].tolist() == ["log", "log"]
    assert wide["value"].tolist() == [0.0, pytest.approx(np.log(20))]
    table = outcomes(["yes", "no", "yes"], lot=["A", "A", "B"], patient=[1, 2, 3])
    asked = summarise_outcomes(check_outcomes(table).table).set_index("lot")
    assert asked.loc["A", "value"] == 0
    assert asked.loc["B", "value"] == pytest.approx(np.log(3))
    assert set(asked["scale"]) == {"logit"}
    set_by_user = summarise_outcomes(
        check_outcomes(outcomes([1.0, 20.0])).table, scales={"IDO": "identity"}
    )
    assert set_by_user["value"].tolist() == [1.0, 20.0]


def test_a_limit_is_no_value(tmp_path):
    path = tmp_path / "o.tsv"
    outcomes([1.0, "<0.5", 2.0]).to_csv(path, sep="\t", index=False)
    made = read_outcomes(path)
    assert made.table["limit"].tolist() == ["", "<", ""]
    found = summarise_outcomes(made.table)
    assert found["limit"].tolist() == ["", "<", ""]
    assert np.isnan(found["value"].iloc[1])


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (outcomes([1.0]).drop(columns="unit"), "E-OUTCOME-UNIT"),
        (outcomes([1.0], unit=""), "E-OUTCOME-UNIT"),
        (outcomes([1.0, 2.0], unit=["uM", "nM"]), "E-OUTCOME-UNIT"),
        (outcomes([1.0], direction="sideways"), "E-OUTCOME-UNIT"),
        (outcomes(["much"]), "E-POTENCY-COLUMN"),
        (outcomes([1.0]).drop(columns="lot"), "E-POTENCY-COLUMN"),
        (outcomes([1.0, 1.0], lot="A", run=1), "E-POTENCY-TWICE"),
    ],
)
def test_a_table_of_outcomes_that_says_too_little_is_refused(table, code):
    with pytest.raises(DataError) as caught:
        check_outcomes(table)
    assert caught.value.code == code


# ---- the link --------------------------------------------------------------------------------
def test_every_column_is_filled_and_the_declared_link_is_shown():
    made = simulate_lots(LotSettings(lots=20, correlation=0.9, attribute_error=0.3), seed=7)
    found = link_outcomes(made.attributes, made.outcomes, settings=LinkSettings(("share_A",)))
    POTENCY_LINK.check(found.table)
    table = found.table.set_index("attribute")
    row = table.loc["share_A"]
    assert row["status"] == "SHOWN"
    assert row["primary"]
    assert row["good"]
    assert row["low"] < 0.9 < row["high"]
    assert row["low"] < row["slope"] < row["high"]
    assert 0.7 < row["reliability"] < 1
    assert row["p_value"] <= 0.05
    assert np.isnan(row["q_value"])
    assert abs(row["correlation_shrunk"]) < abs(row["correlation_rank"])
    assert row["n_units"] == 20
    assert "declared" in row["reason"]
    others = table.drop("share_A")
    assert others["q_value"].between(0, 1).all()
    assert set(others["outcome"]) == {"suppression"}
    assert found.design["n_units"] == 20
    assert found.design["unit"] == "lot"
    assert 0.5 < found.design["smallest_correlation"] < 0.7
    assert found.design["lots_for_0.5"] == 29
    assert any("share_A do better" in s for s in found.sentences)
    assert found.predicted["suppression"].n_units == 20


def test_declared_attributes_are_tested_in_their_order():
    made = simulate_lots(LotSettings(lots=20, correlation=0.95), seed=8)
    wrong = LinkSettings(("share_B", "share_A"))
    table = link_outcomes(made.attributes, made.outcomes, settings=wrong).table
    table = table.set_index("attribute")
    assert table.loc["share_B", "status"] == "NOT SHOWN"
    assert table.loc["share_A", "status"] == "NOT SHOWN"
    assert "declared before it was not shown" in table.loc["share_A", "reason"]


def test_a_difference_between_classes_is_no_link():
    made = simulate_lots(LotSettings(lots=16, class_gap=6.0), seed=9)
    rules = LinkSettings(("share_A",))
    inside = link_outcomes(made.attributes, made.outcomes, settings=rules)
    assert inside.design["blocks"] == "within source classes"
    assert inside.table.set_index("attribute").loc["share_A", "status"] == "NOT SHOWN"
    blind = made.attributes.drop(columns=["source_class", "donor"])
    naive = link_outcomes(blind, made.outcomes, settings=rules).table.set_index("attribute")
    assert naive.loc["share_A", "correlation"] > 0.8, "what the blocks protect from"


def test_donors_can_be_the_units():
    made = simulate_lots(LotSettings(lots=24, donors=8, correlation=0.9, donor_share=0.6), seed=1)
    by_donor = link_outcomes(made.attributes, made.outcomes, settings=LinkSettings(unit="donor"))
    assert by_donor.design["n_units"] == 8
    assert (by_donor.table["n_units"] == 8).all()
    by_lot = link_outcomes(made.attributes, made.outcomes)
    assert by_lot.design["blocks"] == "within donors"


def test_one_lot_that_carries_the_slope_is_named():
    made = simulate_lots(LotSettings(lots=12, correlation=0.6, influential=True), seed=3)
    found = link_outcomes(made.attributes, made.outcomes).table.set_index("attribute")
    assert found.loc["share_A", "influential_lot"] == "L01"


def test_few_lots_are_described_and_nothing_is_tested():
    made = simulate_lots(LotSettings(lots=5, correlation=0.9), seed=1)
    found = link_outcomes(made.attributes, made.outcomes, settings=LinkSettings(("share_A",)))
    assert set(found.table["status"]) == {"DESCRIPTIVE"}
    assert found.table["p_value"].isna().all()
    assert found.design["smallest_correlation"] is None
    assert "no correlation" in found.sentences[0]


def test_what_is_left_out_is_said_with_its_count():
    frame = attributes(8, a=np.arange(8.0), flat=1.0, passage=[3] * 8)
    table = outcomes([1.0, "<1", 3, 4, 5, 6, 7, 8, 9], passage=[3, 3, 3, 3, 3, 3, 3, 5, 3])
    found = link_outcomes(frame, table)
    told = {n.code: n.message for n in found.notices}
    assert "L7" in told["W-POTENCY-PASSAGE"]
    words = " ".join(n.message for n in found.notices)
    for part in ("flat", "L8", "L1"):
        assert part in words
    assert found.table["n_units"].tolist() == [7]


@pytest.mark.parametrize(
    ("frame", "settings", "error", "code"),
    [
        (attributes(8, a=range(8)).assign(lot="X"), LinkSettings(), DataError, "E-POTENCY-TWICE"),
        (pd.DataFrame({"a": range(8)}), LinkSettings(), DataError, "E-POTENCY-COLUMN"),
        (attributes(8, a=range(8)), LinkSettings(("b",)), UsageError, "E-POTENCY-ATTRIBUTE"),
        (attributes(8, a=1.0), LinkSettings(("a",)), UsageError, "E-POTENCY-ATTRIBUTE"),
        (attributes(8, a=range(8)).assign(lot=list("stuvwxyz")), LinkSettings(), DataError,
         "E-OUTCOME-LOTS"),
    ],
)  # fmt: skip
def test_a_link_that_cannot_be_made_is_refused(frame, settings, error, code):
    with pytest.raises(error) as caught:
        link_outcomes(frame, outcomes(np.arange(8.0)), settings=settings)
    assert caught.value.code == code


def test_seeds_and_order_of_rows_change_nothing_but_permutations():
    made = simulate_lots(LotSettings(lots=12, correlation=0.5), seed=2)
    one = link_outcomes(made.attributes, made.outcomes).table
    other = link_outcomes(
        made.attributes.iloc[::-1], made.outcomes.sample(frac=1, random_state=1)
    ).table
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)
