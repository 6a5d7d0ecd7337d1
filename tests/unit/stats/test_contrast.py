import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_ind, ttest_rel
from statsmodels.stats.weightstats import ttost_ind

from imscope.core.errors import DataError
from imscope.stats.contrast import (
    ALPHA,
    compare_arms,
    compare_pairs,
    least_p,
    one_sided,
    permutation_p,
)
from imscope.stats.intervals import t_interval, wilson_interval


def studentised(x, y, axis=-1):
    error = x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
    return (x.mean(axis=axis) - y.mean(axis=axis)) / np.sqrt(error)


@pytest.mark.parametrize("sizes", [(3, 3), (4, 5), (3, 6), (6, 6)])
def test_permutation_of_the_studentised_difference_is_scipys(sizes):
    rng = np.random.default_rng(sum(sizes))
    a, b = rng.normal(0, 1, sizes[0]), rng.normal(0.5, 2, sizes[1])
    got = permutation_p(np.concatenate([a, b])[None], sizes[0])
    for side, mine in zip(("less", "greater"), got, strict=True):
        want = permutation_test(
            (a, b), studentised, vectorized=True, n_resamples=np.inf, alternative=side
        )
        np.testing.assert_allclose(mine[0], want.pvalue)


def test_welch_interval_and_equivalence_are_the_libraries():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.1, 9), rng.normal(0.02, 0.2, 14)  # too many labellings to enumerate
    got = compare_arms(a, b)
    welch = ttest_ind(a, b, equal_var=False, alternative="less")
    assert got.method == "Welch t"
    np.testing.assert_allclose(got.p_lower, welch.pvalue)
    two = ttest_ind(a, b, equal_var=False).confidence_interval(0.90)
    np.testing.assert_allclose([got.low, got.high], [two.low, two.high])
    want = ttost_ind(a, b, np.log(0.8), np.log(1.25), usevar="unequal")[0]
    np.testing.assert_allclose(got.p_equivalence, want, rtol=1e-10)


def test_pairs_are_the_paired_tests():
    d = np.array([-0.2, 0.1, -0.3, -0.25])
    got = compare_pairs(d)
    np.testing.assert_allclose(got.p_lower, ttest_rel(d, 0 * d, alternative="less").pvalue)
    six = np.append(d, [-0.1, -0.4])
    want = permutation_test(
        (six, 0 * six),
        lambda x, y: (x - y).mean(),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="less",
    )
    t = ttest_rel(six, 0 * six, alternative="less").pvalue
    np.testing.assert_allclose(compare_pairs(six).p_lower, max(want.pvalue, t))


@given(st.integers(0, 10_000), st.integers(3, 5), st.integers(3, 6), st.floats(-1, 1))
@settings(deadline=None, max_examples=60)
def test_no_interval_contradicts_its_test(seed, n, m, shift):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(shift, rng.uniform(0.05, 0.5), n), rng.normal(0, 0.2, m)
    for c in (compare_arms(a, b), compare_pairs(a)):
        assert (c.p_lower <= ALPHA) == (c.high < 0)
        assert (c.p_higher <= ALPHA) == (c.low > 0)
        inside = np.log(0.8) < c.low and c.high < np.log(1.25)
        assert (c.p_equivalence <= ALPHA) == inside
        assert c.low <= c.difference <= c.high


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 4), (3, 5), (4, 4), (3, 8), (8, 3)])
def test_the_smallest_probability_is_that_of_arms_far_apart(n, m):
    a, b = np.arange(n) * 1e-3, 10 + np.arange(m) * 1e-3
    np.testing.assert_allclose(compare_arms(a, b).p_lower, least_p(n, m), rtol=1e-9)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_the_smallest_probability_of_pairs(n):
    d = -10 - np.arange(n) * 1e-3
    assert compare_pairs(d).p_lower == pytest.approx(least_p(n, n, paired=True), abs=1e-4)


def test_three_against_three_shut_nothing_out_at_half_the_level():
    c = compare_arms([0.0, 0.1, 0.2], [5.0, 5.1, 5.2], alpha=0.025)
    assert c.p_lower == pytest.approx(0.05)
    assert np.isinf([c.low, c.high]).all()


@pytest.mark.parametrize(
    ("sizes", "sds"),
    [((4, 4), (0.2, 0.2)), ((4, 8), (0.3, 0.1)), ((4, 8), (0.1, 0.3)), ((6, 6), (0.1, 0.3))],
)
def test_type_one_error_of_arms_unlike_in_size_and_spread(sizes, sds):
    rng = np.random.default_rng(sum(sizes))
    x = rng.normal(0, 1, (3_000, sum(sizes))) * np.repeat(sds, sizes)
    for side in one_sided(x, sizes[0]):
        assert (side <= 0.05).mean() < 0.06 + 2 * np.sqrt(0.05 * 0.95 / 3_000) / 2


def test_one_value_is_refused():
    with pytest.raises(DataError, match="two or more"):
        compare_arms([1.0], [1.0, 2.0])


def test_intervals_are_those_of_the_libraries():
    from scipy.stats import binomtest, ttest_1samp

    v = np.random.default_rng(1).normal(1, 2, 7)
    want = ttest_1samp(v, 0).confidence_interval(0.9)
    mean, low, high, sd = t_interval(v, level=0.9)
    np.testing.assert_allclose((mean, low, high, sd), (v.mean(), *want, v.std(ddof=1)))
    for k in (0, 3, 20):
        want = binomtest(k, 20).proportion_ci(0.95, method="wilson")
        np.testing.assert_allclose(wilson_interval(k, 20), (want.low, want.high), atol=1e-12)
    with pytest.raises(DataError):
        wilson_interval(3, 2)
    with pytest.raises(DataError):
        t_interval([1.0])
