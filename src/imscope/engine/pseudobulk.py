"""Counts summed over the cells of each unit."""

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks


def sum_units(
    source: BlockSource, units: NDArray[np.integer], n_units: int, *, threads: int | None = None
) -> NDArray[np.float64]:
    """Sum the values of all cells of each unit.

    Parameters
    ----------
    source
        Counts.
    units
        Unit of every cell, shape ``(n_cells,)``; -1 leaves a cell out.
    n_units
        Number of units.
    threads
        See :func:`imscope.engine.execute.thread_count`; sums of counts are exact, so it changes
        no digit.

    Returns
    -------
    sums
        Shape ``(n_units, n_features)``. Unit: UMI.

    Raises
    ------
    DataError
        There is not one unit per cell, or a unit is out of range.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 3], [2, 2], [5, 0]]))
    >>> sum_units(source, np.array([0, 1, 0]), 2)
    array([[6., 3.],
           [2., 2.]])
    """
    import scipy.sparse as sp

    unit = np.ascontiguousarray(units, dtype=np.int64)
    if unit.shape != (source.n_cells,) or (
        unit.size and (unit.max() >= n_units or unit.min() < -1)
    ):
        raise DataError(
            "pseudobulk needs one unit in range per cell",
            found=f"{unit.size} entries for {source.n_cells} cells, {n_units} units",
        )

    def work(block: CsrBlock) -> NDArray[np.float64]:
        own = unit[block.start : block.start + block.n_rows]
        rows = np.flatnonzero(own >= 0)
        choose = sp.csr_array(
            (np.ones(len(rows)), (own[rows], rows)), shape=(n_units, block.n_rows)
        )
        matrix = sp.csr_array(
            (block.data, block.indices, block.indptr), shape=(block.n_rows, block.n_features)
        )
        return np.asarray((choose @ matrix).toarray(), dtype=np.float64)

    total = np.zeros((n_units, source.n_features))
    for part in map_blocks(source, work, threads=threads):
        total += part
    return total
