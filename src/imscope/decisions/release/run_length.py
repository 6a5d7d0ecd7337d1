"""How long control charts run: exact run lengths, limits that know how few lots they rest on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, optimize, stats
from scipy.special import gammaln, ndtr

from imscope.core.errors import MethodError
from imscope.decisions.release.tolerance import (
    content_radii,
    covering_confidence,
    mean_nodes,
    scale_nodes,
    tolerance_factor,
)

Floats = NDArray[np.float64]
WEIGHT = 0.2
"""Weight of the newest lot in the moving average."""
CUSUM_REFERENCE, CUSUM_LIMIT = 0.5, 4.77
PROMISED, LABORATORIES = 200.0, 0.9
"""Guaranteed limits: a run length of at least 200 lots in 90 % of laboratories."""
_STATES = 48
_MEANS = 60
_ENDLESS = 1e9
_LOG_MOST = 20.0


def c4(n: int) -> float:
    """Expected standard deviation of ``n`` values over the true one.

    Examples
    --------
    >>> round(c4(10), 4)
    0.9727
    """
    return float(np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))


def individuals_run_length(limit: float, shift: float = 0.0) -> float:
    """Average number of lots until one falls outside ``+- limit`` standard deviations.

    Examples
    --------
    >>> round(individuals_run_length(3.0), 1), round(individuals_run_length(3.0, 2.0), 2)
    (370.4, 6.3)
    """
    return float(1 / (stats.norm.sf(limit - shift) + stats.norm.cdf(-limit - shift)))


def ewma_run_length(limit: float, shift: float = 0.0, *, weight: float = WEIGHT) -> float:
    """Average run length of an exponentially weighted moving average with fixed limits.

    Parameters
    ----------
    limit
        In standard deviations of the average, as usual in charts.
    shift
        Of the process, in standard deviations of a lot, from the first lot on.
    weight
        Weight of the newest lot.

    References
    ----------
    .. [1] Crowder SV (1987). Technometrics 29:401-407. doi:10.1080/00401706.1987.10488267

    Examples
    --------
    >>> round(ewma_run_length(2.86), 0), round(ewma_run_length(2.86, 1.0), 2)
    (371.0, 9.8)
    """
    move, first, w, _ = _ewma(limit, shift, weight)
    inside = np.linalg.solve(np.eye(len(w)) - move, np.ones(len(w)))
    length = float(1 + first @ inside)
    return length if 1 <= length < _ENDLESS else _ENDLESS  # beyond, digits are lost


def ewma_signal_within(
    limit: float, lots: int, shift: float = 0.0, *, weight: float = WEIGHT
) -> float:
    """Chance that the moving average signals within a number of lots.

    Examples
    --------
    >>> round(ewma_signal_within(2.86, 10), 3)
    0.017
    """
    move, first, w, once = _ewma(limit, shift, weight)
    still = np.ones(len(w))
    for _ in range(lots - 1):
        still = move @ still
    return float(1 - (first @ still if lots > 1 else once))


def _ewma(limit: float, shift: float, weight: float) -> tuple[Floats, Floats, Floats, float]:
    """Transition between nodes of the average, from the centre to the nodes, weights."""
    h = limit * np.sqrt(weight / (2 - weight))
    x, w = _unit_nodes(_STATES)
    y, w = x * h, w * h
    z = (y[None, :] - (1 - weight) * y[:, None]) / weight - shift
    move = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (w / weight)[None, :]
    z0 = y / weight - shift
    first = np.exp(-0.5 * z0**2) / np.sqrt(2 * np.pi) * w / weight
    once = float(ndtr(h / weight - shift) - ndtr(-h / weight - shift))
    return move, first, w, once


@lru_cache(maxsize=4)
def _unit_nodes(n: int) -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(n)
    return x, w


def cusum_run_length(
    limit: float = CUSUM_LIMIT, shift: float = 0.0, *, reference: float = CUSUM_REFERENCE
) -> float:
    """Average run length of the two-sided cumulative sum.

    Parameters
    ----------
    limit, reference
        Decision limit and reference value, in standard deviations.
    shift
        Of the process, in standard deviations.

    References
    ----------
    .. [1] Page ES (1954). Biometrika 41:100-115. doi:10.1093/biomet/41.1-2.100

    Examples
    --------
    >>> round(cusum_run_length(), 1), round(cusum_run_length(shift=1.0), 2)
    (368.6, 9.92)
    """
    up, down = (_one_cusum(limit, reference, s) for s in (shift, -shift))
    return float(1 / (1 / up + 1 / down))


def _one_cusum(limit: float, reference: float, shift: float) -> float:
    x, w = _unit_nodes(_STATES)
    y, w = (x + 1) * limit / 2, w * limit / 2
    states = np.concatenate([[0.0], y])  # the sum rests at zero with positive probability
    drift = states[:, None] + shift - reference
    move = np.empty((len(states), len(states)))
    move[:, 0] = stats.norm.cdf(-drift[:, 0])
    move[:, 1:] = stats.norm.pdf(y[None, :] - drift) * w[None, :]
    return float(np.linalg.solve(np.eye(len(states)) - move, np.ones(len(states)))[0])


@lru_cache(maxsize=256)
def individuals_limit(m: int) -> float:
    """Guaranteed limit L(m) of a chart of single lots, in units of ``s / c4(m)``.

    With it the run length is at least 200 lots in 90 % of laboratories. It is the tolerance factor
    of content ``1 - 1/200`` and confidence 0.9.

    Examples
    --------
    >>> round(individuals_limit(20), 2)
    3.62
    """
    _enough(m)
    return c4(m) * tolerance_factor(m, 1 - 1 / PROMISED, LABORATORIES)


@lru_cache(maxsize=256)
def ewma_limit(m: int) -> float:
    """Guaranteed limit L_E(m) of the moving average, in units of ``s / c4(m)``.

    Examples
    --------
    >>> round(ewma_limit(20), 2)
    3.86
    """
    _enough(m)
    least = _least_limits(m, PROMISED)
    high = 3.0
    while covering_confidence(m, high / c4(m), least) < LABORATORIES:
        high *= 1.3
    return float(
        optimize.brentq(
            lambda limit: covering_confidence(m, limit / c4(m), least) - LABORATORIES,
            1.0,
            high,
            xtol=1e-6,
        )
    )


def _least_limits(m: int, length: float) -> Floats:
    """Limit the true process would need at each error of the mean for this run length."""
    u, _ = mean_nodes(_MEANS)
    return np.asarray(_least_curve(length)(u / np.sqrt(m)))


@lru_cache(maxsize=8)
def _least_curve(length: float) -> interpolate.PchipInterpolator:
    offsets = np.linspace(0.0, 4.0, 49)
    return interpolate.PchipInterpolator(offsets, [_least_limit(o, length) for o in offsets])


def _least_limit(offset: float, length: float) -> float:
    scale = np.sqrt(WEIGHT / (2 - WEIGHT))
    low, high = 0.2, offset / scale + 4.0
    return float(
        optimize.brentq(
            lambda limit: np.log(ewma_run_length(limit, offset) / length), low, high, xtol=1e-5
        )
    )


def _enough(m: int) -> None:
    if m < 5:
        raise MethodError(
            "guaranteed limits need at least 5 baseline lots",
            found=f"{m}",
            fix="fewer lots give a run chart and a limit for the next lot only",
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """What a chart with estimated limits does while the process is in control.

    Attributes
    ----------
    arl
        Median run length over laboratories, infinite beyond 5e8. Unit: lots.
    arl_worst_tenth
        Run length that nine laboratories in ten exceed. Unit: lots.
    false_alarm_10
        Chance of a false signal within ten lots, averaged over laboratories.
    """

    arl: float
    arl_worst_tenth: float
    false_alarm_10: float


@lru_cache(maxsize=512)
def individuals_promise(m: int, limit: float) -> Promise:
    """Run lengths of a chart of single lots whose limits come from ``m`` lots.

    Parameters
    ----------
    m
        Baseline lots.
    limit
        In units of ``s / c4(m)``.

    Examples
    --------
    >>> found = individuals_promise(10, 3.0)
    >>> round(found.arl), round(found.arl_worst_tenth), round(found.false_alarm_10, 2)
    (235, 22, 0.12)
    """
    factor = limit / c4(m)

    def reached(log_length: float, share: float) -> float:
        radii = content_radii(m, float(-np.expm1(-log_length)), 60)
        return covering_confidence(m, factor, radii) - share

    def quantile(share: float) -> float:
        if reached(_LOG_MOST, share) > 0:
            return float("inf")
        return float(np.exp(optimize.brentq(reached, 0.05, _LOG_MOST, args=(share,), xtol=1e-6)))

    median, worst = quantile(0.5), quantile(LABORATORIES)
    u, wu = mean_nodes(60)
    s, ws = scale_nodes(m - 1)
    half, mean = factor * s[None, :], (u / np.sqrt(m))[:, None]
    out = stats.norm.sf(half - mean) + stats.norm.cdf(-half - mean)
    return Promise(median, worst, float(wu @ (1 - (1 - out) ** 10) @ ws))


@lru_cache(maxsize=128)
def ewma_promise(m: int, limit: float, shift: float = 0.0) -> Promise:
    """Run lengths of the moving average whose limits come from ``m`` lots.

    Parameters
    ----------
    m
        Baseline lots.
    limit
        In units of ``s / c4(m)``.
    shift
        Of the process, in standard deviations; zero when it is in control.

    Examples
    --------
    >>> found = ewma_promise(20, 2.86)
    >>> round(found.arl, -1), round(found.arl_worst_tenth, -1)
    (170.0, 40.0)
    """
    lengths, alarms = _ewma_tables()
    p = (np.arange(400) + 0.5) / 400
    u, s = stats.norm.ppf(p) / np.sqrt(m), np.sqrt(stats.chi2.ppf(p, m - 1) / (m - 1))
    offset, effective = np.meshgrid(np.abs(shift - u), limit / c4(m) * s, indexing="ij")
    points = np.clip(np.stack([offset, effective], axis=-1), 0, [_OFFSETS[-1], _LIMITS[-1]])
    worst, median = np.exp(np.quantile(lengths(points), [1 - LABORATORIES, 0.5]))
    return Promise(float(median), float(worst), float(alarms(points).mean()))


_OFFSETS, _LIMITS = np.linspace(0.0, 8.0, 65), np.linspace(0.0, 14.0, 85)


@lru_cache(maxsize=1)
def _ewma_tables() -> tuple[interpolate.RegularGridInterpolator, ...]:
    """Log run length and chance of a signal in ten lots, by offset and limit of the process."""
    lengths = np.zeros((len(_OFFSETS), len(_LIMITS)))
    alarms = np.ones_like(lengths)
    for i, offset in enumerate(_OFFSETS):
        for j, limit in enumerate(_LIMITS[1:], start=1):
            lengths[i, j] = np.log(max(1.0, ewma_run_length(float(limit), float(offset))))
            alarms[i, j] = np.clip(ewma_signal_within(float(limit), 10, float(offset)), 0, 1)
    grid = (_OFFSETS, _LIMITS)
    return tuple(
        interpolate.RegularGridInterpolator(grid, t, method=kind)
        for t, kind in ((lengths, "cubic"), (alarms, "linear"))
    )


def next_lot_limit(m: int, alpha: float = 0.0027) -> float:
    """Limit for the next lot, in units of ``s``: it is exceeded with probability ``alpha``.

    Examples
    --------
    >>> round(next_lot_limit(10), 2)
    4.29
    """
    return float(stats.t.ppf(1 - alpha / 2, m - 1) * np.sqrt(1 + 1 / m))


def t2_limit(m: int, p: int, alpha: float = 0.0027) -> float:
    """Limit of Hotelling's T2 for a new lot against ``m`` baseline lots of ``p`` attributes.

    Raises
    ------
    MethodError
        Fewer than 5 lots per attribute: T2 finds next to nothing there.

    Examples
    --------
    >>> round(t2_limit(25, 2), 1), round(t2_limit(25, 4), 1)
    (16.8, 27.4)
    """
    if m < 5 * p:
        raise MethodError(
            "a joint chart needs at least 5 baseline lots for each attribute",
            found=f"{m} lots, {p} attributes",
            fix="use the charts of the single attributes",
        )
    factor = p * (m + 1) * (m - 1) / (m * (m - p))
    return float(factor * stats.f.ppf(1 - alpha, p, m - p))
