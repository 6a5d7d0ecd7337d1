"""What a share of cells means for a dose, and what a number of cells can show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.stats.shares import clopper_pearson

NOT_A_RELEASE_TEST = (
    "This is characterisation, not a release limit test: residual pluripotent cells of a dose are "
    "to be limited by a validated assay that reaches 1 in 100,000 or less, such as LIN28A droplet "
    "digital PCR."
)
MIN_BLANKS = 10


@dataclass(frozen=True, slots=True)
class CorrectedShare:
    """Share of cells after correction, with its interval."""

    frac: float
    low: float
    high: float
    upper_95: float


def corrected_share(
    called: int,
    cells: int,
    *,
    sensitivity: tuple[float, float, float],
    false_positive: tuple[float, float, float],
    level: float = 0.95,
) -> CorrectedShare:
    r"""Correct a share for cells missed and cells called in error.

    .. math:: \hat p = \frac{k/n - f}{s - f}

    Parameters
    ----------
    called, cells
        Cells called, cells searched.
    sensitivity
        Chance that a cell searched for is called: estimate, lower and upper end of its interval.
    false_positive
        Chance that any other cell is called: estimate, lower and upper end.
    level
        Level of the interval.

    Returns
    -------
    share
        The ends take the exact interval of the share called with the ends of sensitivity and false
        positive rate that widen it, so the interval is cautious. All are kept within 0 and 1.

    Raises
    ------
    UsageError
        The sensitivity is not above the false positive rate: then the calls say nothing.

    References
    ----------
    .. [1] Rogan WJ, Gladen B (1978). Am J Epidemiol 107:71-76.
       doi:10.1093/oxfordjournals.aje.a112510

    Examples
    --------
    >>> share = corrected_share(0, 10_000, sensitivity=(1, 1, 1), false_positive=(0, 0, 0))
    >>> round(100 * share.upper_95, 3)
    0.03
    """
    s, s_low, s_high = sensitivity
    f, f_low, f_high = false_positive
    if not s_low > f_low or not s > f:
        raise UsageError(
            "a share cannot be corrected when the rule finds no more than it calls in error",
            found=f"sensitivity {s:.3g} ({s_low:.3g} to {s_high:.3g}), false positives {f:.3g}",
            code=codes.RESIDUAL_OPTION,
        )
    low, high = (float(v) for v in clopper_pearson(called, cells, level=level))
    _, upper = (float(v) for v in clopper_pearson(called, cells, level=0.9))

    def corrected(share: float, sens: float, wrong: float) -> float:
        return float(np.clip((share - wrong) / (sens - wrong), 0.0, 1.0)) if sens > wrong else 0.0

    return CorrectedShare(
        corrected(called / cells, s, f),
        corrected(low, s_high, f_high),
        corrected(high, s_low, f_low),
        corrected(upper, s_low, f_low),
    )


def cells_needed(frac: float, *, sensitivity: float = 1.0, chance: float = 0.95) -> int:
    """Cells to search so that at least one of a rare kind is called.

    Parameters
    ----------
    frac
        Share of the rare kind.
    sensitivity
        Chance that such a cell is called.
    chance
        Chance of calling at least one.

    Raises
    ------
    UsageError
        A number is not between 0 and 1.

    Examples
    --------
    >>> cells_needed(0.001), cells_needed(0.001, sensitivity=0.9)
    (2995, 3328)
    """
    if not 0 < frac < 1 or not 0 < sensitivity <= 1 or not 0 < chance < 1:
        raise UsageError(
            "cells needed are defined for shares, sensitivities and chances between 0 and 1",
            found=f"share {frac}, sensitivity {sensitivity}, chance {chance}",
            code=codes.RESIDUAL_OPTION,
        )
    return int(np.ceil(np.log1p(-chance) / np.log1p(-frac * sensitivity)))


def limit_of_blank(shares: ArrayLike) -> float:
    """Share of cells that clean libraries show in error, in 95 of 100; NaN with fewer than 10.

    Parameters
    ----------
    shares
        Apparent share of each clean library.

    Examples
    --------
    >>> limit_of_blank([0.0] * 9)
    nan
    >>> limit_of_blank([0.0] * 10)
    0.0
    """
    x: NDArray[np.float64] = np.asarray(shares, dtype=float)
    if len(x) < MIN_BLANKS:
        return float("nan")
    return float(x.mean() + 1.645 * x.std(ddof=1))


def limit_of_detection(cells: int, *, sensitivity: float, blank: float = 0.0) -> float:
    """Smallest share that is told from the blank with 95 % chance, corrected for sensitivity.

    Parameters
    ----------
    cells
        Cells searched.
    sensitivity
        Chance that such a cell is called.
    blank
        Limit of the blank.

    Examples
    --------
    >>> round(1e4 * limit_of_detection(10_000, sensitivity=1.0), 2)
    3.0
    """
    z = 1.645 / np.sqrt(cells)
    above = ((z + np.sqrt(z * z + 4 * blank)) / 2) ** 2
    return float(min(max(above, 1 - 0.05 ** (1 / cells)) / max(sensitivity, 1e-12), 1.0))
