import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import CsrBlock, MemoryBlocks
from imscope.core.views import select_rows
from imscope.engine import execute
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.normalise import compute_size_factors
from imscope.engine.pca import compute_pca
from imscope.engine.qc import QcSettings, apply_qc, compute_count_sums, record_genes, suggest_qc

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


def to_components(source, samples, *, n_genes=60, n_components=10, threads=None, rules=RULES):
    """The passes of a run from counts to components, one after the other."""
    mito = np.arange(source.n_features) < 4
    sums = compute_count_sums(source, {"mito": mito}, threads=threads)
    limits = suggest_qc(sums.cells, samples, settings=rules)
    qc = apply_qc(sums.cells, samples, limits)
    rows = np.flatnonzero(qc.keep)
    kept, code = select_rows(source, rows), np.unique(samples, return_inverse=True)[1][rows]
    factors = compute_size_factors(sums.cells["n_umi"].to_numpy()[rows], code)
    moments = compute_gene_moments(kept, factors, code, n_samples=2, threads=threads)
    hvg = select_variable_genes(moments, n_genes=n_genes)
    pca = compute_pca(kept, factors, hvg.selected, n_components=n_components, threads=threads)
    return sums, qc, moments, hvg, pca


def digits(source, samples, threads):
    sums, qc, moments, hvg, pca = to_components(source, samples, threads=threads)
    return [
        sums.cells.to_numpy(), qc.keep, moments.sum, moments.sum_squares, hvg.selected,
        pca.coordinates, pca.loadings, pca.explained_variance,
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
    sums, qc, moments, _, pca = to_components(empty, samples, n_components=5)
    genes = record_genes(sums.gene_cells, moments.n_detected.sum(axis=0))
    assert not qc.keep[:500].any()
    assert len(pca.coordinates) == qc.keep.sum() == moments.n.sum()
    assert genes["rule"].iloc[-1] == "seen in no kept cell"


def test_stored_zeros_change_nothing():
    dense = np.random.default_rng(0).poisson(3, (80, 40))
    plain = sp.csr_array(dense)
    full = sp.csr_array(
        (dense.ravel(), np.tile(np.arange(40), 80), np.arange(0, 3201, 40)), shape=(80, 40)
    )
    rules = QcSettings(min_umi=1, min_genes=1, top50_ceiling=2.0)
    one, other = (
        to_components(MemoryBlocks.from_csr(m), np.array(["a"] * 80), n_components=4, rules=rules)[
            -1
        ]
        for m in (plain, full)
    )
    np.testing.assert_array_equal(one.coordinates, other.coordinates)
