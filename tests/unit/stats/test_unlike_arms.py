import numpy as np
import pytest
from scipy.stats import ttest_ind

from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.unlike_arms import compare_unlike_arms

TEST = np.repeat([True, False], 4)


def null_study(rng, units, cells, sds):
    share = np.maximum(rng.dirichlet(np.ones(8)), 0.003)
    q = share * np.exp(rng.normal(0, 1, (sum(units), 8)) * np.repeat(sds, units)[:, None])
    return rng.multinomial(np.repeat(cells, units), q / q.sum(axis=1, keepdims=True)).astype(float)


@pytest.mark.parametrize(
    ("units", "cells", "sds"),
    [
        ((4, 4), (1_200, 300), (0.3, 0.3)),
        ((4, 8), (300, 300), (0.45, 0.15)),
        ((4, 8), (300, 1_200), (0.45, 0.15)),
    ],
)
def test_arms_of_one_truth_are_not_called_different(units, cells, sds):
    rng = np.random.default_rng(0)
    test = np.repeat([True, False], units)
    hits = 0
    for _ in range(300):
        y = null_study(rng, units, cells, sds)
        p = compare_unlike_arms(y[:, y.sum(axis=0) > 0], test).p_value
        hits += bool((benjamini_hochberg(p) < 0.05).any())
    assert hits / 300 <= 0.08 + 2 * np.sqrt(0.08 * 0.92 / 300)


def test_few_subsets_borrow_nothing_and_give_welch():
    y = np.array([[300.0, 700]] * 4 + [[500.0, 500]] * 4)
    y += np.array([[5, -5], [-9, 9], [14, -14], [2, -2]] * 2)
    got = compare_unlike_arms(y, TEST, scale="arcsine")
    z = np.arcsin(np.sqrt(y / y.sum(axis=1, keepdims=True)))
    want = ttest_ind(z[TEST], z[~TEST], equal_var=False)
    np.testing.assert_allclose(got.effect, z[TEST].mean(0) - z[~TEST].mean(0))
    np.testing.assert_allclose(got.p_value, want.pvalue, rtol=1e-6)


def test_log_ratios_do_not_count_the_growth_of_one_as_the_loss_of_the_others():
    rng = np.random.default_rng(1)
    share = np.full((8, 6), 1 / 6) * np.exp(rng.normal(0, 0.05, (8, 6)))
    share[:4, 0] *= 4
    y = rng.multinomial(2_000, share / share.sum(axis=1, keepdims=True)).astype(float)
    got = compare_unlike_arms(y, TEST, scale="log_ratio")
    assert got.low[0] > 1.0
    assert (np.abs(got.effect[1:]) < 0.2).all()


def test_a_rare_subset_is_not_higher_where_fewer_cells_were_counted():
    effects = []
    rng = np.random.default_rng(2)
    for _ in range(200):
        y = rng.multinomial(np.repeat([100, 2_000], 4), [0.004, 0.496, 0.5]).astype(float)
        effects.append(compare_unlike_arms(y, TEST).effect[0])
    assert abs(np.mean(effects)) < 0.15
