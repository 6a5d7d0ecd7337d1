import itertools

import numpy as np
import pytest
from scipy import stats

from imscope.analyses.safety.detection import (
    DEPTHS,
    CallRule,
    MarkerRates,
    assumed_rates,
    log_ratio,
    mean_sensitivity,
    measure_rates,
    meets_rule,
    rule_probability,
    sensitivity_curve,
)


def by_hand(depth, rate, rule, most=14):
    """Sum over every combination of counts of three genes."""
    total = 0.0
    for counts in itertools.product(range(most), repeat=len(rate)):
        if sum(c > 0 for c in counts) >= rule.min_genes and sum(counts) >= rule.min_umi:
            total += np.prod(stats.poisson.pmf(counts, depth / 1e4 * np.asarray(rate)))
    return total


@pytest.mark.parametrize("rule", [CallRule(), CallRule(2, 3), CallRule(1, 1), CallRule(2, 5)])
def test_rule_probability_is_the_sum_over_all_counts(rule):
    rate = np.array([4.0, 1.0, 2.5])
    got = rule_probability([3000.0], rate, rule)[0]
    assert got == pytest.approx(by_hand(3000, rate, rule), abs=1e-7)


def test_sensitivities_of_the_illustrative_rates():
    got = rule_probability([1000, 2000, 5000, 10000], assumed_rates(14).rate, CallRule())
    np.testing.assert_allclose(got, [0.15, 0.58, 0.99, 1.0], atol=0.03)


def test_two_per_mille_of_pluripotent_soup_makes_no_call():
    soup = assumed_rates(14).rate * 0.002
    assert rule_probability([5000], soup, CallRule())[0] < 1e-6


def test_drawn_sensitivity_agrees_with_the_exact_rule_when_the_ratio_is_off():
    rates, rule = assumed_rates(14), CallRule(min_log_ratio=-1e9)
    curve = sensitivity_curve(
        rates, np.full(14, 0.004), rule, rng=np.random.default_rng(1), n_draws=4000
    )
    exact = rule_probability(DEPTHS, rates.rate, rule, shape=rates.shape)
    np.testing.assert_allclose(curve, exact, atol=0.03)
    assert (np.diff(curve) >= 0).all()
    assert mean_sensitivity(curve, DEPTHS[[3, 20]]) == pytest.approx(curve[[3, 20]].mean())


def test_ratio_falls_as_ambient_rises():
    counts = np.array([[2.0, 1, 1]])
    rates = MarkerRates(np.full(3, 3.0))
    got = [log_ratio(counts, np.array([5e3]), rates, np.full(3, s))[0] for s in (0.01, 0.3, 3.0)]
    assert got[0] > np.log(1000) > got[1] > got[2]


def test_measured_rates_find_what_was_drawn():
    rng = np.random.default_rng(8)
    truth = np.array([1.0, 5.0, 12.0])
    depth = rng.lognormal(np.log(5000), 0.3, 4000)
    own = truth * rng.gamma(1.5, 1 / 1.5, (4000, 3))
    got = measure_rates(rng.poisson(depth[:, None] / 1e4 * own).astype(float), depth, source="x")
    np.testing.assert_allclose(got.rate, truth, rtol=0.06)
    assert 1.2 < got.shape < 1.9
    assert got.source == "measured in x"


def test_the_rule_counts_genes_and_molecules():
    assert meets_rule([[2, 1, 1, 0], [9, 0, 0, 0], [1, 1, 1, 0]], CallRule()).tolist() == [
        True,
        False,
        False,
    ]
