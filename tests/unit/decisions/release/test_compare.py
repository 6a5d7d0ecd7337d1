import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import DataError, UsageError
from imscope.decisions.release.compare import OVERALL, WORDS, compare_arms
from imscope.decisions.release.plan import forecast_plan, read_plan


def plan(**changes):
    attribute = {
        "attribute": "viability",
        "unit": "%",
        "margin": 5,
        "sd": 2,
        "margin_source": "clinical",
    }
    content = {"question": "same?", "change": "medium", "reference_lots": 6, "new_lots": 6}
    return read_plan({**content, "attributes": [attribute], **changes})


def arms(reference, new, **more):
    n, m = len(reference), len(new)
    table = {
        "lot": [f"R{i}" for i in range(n)] + [f"N{i}" for i in range(m)],
        "arm": ["reference"] * n + ["new"] * m,
        "attribute": "viability",
        "value": [*reference, *new],
    }
    return pd.DataFrame({**table, **more})


HISTORY = [90, 92, 91, 93, 89, 91, 90.5, 92.5, 91.5, 90.2]


@pytest.mark.parametrize(
    ("reference", "new", "verdict", "overall"),
    [(HISTORY[:6], [91, 92, 90, 92, 90, 91], "EQUIVALENT", OVERALL[0]),
     (HISTORY[:6], [71, 72, 70, 72, 70, 71], "DIFFERENT", "DIFFERENT"),
     (HISTORY[:6], [85, 97, 88, 99, 84, 96], "NOT SHOWN", "NOT SHOWN"),
     (HISTORY[:6], [91], "CONSISTENT WITH HISTORY", "NOT SHOWN"),
     (HISTORY[:6], [60, 91], "OUTSIDE", "NOT SHOWN"),
     (HISTORY[:5], [91], "NOT TESTABLE", "NOT TESTABLE"),
     (HISTORY[:3], [91, 90, 92], "NOT SHOWN", "NOT SHOWN"),
     (HISTORY[:6], [], "NOT TESTABLE", "NOT TESTABLE")],
)  # fmt: skip
def test_what_may_be_said_with_how_many_lots(reference, new, verdict, overall):
    found = compare_arms(plan(), arms(reference, new))
    assert found.attributes[0].verdict == verdict
    assert found.overall == overall
    assert found.attributes[0].reason


def test_three_new_lots_against_a_long_history_in_control():
    table = arms(HISTORY, [91, 90.5, 91.5])
    assert "no order" in compare_arms(plan(), table).attributes[0].reason
    table["order"] = range(len(table))
    assert compare_arms(plan(), table).attributes[0].verdict == "EQUIVALENT"
    drifted = arms([90, 91, 90, 91, 90, 91, 90, 91, 110, 112, 113, 112], [91, 90.5, 91.5])
    drifted["order"] = range(len(drifted))
    found = compare_arms(plan(), drifted).attributes[0]
    assert found.verdict != "EQUIVALENT"


def test_different_but_within_the_margin():
    rng = np.random.default_rng(1)
    found = compare_arms(plan(), arms(90 + rng.normal(0, 0.3, 10), 91 + rng.normal(0, 0.3, 10)))
    assert found.attributes[0].verdict == "EQUIVALENT"
    assert "different but within the margin" in found.attributes[0].reason


def test_donors_are_the_units_where_lots_share_them():
    rng = np.random.default_rng(2)
    donors = [f"D{i // 4}" for i in range(12)] + [f"E{i // 4}" for i in range(12)]
    table = arms(90 + rng.normal(0, 1, 12), 90 + rng.normal(0, 1, 12), donor=donors)
    found = compare_arms(plan(), table).attributes[0]
    assert (found.n_reference, found.n_new, found.n_donors) == (3, 3, 6)
    assert "donor means" in found.reason


def test_shared_donors_keep_the_error_rate_and_lots_would_not():
    from imscope.decisions.release.equivalence import equivalence_tests

    rng = np.random.default_rng(5)
    donors = [f"D{i // 4}" for i in range(12)] + [f"E{i // 4}" for i in range(12)]
    ours = naive = 0
    one = {"attribute": "viability", "margin": 3.0, "sd": 1, "margin_source": "x"}
    wanted = plan(attributes=[one])
    for _ in range(100):
        between = np.repeat(rng.normal(0, np.sqrt(0.5), 6), 4)
        x = between + rng.normal(0, np.sqrt(0.5), 24)
        x[12:] += 3.0  # truly at the margin
        found = compare_arms(wanted, arms(x[:12], x[12:], donor=donors)).attributes[0]
        ours += found.p_equivalence <= 0.05
        naive += equivalence_tests(x[:12], x[12:], 3.0).p_equivalence <= 0.05
    assert ours / 100 <= 0.12
    assert naive > 1.5 * ours


