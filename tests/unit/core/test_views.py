import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.views import MAX_GAP, concat_blocks, select_rows

COUNTS = np.random.default_rng(5).poisson(0.6, size=(300, 7)).astype(np.int32)
PARTS = [
    MemoryBlocks.from_csr(sp.csr_array(COUNTS[a:b])) for a, b in ((0, 90), (90, 91), (91, 300))
]


def dense(source, low, high):
    block = source.read(low, high)
    assert block.start == low
    return sp.csr_array((block.data, block.indices, block.indptr), shape=(high - low, 7)).toarray()


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(0, 300, 3),
        np.flatnonzero(np.arange(300) % 40 != 7),
        np.array([299, 5, 6, 7, 7, 90, 2]),
        np.array([0, MAX_GAP + 1, 2 * MAX_GAP + 3, 250]),
    ],
    ids=["every third", "few gaps", "any order", "at the limit"],
)
def test_rows_over_joined_sources_are_the_rows_asked_for(rows):
    source = select_rows(concat_blocks(PARTS), rows)
    np.testing.assert_array_equal(dense(source, 0, len(rows)), COUNTS[rows])
    np.testing.assert_array_equal(dense(source, 1, len(rows) - 1), COUNTS[rows[1:-1]])


def test_a_choice_of_a_choice_is_one_choice():
    first, second = np.arange(10, 290, 2), np.array([3, 4, 100, 5])
    nested = select_rows(select_rows(concat_blocks(PARTS), first), second)
    np.testing.assert_array_equal(dense(nested, 0, 4), COUNTS[first[second]])
