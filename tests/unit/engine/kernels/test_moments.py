import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.kernels.moments import add_moments, sum_kept
from imscope.engine.moments import compute_unit_moments


def textbook(dense, units, n_units, kept):
    """Sums over the cells of each unit, cell by cell."""
    counts = dense[:, kept].astype(float)
    depth = counts.sum(1)
    out = np.zeros((n_units, kept.sum(), 3))
    for c, u in enumerate(units):
        if u >= 0 and depth[c] >= 2:
            y = counts[c] / depth[c]
            out[u] += np.stack([y, y**2, y * (1 - y) / (depth[c] - 1)], 1)
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_sums_match_the_textbook(seed, n_units):
    rng = np.random.default_rng(seed)
    dense = rng.poisson(rng.choice([0.1, 1.5]), (rng.integers(1, 30), 9))
    units = rng.integers(-1, n_units, len(dense)).astype(np.int32)
    kept = rng.random(9) < 0.8
    source = MemoryBlocks.from_csr(sp.csr_array(dense))
    got = compute_unit_moments(source, units, n_units, kept=kept)
    np.testing.assert_allclose(got.sums, textbook(dense, units, n_units, kept), atol=1e-14)
    shallow = (dense[:, kept].sum(1) < 2) & (units >= 0)
    assert got.n_dropped == shallow.sum()
    assert got.n_cells.sum() == ((units >= 0) & ~shallow).sum()


def test_plain_python_and_compiled_kernel_agree():
    rng = np.random.default_rng(3)
    csr = sp.csr_array(rng.poisson(0.7, (12, 8)).astype(np.int32))
    arrays = (csr.indptr.astype(np.int64), csr.indices.astype(np.int32), csr.data)
    column = np.array([0, 1, -1, 2, 3, -1, 4, 5], dtype=np.int32)
    results = []
    for add, total in ((add_moments, sum_kept), (add_moments.py_func, sum_kept.py_func)):
        depth = np.zeros(12, dtype=np.int64)
        total(*arrays, column, depth)
        rows = np.flatnonzero(depth >= 2)
        out = np.zeros((2, 6, 3))
        add(*arrays, column, depth, rows, np.repeat([0, 1], 6).astype(np.int32), out)
        results.append(out)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-14)


def test_threads_and_row_blocks_change_no_digit():
    rng = np.random.default_rng(1)
    dense = rng.poisson(0.6, (12_000, 20))
    units = rng.integers(0, 7, len(dense)).astype(np.int32)
    source = MemoryBlocks.from_csr(sp.csr_array(dense))
    one, two = (
        compute_unit_moments(source, units, 7, kept=np.ones(20, bool), threads=t) for t in (1, 2)
    )
    np.testing.assert_array_equal(one.sums, two.sums)


def test_merging_units_is_the_same_as_one_unit():
    rng = np.random.default_rng(2)
    dense = rng.poisson(1.0, (40, 10))
    source = MemoryBlocks.from_csr(sp.csr_array(dense))
    kept = np.ones(10, bool)
    fine = compute_unit_moments(source, np.arange(40, dtype=np.int32) % 5, 5, kept=kept)
    whole = compute_unit_moments(source, np.zeros(40, dtype=np.int32), 1, kept=kept)
    merged = fine.merge(np.zeros(5, dtype=int))
    np.testing.assert_allclose(merged.sums, whole.sums, rtol=1e-12)
    assert merged.n_cells.tolist() == whole.n_cells.tolist() == [40]
    assert merged.median_depth() == whole.median_depth() == np.median(dense.sum(1))
    part = fine.subset([3, 1])
    np.testing.assert_array_equal(part.sums, fine.sums[[3, 1]])
    assert part.median_depth([0]) == np.median(dense.sum(1)[np.arange(40) % 5 == 3])


def test_expression_values_are_refused():
    source = MemoryBlocks.from_csr(sp.csr_array([[0.5, 1.2]]))
    with pytest.raises(DataError, match="whole counts"):
        compute_unit_moments(source, np.zeros(1, dtype=np.int32), 1, kept=np.ones(2, bool))


def test_wrong_units_are_named():
    source = MemoryBlocks.from_csr(sp.csr_array([[1, 2]]))
    with pytest.raises(DataError, match="out of range"):
        compute_unit_moments(source, np.ones(1, dtype=np.int32), 1, kept=np.ones(2, bool))
