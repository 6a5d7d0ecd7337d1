"""Tolerance and prediction intervals of normal data: exact factors, and lots nested in donors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from imscope.core import codes
from imscope.core.errors import MethodError

Floats = NDArray[np.float64]
Side = Literal["two", "upper", "lower"]
_NODES = 120


@lru_cache(maxsize=64)
def legendre(n: int, low: float, high: float) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss-Legendre quadrature on an interval."""
    x, w = np.polynomial.legendre.leggauss(n)
    half = (high - low) / 2
    return half * x + (high + low) / 2, half * w


@lru_cache(maxsize=256)
def scale_nodes(df: int, n: int = 48) -> tuple[Floats, Floats]:
    """Nodes of s/sigma with ``df`` degrees of freedom, each of equal kind of probability weight."""
    low, high = stats.chi2.ppf([1e-12, 1 - 1e-12], df)
    x, w = legendre(n, float(np.sqrt(low / df)), float(np.sqrt(high / df)))
    density = stats.chi2.pdf(df * x**2, df) * 2 * df * x
    weight = w * density
    return x, weight / weight.sum()


def mean_nodes(n: int = _NODES) -> tuple[Floats, Floats]:
    """Nodes and weights of a standard normal, upper half doubled."""
    x, w = legendre(n, 0.0, 8.5)
    return x, 2 * w * stats.norm.pdf(x)


def covering_confidence(n: int, factor: float, radii: Floats) -> float:
    """Probability that ``mean +- factor s`` of ``n`` values reaches ``radii`` at the mean nodes."""
    _, weight = mean_nodes(len(radii))
    return float(weight @ stats.chi2.sf((n - 1) * (radii / factor) ** 2, n - 1))


def content_radii(n: int, content: float, nodes: int = _NODES) -> Floats:
    """Half widths around each mean node that hold ``content`` of a standard normal."""
    x, _ = mean_nodes(nodes)
    return np.asarray(np.sqrt(stats.ncx2.ppf(content, 1, x**2 / n)))


@lru_cache(maxsize=4096)
def tolerance_factor(
    n: int, content: float = 0.95, confidence: float = 0.95, *, side: Side = "two"
) -> float:
    r"""Compute the exact factor k of a normal tolerance interval ``mean +- k s``.

    .. math:: E_Z\,P\bigl(\chi^2_{n-1} \ge (n-1) r^2(Z/\sqrt n)/k^2\bigr) = \gamma

    Parameters
    ----------
    n
        Independent lots, at least 2. Unit: lots.
    content
        Share of future lots the interval is to hold.
    confidence
        Probability, over repeated studies, that it does.
    side
        ``two``, or ``upper``/``lower`` for one-sided limits (noncentral t).

    Returns
    -------
    factor
        Multiplier of the sample standard deviation.

    Raises
    ------
    MethodError
        Fewer than 2 lots, or a probability outside 0 to 1.

    Notes
    -----
    Only for lots that are independent of one another. Lots that share donors need
    :func:`nested_tolerance`; the one-level factor promises too much there.

    References
    ----------
    .. [1] Krishnamoorthy K, Mathew T (2009). Statistical Tolerance Regions.
       doi:10.1002/9780470473900

    Examples
    --------
    >>> round(tolerance_factor(10), 3), round(tolerance_factor(10, side="upper"), 3)
    (3.393, 2.911)
    """
    _check_probabilities(n, content, confidence)
    if side != "two":
        shift = float(stats.norm.ppf(content)) * np.sqrt(n)
        return float(stats.nct.ppf(confidence, n - 1, shift) / np.sqrt(n))
    radii = content_radii(n, content)
    howe = float(radii[0] * np.sqrt((n - 1) * (1 + 1 / n) / stats.chi2.ppf(1 - confidence, n - 1)))
    return _root(lambda k: covering_confidence(n, k, radii) - confidence, (0.3 * howe, 3 * howe))


