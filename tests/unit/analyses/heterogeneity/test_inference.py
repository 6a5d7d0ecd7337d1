import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_ind, ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_ind

from imscope.analyses.heterogeneity.inference import (
    compare_arms,
    compare_pairs,
    holm,
    permutation_p,
)
from imscope.core.errors import DataError


@pytest.mark.parametrize("sizes", [(3, 3), (4, 5), (6, 6)])
def test_permutation_is_scipys(sizes):
    rng = np.random.default_rng(sum(sizes))
    a, b = rng.normal(0, 1, sizes[0]), rng.normal(0.5, 1, sizes[1])
    for side, got in zip(("less", "greater"), permutation_p(a, b), strict=True):
        want = permutation_test(
            (a, b), lambda x, y: x.mean() - y.mean(), n_resamples=np.inf, alternative=side
        )
        np.testing.assert_allclose(got, want.pvalue)


def test_welch_interval_and_equivalence_are_the_libraries():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.1, 9), rng.normal(0.02, 0.2, 14)
    got = compare_arms(a, b)
    welch = ttest_ind(a, b, equal_var=False, alternative="less")
    assert got.method == "Welch t"
    np.testing.assert_allclose(got.p_lower, welch.pvalue)
    two = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
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
    np.testing.assert_allclose(compare_pairs(six).p_lower, want.pvalue)


def test_holm_is_statsmodels():
    p = np.array([0.2, 0.001, 0.03, 0.03])
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


@pytest.mark.parametrize("n", [4, 6])
def test_type_one_error_with_units_as_replicates(n):
    rng = np.random.default_rng(n)
    x = rng.normal(0, 0.2, (4_000, 2 * n))
    share = np.mean([permutation_p(r[:n], r[n:])[0] <= 0.05 for r in x])
    assert 0.035 < share < 0.06  # 3/70 or 46/924 expected


def test_one_value_is_refused():
    with pytest.raises(DataError, match="two or more"):
        compare_arms([1.0], [1.0, 2.0])
