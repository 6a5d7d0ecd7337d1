"""Size factors. Normalised values are made inside each pass and never stored for all genes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import CsrBlock
from imscope.core.errors import DataError


def compute_size_factors(n_umi: ArrayLike, samples: ArrayLike) -> NDArray[np.float64]:
    """Compute the depth of each cell relative to a common depth.

    The common depth is the median over samples of their median UMI, so a large sample does not
    decide it. The normalised value of a count ``c`` is ``log(1 + c / factor)``.

    Parameters
    ----------
    n_umi
        Total UMI per cell, shape ``(n_cells,)``.
    samples
        Sample of each cell, shape ``(n_cells,)``.

    Returns
    -------
    factors
        Shape ``(n_cells,)``; 0 for a cell without counts, which no later step may use.

    Raises
    ------
    DataError
        Lengths differ, a total is negative, or no cell has a count.

    Examples
    --------
    >>> compute_size_factors([100, 300, 400], ["a", "a", "b"]).round(3)
    array([0.333, 1.   , 1.333])
    """
    import pandas as pd

    total = np.asarray(n_umi, dtype=np.float64)
    if total.ndim != 1 or np.shape(samples) != total.shape:
        raise DataError(
            "every cell needs one total and one sample name",
            found=f"shapes {total.shape} and {np.shape(samples)}",
            code=codes.ENGINE_SHAPE,
        )
    if not (np.isfinite(total).all() and (total >= 0).all() and (total > 0).any()):
        raise DataError(
            "totals must be finite, not negative, and not all zero",
            found=f"{int((~(total > 0)).sum())} of {total.size} are not above zero",
            code=codes.ENGINE_EMPTY,
        )
    some = total > 0
    medians = pd.Series(total[some]).groupby(np.asarray(samples, dtype=object)[some]).median()
    return np.asarray(total / float(np.median(medians.to_numpy())))


def normalise_block(block: CsrBlock, size_factors: NDArray[np.float64]) -> CsrBlock:
    """Return one block of log-normalised values, for readers and plots of a few rows.

    Parameters
    ----------
    block
        Counts.
    size_factors
        Of all cells of the source, shape ``(n_cells,)``.

    Returns
    -------
    block
        The same cells with float32 values ``log(1 + c / factor)``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> block = MemoryBlocks.from_csr(sp.csr_array([[1, 0, 3]])).read(0, 1)
    >>> normalise_block(block, np.array([1.0])).data.round(3)
    array([0.693, 1.386], dtype=float32)
    """
    factors = size_factors[block.start : block.start + block.n_rows]
    each = np.repeat(factors, np.diff(block.indptr))
    values = np.log1p(block.data / np.where(each > 0, each, 1.0)).astype(np.float32)
    return CsrBlock(block.start, block.indptr, block.indices, values, block.n_features)
