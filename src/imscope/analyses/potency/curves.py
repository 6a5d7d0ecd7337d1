"""Curves of a standard and a lot, fitted apart and in parallel: 4PL, 5PL and straight lines."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import least_squares

Floats = NDArray[np.float64]
Model = Literal["4pl", "5pl", "line"]
PARAMETERS = {"4pl": 4, "5pl": 5, "line": 2}
STEEP = (0.15, 12.0)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One fitted curve, or two that share their shape.

    Attributes
    ----------
    shape
        Lower asymptote, span, ln steepness (and ln asymmetry); or the slope of a line.
    place
        log10 dose half way up of each curve; or the intercepts of lines.
    covariance
        Of shape and place, in this order.
    rss, df
        Residual sum of squares and degrees of freedom.
    """

    shape: Floats
    place: Floats
    covariance: Floats
    rss: float
    df: int


def response(x: Floats, shape: Floats, place: Floats | float) -> Floats:
    """Response at log10 dose ``x``.

    Examples
    --------
    >>> float(response(np.array([0.0]), np.array([1.0, 2.0, 0.0]), 0.0)[0])
    2.0
    """
    if len(shape) == 1:
        return np.asarray(place + shape[0] * x)
    power = np.clip(np.exp(shape[2]) * (x - place), -30, 30)
    share = 1 / (1 + 10.0**-power)
    return np.asarray(
        shape[0] + shape[1] * (share ** np.exp(shape[3]) if len(shape) > 3 else share)
    )


def fit(x: Floats, y: Floats, which: NDArray[np.intp], model: Model) -> Curve:
    """Fit one curve per ``which`` that share their shape, by least squares.

    Parameters
    ----------
    x, y
        log10 dose and response, shape ``(n,)``.
    which
        Curve of every point, from 0.
    model
        ``4pl``, ``5pl`` or ``line``.

    Notes
    -----
    Lower asymptote and span are linear and start from their exact solution on a grid of place and
    steepness, so that no start has to be guessed.
    """
    k = int(which.max()) + 1
    if model == "line":
        return _lines(x, y, which, k)
    tried = [
        least_squares(
            lambda v: _rest(v, x, y, which, k), start, method="trf", x_scale="jac",
            bounds=_bounds(x, k, model), max_nfev=200,
        )
        for start in _starts(x, y, which, k, model)
    ]  # fmt: skip
    best = min(tried, key=lambda found: float(found.cost))
    n = len(best.x)
    df, rss = len(y) - n, 2 * float(best.cost)
    information = best.jac.T @ best.jac
    covariance = np.linalg.pinv(information) * rss / max(df, 1)
    return Curve(best.x[: n - k], best.x[n - k :], covariance, rss, df)


def _rest(v: Floats, x: Floats, y: Floats, which: NDArray[np.intp], k: int) -> Floats:
    shape, place = v[: len(v) - k], v[len(v) - k :]
    return response(x, shape, place[which]) - y


def _bounds(x: Floats, k: int, model: Model) -> tuple[list[float], list[float]]:
    span = max(float(np.ptp(x)), 0.5)
    low = [-np.inf, -np.inf, np.log(STEEP[0])] + ([-2.0] if model == "5pl" else [])
    high = [np.inf, np.inf, np.log(STEEP[1])] + ([2.0] if model == "5pl" else [])
    return low + [x.min() - 2 * span] * k, high + [x.max() + 2 * span] * k


def _starts(x: Floats, y: Floats, which: NDArray[np.intp], k: int, model: Model) -> list[Floats]:
    """Best points of a grid of places and steepness, asymptotes solved exactly."""
    grid = np.linspace(x.min(), x.max(), 13)
    out = []
    for h in (0.7, 1.5, 4.0):
        place = []
        for j in range(k):
            mine = which == j
            losses = [_linear(_share(x[mine], c, h), y[mine])[2] for c in grid]
            place.append(float(grid[int(np.argmin(losses))]))
        g = _share(x, np.array(place)[which], h)
        a, d, loss = _linear(g, y)
        shape = [a, d, np.log(h)] + ([0.0] if model == "5pl" else [])
        out.append((loss, np.array([*shape, *place])))
    out.sort(key=lambda item: item[0])
    return [start for _, start in out[:2]]


def _share(x: Floats, place: Floats | float, h: float) -> Floats:
    return np.asarray(1 / (1 + 10.0 ** -np.clip(h * (x - place), -30, 30)))


def _linear(g: Floats, y: Floats) -> tuple[float, float, float]:
    gc, yc = g - g.mean(), y - y.mean()
    d = float(gc @ yc) / max(float(gc @ gc), 1e-12)
    return float(y.mean() - d * g.mean()), d, float(((yc - d * gc) ** 2).sum())


def _lines(x: Floats, y: Floats, which: NDArray[np.intp], k: int) -> Curve:
    design = np.column_stack([x, *[(which == j).astype(float) for j in range(k)]])
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ y
    rss, df = float(((y - design @ beta) ** 2).sum()), len(y) - 1 - k
    return Curve(beta[:1], beta[1:], inverse * rss / max(df, 1), rss, df)


def log_potency(curve: Curve, level: float = 0.95) -> tuple[float, float, float, float]:
    """Natural log of the lot's potency over the standard's, with error and interval.

    Parameters
    ----------
    curve
        Two curves in parallel, the standard first.
    level
        Of the interval: t on the log scale for sigmoid curves, Fieller's for lines.

    Returns
    -------
    value, error, low, high
        Natural logarithms. Ends are infinite where the slope is not told from zero.

    References
    ----------
    .. [1] Finney DJ (1978). Statistical Method in Biological Assay, 3rd ed.
    """
    n, t = len(curve.shape), float(stats.t.ppf(0.5 + level / 2, max(curve.df, 1)))
    v = curve.covariance
    if n > 1:
        value = (curve.place[0] - curve.place[1]) * np.log(10)
        error = np.log(10) * np.sqrt(max(v[n, n] + v[n + 1, n + 1] - 2 * v[n, n + 1], 0.0))
        return float(value), float(error), float(value - t * error), float(value + t * error)
    slope, gap = curve.shape[0], curve.place[1] - curve.place[0]
    v_gap = v[1, 1] + v[2, 2] - 2 * v[1, 2]
    v_both = v[0, 2] - v[0, 1]
    value = gap / slope
    error = np.sqrt(max(v_gap - 2 * value * v_both + value**2 * v[0, 0], 0.0)) / abs(slope)
    low, high = fieller(gap, slope, (v_gap, v_both, v[0, 0]), t)
    ln = np.log(10)
    return float(value * ln), float(error * ln), float(low * ln), float(high * ln)


def fieller(
    top: float, bottom: float, covariance: tuple[float, float, float], t: float
) -> tuple[float, float]:
    """Interval of a ratio of two estimates; infinite ends where the lower one may be zero.

    Examples
    --------
    >>> low, high = fieller(2.0, 4.0, (0.01, 0.0, 0.01), 2.0)
    >>> round(low, 3), round(high, 3)
    (0.445, 0.557)
    """
    v_top, v_both, v_bottom = covariance
    a = bottom**2 - t**2 * v_bottom
    b = -2 * (top * bottom - t**2 * v_both)
    c = top**2 - t**2 * v_top
    inner = b**2 - 4 * a * c
    if a <= 0 or inner < 0:
        return -np.inf, np.inf
    root = np.sqrt(inner)
    return float((-b - root) / (2 * a)), float((-b + root) / (2 * a))