@lru_cache(maxsize=4096)
def prediction_factor(n: int, new: int = 1, confidence: float = 0.95) -> float:
    """Compute the factor of an interval that holds all of ``new`` future lots.

    Exact multivariate t: the new lots share the error of mean and standard deviation.

    Parameters
    ----------
    n
        Historic lots. Unit: lots.
    new
        New lots to be held at once. Unit: lots.
    confidence
        Probability that all are inside when nothing has changed.

    Returns
    -------
    factor
        Multiplier of the sample standard deviation of the historic lots.

    Raises
    ------
    MethodError
        Fewer than 2 historic or 1 new lots.

    References
    ----------
    .. [1] Hahn GJ, Meeker WQ, Escobar LA (2017). Statistical Intervals. doi:10.1002/9781118594841

    Examples
    --------
    >>> round(prediction_factor(10), 4), round(prediction_factor(10, 3), 2)
    (2.3726, 3.02)
    """
    _check_probabilities(n, 0.5, confidence)
    if new < 1:
        raise MethodError("a prediction interval needs at least one new lot", found=f"{new}")
    if new == 1:
        return float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(1 + 1 / n))
    top = float(stats.t.ppf(1 - (1 - confidence) / 2 / new, n - 1) * np.sqrt(1 + 1 / n))
    return _root(lambda c: all_inside(n, new, c) - confidence, (0.2, top * 1.001))


def all_inside(
    n: int, new: int, factor: float, *, shift: float = 0.0, spread: float = 1.0
) -> float:
    """Probability that all new lots fall inside ``mean +- factor s`` of ``n`` historic lots.

    Parameters
    ----------
    n, new
        Historic and new lots.
    factor
        Multiplier of s.
    shift, spread
        Shift of the new process in standard deviations, and its standard deviation over the old.

    Examples
    --------
    >>> round(all_inside(20, 3, 3.0, shift=2.0), 2)
    0.56
    """
    u, wu = legendre(96, -8.5, 8.5)
    wu = wu * stats.norm.pdf(u)
    s, ws = scale_nodes(n - 1, 96)
    mean = (u / np.sqrt(n))[:, None]
    half = factor * s[None, :]
    inside = stats.norm.cdf((mean + half - shift) / spread)
    inside -= stats.norm.cdf((mean - half - shift) / spread)
    return float(wu @ (inside**new) @ ws)


