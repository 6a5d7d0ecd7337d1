import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks, block_bounds
from imscope.engine.execute import map_blocks, thread_count, use_executor
from imscope.engine.hvg import compute_gene_moments
from imscope.engine.pca import compute_pca
from imscope.engine.qc import compute_qc
from imscope.io.store import open_store, write_store


def counts(n=6_000, p=40, seed=0):
    rng = np.random.default_rng(seed)
    return sp.csr_array(rng.poisson(rng.gamma(0.5, 1.5, (n, 1)) * rng.gamma(1, 1, p)))


@pytest.fixture(scope="module")
def source():
    return MemoryBlocks.from_csr(counts())


def cells_of(block):
    """Total and features of each cell, in NumPy."""
    row = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
    total = np.bincount(row, block.data, minlength=block.n_rows)
    return np.stack([total, np.diff(block.indptr)], axis=1)


def test_blocks_come_in_order_and_cover_every_row(source):
    got = np.concatenate(list(map_blocks(source, cells_of, rows=700, threads=2)))
    np.testing.assert_array_equal(got[:, 0], counts().sum(axis=1))
    starts = list(map_blocks(source, lambda b: (b.start, b.n_rows), rows=700, threads=2))
    assert starts == [(low, high - low) for low, high in block_bounds(6_000, 700)]


def test_serial_threads_and_executors_give_the_same_digits(source):
    def partial(block):
        return np.log1p(block.data).sum()

    want = list(map_blocks(source, partial, rows=500, threads=1))
    assert list(map_blocks(source, partial, rows=500, threads=2)) == want
    with ThreadPoolExecutor(3) as pool:
        assert list(map_blocks(source, partial, rows=500, executor=pool)) == want
        assert pool.submit(len, want).result() == 12  # the caller's pool is still open


def test_dask_runs_the_same_partials(source):
    distributed = pytest.importorskip("distributed", reason="the dask extra is not installed")
    want = list(map_blocks(source, cells_of, rows=2_000, threads=1))
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        got = list(map_blocks(source, cells_of, rows=2_000, executor=client.get_executor()))
    assert len(got) == len(want) == 3
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_and_store_on_disk_give_the_same_digits(source, tmp_path):
    write_store(tmp_path / "counts", source, n_features=source.n_features)
    stored = open_store(tmp_path / "counts")
    classes = {"mito": np.arange(40) < 3}
    assert compute_qc(stored, classes).equals(compute_qc(source, classes))
    factors, groups = np.ones(6_000), np.arange(6_000) % 3
    a, b = (
        compute_gene_moments(s, factors, groups, n_samples=3, threads=2) for s in (source, stored)
    )
    np.testing.assert_array_equal(a.sum_squares, b.sum_squares)
    a, b = (compute_pca(s, factors, np.arange(40), n_components=5) for s in (source, stored))
    np.testing.assert_array_equal(a.coordinates, b.coordinates)


def test_an_error_in_a_block_stops_the_rest(source):
    seen = []

    def partial(block):
        seen.append(block.start)
        if block.start == 20:
            raise ValueError("block 1")
        return block.start

    with pytest.raises(ValueError, match="block 1"):
        list(map_blocks(source, partial, rows=20, threads=2))
    assert len(seen) < 60
    assert threading.active_count() < 20


def test_few_results_wait_at_a_time(source):
    done = []
    stream = map_blocks(source, lambda b: done.append(b.start), rows=100, threads=2)
    next(stream)
    assert len(done) <= 5
    assert len([None, *stream]) == 60


def test_no_rows_no_blocks():
    empty = MemoryBlocks.from_csr(sp.csr_array((0, 4), dtype=int))
    assert list(map_blocks(empty, cells_of)) == []
    assert compute_qc(empty, {}).empty


def test_number_of_threads(monkeypatch):
    monkeypatch.setenv("IMSCOPE_THREADS", "3")
    assert (thread_count(), thread_count(2), thread_count(0)) == (3, 2, 1)
    monkeypatch.setenv("IMSCOPE_THREADS", "many")
    assert thread_count() >= 1


def test_an_executor_for_all_passes_changes_no_digit(source):
    factors, groups = np.ones(6_000), np.arange(6_000) % 3
    moments = compute_gene_moments(source, factors, groups, n_samples=3, threads=1)
    pca = compute_pca(source, factors, np.arange(40), n_components=5, threads=1)
    with ThreadPoolExecutor(2) as pool, use_executor(pool):
        pooled = compute_gene_moments(source, factors, groups, n_samples=3)
        other = compute_pca(source, factors, np.arange(40), n_components=5)
    np.testing.assert_array_equal(moments.sum_squares, pooled.sum_squares)
    np.testing.assert_array_equal(pca.coordinates, other.coordinates)
