import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError, MethodError
from imscope.core.row_kind import decide_rows

GENES = 3_000


def matrix(rng, n, depth, silent):
    """Rows with a share of silent genes: none in a mixture, most in a cell."""
    profile = rng.lognormal(0, 1.5, GENES)
    rate = profile * (rng.random((n, GENES)) >= silent)
    rate /= rate.sum(axis=1, keepdims=True)
    return MemoryBlocks.from_csr(sp.csr_array(rng.poisson(rate * depth).astype(np.int32)))


@pytest.mark.parametrize(
    ("depth", "silent", "want"),
    [(2e6, 0.0, "library"), (2e6, 0.6, "cell"), (8_000, 0.0, "cell"), (8_000, 0.6, "cell")],
)
def test_deep_mixtures_are_libraries_and_reads_of_cells_are_not(depth, silent, want):
    source = matrix(np.random.default_rng(1), 12, depth, silent)
    found, told = decide_rows(source, pd.DataFrame(index=range(12)), "counts")
    assert found == want
    assert [n.code for n in told] == (["W-ROW-KIND"] if want == "library" else [])


def test_the_table_decides_before_the_values():
    source = matrix(np.random.default_rng(2), 6, 2e6, 0.0)
    said = pd.DataFrame({"row_kind": ["Cells"] * 6})
    assert decide_rows(source, said, "counts") == ("cell", ())
    pooled = pd.DataFrame({"pool_size": [9] * 6})
    assert decide_rows(source, pooled, "counts")[0] == "pool"
    with pytest.raises(DataError, match="one kind of row"):
        decide_rows(source, pd.DataFrame({"row_kind": ["bulc"] * 6}), "counts")
    with pytest.raises(DataError, match="one kind of row"):
        decide_rows(source, pd.DataFrame({"row_kind": ["cell"] * 3 + ["bulk"] * 3}), "counts")


def test_questions_about_cells_are_refused_for_pools_and_libraries():
    obs = pd.DataFrame({"sample": list("abcdef")})
    features = pd.DataFrame({"symbol": [f"G{k}" for k in range(GENES)]})
    source = matrix(np.random.default_rng(3), 6, 2e6, 0.0)
    cells = Cells(source, features, obs, rows="pool")
    assert not cells.single
    with pytest.raises(MethodError, match="needs single cells"):
        cells.need_cells("the search for residual cells")
    Cells(source, features, obs, rows="well").need_cells("anything")
