"""Shares of two arms that may differ in units, spread and cells counted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from imscope.stats.moderate import draw_towards, squeeze

Floats = NDArray[np.float64]
MOST_BORROWED = 12.0
"""Degrees of freedom an arm may borrow from its other subsets: their spreads differ too."""


@dataclass(frozen=True, slots=True, eq=False)
class ArmsTest:
    """Difference of two arms on the scale of the shares, one entry per subset.

    Attributes
    ----------
    effect, low, high
        Test less reference, with its interval.
    p_value
        Two-sided; NaN where nothing varies.
    """

    effect: Floats
    low: Floats
    high: Floats
    p_value: Floats


def compare_unlike_arms(
    counts: Floats,
    test: NDArray[np.bool_],
    *,
    scale: Literal["logit", "arcsine", "log_ratio"] = "logit",
    confidence: float = 0.95,
) -> ArmsTest:
    """Compare the shares of subsets between two arms, each with variances of its own.

    Parameters
    ----------
    counts
        Cells per unit and subset, ``(n_units, n_subsets)``.
    test
        Units of the test arm, at least 2 in each.
    scale
        ``logit``, ``arcsine``, or ``log_ratio``: the median difference is subtracted.
    confidence
        Of the intervals.

    Notes
    -----
    One share is added to all units, half a cell of the smallest one, so that a rare subset is not
    higher where fewer cells were counted; what counting alone bends the transformed share by is
    taken out. Inside each arm the variance of a subset is drawn towards what counting and the arm's
    common spread explain; the arms are then compared as by Welch.

    References
    ----------
    .. [1] Welch BL (1947). Biometrika 34:28-35. doi:10.1093/biomet/34.1-2.28
    .. [2] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027

    Examples
    --------
    >>> y = np.array([[50, 100.0], [55, 100], [45, 100], [90, 100], [85, 100], [95, 100]])
    >>> made = compare_unlike_arms(y, np.repeat([False, True], 3))
    >>> bool(made.p_value[0] < 0.01), bool(made.low[0] > 0)
    (True, True)
    """
    z, counting = _transformed(counts, scale)
    means, errors, freedom = [], [], []
    for arm in (test, ~test):
        variance, df = _variance(z[arm], counting[arm])
        means.append(z[arm].mean(axis=0))
        errors.append(variance / int(arm.sum()))
        freedom.append(df)
    effect = means[0] - means[1]
    if scale == "log_ratio":
        effect = effect - np.median(effect)
    both = errors[0] + errors[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        df = both**2 / (errors[0] ** 2 / freedom[0] + errors[1] ** 2 / freedom[1])
        p = 2 * student.sf(np.abs(effect) / np.sqrt(both), df)
    half = student.ppf((1 + confidence) / 2, df) * np.sqrt(both)
    return ArmsTest(effect, effect - half, effect + half, np.where(both > 0, p, np.nan))


def _transformed(counts: Floats, scale: str) -> tuple[Floats, Floats]:
    """Shares on their scale, and the variance that counting gives each, per unit and subset."""
    n = counts.sum(axis=1, keepdims=True)
    share = counts / n
    pooled = share.mean(axis=0)
    sampling = pooled * (1 - pooled) / n
    if scale == "arcsine":
        return np.arcsin(np.sqrt(share)), np.broadcast_to(0.25 / n, share.shape)
    add = 0.5 / float(n.min())
    up, rest = pooled + add, 1 - pooled + add
    z, first, second = np.log(share + add), 1 / up, -1 / up**2
    if scale == "logit":
        z, first, second = z - np.log(1 - share + add), first + 1 / rest, second + 1 / rest**2
    return z - sampling / 2 * second, sampling * first**2


def _variance(z: Floats, counting: Floats) -> tuple[Floats, float]:
    """Variance of each subset in one arm, drawn towards counting and common spread."""
    free = len(z) - 1
    variance, counted = z.var(axis=0, ddof=1), counting.mean(axis=0)
    expected = max(float(np.median(variance - counted)), 0.0) + counted
    ratio = np.divide(variance, expected, out=np.zeros_like(variance), where=expected > 0)
    prior, borrowed = squeeze(ratio, free)
    borrowed = min(borrowed, MOST_BORROWED)
    return draw_towards(ratio, free, prior, borrowed) * expected, free + borrowed
