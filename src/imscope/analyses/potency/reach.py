"""What so many lots can show: smallest correlation, chance of seeing one, lots that are needed."""

import numpy as np
from scipy import stats

WANTED = 0.80
NODES = 200
MOST_LOTS = 400


def chance(correlation: float, df: int, *, alpha: float = 0.05) -> float:
    """Chance that a two-sided test at ``alpha`` shows a true correlation.

    Parameters
    ----------
    correlation
        Between an attribute and an outcome as measured, both normal.
    df
        Units less blocks; at least 2.
    alpha
        Level of the test.

    Notes
    -----
    Given the attribute, t is noncentral with the correlation over its complement times the root of
    the attribute's sum of squares; that sum is averaged over its own distribution.

    Examples
    --------
    >>> round(chance(0.0, 10), 3), round(chance(0.7, 12), 2)
    (0.05, 0.82)
    """
    rest = df - 1
    if rest < 1:
        return 0.0
    critical = float(stats.t.ppf(1 - alpha / 2, rest))
    if abs(correlation) >= 1:
        return 1.0
    ratio = correlation / np.sqrt(1 - correlation**2)
    share = (np.arange(NODES) + 0.5) / NODES
    shift = ratio * np.sqrt(stats.chi2.ppf(share, df))
    seen = stats.nct.sf(critical, rest, shift) + stats.nct.cdf(-critical, rest, shift)
    return float(np.nanmean(seen))


def smallest_correlation(df: int, *, power: float = WANTED, alpha: float = 0.05) -> float:
    """Correlation that is shown with the power asked for; NaN where none is.

    Parameters
    ----------
    df
        Units less blocks.
    power
        Chance of showing it.
    alpha
        Level of the test.

    Examples
    --------
    >>> round(smallest_correlation(11), 2)
    0.71
    """
    if df < 3 or chance(0.999, df, alpha=alpha) < power:
        return float("nan")
    low, high = 0.0, 0.999
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle, df, alpha=alpha) >= power else (middle, high)
    return float(high)


def lots_needed(correlation: float, *, blocks: int = 1, power: float = WANTED) -> int | None:
    """Lots that show a correlation with the power asked for; nothing up to 400.

    Parameters
    ----------
    correlation
        As measured.
    blocks
        Donors or source classes the lots are compared within.
    power
        Chance of showing it.

    Examples
    --------
    >>> lots_needed(0.7), lots_needed(0.5)
    (13, 29)
    """
    low, high = 4 + blocks, MOST_LOTS
    if chance(correlation, high - blocks) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        if chance(correlation, middle - blocks) >= power:
            high = middle
        else:
            low = middle + 1
    return low
