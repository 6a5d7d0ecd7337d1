import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.blocks import BlockSource, MemoryBlocks, block_bounds
from imscope.engine.execute import map_blocks


@given(st.integers(0, 60), st.integers(1, 25))
def test_bounds_cover_every_row_once(n_cells, rows):
    seen = [row for low, high in block_bounds(n_cells, rows) for row in range(low, high)]
    assert seen == list(range(n_cells))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_blocks_put_together_are_the_matrix(threads):
    dense = np.random.default_rng(0).poisson(0.4, (33, 11))
    source = MemoryBlocks.from_csr(sp.csr_array(dense))
    assert isinstance(source, BlockSource)
    parts = map_blocks(
        source,
        lambda b: sp.csr_array((b.data, b.indices, b.indptr), (b.n_rows, b.n_features)).toarray(),
        rows=7,
        threads=threads,
    )
    np.testing.assert_array_equal(np.vstack(list(parts)), dense)


def test_an_error_in_a_worker_reaches_the_caller():
    source = MemoryBlocks.from_csr(sp.csr_array(np.eye(20, dtype=int)))

    def fail(block):
        raise ValueError(f"block at {block.start}")

    with pytest.raises(ValueError, match="block at 0"):
        list(map_blocks(source, fail, rows=5, threads=2))
