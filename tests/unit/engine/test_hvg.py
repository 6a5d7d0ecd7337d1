import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.normalise import compute_size_factors, normalise_block


def moments_of(counts, samples, threads=1):
    names, code = np.unique(samples, return_inverse=True)
    total = np.asarray(counts.sum(axis=1)).ravel()
    factors = compute_size_factors(total, samples)
    source = MemoryBlocks.from_csr(counts)
    return compute_gene_moments(
        source, factors, code, n_samples=len(names), threads=threads
    ), factors


def test_moments_match_numpy_and_are_additive(draw):
    counts, _, _ = draw(0, 90)
    counts.data[:5] = 40  # beyond the table of logarithms
    samples = np.repeat(["a", "b", "c"], 30)
    found, factors = moments_of(counts, samples)
    values = np.log1p(counts.toarray() / factors[:, None])
    for k, name in enumerate("abc"):
        mine = values[samples == name]
        np.testing.assert_allclose(found.sum[k], mine.sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.sum_squares[k], (mine**2).sum(axis=0), rtol=1e-12)
        np.testing.assert_array_equal(found.n_detected[k], (mine > 0).sum(axis=0))
    source, code = MemoryBlocks.from_csr(counts), np.repeat([0, 1, 2], 30)
    first = compute_gene_moments(
        source, factors, np.where(np.arange(90) < 40, code, -1), n_samples=3
    )
    rest = compute_gene_moments(
        source, factors, np.where(np.arange(90) < 40, -1, code), n_samples=3
    )
    np.testing.assert_allclose((first + rest).sum, found.sum, rtol=1e-12)
    np.testing.assert_array_equal((first + rest).n, found.n)


def test_genes_of_the_types_are_found_and_batch_genes_are_not(draw):
    counts, _, _ = draw(1, 600, shift=1.5)
    dense = counts.toarray()
    samples = np.repeat(["a", "b"], 300)
    dense[300:, 200:220] *= 6  # differs between batches only
    found, _ = moments_of(sp.csr_array(dense), samples)
    chosen = select_variable_genes(found, n_genes=60).selected
    assert (chosen < 60).mean() > 0.6
    share = np.isin(np.arange(200, 220), chosen).mean()
    pooled, _ = moments_of(sp.csr_array(dense), np.repeat("a", 600))
    rewarded = np.isin(
        np.arange(200, 220), select_variable_genes(pooled, n_genes=60).selected
    ).mean()
    assert share < rewarded


def test_excluded_genes_and_small_samples_have_no_say(draw):
    counts, _, _ = draw(2, 200)
    samples = np.array(["a"] * 190 + ["b"] * 10)
    found, _ = moments_of(counts, samples)
    exclude = np.arange(300) < 20
    result = select_variable_genes(found, n_genes=50, exclude=exclude)
    assert result.selected.min() >= 20
    assert result.n_samples == 1
    assert len(result.selected) == 50


def test_no_cells_are_explained(draw):
    counts, _, _ = draw(2, 10)
    found, _ = moments_of(counts, np.repeat("a", 10))
    with pytest.raises(DataError, match="largest has 10"):
        select_variable_genes(found)


def test_a_cell_without_counts_must_be_left_out():
    source = MemoryBlocks.from_csr(sp.csr_array([[0, 0], [1, 2]]))
    with pytest.raises(DataError, match="1 cells, first is row 0"):
        compute_gene_moments(source, np.array([0.0, 1.0]), np.zeros(2, int), n_samples=1)


def test_size_factors_and_blocks():
    factors = compute_size_factors([10, 20, 30, 40], ["a", "a", "a", "b"])
    np.testing.assert_allclose(factors, np.array([10, 20, 30, 40]) / 30)
    block = MemoryBlocks.from_csr(sp.csr_array(np.eye(4, dtype=int) * 3)).read(1, 3)
    np.testing.assert_allclose(
        normalise_block(block, factors).data, np.log1p(3 / factors[1:3]), rtol=1e-6
    )
