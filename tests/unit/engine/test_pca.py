import numpy as np
import pytest
import scipy.sparse as sp

import imscope.engine.pca as module
from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, MethodError
from imscope.engine.execute import map_blocks
from imscope.engine.pca import compute_pca


def counts(n=400, p=60, seed=0, density=1.0):
    rng = np.random.default_rng(seed)
    state = rng.integers(0, 4, n)
    mean = rng.gamma(1.0, 1.5, (4, p))
    x = rng.poisson(mean[state] * rng.uniform(0.5, 2, (n, 1)))
    x[rng.random(x.shape) > density] = 0
    return x


def textbook(x, factors, batches=None):
    y = np.log1p(x / factors[:, None])
    batches = np.zeros(len(y), int) if batches is None else batches
    for b in np.unique(batches):
        y[batches == b] -= y[batches == b].mean(axis=0)
    u, s, v = np.linalg.svd(y, full_matrices=False)
    return u * s, s**2 / (len(y) - 1), v.T, y


def same_up_to_sign(a, b, tolerance):
    signs = np.sign((a * b).sum(axis=0))
    np.testing.assert_allclose(a, b * signs, atol=tolerance)


@pytest.fixture(params=["pairs", "laid out"])
def way(request, monkeypatch):
    cost = {"pairs": 0.0, "laid out": np.inf}[request.param]
    monkeypatch.setattr(module, "PAIR_COST", cost)
    monkeypatch.setattr(module, "DENSE_ROWS", 64)
    return request.param


@pytest.mark.parametrize("batched", [False, True])
def test_matches_dense_svd(way, batched):
    x = counts()
    rng = np.random.default_rng(1)
    factors = rng.uniform(0.5, 2, len(x))
    batches = rng.integers(0, 3, len(x)) if batched else None
    genes = np.arange(5, 55)
    got = compute_pca(
        MemoryBlocks.from_csr(sp.csr_array(x)), factors, genes, n_components=8, batches=batches
    )
    scores, variance, loadings, _ = textbook(x[:, genes], factors, batches)
    np.testing.assert_allclose(got.explained_variance, variance[:8], rtol=1e-9)
    np.testing.assert_allclose(got.total_variance, variance.sum(), rtol=1e-9)
    cosines = np.linalg.svd(got.loadings.T @ loadings[:, :8], compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-9)
    same_up_to_sign(got.loadings, loadings[:, :8], 1e-6)
    same_up_to_sign(got.coordinates, scores[:, :8], 1e-4)
    np.testing.assert_allclose(got.loadings.T @ got.loadings, np.eye(8), atol=1e-10)
    largest = got.loadings[np.abs(got.loadings).argmax(axis=0), np.arange(8)]
    assert (largest > 0).all()
    np.testing.assert_allclose(
        got.mean, np.log1p(x[:, genes] / factors[:, None]).mean(axis=0), rtol=1e-12
    )


def test_a_batch_is_centred_by_itself():
    x = counts()
    batches = np.arange(len(x)) % 2
    source = MemoryBlocks.from_csr(sp.csr_array(x))
    got = compute_pca(source, np.ones(len(x)), range(60), n_components=5, batches=batches)
    for b in (0, 1):
        np.testing.assert_allclose(got.coordinates[batches == b].mean(axis=0), 0, atol=1e-5)


def test_threads_executors_and_blocks_change_no_digit(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    x = counts(n=700, density=0.4)
    source = MemoryBlocks.from_csr(sp.csr_array(x))
    arguments = (source, np.ones(700), range(60))

    def with_rows(**more):
        def mapped(s, f, **options):
            return map_blocks(s, f, rows=100, **(options | more))

        return mapped

    monkeypatch.setattr(module, "map_blocks", with_rows())
    one, two = (compute_pca(*arguments, threads=t) for t in (1, 2))
    with ThreadPoolExecutor(3) as pool:
        monkeypatch.setattr(module, "map_blocks", with_rows(executor=pool))
        pooled = compute_pca(*arguments)
    for other in (two, pooled):
        np.testing.assert_array_equal(one.coordinates, other.coordinates)
        np.testing.assert_array_equal(one.loadings, other.loadings)
        np.testing.assert_array_equal(one.explained_variance, other.explained_variance)


def test_order_of_cells_and_of_genes_does_not_matter():
    x = counts()
    rng = np.random.default_rng(3)
    cells, genes = rng.permutation(len(x)), rng.permutation(60)
    one = compute_pca(MemoryBlocks.from_csr(sp.csr_array(x)), np.ones(400), range(60))
    other = compute_pca(MemoryBlocks.from_csr(sp.csr_array(x[cells])), np.ones(400), genes)
    np.testing.assert_allclose(other.explained_variance, one.explained_variance, rtol=1e-9)
    same_up_to_sign(other.coordinates[:, :6], one.coordinates[cells][:, :6], 1e-4)
    same_up_to_sign(other.loadings[:, :6], one.loadings[genes][:, :6], 1e-6)


def test_never_more_components_than_the_data_have():
    x = counts(n=6)
    got = compute_pca(MemoryBlocks.from_csr(sp.csr_array(x)), np.ones(6), range(60))
    assert got.coordinates.shape == (6, 5)
    _, variance, _, _ = textbook(x, np.ones(6))
    np.testing.assert_allclose(got.explained_variance, variance[:5], rtol=1e-9)


def test_wrong_use_is_named():
    source = MemoryBlocks.from_csr(sp.csr_array(counts(n=10)))
    with pytest.raises(DataError, match="one value per cell"):
        compute_pca(source, np.ones(9), range(5))
    with pytest.raises(DataError, match="out of range"):
        compute_pca(source, np.ones(10), [0, 1, 60])
    with pytest.raises(MethodError, match="at least three cells"):
        compute_pca(source, np.ones(10), [0, 1])
