"""Correlation and slope within blocks, error in measurement taken out; which unit carries it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of an outcome on an attribute, in the units of both.

    Attributes
    ----------
    value, low, high
        Slope and interval; infinite ends where the attribute is not told from its own error.
    correlation
        Of the measured values.
    reliability
        Share of the attribute's variance that is not error in measurement.
    """

    value: float
    low: float
    high: float
    correlation: float
    reliability: float


def fit_slope(x: Floats, y: Floats, error: Floats, df: int, *, level: float = 0.95) -> Slope:
    """Slope of ``y`` on the true ``x``, both centred within their blocks.

    Parameters
    ----------
    x, y
        Attribute and outcome of every unit, block means taken out, shape ``(n,)``.
    error
        Standard error of every unit's attribute; zeros where it is exact.
    df
        Units less blocks.
    level
        Of the interval.

    Notes
    -----
    The estimate divides the covariance by the variance of the attribute less its error variance.
    The interval holds every slope for which the residual is uncorrelated with the attribute but
    for what the error alone would give, a quadratic inequality; without error it is the t interval
    of least squares. It is unbounded when the error could be the whole variance of the attribute.

    References
    ----------
    .. [1] Fuller WA (1987). Measurement Error Models. doi:10.1002/9780470316665

    Examples
    --------
    >>> x = np.array([-1.5, -0.5, 0.5, 1.5])
    >>> s = fit_slope(x, 2 * x, np.zeros(4), 3)
    >>> round(s.value, 3), round(s.correlation, 3), s.reliability
    (2.0, 1.0, 1.0)
    """
    sx, sy = np.sqrt((x @ x) / df), np.sqrt((y @ y) / df)
    if sx <= 0 or sy <= 0:
        return Slope(np.nan, np.nan, np.nan, np.nan, np.nan)
    noise = float((error**2).mean() / sx**2)
    r = float(x @ y / (df * sx * sy))
    true = 1.0 - noise
    if true <= 0.05:
        return Slope(np.nan, -np.inf, np.inf, r, max(true, 0.0))
    rest = df - 1
    t2 = float(stats.t.ppf(0.5 + level / 2, max(rest, 1))) ** 2
    k = t2 / (rest + t2)
    a = true**2 - k * (1 + noise**2)
    b = -2 * r * true + 2 * k * r
    c = r**2 - k
    inner = b**2 - 4 * a * c
    value = r / true
    scale = sy / sx  # back to the units of outcome and attribute
    if a <= 0 or inner < 0:
        return Slope(float(value * scale), -np.inf, np.inf, r, true)
    root = np.sqrt(inner)
    return Slope(
        float(value * scale),
        float((-b - root) / (2 * a) * scale),
        float((-b + root) / (2 * a) * scale),
        r,
        true,
    )


def permutation_p(x: Floats, y: Floats, orders: NDArray[np.intp]) -> float:
    """Share of permutations within blocks whose covariance is as far from zero, own one included.

    Parameters
    ----------
    x, y
        Centred within blocks, shape ``(n,)``.
    orders
        From :meth:`imscope.analyses.potency.blocks.Blocks.permutations`.
    """
    own = abs(float(x @ y))
    null = np.abs(y[orders] @ x)
    return float((1 + (null >= own * (1 - 1e-12)).sum()) / (1 + len(orders)))


def most_influential(x: Floats, y: Floats, code: NDArray[np.intp], df: int) -> tuple[int, float]:
    """Unit whose absence would change the slope most, and by how many standard errors.

    Parameters
    ----------
    x, y
        Centred within blocks.
    code
        Block of every unit.
    df
        Units less blocks.

    Returns
    -------
    unit, change
        Its number, and the largest |DFBETAS|.

    References
    ----------
    .. [1] Belsley DA, Kuh E, Welsch RE (1980). Regression Diagnostics. doi:10.1002/0471725153

    Examples
    --------
    >>> x = np.array([-1.0, -0.9, -1.1, -1.0, 4.0])
    >>> y = np.array([-0.9, -1.1, -1.0, -1.2, 4.2])
    >>> most_influential(x, y, np.zeros(5, dtype=int), 4)[0]
    4
    """
    size = np.bincount(code)[code]
    sxx = float(x @ x)
    if sxx <= 0 or df < 3:
        return -1, 0.0
    beta = float(x @ y) / sxx
    e = y - beta * x
    h = np.clip(1 / size + x**2 / sxx, 0, 1 - 1e-9)
    rss = float(e @ e)
    left = np.maximum(rss - e**2 / (1 - h), 1e-300) / max(df - 2, 1)
    change = np.abs(x * e / (1 - h) / sxx) / np.sqrt(left / sxx)
    unit = int(change.argmax())
    return unit, float(change[unit])
