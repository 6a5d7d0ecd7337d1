import numpy as np
import pytest

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.normalise import compute_size_factors
from imscope.engine.pca import compute_pca, project_cells_on


def prepare(draw, seed=0, n=400):
    counts, _, _ = draw(seed, n)
    factors = compute_size_factors(np.asarray(counts.sum(axis=1)).ravel(), ["a"] * n)
    return MemoryBlocks.from_csr(counts), factors, np.log1p(counts.toarray() / factors[:, None])


@pytest.mark.parametrize("scale", [False, True])
def test_equals_a_dense_decomposition(draw, scale):
    source, factors, values = prepare(draw)
    genes = np.arange(10, 210)
    result = compute_pca(source, factors, genes, n_components=20, scale=scale)
    dense = values[:, genes] - values[:, genes].mean(axis=0)
    if scale:
        dense /= dense.std(axis=0, ddof=1)
    u, s, _ = np.linalg.svd(dense, full_matrices=False)
    np.testing.assert_allclose(result.explained_variance, s[:20] ** 2 / 399, rtol=1e-5)
    ratio = s**2 / (s**2).sum()
    np.testing.assert_allclose(result.explained_variance_ratio, ratio[:20], rtol=1e-5)
    for k in range(2):  # well separated components
        sign = np.sign((u[:, k] * result.coordinates[:, k]).sum())
        np.testing.assert_allclose(result.coordinates[:, k], sign * u[:, k] * s[k], atol=2e-3)
    np.testing.assert_allclose(result.coordinates, dense @ result.loadings, atol=1e-4 * s[0] / 20)
    np.testing.assert_allclose(result.loadings.T @ result.loadings, np.eye(20), atol=1e-10)


def test_batches_are_centred_on_their_own_means_and_cells_left_out(draw):
    source, factors, values = prepare(draw, n=300)
    batches = np.repeat([0, 1, -1], 100)
    genes = np.arange(100)
    result = compute_pca(source, factors, genes, n_components=5, batches=batches)
    assert result.coordinates.shape == (200, 5)
    for k in (0, 1):
        mean = result.coordinates[batches[:200] == k].mean(axis=0)
        np.testing.assert_allclose(mean, 0, atol=1e-5)
    parts = [values[batches == k][:, genes] for k in (0, 1)]
    dense = np.vstack([p - p.mean(axis=0) for p in parts])
    want = np.linalg.svd(dense, compute_uv=False)[:5] ** 2 / 199
    np.testing.assert_allclose(result.explained_variance, want, rtol=1e-5)


def test_fewer_cells_than_components_is_said_in_words(draw):
    source, factors, _ = prepare(draw, n=8)
    result = compute_pca(source, factors, np.arange(100), n_components=50)
    assert result.n_components == 7
    assert result.coordinates.shape == (8, 7)
    assert result.status.startswith("7 of 50 components: 8 cells")


def test_placing_the_same_cells_gives_their_coordinates(draw):
    source, factors, _ = prepare(draw, n=120)
    genes = np.arange(80)
    result = compute_pca(source, factors, genes, n_components=6)
    again = project_cells_on(result, source, factors, genes)
    np.testing.assert_array_equal(again, result.coordinates)


def test_a_gene_given_twice_is_refused(draw):
    source, factors, _ = prepare(draw, n=30)
    with pytest.raises(DataError, match="2 different"):
        compute_pca(source, factors, np.array([1, 2, 2]))
