import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.panel_counts import read_panel


def test_counts_and_depth_match_the_dense_matrix_over_many_blocks():
    rng = np.random.default_rng(5)
    dense = rng.poisson(0.4, (12_003, 6))
    features = pd.DataFrame({"symbol": ["A", "B", "A", "C", "D", "E"]})
    one, two = (
        read_panel(MemoryBlocks.from_csr(sp.csr_array(dense)), features, ["C", "A", "X"], threads=t)
        for t in (1, 2)
    )
    np.testing.assert_array_equal(one.counts[:, 0], dense[:, 3])
    np.testing.assert_array_equal(one.counts[:, 1], dense[:, 0] + dense[:, 2])
    np.testing.assert_array_equal(one.depth, dense.sum(axis=1))
    assert one.present.tolist() == [True, True, False]
    np.testing.assert_array_equal(one.counts, two.counts)
    assert one.profile(np.arange(6.0)).tolist() == [3.0, 2.0, 0.0]


def test_expression_values_are_refused_in_words():
    source = MemoryBlocks.from_csr(sp.csr_array([[0.5, 1.25]]))
    with pytest.raises(DataError, match="need counts; this matrix holds expression"):
        read_panel(source, pd.DataFrame({"symbol": ["A", "B"]}), ["A"])
