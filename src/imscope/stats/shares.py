"""Shares of cells with their intervals: over cells, over samples, over replicate units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.stats.intervals import t_interval, wilson_interval

Floats = NDArray[np.float64]
LEAST_UNITS = 3
"""Units from which an interval is over units."""
FEWEST = 5
"""Cells called, and not called, below which differences between samples cannot be seen."""


def clopper_pearson(
    called: ArrayLike, cells: ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Exact two-sided interval of a binomial share.

    Parameters
    ----------
    called, cells
        Cells called and cells looked at; broadcast. Fractions of cells are allowed.
    level
        Level of the interval.

    Returns
    -------
    low, high
        0 to 1 where no cell was looked at.

    Raises
    ------
    DataError
        More cells are called than there are, or a number is negative.

    References
    ----------
    .. [1] Clopper CJ, Pearson ES (1934). Biometrika 26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> low, high = clopper_pearson(0, 1000, level=0.9)
    >>> float(high.round(5))  # the one-sided 95 % bound: about 3 in n
    0.00299
    """
    k, n = np.broadcast_arrays(np.asarray(called, dtype=float), np.asarray(cells, dtype=float))
    if not ((k >= 0) & (k <= n)).all():
        raise DataError(
            "a share of cells needs 0 to n cells called out of n",
            found=f"{k.max():g} called, {n.min():g} cells",
            code=codes.SUBSETS_COUNTS,
        )
    tail = (1 - level) / 2
    low, high = np.zeros(k.shape), np.ones(k.shape)
    some, short = k > 0, k < n
    low[some] = stats.beta.ppf(tail, k[some], n[some] - k[some] + 1)
    high[short] = stats.beta.ppf(1 - tail, k[short] + 1, n[short] - k[short])
    return low, high


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval and what the interval is over."""

    frac: float
    low: float
    high: float
    basis: str


def pooled_share(called: ArrayLike, cells: ArrayLike, *, level: float = 0.95) -> Share:
    """Share over several samples, with an interval that respects their differences.

    Parameters
    ----------
    called, cells
        Per sample, shape ``(n_samples,)``.
    level
        Level of the interval.

    Returns
    -------
    share
        One sample: exact interval over its cells. Several: the exact interval at the effective
        number of cells, which falls with the spread between samples and for few samples. Fewer than
        5 cells on one side cannot show such a spread: then all cells count alike, and it is said.

    References
    ----------
    .. [1] Korn EL, Graubard BI (1998). Survey Methodology 24:193-201.

    Examples
    --------
    >>> alike, unlike = pooled_share([50, 50], [500, 500]), pooled_share([5, 95], [500, 500])
    >>> bool(unlike.high > 2 * alike.high), alike.frac == unlike.frac
    (True, True)
    """
    k, n = np.asarray(called, dtype=float), np.asarray(cells, dtype=float)
    total = n.sum()
    share = float(k.sum() / total)
    if len(k) == 1:
        low, high = clopper_pearson(k[0], n[0], level=level)
        return Share(share, float(low), float(high), "cells of one library")
    units = len(k)
    effective = total
    if min(k.sum(), (n - k).sum()) < FEWEST:
        low, high = clopper_pearson(k.sum(), total, level=level)
        return Share(share, float(low), float(high), f"cells of {units} samples")
    if 0 < share < 1:
        spread = units / (units - 1) * ((k - share * n) ** 2).sum() / total**2
        design = max(spread * total / (share * (1 - share)), 1.0)
        tail = (1 + level) / 2
        widen = (stats.norm.ppf(tail) / stats.t.ppf(tail, units - 1)) ** 2
        effective = total / design * (widen if design > 1 else 1.0)
    low, high = clopper_pearson(share * effective, effective, level=level)
    return Share(share, float(low), float(high), f"{units} samples")


def share_over_units(called: NDArray[np.bool_], units: NDArray[np.object_]) -> Share:
    """Share of cells that are called, over units where there are enough, else over cells.

    Parameters
    ----------
    called
        Shape ``(n_cells,)``; at least one cell.
    units
        Unit of every cell, shape ``(n_cells,)``.

    Returns
    -------
    share
        With three units or more: mean and Student's t over the units' shares. With fewer: Wilson's
        interval over cells, which says nothing about other units.

    Examples
    --------
    >>> one = share_over_units(np.array([True] * 5 + [False] * 95), np.array(["a"] * 100))
    >>> one.frac, round(one.low, 3), round(one.high, 3), one.basis
    (0.05, 0.022, 0.112, 'cells of 1 unit')
    """
    names, where = np.unique(units.astype(str), return_inverse=True)
    if len(names) >= LEAST_UNITS:
        middle, low, high, _ = t_interval(np.bincount(where, called) / np.bincount(where))
        return Share(middle, max(low, 0.0), min(high, 1.0), "units")
    low, high = wilson_interval(int(called.sum()), len(called))
    words = f"cells of {len(names)} unit{'s' if len(names) > 1 else ''}"
    return Share(float(called.mean()), low, high, words)
