import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.io.same_cells import fingerprint_cells, same_cells_notices

RNG = np.random.default_rng(5)
GENES = [f"g{k}" for k in range(120)]
ONE, OTHER = (RNG.poisson(1.2, (60, 120)) for _ in range(2))


def mark(counts, genes=GENES, cells=None):
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    names = [f"c{k}" for k in range(len(counts))] if cells is None else cells
    return fingerprint_cells(source, genes, names)


def codes(**prints):
    return [n.code for n in same_cells_notices(prints)]


ORDER, COLUMNS = RNG.permutation(60), RNG.permutation(120)
COPIES = {
    "copy": mark(ONE),
    "subset": mark(ONE[7:12]),
    "order": mark(ONE[ORDER]),
    "genes": mark(ONE[:, COLUMNS], [GENES[k] for k in COLUMNS]),
    "more_empty_genes": mark(np.hstack([ONE, np.zeros((60, 3), int)]), [*GENES, "x", "y", "z"]),
    "partly": mark(np.vstack([ONE[:6], OTHER[:40]])),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_however_it_is_dressed(kind):
    assert codes(a=mark(ONE), b=COPIES[kind]) == ["W-SAMPLES-SAME"]


def test_independent_libraries_are_not_the_same():
    assert codes(a=mark(ONE), b=mark(OTHER)) == []


def test_one_count_more_in_each_cell_makes_other_cells():
    changed = ONE.copy()
    changed[:, 3] += 1
    assert codes(a=mark(ONE), b=mark(changed)) == []


def test_the_same_barcodes_with_other_counts_are_told():
    barcodes = ["".join(RNG.choice(list("ACGT"), 16)) + "-1" for _ in range(60)]
    found = codes(a=mark(ONE, cells=barcodes), b=mark(OTHER, cells=barcodes))
    assert found == ["W-SAMPLES-BARCODES"]


def test_chains_of_copies_are_one_group():
    told = same_cells_notices({"a": mark(ONE[:30]), "b": mark(ONE), "c": mark(ONE[30:])})
    assert [n.subject for n in told] == ["a, b, c"]