@lru_cache(maxsize=1024)
def shift_missed_half(n: int, new: int, factor: float) -> float:
    """Shift in standard deviations at which all new lots still fall inside half of the time.

    Examples
    --------
    >>> round(shift_missed_half(20, 3, 3.0), 1)
    2.1
    """
    if all_inside(n, new, factor) < 0.5:
        return 0.0
    return _root(lambda d: all_inside(n, new, factor, shift=d) - 0.5, (0.0, 40.0 + 4 * factor))


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval with its meaning.

    Attributes
    ----------
    low, high
        Ends, in the unit of the values; infinite on the open side.
    centre, sd
        Mean and standard deviation it rests on.
    half_width_sd
        Half its width in standard deviations: printed, because few lots make it enormous.
    n, n_donors
        Lots, and donors where lots share them.
    method
        In words.
    """

    low: float
    high: float
    centre: float
    sd: float
    half_width_sd: float
    n: int
    n_donors: int
    method: str


def tolerance_interval(
    values: ArrayLike,
    donors: Sequence[str] | None = None,
    *,
    content: float = 0.95,
    confidence: float = 0.95,
    side: Side = "two",
) -> Interval:
    """Estimate the interval that holds most future lots.

    Parameters
    ----------
    values
        One value per lot, shape ``(n_lots,)``.
    donors
        Donor of each lot. Where donors have several lots the nested interval is used.
    content, confidence
        Share of future lots, and the confidence in it.
    side
        ``two``, ``upper`` or ``lower``.

    Returns
    -------
    interval
        For a lot of any donor.

    Raises
    ------
    MethodError
        Fewer than 3 lots, values that do not vary, or an unbalanced nested design.

    Examples
    --------
    >>> found = tolerance_interval([9.8, 10.4, 10.1, 9.9, 10.6, 10.2])
    >>> round(found.low, 2), round(found.high, 2), round(found.half_width_sd, 2)
    (8.84, 11.5, 4.42)
    """
    x = checked_values(values, 3)
    if donors is not None and len(set(donors)) < len(x):
        return nested_tolerance(x, donors, content=content, confidence=confidence, side=side)
    k = tolerance_factor(len(x), content, confidence, side=side)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    n_donors = len(set(donors)) if donors is not None else len(x)
    return _interval(mean, sd, k * sd, side, (len(x), n_donors, "normal, independent lots, exact"))


def nested_tolerance(
    values: ArrayLike,
    donors: Sequence[str],
    *,
    content: float = 0.95,
    confidence: float = 0.95,
    side: Side = "two",
) -> Interval:
    """Estimate the tolerance interval for a lot of any donor when donors have several lots.

    The modified-large-sample bound of the total variance is combined with the effective number of
    lots of the mean.

    Parameters
    ----------
    values, donors
        One value and one donor per lot; every donor has the same number of lots.
    content, confidence, side
        As in :func:`tolerance_interval`.

    Raises
    ------
    MethodError
        Fewer than 3 donors, or donors with unequal numbers of lots: no interval that keeps its
        promise is built in for those, and the one-level factor must not stand in.

    References
    ----------
    .. [1] Krishnamoorthy K, Lian X (2012). J Stat Comput Simul 82:1067-1080.
       doi:10.1080/00949655.2011.570763

    Examples
    --------
    >>> found = nested_tolerance([9, 11, 10, 12, 8, 9, 11, 13], list("aabbccdd"))
    >>> found.n_donors, round(found.half_width_sd, 1)
    (4, 5.5)
    """
    x = checked_values(values, 3)
    names = sorted(set(donors))
    groups = [x[[d == name for d in donors]] for name in names]
    sizes = {len(g) for g in groups}
    if len(names) < 3 or len(sizes) != 1 or sizes == {1}:
        raise MethodError(
            "no tolerance interval for these lots: it needs at least 3 donors, each with the same "
            "number of lots",
            found=", ".join(f"{n}: {len(g)}" for n, g in zip(names, groups, strict=True)),
            fix="take one lot of each donor, or the same number of every donor",
            code=codes.COMP_UNITS,
        )
    return _nested(np.array(groups), content, confidence, side)


def _nested(table: Floats, content: float, confidence: float, side: Side) -> Interval:
    a, n = table.shape
    between = n * float(table.mean(axis=1).var(ddof=1))
    within = float(table.var(axis=1, ddof=1).mean())
    part_between, part_within = between / n, (1 - 1 / n) * within
    total = part_between + part_within
    alpha = 1 - confidence
    over_between = (a - 1) / stats.chi2.ppf(alpha, a - 1) - 1
    over_within = a * (n - 1) / stats.chi2.ppf(alpha, a * (n - 1)) - 1
    upper = total + np.hypot(part_between * over_between, part_within * over_within)
    effective = total / (between / (a * n))
    p = (1 + content) / 2 if side == "two" else content
    half = float(stats.norm.ppf(p) * np.sqrt((1 + 1 / effective) * upper))
    facts = (a * n, a, "normal, lots within donors, modified large sample")
    return _interval(float(table.mean()), float(np.sqrt(total)), half, side, facts)


def prediction_interval(values: ArrayLike, new: int = 1, *, confidence: float = 0.95) -> Interval:
    """Estimate the interval that holds all of ``new`` further lots of the same process.

    Parameters
    ----------
    values
        Historic lots, shape ``(n_lots,)``.
    new
        How many lots are to be inside at once.
    confidence
        Probability that all are.

    Examples
    --------
    >>> found = prediction_interval([9.8, 10.4, 10.1, 9.9, 10.6, 10.2])
    >>> round(found.low, 2), round(found.high, 2)
    (9.33, 11.0)
    """
    x = checked_values(values, 2)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    k = prediction_factor(len(x), new, confidence)
    return _interval(mean, sd, k * sd, "two", (len(x), len(x), "normal, multivariate t"))


def checked_values(values: ArrayLike, least: int) -> Floats:
    """Return finite values that vary, or say why not.

    Raises
    ------
    MethodError
        Too few values, one that is not finite, or no spread at all.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < least or not np.isfinite(x).all():
        raise MethodError(
            f"at least {least} finite values are needed",
            found=f"{np.isfinite(x).sum()} finite of {x.size}",
            code=codes.COMP_UNITS,
        )
    if np.ptp(x) == 0:
        raise MethodError(
            "all values are the same, so their spread is not known",
            found=f"{len(x)} times {x[0]:g}",
            fix="report more decimals, or compare with exact bounds",
            code=codes.COMP_CONSTANT,
        )
    return x


def _interval(
    mean: float, sd: float, half: float, side: Side, facts: tuple[int, int, str]
) -> Interval:
    low = -np.inf if side == "upper" else mean - half
    high = np.inf if side == "lower" else mean + half
    return Interval(float(low), float(high), mean, sd, half / sd, *facts)


def _check_probabilities(n: int, content: float, confidence: float) -> None:
    if n < 2 or not 0 < content < 1 or not 0 < confidence < 1:
        raise MethodError(
            "an interval needs at least 2 lots and probabilities between 0 and 1",
            found=f"{n} lots, content {content}, confidence {confidence}",
            code=codes.COMP_UNITS,
        )


def _root(function: Callable[[float], float], bracket: tuple[float, float]) -> float:
    low, high = bracket
    while function(high) * function(low) > 0:
        low, high = low / 2, high * 2
    return float(optimize.brentq(function, low, high, xtol=1e-10, rtol=1e-12))