def test_pairs_and_the_same_donors_in_both_arms():
    reference, new = [90, 80, 85, 95, 88, 92], [90.5, 80.3, 85.6, 94.7, 88.2, 92.4]
    donor = list("abcdef") * 2
    table = arms(reference, new, donor=donor)
    assert "plan pairs" in compare_arms(plan(), table).attributes[0].reason
    found = compare_arms(plan(design="paired"), table).attributes[0]
    assert (found.verdict, found.method) == ("EQUIVALENT", "two one-sided t tests, pairs")
    lone = table[table["lot"] != "N5"]
    assert compare_arms(plan(design="paired"), lone).attributes[0].verdict == "NOT TESTABLE"


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [("key", ["a", "b"], "comparability keys"), ("method", ["m1", "m2"], "methods"),
     ("unit", ["%", "frac"], "units")],
)  # fmt: skip
def test_what_cannot_be_compared_is_not(column, values, words):
    table = arms(HISTORY[:6], HISTORY[:6])
    table[column] = values * 6
    found = compare_arms(plan(), table)
    assert found.overall == "NOT TESTABLE"
    assert words in found.attributes[0].reason


def test_a_log_scale_speaks_in_ratios():
    attribute = {
        "attribute": "viability",
        "scale": "log",
        "margin": 2,
        "sd": 0.3,
        "margin_source": "x",
    }
    table = arms(np.exp([1, 1.1, 0.9, 1.05, 0.95, 1.0]), np.exp([1.1, 1.2, 1.0, 1.15, 1.05, 1.1]))
    found = compare_arms(plan(attributes=[attribute]), table).attributes[0]
    assert found.estimate == pytest.approx(np.exp(0.1))
    assert (found.margin, found.unit, found.verdict) == (pytest.approx(2.0), "ratio", "EQUIVALENT")
    table.loc[0, "value"] = -1
    assert "scale" in compare_arms(plan(attributes=[attribute]), table).attributes[0].reason


def test_words_are_fixed_and_order_changes_nothing():
    rng = np.random.default_rng(8)
    two = [
        {"attribute": "viability", "margin": 2, "sd": 1, "margin_source": "x"},
        {"attribute": "hi", "class": "monitored", "margin_sd": 1.5, "margin_source": "technical"},
    ]
    wanted = plan(attributes=two)
    for _ in range(25):
        n, m = rng.integers(1, 14, 2)
        table = arms(rng.normal(0, 1, n), rng.normal(rng.choice([0, 0, 1, 4]), 1, m))
        table = pd.concat([table, table.assign(attribute="hi", value=rng.normal(0, 1, n + m))])
        found = compare_arms(wanted, table)
        assert found.overall in OVERALL
        assert {a.verdict for a in found.attributes} <= set(WORDS)
        again = compare_arms(wanted, table.sample(frac=1, random_state=int(n)))
        assert again.content() == found.content()


def test_a_plan_says_what_it_can_show_before_the_lots_are_made():
    five = [{"attribute": f"a{i}", "margin_sd": 1.5, "margin_source": "x"} for i in range(5)]
    forecasts, joint = forecast_plan(plan(reference_lots=10, new_lots=10, attributes=five))
    assert forecasts[0].power == pytest.approx(0.89, abs=0.015)
    assert joint[-1][1] == pytest.approx(0.55, abs=0.02)
    unknown = forecast_plan(
        plan(attributes=[{"attribute": "v", "margin": 5, "margin_source": "x"}])
    )[0][0]
    assert unknown.power is None
    assert "standard deviation" in unknown.reason


@pytest.mark.parametrize(
    "changes",
    [{"attributes": []}, {"attributes": "x"}, {"colour": 1}, {"question": ""}, {"alpha": 0.9},
     {"reference_lots": -1}, {"new_lots": 2.5}, {"design": "odd"}, {"unit": "cell"},
     {"attributes": [{"attribute": "v", "margin": 5}]},
     {"attributes": [{"attribute": "v", "margin": 5, "margin_sd": 1, "margin_source": "x"}]},
     {"attributes": [{"attribute": "v", "margin": 0.9, "scale": "log", "margin_source": "x"}]},
     {"attributes": [{"attribute": "v", "method": "bound"}]},
     {"attributes": [{"attribute": "v", "class": "tier 1", "margin": 5, "margin_source": "x"}]}],
)  # fmt: skip
def test_bad_plans_are_refused(changes):
    with pytest.raises(UsageError) as error:
        plan(**changes)
    assert error.value.code == "E-COMP-PLAN"


def test_bad_tables_are_refused():
    for bad in (
        arms([1], [2]).drop(columns="arm"),
        arms([1], [2]).assign(arm="old"),
        arms([1, 2], [3]).assign(lot="L"),
    ):
        with pytest.raises(DataError):
            compare_arms(plan(), bad)
