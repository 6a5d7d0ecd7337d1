import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import CsrBlock, MemoryBlocks
from imscope.engine import execute
from imscope.engine.fused import standard_pca
from imscope.engine.qc import QcSettings

RULES = QcSettings(min_umi=100, min_genes=20)


@pytest.fixture
def cohort(draw):
    counts, _, _ = draw(5, 11_000, n_genes=120, depth=500)
    return MemoryBlocks.from_csr(counts), np.repeat(["a", "b"], [6_000, 5_000])


class FileBlocks:
    """Rows read from three files, for comparison with memory."""

    def __init__(self, folder, memory):
        self.folder, self.n_cells, self.n_features = folder, memory.n_cells, memory.n_features
        for name in ("indptr", "indices", "data"):
            np.save(folder / f"{name}.npy", getattr(memory, name))

    def read(self, start, stop):
        part = {n: np.load(self.folder / f"{n}.npy", mmap_mode="r") for n in ("indices", "data")}
        indptr = np.load(self.folder / "indptr.npy")[start : stop + 1]
        low, high = indptr[0], indptr[-1]
        rows = {n: np.array(a[low:high]) for n, a in part.items()}
        return CsrBlock(start, indptr - low, rows["indices"], rows["data"], self.n_features)


def digits(source, samples, threads):
    mito = np.arange(120) < 4
    result = standard_pca(
        source, {"mito": mito}, samples, settings=RULES, n_genes=60, n_components=10,
        threads=threads,
    )  # fmt: skip
    return [
        result.metrics.to_numpy(), result.qc.keep, result.moments.sum, result.moments.sum_squares,
        result.hvg.selected, result.pca.coordinates, result.pca.loadings,
        result.pca.explained_variance,
    ]  # fmt: skip


def test_memory_threads_disk_and_dask_give_the_same_digits(cohort, tmp_path):
    source, samples = cohort
    want = digits(source, samples, 1)
    runs = {
        "two threads": digits(source, samples, 2),
        "disk": digits(FileBlocks(tmp_path, source), samples, 2),
    }
    for name, found in runs.items():
        for one, other in zip(want, found, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_dask_gives_the_same_digits(cohort):
    pytest.importorskip("distributed", reason="needs imscope[dask]")
    from imscope.engine.dask_execute import use_dask

    source, samples = cohort
    want = digits(source, samples, 1)
    with use_dask():
        found = digits(source, samples, 2)
    for one, other in zip(want, found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert execute._EXECUTOR.get() is None


def test_the_ledger_ends_with_genes_and_dropped_cells_have_no_coordinates(cohort):
    source, samples = cohort
    data = source.data.copy()
    data[: source.indptr[500]] = 0  # 500 cells without counts
    empty = dataclasses.replace(source, data=data)
    result = standard_pca(empty, {}, samples, settings=RULES, n_genes=60, n_components=5)
    assert not result.qc.keep[:500].any()
    assert len(result.pca.coordinates) == result.qc.keep.sum()
    assert result.qc.ledger["rule"].iloc[-1] == "seen in no kept cell"
    assert result.moments.n.sum() == result.qc.keep.sum()


def test_stored_zeros_change_nothing():
    dense = np.random.default_rng(0).poisson(3, (80, 40))
    plain = sp.csr_array(dense)
    full = sp.csr_array(
        (dense.ravel(), np.tile(np.arange(40), 80), np.arange(0, 3201, 40)), shape=(80, 40)
    )
    rules = QcSettings(min_umi=1, min_genes=1, top50_ceiling=2.0)
    one, other = (
        standard_pca(MemoryBlocks.from_csr(m), {}, ["a"] * 80, settings=rules, n_components=4)
        for m in (plain, full)
    )
    np.testing.assert_array_equal(one.pca.coordinates, other.pca.coordinates)
