"""Size factors, and log-normalised blocks made on the fly; the matrix is never copied."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import CsrBlock
from imscope.core.errors import DataError
from imscope.engine.kernels.counts import take_genes

TABULATED = 32
"""Logarithms of counts below this are computed once per cell instead of once per entry."""


def compute_size_factors(totals: ArrayLike) -> NDArray[np.float64]:
    """Divide each cell's total by the median total, so that a typical cell keeps its counts.

    Parameters
    ----------
    totals
        UMI per cell, shape ``(n,)``; all above zero.

    Returns
    -------
    size_factors
        Shape ``(n,)``, median 1.

    Raises
    ------
    DataError
        A cell has no counts.

    Examples
    --------
    >>> compute_size_factors([500, 1000, 4000])
    array([0.5, 1. , 4. ])
    """
    n = np.asarray(totals, dtype=np.float64)
    if n.size and not (n > 0).all():
        raise DataError(
            "a cell without counts has no size factor",
            found=f"{int((n <= 0).sum())} of {n.size} cells, first is row {int(np.argmax(n <= 0))}",
            fix="remove empty cells first; quality control does",
        )
    return n / np.median(n) if n.size else n


def values_of(block: CsrBlock) -> NDArray[np.float32]:
    """Values of a block in the one type the kernels take; whole counts below 2^24 are exact."""
    return block.data.astype(np.float32, copy=False)


def scratch() -> NDArray[np.float64]:
    """Work space of a kernel that looks small counts up."""
    return np.zeros(TABULATED)


def take_log_genes(
    block: CsrBlock, size_factors: NDArray[np.float64], column: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Log-normalised values of some genes of a block, as CSR arrays with unsorted columns.

    Parameters
    ----------
    block
        Cells.
    size_factors
        Of all cells, shape ``(n_cells,)``.
    column
        New column of each gene, -1 for genes left out; shape ``(n_features,)``.

    Returns
    -------
    indptr, columns, values
        int64, int32, float64. Unit of values: natural log of 1 + counts per size factor.
    """
    wanted = int(np.count_nonzero(column[block.indices] >= 0)) + 1
    indptr = np.zeros(block.n_rows + 1, dtype=np.int64)
    columns = np.empty(wanted, dtype=np.int32)
    values = np.empty(wanted)
    scale = 1 / size_factors[block.start : block.start + block.n_rows]
    take_genes(
        block.indptr,
        block.indices,
        values_of(block),
        scale,
        column,
        scratch(),
        indptr,
        columns,
        values,
    )
    n = int(indptr[-1])
    return indptr, columns[:n], values[:n]
