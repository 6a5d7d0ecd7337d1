import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, MethodError
from imscope.engine.hvg import compute_gene_moments, select_variable_genes


def blocks(x):
    return MemoryBlocks.from_csr(sp.csr_array(x))


def cells(n=300, p=120, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(1.0, 2.0, p), (n, p)), rng.uniform(0.5, 2, n)


def test_moments_match_numpy():
    x, factors = cells()
    groups = np.arange(len(x)) % 3
    got = compute_gene_moments(blocks(x), factors, groups, 4)
    y = np.log1p(x / factors[:, None])
    for g in range(3):
        here = y[groups == g]
        np.testing.assert_allclose(got.total[g], here.sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.squares[g], (here**2).sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.mean()[g], here.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.variance()[g], here.var(axis=0, ddof=1), rtol=1e-9)
        np.testing.assert_array_equal(got.n_detected[g], (here > 0).sum(axis=0))
    np.testing.assert_array_equal(got.n_cells, [100, 100, 100, 0])
    assert not got.total[3].any()
    assert not got.variance()[3].any()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 59), st.randoms(use_true_random=False))
def test_moments_add_up_over_rows_and_forget_their_order(cut, random):
    x, factors = cells(n=60)
    groups = np.arange(60) % 2
    order = np.array(random.sample(range(60), 60))
    whole = compute_gene_moments(blocks(x), factors, groups, 2)
    moved = compute_gene_moments(blocks(x[order]), factors[order], groups[order], 2)
    halves = [
        compute_gene_moments(blocks(x[s]), factors[s], groups[s], 2)
        for s in (slice(cut), slice(cut, None))
    ]
    for name in ("total", "squares", "n_detected", "n_cells"):
        want = getattr(whole, name)
        np.testing.assert_allclose(getattr(moved, name), want, rtol=1e-12)
        np.testing.assert_allclose(sum(getattr(h, name) for h in halves), want, rtol=1e-12)


def test_threads_change_no_digit():
    x, factors = cells(n=6_000, p=20)
    one, two = (
        compute_gene_moments(blocks(x), factors, np.arange(6_000) // 900, 7, threads=t)
        for t in (1, 2)
    )
    np.testing.assert_array_equal(one.total, two.total)
    np.testing.assert_array_equal(one.squares, two.squares)


def test_equal_values_have_no_variance():
    got = compute_gene_moments(blocks(np.full((50, 3), 7)), np.ones(50), np.zeros(50), 1)
    assert not got.variance().any()
    with pytest.raises(MethodError, match="no gene varies"):
        select_variable_genes(got)


def varied(seed=0):
    """Genes 0 to 9 differ within both samples, 10 to 19 between them only."""
    rng = np.random.default_rng(seed)
    n, p = 500, 300
    groups = np.arange(n) % 2
    mean = np.tile(rng.gamma(2.0, 2.0, p), (n, 1))
    mean[:, :10] = 4 * np.exp(rng.normal(0, 1.2, (n, 1)))
    mean[:, 10:20] *= np.where(groups == 0, 0.2, 3.0)[:, None]
    return rng.poisson(mean), groups


def test_finds_genes_that_vary_within_samples_not_between_them():
    x, groups = varied()
    moments = compute_gene_moments(blocks(x), np.ones(len(x)), groups, 2)
    got = select_variable_genes(moments, n_genes=10)
    assert set(got.selected) == set(range(10))
    assert np.array_equal(np.flatnonzero(got.table["selected"]), got.selected)
    assert (got.table["n_groups"][:10] == 2).all()
    pooled = compute_gene_moments(blocks(x), np.ones(len(x)), np.zeros(len(x)), 1)
    wide = select_variable_genes(pooled, n_genes=20).selected
    assert len(set(wide) & set(range(10, 20))) >= 8


def test_excluded_and_rare_genes_are_not_chosen():
    x, groups = varied()
    x[:, 0] = 0
    x[:2, 0] = 1_000
    moments = compute_gene_moments(blocks(x), np.ones(len(x)), groups, 2)
    without = np.arange(x.shape[1]) == 1
    got = select_variable_genes(moments, n_genes=10_000, exclude=without)
    assert not {0, 1} & set(got.selected)
    assert len(got.selected) == x.shape[1] - 2


def test_order_of_genes_does_not_matter():
    x, groups = varied()
    order = np.random.default_rng(1).permutation(x.shape[1])
    one, other = (
        select_variable_genes(
            compute_gene_moments(blocks(y), np.ones(len(x)), groups, 2), n_genes=15
        )
        for y in (x, x[:, order])
    )
    assert set(order[other.selected]) == set(one.selected)


def test_wrong_use_is_named():
    with pytest.raises(DataError, match="one value per cell"):
        compute_gene_moments(blocks(np.ones((3, 2))), [1, 1], [0, 0, 0], 1)
    with pytest.raises(DataError, match="out of range"):
        compute_gene_moments(blocks(np.ones((2, 2))), [1, 1], [0, 1], 1)
