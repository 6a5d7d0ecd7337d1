import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import CsrBlock, MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.normalise import compute_size_factors, take_log_genes


def test_size_factors_have_median_one_and_keep_ratios():
    totals = np.random.default_rng(0).integers(1, 10_000, 501)
    factors = compute_size_factors(totals)
    assert np.median(factors) == 1
    np.testing.assert_allclose(factors / factors[0], totals / totals[0])
    assert compute_size_factors([]).shape == (0,)


def test_an_empty_cell_is_named():
    with pytest.raises(DataError, match="1 of 3 cells, first is row 1"):
        compute_size_factors([5, 0, 3])


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_log_values_of_some_genes(kind):
    rng = np.random.default_rng(1)
    x = rng.poisson(2.0, (30, 12)).astype(kind)
    x[0, 0] = 5_000
    if kind is np.float64:
        x[1] += 0.25
    column = np.full(12, -1, dtype=np.int32)
    column[[7, 0, 4]] = [0, 1, 2]
    factors = rng.uniform(0.5, 2, 50)
    block = MemoryBlocks.from_csr(sp.csr_array(x)).read(0, 30)
    block = CsrBlock(20, block.indptr, block.indices, block.data, 12)  # rows 20 to 49
    indptr, columns, values = take_log_genes(block, factors, column)
    want = np.log1p(x[:, [7, 0, 4]] / factors[20:, None])
    np.testing.assert_allclose(sp.csr_array((values, columns, indptr), (30, 3)).toarray(), want)
    assert (values > 0).all()


def test_stored_zeros_are_dropped():
    block = CsrBlock(0, np.array([0, 2]), np.array([0, 1], np.int32), np.array([0, 4], np.int32), 2)
    indptr, columns, _ = take_log_genes(block, np.ones(1), np.array([0, 1], np.int32))
    assert (indptr.tolist(), columns.tolist()) == ([0, 1], [1])
