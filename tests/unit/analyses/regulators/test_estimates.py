"""Activity against ordinary regression, and the null of random regulons."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from imscope.analyses.regulators.estimates import (
    METHODS,
    activity_ulm,
    activity_zscore,
    centre_in_classes,
    gene_classes,
    random_null,
)


def _toy(seed: int = 0, n_genes: int = 300, n_regulators: int = 12) -> tuple:
    rng = np.random.default_rng(seed)
    weights = sp.random_array((n_regulators, n_genes), density=0.05, rng=rng, format="csr")
    weights.data = rng.choice([-1.0, 1.0], len(weights.data)) * rng.uniform(0.3, 1, weights.nnz)
    return rng.normal(size=(5, n_genes)), weights


def test_ulm_is_ordinary_regression() -> None:
    values, weights = _toy()
    found = activity_ulm(values, weights)
    for u in range(5):
        for r in range(12):
            fit = stats.linregress(weights.toarray()[r], values[u])
            assert found[u, r] == pytest.approx(fit.slope / fit.stderr, abs=1e-9)


def test_zscore_by_hand() -> None:
    values, weights = _toy(1)
    w = weights.toarray()
    by_hand = (values @ w.T) / np.outer(values.std(axis=1), np.sqrt((w**2).sum(axis=1)))
    np.testing.assert_allclose(activity_zscore(values, weights), by_hand, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_scale_and_order_do_not_matter(seed: int, scale: float) -> None:
    values, weights = _toy(seed)
    order = np.random.default_rng(seed).permutation(values.shape[1])
    for method in METHODS.values():
        one = method(values, weights)
        np.testing.assert_allclose(method(values, weights * scale), one, atol=1e-8)
        moved = method(values[:, order], weights[:, order].tocsr())
        np.testing.assert_allclose(moved, one, atol=1e-8)
        np.testing.assert_allclose(method(-values, weights), -one, atol=1e-8)


def test_no_target_and_flat_profiles_are_zero() -> None:
    weights = sp.csr_array((2, 10))
    for method in METHODS.values():
        assert (method(np.zeros((2, 10)), weights) == 0).all()


def test_random_null_is_uniform_and_finds_what_is_there() -> None:
    rng = np.random.default_rng(3)
    values, weights = rng.normal(size=2000), _toy(3, 2000, 400)[1]
    level = rng.normal(size=2000)
    classes = gene_classes(level, np.bincount(weights.indices, minlength=2000))
    centred = centre_in_classes(values[None], classes)[0]
    null = random_null(centred, weights, classes, draws=300, seed=1, names=range(400))
    share = (null.p_value < 0.05).mean()
    assert 0.02 < share < 0.09
    assert abs(null.z.mean()) < 0.2
    again = random_null(centred, weights, classes, draws=300, seed=1, names=range(400))
    np.testing.assert_array_equal(null.p_value, again.p_value)


def test_depth_like_shift_of_weak_genes_is_no_activity() -> None:
    """A shift of all weakly expressed genes moves a regulon of weak genes; the null removes it."""
    rng = np.random.default_rng(5)
    level = np.sort(rng.normal(size=3000))
    values = rng.normal(0, 0.3, (4, 3000)) - (level < -1) * 2.0
    weights = sp.csr_array((np.ones(40), (np.zeros(40, int), np.arange(40))), shape=(1, 3000))
    naive = activity_ulm(values, weights)
    classes = gene_classes(level, np.zeros(3000, dtype=int))
    centred = activity_ulm(centre_in_classes(values, classes), weights)
    assert (naive < -10).all()
    assert (np.abs(centred) < 4).all()
