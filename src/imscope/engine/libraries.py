"""Bulk libraries given as expression values, read on the scale that counts have."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import MethodError

if TYPE_CHECKING:
    from imscope.core.cells import Cells

TOTAL = 1e6
"""Sum that a row is brought to: values per million, read as so many molecules."""
LARGEST_LOG = 30.0
"""Values that are all below it are logarithms: the largest value of a library is a thousand times
its mean."""


def can_be_read(cells: "Cells") -> bool:
    """Whether rows are counts, or libraries whose values can stand in for counts."""
    return cells.kind == "counts" or cells.rows == "library"


def per_million(cells: "Cells") -> "Cells":
    """Bring libraries of FPKM, TPM or the like to whole values per million.

    Counts are returned as they are. A library of a million molecules is what the values are then
    read as: a rate of five per million is told from none, and no more is claimed.

    Raises
    ------
    MethodError
        The rows are cells without counts, or values are logarithms or negative.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.cells import Cells
    >>> source = MemoryBlocks.from_csr(sp.csr_array(np.array([[30.0, 90.0]], dtype="float32")))
    >>> cells = Cells(source, pd.DataFrame({"symbol": ["A", "B"]}), pd.DataFrame(index=["r"]),
    ...               kind="expression", rows="library")
    >>> block = per_million(cells).source.read(0, 1)
    >>> block.data.tolist()
    [250000, 750000]
    """
    import scipy.sparse as sp

    if cells.kind == "counts":
        return cells
    cells = _libraries(cells)
    block = cells.source.read(0, cells.n_cells)
    data = np.asarray(block.data, dtype=np.float64)
    if len(data) and (data.min() < 0 or data.max() < LARGEST_LOG):
        raise MethodError(
            "the values of the libraries are not in proportion to RNA",
            found=f"values from {data.min():g} to {data.max():g}, as logarithms or scaled values",
            fix="give counts, TPM or FPKM; undo a logarithm first",
            code=codes.CELLS_COUNTS,
        )
    shape = (cells.n_cells, cells.n_features)
    matrix = sp.csr_array((data, block.indices, block.indptr), shape=shape)
    total = np.asarray(matrix.sum(axis=1)).ravel()
    scaled = sp.csr_array(sp.diags_array(TOTAL / np.maximum(total, 1e-300)) @ matrix)
    scaled.data = np.rint(scaled.data)
    scaled.eliminate_zeros()
    return replace(cells, source=MemoryBlocks.from_csr(scaled.astype(np.int32)))


def _libraries(cells: "Cells") -> "Cells":
    if cells.rows != "library":
        raise MethodError(
            "expression values can be read for bulk libraries only",
            found=f"{cells.name}: {cells.n_cells:,} rows taken as cells",
            fix="give UMI counts; write `library` into a column `row_kind` if the rows are bulk",
            code=codes.CELLS_COUNTS,
        )
    return cells
