"""A gap between two groups on a line: does the density fall and rise again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FEWEST = 20
"""Values below which no valley is looked for."""
NULL_SIZES = (20, 40, 80, 160, 320, 640)
NULL_TAILS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
NULL_TABLE = (
    (0.288, 0.737, 0.989, 1.215, 1.468, 1.639, 1.809, 2.028),
    (0.548, 0.999, 1.259, 1.504, 1.764, 1.968, 2.122, 2.298),
    (0.744, 1.203, 1.466, 1.688, 1.949, 2.124, 2.264, 2.485),
    (0.927, 1.340, 1.608, 1.825, 2.121, 2.299, 2.531, 2.678),
    (1.036, 1.473, 1.723, 1.899, 2.217, 2.353, 2.531, 2.866),
    (1.144, 1.539, 1.804, 2.000, 2.279, 2.473, 2.556, 2.866),
)
"""Values the strongest slope of a flat density exceeds with the chances of ``NULL_TAILS``.

Written by ``benchmarks/valley_null.py``; made to rise with the number of
values, as the true ones do.
"""


@dataclass(frozen=True, slots=True)
class Valley:
    """Result of the search for a gap.

    Attributes
    ----------
    statistic
        The weaker of the fall before the gap and the rise after it, each as the strongest local
        slope less its penalty. Unit: standard deviations.
    p_value
        Upper bound of the chance of such a gap in any density with one mode.
    position
        Middle of the widest gap between fall and rise; not a number when there are too few
        values. Unit: as the values.
    """

    statistic: float
    p_value: float
    position: float


def find_valley(values: ArrayLike) -> Valley:
    r"""Look for a density that falls and rises again.

    In any interval between two of the sorted values, those inside are uniform if the density is
    flat there. Where it rises they lie further right. For values :math:`x_j < \dots < x_k`

    .. math:: T_{jk} = \sqrt{\frac{3}{m}}\sum_{j<i<k}
        \Bigl(2\,\frac{x_i - x_j}{x_k - x_j} - 1\Bigr) ,\qquad m = k - j - 1 ,

    has mean 0 and variance 1 for a flat density. Less the penalty
    :math:`\sqrt{2\log(e\,(n+2)/(m+1))}`, which makes short and long intervals comparable, all
    intervals are looked at together. A gap needs a fall, and right of it a rise; both may reach to
    the middle of the empty stretch between two values. In a density with one mode at least one of
    them is wrong, so the chance that the steepest slope of a flat density exceeds both bounds the
    error, whatever the shape of that one mode.

    Parameters
    ----------
    values
        Independent values, shape ``(n,)``.

    Returns
    -------
    valley
        With ``p_value`` 1 for fewer than 20 values.

    Notes
    -----
    Groups that overlap so far that their sum has one mode cannot be told from one group.

    References
    ----------
    .. [1] Dümbgen L, Walther G (2008). Multiscale inference about a density. Ann Statist
       36:1758-1785. doi:10.1214/07-AOS521

    Examples
    --------
    >>> flat = np.linspace(0, 1, 200)
    >>> find_valley(flat).p_value
    1.0
    >>> find_valley(np.concatenate([flat, flat + 3])).p_value < 0.01
    True
    """
    x = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if len(x) < FEWEST or not np.isfinite(x).all() or x[0] == x[-1]:
        return Valley(0.0, 1.0, float("nan"))
    fall, rise = _fall_to_gap(x), _fall_to_gap(-x[::-1])[::-1]
    both = np.minimum(fall, rise)
    gap = int(both.argmax())
    best = float(both[gap])
    return Valley(best, valley_p(best, len(x)), float((x[gap] + x[gap + 1]) / 2))


def steepest(values: ArrayLike) -> float:
    """Strongest local slope in either direction, the null of :func:`find_valley`."""
    rise, fall = _slopes(np.sort(np.asarray(values, dtype=np.float64)))
    return float(max(rise.max(), fall.max()))


def valley_p(statistic: float, n: int) -> float:
    """Chance that the strongest slope among ``n`` values of a flat density reaches the statistic.

    Read from a table of simulations, linear in the logarithm of the chance and of ``n``; beyond
    the table its last slope goes on.

    Examples
    --------
    >>> valley_p(-1.0, 100)
    1.0
    """
    size = np.clip(np.log(n), np.log(NULL_SIZES[0]), np.log(NULL_SIZES[-1]))
    columns = np.array(NULL_TABLE).T
    quantiles = np.array([np.interp(size, np.log(NULL_SIZES), column) for column in columns])
    logs = np.log(NULL_TAILS)
    if statistic < quantiles[0]:
        return 1.0
    if statistic <= quantiles[-1]:
        return float(np.exp(np.interp(statistic, quantiles, logs)))
    slope = (logs[-1] - logs[-4]) / (quantiles[-1] - quantiles[-4])
    return float(np.exp(max(logs[-1] + slope * (statistic - quantiles[-1]), -40.0)))


def _fall_to_gap(x: Floats) -> Floats:
    """Strongest fall left of the middle of the gap after each value but the last."""
    n = len(x)
    _, fall = _slopes(x)
    before = np.maximum.accumulate(fall.max(axis=0))[:-1]
    sums = np.concatenate([[0.0], np.cumsum(x - x[0])])
    j, t = np.ogrid[:n, : n - 1]
    use = t > j
    m = np.where(use, t - j, 1)
    width = (x[:-1] + x[1:])[None, :] / 2 - x[:, None]
    total = sums[1:-1][None, :] - sums[1:][:, None] - m * (x - x[0])[:, None]
    touching = _net(-1.0, total, m, np.where(use, width, 1.0), n)
    best = np.where(use & (width > 0), touching, -np.inf).max(axis=0)
    return np.asarray(np.maximum(before, best), dtype=np.float64)


def _slopes(x: Floats) -> tuple[Floats, Floats]:
    """Local slopes less penalty; ``[j, k]`` is the interval between two sorted values."""
    n = len(x)
    before = np.concatenate([[0.0], np.cumsum(x - x[0])])
    j, k = np.ogrid[:n, :n]
    inside = k - j - 1
    use = inside >= 1
    m = np.where(use, inside, 1)
    width = np.where(use, x[None, :] - x[:, None], 1.0)
    use &= width > 0
    width = np.where(use, width, 1.0)
    total = before[None, :-1] - before[1:, None] - m * (x - x[0])[:, None]
    return (
        np.where(use, _net(1.0, total, m, width, n), -np.inf),
        np.where(use, _net(-1.0, total, m, width, n), -np.inf),
    )


def _net(sign: float, total: Floats, m: NDArray[np.int64], width: Floats, n: int) -> Floats:
    """Slope less penalty of ``m`` values that lie ``total`` from the left end in all."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = sign * np.sqrt(3.0 / m) * (2 * total / width - m)
    return np.asarray(slope - np.sqrt(2 * np.log(np.e * (n + 2) / (m + 1))))
