"""Rates, forecasts and changes of composition: oracles, known truth, and what cannot be said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from imscope.analyses.dynamics import (
    CompareSettings,
    ForecastSettings,
    compare_composition,
    fit_rates,
    forecast_series,
    propagate,
    rate_matrix,
    read_passages,
    read_series,
)
from imscope.analyses.dynamics.motion import transition
from imscope.core.errors import DataError, MethodError
from imscope.simulate.passages import PassageSettings, simulate_passages

EDGES = [(0, 1), (1, 0), (0, 2)]
rates = st.lists(st.floats(-0.5, 0.8), min_size=3, max_size=3)
flows = st.lists(st.floats(0.001, 0.6), min_size=3, max_size=3)


@given(rates, flows)
def test_conversion_makes_and_removes_no_cell(growth, conversion):
    b = rate_matrix(growth, conversion, EDGES)
    np.testing.assert_allclose(b.sum(axis=0), growth, atol=1e-12)
    shares, _ = propagate([0.2, 0.5, 0.3], b, 4.0)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= 0).all()
    _, fold = propagate([0.2, 0.5, 0.3], rate_matrix([0.0] * 3, conversion, EDGES), 4.0)
    assert fold == pytest.approx(1.0)


def test_propagation_is_the_solution_of_the_equation():
    b = rate_matrix([0.5, 0.3, -0.1], [0.1, 0.02, 0.04], EDGES)
    start = np.array([0.6, 0.3, 0.1])
    solved = solve_ivp(lambda _, n: b @ n, (0, 6), start, rtol=1e-11, atol=1e-13).y[:, -1]
    shares, fold = propagate(start, b, 6.0)
    np.testing.assert_allclose(shares, solved / solved.sum(), rtol=1e-8)
    assert fold == pytest.approx(solved.sum(), rel=1e-8)


def test_derivatives_are_exact():
    growth, log_q = np.array([[0.5, 0.3, -0.1]]), np.log([[0.1, 0.02, 0.04]])
    _, found = transition(growth, log_q, EDGES, np.array([3.0]))
    step = 1e-6
    for p in range(6):
        ends = []
        for sign in (1, -1):
            g, q = growth.copy(), log_q.copy()
            (g if p < 3 else q)[0, p % 3] += sign * step
            ends.append(transition(g, q, EDGES, np.array([3.0]))[0][0])
        np.testing.assert_allclose(found[0, p], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


@pytest.fixture(scope="module")
def study():
    return simulate_passages(PassageSettings(start="sorted", donors=5, passages=4, seed=3))


def test_rates_of_known_truth_are_found(study):
    fit = fit_rates(read_passages(study.counts, study.totals), "A>B,A>S,B>A,B>S")
    growth = fit.growth.set_index("subset")["rate_per_day"]
    truth = pd.Series(dict(zip("ABS", PassageSettings().growth, strict=True)))
    assert (growth[truth.index] - truth).abs().max() < 0.15  # donors differ by 0.05
    assert not fit.growth["relative"].any()
    assert set(zip(fit.conversion["from"], fit.conversion["to"], strict=True)) == {
        ("A", "B"), ("A", "S"), ("B", "A"), ("B", "S"),
    }  # fmt: skip
    assert (fit.conversion["rate_per_day"] > 0).all()


def test_without_totals_growth_is_relative(study):
    fit = fit_rates(read_passages(study.counts[study.counts["donor"] == study.counts["donor"][0]]),
                    "A>B")  # fmt: skip
    assert fit.growth["relative"].all()
    assert fit.status.startswith("one donor")


def test_one_count_of_a_culture_gives_no_rate():
    once = pd.DataFrame({"donor": "d", "day": 0, "subset": ["A", "B"], "count": [5, 5]})
    with pytest.raises(MethodError, match="counted at two times"):
        fit_rates(read_passages(once), "A>B")


def test_counts_given_twice_are_refused():
    twice = pd.DataFrame(
        {"donor": "d", "day": [0, 0, 4, 4, 4], "subset": list("ABABA"), "count": 50}
    )
    with pytest.raises(DataError, match="counted twice"):
        read_passages(twice)


def series(rows):
    return read_series(pd.DataFrame(rows, columns=["donor", "passage", "positive", "cells"]))


def test_one_donor_says_nothing_of_the_next_lot():
    own = series([("a", p, k, 400) for p, k in ((2, 4), (4, 8), (6, 16), (8, 32), (10, 60))])
    found = forecast_series(own)
    assert found.status == "NOT TESTABLE"
    assert found.last_safe_passage is None
    assert "donor" in found.reason
    stated = forecast_series(own, settings=ForecastSettings(donor_sd=0.3))
    assert stated.status != "NOT TESTABLE"


def test_a_rising_fraction_is_forecast_to_rise():
    rng = np.random.default_rng(1)
    rows = []
    for donor in "abcd":
        for p in (2, 4, 6, 8, 10):
            share = 1 / (1 + np.exp(4.0 - 0.3 * p))
            rows.append((donor, p, int(rng.binomial(800, share)), 800))
    found = forecast_series(series(rows))
    assert found.models["weight"].sum() == pytest.approx(1.0)
    assert found.curve.iloc[-1]["median"] > found.curve.iloc[0]["median"]


def test_two_passages_are_no_series():
    with pytest.raises(MethodError, match="three passages"):
        forecast_series(series([("a", 2, 4, 100), ("a", 4, 9, 100)]))


def arms(n, fold, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for arm, f in (("control", 1.0), ("treated", fold)):
        for k in range(n):
            p = np.array([0.2 * f, 0.3, 0.3, 0.2]) * np.exp(rng.normal(0, 0.05, 4))
            rows.append((arm, f"{arm}{k}", *rng.multinomial(2000, p / p.sum())))
    return pd.DataFrame(rows, columns=["group", "donor", "A", "B", "C", "D"])


def test_only_the_changed_subset_changes():
    found = compare_composition(arms(5, 2.0), CompareSettings(group="group")).set_index("subset")
    assert abs(found.loc["A", "log_fold"]) == pytest.approx(np.log(2), abs=0.15)
    assert found.loc["A", "q_value"] < 0.01
    assert (found.loc[["B", "C", "D"], "q_value"] > 0.05).all()


def test_two_against_two_are_not_compared():
    found = compare_composition(arms(2, 3.0), CompareSettings(group="group"))
    assert found["status"].str.startswith("NOT TESTABLE").all()
    assert found["p_value"].isna().all()
