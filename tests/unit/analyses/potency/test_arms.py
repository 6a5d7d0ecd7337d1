"""Outcomes of two groups: known verdicts, directions, margins and reachability."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.analyses.potency import ArmSettings, compare_outcomes
from imscope.core.errors import DataError, UsageError
from imscope.core.schema import OUTCOME_CLAIMS
from imscope.stats.contrast import compare_arms


def study(test, reference, *, direction="higher", donors=None):
    n = len(test) + len(reference)
    lots = pd.DataFrame({"lot": [f"L{k}" for k in range(n)]})
    lots["source_class"] = ["iMSC"] * len(test) + ["primary_MSC"] * len(reference)
    lots["donor"] = donors or [f"D{k}" for k in range(n)]
    made = pd.DataFrame({"lot": lots["lot"], "value": [*test, *reference]})
    return lots, made.assign(outcome="IDO", unit="uM", direction=direction)


def test_every_column_says_what_was_asked_and_found():
    lots, made = study([5.0, 5.2, 4.9, 5.1], [3.0, 3.3, 2.9, 3.1])
    table = compare_outcomes(lots, made, settings=ArmSettings("non-inferiority", 0.5))
    OUTCOME_CLAIMS.check(table)
    row = table.iloc[0]
    assert (row["outcome"], row["question"], row["scale"]) == ("IDO", "non-inferiority", "identity")
    assert (row["test_group"], row["reference_group"]) == ("iMSC", "primary_MSC")
    assert (row["n_test"], row["n_reference"], row["margin"]) == (4, 4, 0.5)
    assert row["difference"] == pytest.approx(1.975)
    assert row["low"] < row["difference"] < row["high"]
    assert row["p_value"] <= 0.05
    assert row["p_least"] == pytest.approx(1 / 70)
    assert row["verdict"] == "NON-INFERIOR"
    assert "4 iMSC lots against 4 primary_MSC lots" in row["reason"]


def test_numbers_are_those_of_the_comparison_of_two_arms():
    test, reference = [1.0, 1.4, 0.8, 1.3, 1.1], [0.9, 1.2, 0.7, 1.0]
    lots, made = study(test, reference)
    row = compare_outcomes(lots, made).iloc[0]
    want = compare_arms(test, reference)
    assert (row["difference"], row["low"], row["p_value"]) == (
        want.difference, want.low, want.p_higher,
    )  # fmt: skip


@pytest.mark.parametrize(("direction", "verdict"), [("higher", "SUPERIOR"), ("lower", "INFERIOR")])
def test_better_is_what_the_direction_says(direction, verdict):
    lots, made = study([5.0, 5.2, 4.9, 5.1], [3.0, 3.3, 2.9, 3.1], direction=direction)
    row = compare_outcomes(lots, made).iloc[0]
    assert row["verdict"] == verdict
    assert (row["difference"] > 0) == (direction == "higher")


def test_equivalence_is_shown_by_the_interval_and_never_by_a_large_p():
    rng = np.random.default_rng(1)
    lots, made = study(rng.normal(3, 0.1, 8), rng.normal(3, 0.1, 8))
    wide = compare_outcomes(lots, made, settings=ArmSettings("equivalence", 0.5)).iloc[0]
    narrow = compare_outcomes(lots, made, settings=ArmSettings("equivalence", 0.01)).iloc[0]
    assert wide["verdict"] == "EQUIVALENT"
    assert narrow["verdict"] == "INCONCLUSIVE"
    assert "does not show the opposite" in narrow["reason"]


@given(st.floats(-2, 2), st.integers(4, 7))
def test_a_verdict_never_contradicts_its_interval(shift, n):
    rng = np.random.default_rng(n)
    lots, made = study(3 + shift + rng.normal(0, 0.5, n), 3 + rng.normal(0, 0.5, n))
    row = compare_outcomes(lots, made).iloc[0]
    side = {"SUPERIOR": row["low"] > 0, "INFERIOR": row["high"] < 0}
    assert side.get(row["verdict"], row["low"] <= 0 <= row["high"])


def test_too_few_units_reach_nothing_and_say_so():
    lots, made = study([5.0, 5.1], [3.0, 3.1])
    row = compare_outcomes(lots, made).iloc[0]
    assert row["verdict"] == "NOT TESTABLE"
    assert "no p below" in row["reason"]
    lots, made = study([5.0], [3.0, 3.1])
    assert compare_outcomes(lots, made)["verdict"].tolist() == ["NOT TESTABLE"]


def test_donors_are_the_units_where_they_are_asked_for():
    donors = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "f", "g", "g", "h", "h"]
    lots, made = study(np.linspace(5, 6, 8), np.linspace(3, 4, 8), donors=donors)
    row = compare_outcomes(lots, made, settings=ArmSettings(unit="donor")).iloc[0]
    assert (row["n_test"], row["n_reference"]) == (4, 4)


@pytest.mark.parametrize("words", [("better",), ("equivalence",), ("non-inferiority", -1.0)])
def test_a_question_without_its_margin_is_refused(words):
    with pytest.raises(UsageError) as caught:
        ArmSettings(*words)
    assert caught.value.code == "E-POTENCY-OPTION"


def test_tables_that_do_not_fit_are_refused():
    lots, made = study([5.0, 5.1], [3.0, 3.1])
    with pytest.raises(DataError, match="source_class"):
        compare_outcomes(lots.drop(columns="source_class"), made)
    with pytest.raises(DataError) as caught:
        compare_outcomes(lots.assign(lot=list("wxyz")), made)
    assert caught.value.code == "E-OUTCOME-LOTS"
