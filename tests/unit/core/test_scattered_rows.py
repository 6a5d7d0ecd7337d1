import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.views import select_rows


@pytest.mark.parametrize("share", [0.05, 0.6, 0.95, 1.0])
@pytest.mark.parametrize("order", ["rising", "shuffled", "repeated"])
def test_selected_rows_are_those_of_scipy(share, order):
    rng = np.random.default_rng(0)
    x = sp.csr_array(rng.poisson(0.4, (200, 9)))
    rows = np.flatnonzero(rng.random(200) < share)
    if order == "shuffled":
        rows = rng.permutation(rows)
    elif order == "repeated":
        rows = np.repeat(rows, 2)
    view = select_rows(MemoryBlocks.from_csr(x), rows)
    for low, high in ((0, len(rows)), (len(rows) // 3, len(rows) // 2)):
        block = view.read(low, high)
        got = sp.csr_array((block.data, block.indices, block.indptr), (block.n_rows, 9))
        assert block.start == low
        np.testing.assert_array_equal(got.toarray(), x[rows[low:high]].toarray())
