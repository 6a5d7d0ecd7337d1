"""Decide from a sample of values whether a matrix holds counts, and say in words what else."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECES, _PIECE = 16, 8_192
_SHARE = 0.9  # of non-zero values; below, single damaged values cannot be the reason


@dataclass(frozen=True, slots=True)
class Look:
    """What a sample of a matrix looks like."""

    is_counts: bool
    words: str


def look_at(
    values: NDArray[Any],
    row_sums: NDArray[np.float64] | None = None,
    *,
    cells: NDArray[np.integer] | None = None,
) -> Look:
    """Judge non-zero values of a matrix.

    Parameters
    ----------
    values
        A sample of the stored values, any shape.
    row_sums
        Sums of ``expm1`` of some whole rows, shape ``(n,)``: equal sums betray log-normalisation.
    cells
        Cell of each value, where all values of the cells are given: their sums betray scaling.

    Returns
    -------
    look
        Counts are at least nine in ten whole, non-negative values, so that a single damaged value
        is later reported where it stands and does not make the matrix look like another kind.

    Examples
    --------
    >>> look_at(np.array([1.0, 0.0, 3.0]))
    Look(is_counts=True, words='whole counts')
    >>> look_at(np.log1p(np.array([0.5, 7.3, 20.1]))).words
    'log-transformed values (largest 3.05)'
    """
    flat = np.asarray(values).ravel()
    if flat.dtype.kind not in "biuf":
        return Look(False, f"values of type {flat.dtype}")
    flat = flat[flat != 0].astype(np.float64)
    if not flat.size:
        return Look(True, "zeros only")
    finite = flat[np.isfinite(flat)]
    good = (finite >= 0) & (finite == np.floor(finite))
    if good.sum() >= _SHARE * flat.size or (
        flat.size < 10 and flat.size - good.sum() <= 1 < flat.size
    ):
        return Look(True, "whole counts")
    if not finite.size:
        return Look(False, "no finite value")
    low, high = float(finite.min()), float(finite.max())
    share = float(good.mean())
    if low < 0:
        return Look(False, f"scaled or centred values ({low:.3g} to {high:.3g})")
    if row_sums is not None and len(row_sums) > 2 and high < 30:
        middle = float(np.median(row_sums))
        if np.isfinite(middle) and middle > 0 and np.ptp(row_sums) < 0.02 * middle:
            return Look(False, f"log-normalised values (each cell scaled to {middle:,.0f})")
    if high < 30 and not _small_steps(finite):
        return Look(False, f"log-transformed values (largest {high:.3g})")
    total = _equal_sums(values, cells)
    if total:
        return Look(False, f"normalised values (each cell scaled to {total:,.0f})")
    if share > 0.3 or _small_steps(finite):
        return Look(
            False,
            f"estimated or corrected counts ({1 - share:.0%} not whole), as ambient removal "
            "(SoupX, DecontX, CellBender) or expected counts (EM) leave them; give those before",
        )
    return Look(False, f"normalised values such as FPKM, TPM or CPM (largest {high:,.4g})")


def _equal_sums(values: NDArray[Any], cells: NDArray[np.integer] | None) -> float:
    """The sum that all cells have, or 0."""
    if cells is None or len(cells) != np.asarray(values).size:
        return 0.0
    sums = np.bincount(cells, weights=np.nan_to_num(np.asarray(values, dtype=np.float64).ravel()))
    sums = sums[sums > 0]
    middle = float(np.median(sums)) if sums.size > 2 else 0.0
    return middle if middle and np.ptp(sums) < 0.02 * middle else 0.0


def _small_steps(values: NDArray[np.float64]) -> bool:
    """Whether most values lie a little below small whole numbers, as corrected counts do.

    A share is taken off each count, so what was 1 becomes the commonest value, somewhat below 1.
    """
    if values.size < 50:
        return False
    low, middle, high = (float(q) for q in np.quantile(values, [0.05, 0.5, 0.99]))
    below_one = float(((values > 0.5) & (values <= 1)).mean())
    return low > 0.3 and middle <= 4 and below_one > 0.15 and high > 1.5


def sample_slices(n: int) -> list[slice]:
    """Slices spread over ``n`` stored values; all of them when there are few.

    Examples
    --------
    >>> sample_slices(5)
    [slice(0, 5, None)]
    """
    if n <= _PIECES * _PIECE:
        return [slice(0, n)]
    starts = np.linspace(0, n - _PIECE, _PIECES).astype(int)
    return [slice(int(s), int(s) + _PIECE) for s in starts]
