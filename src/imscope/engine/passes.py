"""What every pass over counts needs: checked blocks and groups numbered within a block."""

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import CsrBlock
from imscope.core.errors import DataError


def count_arrays(
    block: CsrBlock,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return a block's arrays in the types the kernels take.

    Raises
    ------
    DataError
        The block holds values that are not whole counts, or negative ones.
    """
    if not np.issubdtype(block.data.dtype, np.integer):
        raise DataError(
            "these steps need whole counts",
            found=f"{block.data.dtype} values from row {block.start}",
            fix="give the matrix of raw counts",
            code=codes.ENGINE_COUNTS,
        )
    data = np.ascontiguousarray(block.data, dtype=np.int32)
    if data.size and data.min() < 0:
        raise DataError(
            "a count is negative",
            found=f"{int((data < 0).sum())} of {data.size} values from row {block.start}",
            fix="give the matrix of raw counts",
            code=codes.ENGINE_COUNTS,
        )
    return (
        np.ascontiguousarray(block.indptr, dtype=np.int64),
        np.ascontiguousarray(block.indices, dtype=np.int32),
        data,
    )


def local_codes(group: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the groups that occur in a block numbers from 0; -1 (left out) stays.

    Returns
    -------
    present
        Groups that occur, rising.
    local
        Number of each cell's group in ``present``, or -1.

    Examples
    --------
    >>> local_codes(np.array([7, -1, 3, 7]))
    (array([3, 7]), array([ 1, -1,  0,  1]))
    """
    present = np.unique(group[group >= 0])
    local = np.where(group >= 0, np.searchsorted(present, group), -1)
    return present, local.astype(np.int64)
