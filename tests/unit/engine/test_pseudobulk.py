import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.pseudobulk import sum_units


def test_sums_are_those_of_numpy():
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.5, (11_000, 30))
    unit = rng.integers(-1, 4, 11_000)
    got = sum_units(MemoryBlocks.from_csr(sp.csr_array(dense)), unit, 4, threads=2)
    want = np.array([dense[unit == u].sum(axis=0) for u in range(4)])
    np.testing.assert_array_equal(got, want)


def test_units_must_fit():
    source = MemoryBlocks.from_csr(sp.csr_array([[1, 2]]))
    with pytest.raises(DataError, match="one unit in range"):
        sum_units(source, np.array([1]), 1)
