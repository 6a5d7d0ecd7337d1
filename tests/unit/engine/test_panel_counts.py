import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.engine.panel_counts import read_panel


def test_counts_and_depth_match_the_dense_matrix_over_many_blocks():
    rng = np.random.default_rng(5)
    dense = rng.poisson(0.4, (12_003, 6))
    features = pd.DataFrame({"symbol": ["A", "B", "A", "C", "D", "E"]})
    one, two = (
        read_panel(MemoryBlocks.from_csr(sp.csr_array(dense)), features, ["C", "A", "X"], threads=t)
        for t in (1, 2)
    )
    np.testing.assert_array_equal(one.dense()[:, 0], dense[:, 3])
    np.testing.assert_array_equal(one.of(["A"])[:, 0], dense[:, 0] + dense[:, 2])
    np.testing.assert_array_equal(one.depth, dense.sum(axis=1))
    assert one.present.tolist() == [True, True, False]
    np.testing.assert_array_equal(one.dense(), two.dense())
    assert one.profile(np.arange(6.0)).tolist() == [3.0, 2.0, 0.0]


def test_two_rooms_read_a_doubled_symbol_alike():
    features = pd.DataFrame({"symbol": ["TWIST1", "TWIST1", "ENG"], "mapped": [False, True, True]})
    panel = read_panel(MemoryBlocks.from_csr(sp.csr_array([[3, 4, 1]])), features, ["TWIST1"])
    assert panel.of(["TWIST1"]).tolist() == panel.dense().tolist() == [[7.0]]
    assert panel.found(["ENG", "TWIST1"]) == ["TWIST1"]
