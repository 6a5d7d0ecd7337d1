"""Runs of an assay put together: weighted geometric mean, and its precision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Combined:
    """Weighted mean of log potencies.

    Attributes
    ----------
    value, low, high
        Mean and interval, natural logarithms; ends are NaN for a single run.
    between
        Standard deviation between runs beyond the error within them.
    weights
        One per run, with sum 1.
    """

    value: float
    low: float
    high: float
    between: float
    weights: Floats


def combine_runs(values: ArrayLike, errors: ArrayLike, *, level: float = 0.95) -> Combined:
    """Combine independent runs with semi-weights: error within each run and spread between runs.

    Parameters
    ----------
    values, errors
        Log potency of each run and its standard error, shape ``(n_runs,)``.
    level
        Of the interval, with t on ``n_runs - 1`` degrees of freedom.

    Notes
    -----
    The variance between runs is that of the run values less the mean error variance, not below 0.
    Weights are the reciprocal of the sum of both. The interval takes the weighted spread of the
    runs themselves, so that a handful of runs is not believed more than it should be.

    References
    ----------
    .. [1] Knapp G, Hartung J (2003). Stat Med 22:2693-2710. doi:10.1002/sim.1482

    Examples
    --------
    >>> c = combine_runs([0.0, 0.2, 0.1], [0.05, 0.05, 0.05])
    >>> round(c.value, 3), round(c.between, 4)
    (0.1, 0.0866)
    """
    m = np.asarray(values, dtype=np.float64)
    v = np.asarray(errors, dtype=np.float64) ** 2
    k = len(m)
    if k == 1:
        return Combined(float(m[0]), np.nan, np.nan, np.nan, np.ones(1))
    between = max(float(m.var(ddof=1)) - float(v.mean()), 0.0)
    raw = 1 / np.maximum(v + between, 1e-300)
    w = raw / raw.sum()
    value = float(w @ m)
    spread = float(w @ (m - value) ** 2) / (k - 1)
    half = float(stats.t.ppf(0.5 + level / 2, k - 1) * np.sqrt(spread))
    return Combined(value, value - half, value + half, float(np.sqrt(between)), w)


@dataclass(frozen=True, slots=True)
class Precision:
    """Components of one sample's log potency, and where results to come will lie.

    Attributes
    ----------
    n_runs
        Runs that measured it.
    between, within, total
        Standard deviations, natural logarithms.
    mean
        Of the run means.
    low, high
        Interval that holds 95 % of single results to come, on average.
    """

    n_runs: int
    between: float
    within: float
    total: float
    mean: float
    low: float
    high: float


def find_precision(values: ArrayLike, errors: ArrayLike, *, content: float = 0.95) -> Precision:
    """Intermediate precision of a sample that several runs measured.

    Parameters
    ----------
    values, errors
        Log potency of each run and its standard error, shape ``(n_runs,)``; at least 2 runs.
    content
        Share of results the interval is to hold.

    Notes
    -----
    A result is that of one run, so its variance is that between run values, and the interval that
    of one further result: mean plus and minus t times the spread times the root of 1 + 1/n.

    Examples
    --------
    >>> p = find_precision([0.0, 0.2, 0.1], [0.05, 0.05, 0.05])
    >>> p.n_runs, round(p.total, 3), round(p.low, 2), round(p.high, 2)
    (3, 0.1, -0.4, 0.6)
    """
    m, v = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64) ** 2
    k, total = len(m), float(m.var(ddof=1))
    within = float(v.mean())
    half = float(stats.t.ppf(0.5 + content / 2, k - 1) * np.sqrt(total * (1 + 1 / k)))
    mean = float(m.mean())
    between = np.sqrt(max(total - within, 0.0))
    return Precision(
        k, float(between), float(np.sqrt(within)), float(np.sqrt(total)), mean,
        mean - half, mean + half,
    )  # fmt: skip


def geometric_cv(sd: float) -> float:
    """Geometric coefficient of variation in percent, of a standard deviation of natural logs.

    Examples
    --------
    >>> round(geometric_cv(0.15), 1)
    15.1
    """
    return float(100 * np.sqrt(np.expm1(sd**2)))
