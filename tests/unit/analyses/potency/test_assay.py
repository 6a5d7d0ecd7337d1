"""Relative potency: known curves, a textbook's combination, and what must be refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from imscope.analyses.potency import AssaySettings, Margins, analyse_assay, combine_runs
from imscope.analyses.potency.combine import find_precision, geometric_cv
from imscope.analyses.potency.curves import fieller, fit, log_potency, response
from imscope.analyses.potency.parallel import compare_shapes
from imscope.core.errors import DataError
from imscope.core.schema import POTENCY_PRECISION, POTENCY_RUNS, RELATIVE_POTENCY
from imscope.simulate import simulate_assay

DOSES = np.geomspace(0.01, 100, 9)


def series(potency, *, run="r1", lot="A", noise=0.0, seed=0, doses=DOSES, top=1.0):
    rng = np.random.default_rng(seed)
    rows = [
        (run, name, d, 0.1 + top / (1 + (1 / (d * p)) ** 1.3) + noise * rng.normal())
        for name, p in (("ref", 1.0), (lot, potency))
        for d in np.repeat(doses, 2)
    ]
    return pd.DataFrame(rows, columns=["run", "lot", "dose", "response"])


@given(st.floats(0.2, 5.0))
def test_a_shifted_copy_has_the_potency_of_its_shift(potency):
    found = analyse_assay(series(potency, noise=1e-4), standard="ref")
    row = found.potency.iloc[0]
    assert row["status"] == "ONE RUN"
    assert abs(np.log(row["relative_potency"] / potency)) < 0.01


def test_the_curve_is_that_of_a_general_fitter():
    table = series(1.0, noise=0.02, seed=3)
    mine = table[table["lot"] == "A"]
    x, y = np.log10(mine["dose"].to_numpy()), mine["response"].to_numpy()

    def four(x, a, d, ln_h, c):
        return a + d / (1 + 10 ** (-np.exp(ln_h) * (x - c)))

    want, spread = curve_fit(four, x, y, p0=(0.1, 1, 0.2, 0), maxfev=20_000)
    got = fit(x, y, np.zeros(len(x), dtype=np.intp), "4pl")
    np.testing.assert_allclose([*got.shape, *got.place], want, atol=1e-5)
    np.testing.assert_allclose(
        np.sqrt(np.diag(got.covariance)), np.sqrt(np.diag(spread)), rtol=1e-3
    )


def test_five_parameters_hold_four_and_find_asymmetry():
    x = np.log10(np.repeat(DOSES, 3))
    y = response(x, np.array([0.1, 1.0, 0.3, 0.8]), 0.2)
    five = fit(x, y, np.zeros(len(x), dtype=np.intp), "5pl")
    four = fit(x, y, np.zeros(len(x), dtype=np.intp), "4pl")
    assert five.rss < 1e-6 < four.rss
    found = analyse_assay(series(2.0, noise=1e-3), standard="ref", settings=AssaySettings("5pl"))
    assert abs(found.potency["relative_potency"].iloc[0] / 2 - 1) < 0.02


def test_parallel_lines_are_those_of_the_closed_form():
    x = np.tile(np.log10([1.0, 2.0, 4.0]), 4)
    which = np.repeat([0, 1], 6)
    y = 2 + 3 * x + 0.9 * which + np.array([0.1, -0.1, 0.05, -0.05, 0.1, -0.1] * 2)
    value, error, low, high = log_potency(fit(x, y, which, "line"))
    design = np.column_stack([x, which == 0, which == 1]).astype(float)
    beta, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    assert value == pytest.approx((beta[2] - beta[1]) / beta[0] * np.log(10), rel=1e-12)
    v = np.linalg.inv(design.T @ design) * rss[0] / 9
    from scipy.stats import t

    ends = fieller(
        beta[2] - beta[1], beta[0],
        (v[1, 1] + v[2, 2] - 2 * v[1, 2], v[0, 2] - v[0, 1], v[0, 0]), t.ppf(0.975, 9),
    )  # fmt: skip
    np.testing.assert_allclose([low, high], np.array(ends) * np.log(10), rtol=1e-9)
    assert low < value < high
    assert error > 0


def test_a_line_without_slope_has_no_bounds():
    assert fieller(1.0, 0.1, (0.01, 0.0, 0.01), 2.0) == (-np.inf, np.inf)


def test_runs_are_combined_as_the_textbook_says():
    """Semi-weights worked by hand: m .10 .30 .26, variances .01 .02 .015."""
    m, v = np.array([0.10, 0.30, 0.26]), np.array([0.01, 0.02, 0.015])
    between = max(m.var(ddof=1) - v.mean(), 0)
    w = 1 / (v + between)
    c = combine_runs(m, np.sqrt(v))
    assert c.value == pytest.approx((w * m).sum() / w.sum(), abs=1e-12)
    assert c.between == pytest.approx(np.sqrt(between), abs=1e-12)
    wide = combine_runs([0.0, 0.6, 0.3], [0.1, 0.1, 0.1])
    assert wide.between**2 == pytest.approx(0.09 - 0.01, abs=1e-12)
    assert wide.value == pytest.approx(0.3, abs=1e-12)
    half = 4.302652729749464 * 0.3 / np.sqrt(3)  # equal weights: the plain t interval of the means
    np.testing.assert_allclose([wide.low, wide.high], [0.3 - half, 0.3 + half], atol=1e-9)


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 1)), min_size=2, max_size=8))
def test_a_combination_lies_among_its_runs_and_their_order_does_not_matter(runs):
    m, e = np.array(runs).T
    one, other = combine_runs(m, e), combine_runs(m[::-1], e[::-1])
    assert m.min() - 1e-9 <= one.value <= m.max() + 1e-9
    assert one.value == pytest.approx(other.value, abs=1e-12)
    assert one.weights.sum() == pytest.approx(1)


def test_precision_is_that_of_one_further_run():
    p = find_precision([0.0, 0.2, 0.1, 0.3], [0.05] * 4)
    assert p.total == pytest.approx(np.std([0, 0.2, 0.1, 0.3], ddof=1))
    assert p.between**2 == pytest.approx(p.total**2 - 0.05**2)
    assert p.high - p.mean == pytest.approx(3.182446305284263 * p.total * np.sqrt(1.25))
    assert geometric_cv(0.1) == pytest.approx(100 * np.sqrt(np.exp(0.01) - 1))


def test_every_column_is_filled_and_means_what_it_says():
    table = simulate_assay({"L1": 0.5, "L2": 2.0}, runs=4, seed=6)
    table["nominal"] = table["lot"].map({"L1": 0.5, "L2": 2.0})
    found = analyse_assay(table, standard="standard")
    runs, potency, precision = found.runs, found.potency, found.precision
    for schema, frame in (
        (POTENCY_RUNS, runs), (RELATIVE_POTENCY, potency), (POTENCY_PRECISION, precision),
    ):  # fmt: skip
        schema.check(frame)
    assert found.tables["potency_runs"] is runs
    usable = runs[runs["status"] == "ok"]
    for name in ("slope", "range", "floor"):
        middle = {"slope": "slope_ratio", "range": "range_ratio", "floor": "floor_shift"}[name]
        assert (usable[f"{name}_low"] < usable[middle]).all()
        assert (usable[middle] < usable[f"{name}_high"]).all()
    assert usable["slope_ratio"].between(0.7, 1.43).all()
    assert usable["range_ratio"].between(0.8, 1.25).all()
    assert usable["floor_shift"].abs().max() < 0.1
    assert usable["r2"].min() > 0.97
    assert usable["curvature_p"].between(0, 1).all()
    assert usable["top_reached"].between(0.9, 1.05).all()
    assert (usable["n_points"] == 54).all()
    assert (usable["n_beyond"] == 0).all()
    assert (usable["low"] < usable["relative_potency"]).all()
    assert (usable["log_se"] > 0).all()
    for row, true in zip(potency.itertuples(), (0.5, 2.0), strict=True):
        assert row.low < true < row.high
        assert row.n_runs + row.n_refused == 4
        assert row.between_run_cv <= row.intermediate_cv < 60
        assert f"{row.n_runs} runs" in row.reason
    assert (precision["within_run_cv"] < precision["intermediate_cv"]).all()
    assert precision["nominal"].tolist() == [0.5, 2.0]
    assert precision["bias"].abs().max() < 40
    assert (precision["expected_low"] < precision["nominal"]).all()
    assert (precision["expected_high"] > precision["nominal"]).all()
    assert precision["sample"].tolist() == ["L1", "L2"]


def test_curves_of_another_steepness_are_refused_although_they_fit():
    table = simulate_assay({"L1": 1.0}, runs=6, slope_ratio=1.5, noise=0.02, seed=2)
    found = analyse_assay(table, standard="standard")
    assert (found.runs["status"] == "NOT PARALLEL").sum() >= 5
    assert (found.runs["r2"] > 0.97).all(), "a good fit is no proof of a common shape"
    row = found.potency.iloc[0]
    assert row["n_refused"] >= 5
    assert not row["parallel"]


def test_imprecise_curves_are_not_called_parallel():
    """What is not known is not shown: a test of difference would let these pass."""
    found = analyse_assay(simulate_assay({"L1": 1.0}, noise=0.2, seed=1), standard="standard")
    assert not (found.runs["status"] == "ok").any()
    assert found.potency["status"].iloc[0] == "NOT TESTABLE"


def test_a_standard_without_plateau_is_not_suitable():
    table = series(1.0, noise=0.01, doses=np.geomspace(0.01, 1.2, 8))
    found = analyse_assay(table, standard="ref")
    assert found.runs["status"].iloc[0] == "NOT SUITABLE"
    assert "of its span at its highest dose" in found.potency["suitability"].iloc[0]
    assert found.potency["status"].iloc[0] == "NOT TESTABLE"


@pytest.mark.parametrize(("potency", "limit"), [(0.001, "<"), (3000.0, ">")])
def test_a_limit_stays_a_limit(potency, limit):
    tables = [series(potency, run=r, noise=0.01, seed=k) for k, r in enumerate("ab")]
    row = analyse_assay(pd.concat(tables), standard="ref").potency.iloc[0]
    assert row["limit"] == limit
    assert row["status"] == ("BELOW RANGE" if limit == "<" else "ABOVE RANGE")
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])
    assert ("less" if limit == "<" else "more") in row["reason"]
    assert (potency < row["relative_potency"]) == (limit == "<")


def test_plates_of_a_run_are_its_replicates():
    one = simulate_assay({"L1": 1.5}, runs=2, seed=4)
    both = pd.concat(
        [one.assign(plate="p1"), simulate_assay({"L1": 1.5}, runs=2, seed=9).assign(plate="p2")]
    )
    found = analyse_assay(both, standard="standard")
    assert found.runs["run"].tolist() == ["run1", "run2"]
    assert (found.runs["n_points"] == 108).all()


def test_limits_of_the_reader_are_counted_and_left_out():
    table = series(1.0, noise=0.01).astype({"response": object})
    table.loc[[0, 20], "response"] = ["<0.12", ">1.2"]
    found = analyse_assay(table, standard="ref")
    assert found.runs["n_beyond"].iloc[0] == 2
    assert [n.code for n in found.notices] == ["W-POTENCY-RANGE"]
    assert "2 of 36" in found.notices[0].message


def test_readouts_that_multiply_are_taken_as_logarithms():
    table = series(2.0, noise=0.0)
    table["response"] = np.exp(table["response"])
    fold = analyse_assay(table, standard="ref", settings=AssaySettings(readout="fold"))
    assert fold.potency["relative_potency"].iloc[0] == pytest.approx(2, rel=0.01)
    with pytest.raises(DataError, match="not above zero"):
        analyse_assay(table.assign(response=-1.0), standard="ref",
                      settings=AssaySettings(readout="time"))  # fmt: skip


def broken(**change):
    return series(1.0).assign(**change)


@pytest.mark.parametrize(
    ("table", "standard", "code"),
    [
        (series(1.0).drop(columns="dose"), "ref", "E-POTENCY-COLUMN"),
        (broken(response="high"), "ref", "E-POTENCY-COLUMN"),
        (broken(dose=np.nan), "ref", "E-POTENCY-COLUMN"),
        (broken(dose=-1.0), "ref", "E-POTENCY-DOSES"),
        (series(1.0, doses=np.array([1.0, 2, 4])), "ref", "E-POTENCY-DOSES"),
        (series(1.0), "nobody", "E-POTENCY-STANDARD"),
        (series(1.0), None, "E-POTENCY-STANDARD"),
        (pd.concat([series(1.0), series(1.0, run="r2")]), "ref", "E-POTENCY-TWICE"),
        (
            pd.concat([series(1.0), series(1.0, run="r2", seed=1, noise=0.1).query("lot == 'A'")]),
            "ref",
            "E-POTENCY-STANDARD",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(table, standard, code):
    with pytest.raises(DataError) as caught:
        analyse_assay(table, standard=standard)
    assert caught.value.code == code
    assert caught.value.found


def test_margins_are_what_decides():
    x = np.log10(np.repeat(DOSES, 3))
    rng, flat = np.random.default_rng(0), np.zeros(27, dtype=np.intp)
    y = response(x, np.array([0.1, 1.0, 0.2]), 0.0)
    a, b = (fit(x, y + 0.02 * rng.normal(size=27), flat, "4pl") for _ in range(2))
    shape = compare_shapes(a, b)
    assert shape.within(Margins())
    assert not shape.within(Margins(slope=(0.99, 1.01)))
    assert not shape.within(Margins(span=(0.999, 1.001)))
    assert not shape.within(Margins(floor=0.001))
