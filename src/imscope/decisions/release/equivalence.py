"""Is a difference between two processes small: two one-sided tests and the effect-size test.

Tests work on one value per independent unit. What the units are is decided before, in the plan.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from imscope.core.errors import MethodError
from imscope.decisions.release.tolerance import checked_values, legendre, scale_nodes

Floats = NDArray[np.float64]
Variances = Literal["welch", "pooled", "paired"]


@dataclass(frozen=True, slots=True)
class Equivalence:
    """A difference of two arms held against a margin.

    Attributes
    ----------
    estimate
        New minus reference, on the scale tested.
    low, high
        Interval of ``1 - 2 alpha`` confidence: equivalence means it lies inside the margin.
    wide_low, wide_high
        Interval of ``1 - alpha`` confidence for the difference itself.
    p_equivalence, p_difference
        Larger of the two one-sided p values; p value of a difference.
    df
        Degrees of freedom.
    sd
        Standard deviation of one unit (of a difference, when paired).
    method
        In words.
    """

    estimate: float
    low: float
    high: float
    wide_low: float
    wide_high: float
    p_equivalence: float
    p_difference: float
    df: float
    sd: float
    method: str


def equivalence_tests(
    reference: ArrayLike,
    new: ArrayLike,
    margin: float,
    *,
    alpha: float = 0.05,
    variances: Variances = "welch",
) -> Equivalence:
    r"""Hold a difference of means against a fixed margin with two one-sided t tests.

    Equivalent when :math:`\bar y-\bar x > -\Delta` and :math:`< \Delta` are both shown.

    Parameters
    ----------
    reference, new
        One value per independent unit, shapes ``(n_reference,)`` and ``(n_new,)``; in the same
        order of units when paired.
    margin
        Largest difference that does not matter, in the unit of the values. It must come from
        outside these data.
    alpha
        Level of each one-sided test.
    variances
        ``welch`` (unequal), ``pooled``, or ``paired`` for split-source pairs.

    Returns
    -------
    equivalence
        Estimate, intervals and p values.

    Raises
    ------
    MethodError
        Too few units, a margin that is not positive, values that do not vary.

    Notes
    -----
    A margin computed as a multiple of the standard deviation of these reference lots breaks the
    error rate at every sample size: use :func:`effect_size_test` there.

    References
    ----------
    .. [1] Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. doi:10.1007/BF01068419

    Examples
    --------
    >>> found = equivalence_tests([10.1, 9.8, 10.3, 10.0], [10.2, 9.9, 10.1, 10.4], 1.0)
    >>> round(found.p_equivalence, 4), round(found.low, 2), round(found.high, 2)
    (0.0004, -0.19, 0.39)
    """
    if not margin > 0 or not 0 < alpha < 0.5:
        raise MethodError(
            "a margin must be above zero and alpha between 0 and 0.5",
            found=f"margin {margin:g}, alpha {alpha:g}",
        )
    estimate, error, df, sd = _difference(reference, new, variances)
    t = stats.t(df)
    p_low, p_high = t.sf((estimate + margin) / error), t.cdf((estimate - margin) / error)
    narrow, wide = t.ppf(1 - alpha) * error, t.ppf(1 - alpha / 2) * error
    words = {"welch": "Welch", "pooled": "pooled variance", "paired": "pairs"}[variances]
    return Equivalence(
        estimate,
        float(estimate - narrow),
        float(estimate + narrow),
        float(estimate - wide),
        float(estimate + wide),
        float(max(p_low, p_high)),
        float(2 * t.sf(abs(estimate) / error)),
        df,
        sd,
        f"two one-sided t tests, {words}",
    )


def _difference(
    reference: ArrayLike, new: ArrayLike, variances: Variances
) -> tuple[float, float, float, float]:
    """Estimate, standard error, degrees of freedom, standard deviation of a unit."""
    x, y = (np.asarray(v, dtype=np.float64) for v in (reference, new))
    if variances == "paired":
        if len(x) != len(y):
            raise MethodError("pairs need one value of each arm", found=f"{len(x)} and {len(y)}")
        d = checked_values(y - x, 2)
        sd = float(d.std(ddof=1))
        return float(d.mean()), sd / np.sqrt(len(d)), float(len(d) - 1), sd
    checked_values(np.concatenate([x, y]), 4)
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise MethodError("each arm needs at least 2 units", found=f"{n} and {m}")
    vx, vy = x.var(ddof=1), y.var(ddof=1)
    pooled = ((n - 1) * vx + (m - 1) * vy) / (n + m - 2)
    if pooled == 0:
        checked_values(np.zeros(n + m), 2)
    estimate = float(y.mean() - x.mean())
    if variances == "pooled":
        error, df = np.sqrt(pooled * (1 / n + 1 / m)), float(n + m - 2)
    else:
        a, b = vx / n, vy / m
        error = np.sqrt(a + b)
        df = float((a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1)))
    return estimate, float(error), df, float(np.sqrt(pooled))


@lru_cache(maxsize=1024)
def effect_size_critical(n: int, m: int, margin_sd: float, alpha: float = 0.05) -> float:
    """Critical value of ``|difference|/s`` on the t scale: below it the arms are equivalent.

    Parameters
    ----------
    n, m
        Units of each arm.
    margin_sd
        Margin in standard deviations of units.
    alpha
        Level.

    Examples
    --------
    >>> round(effect_size_critical(10, 10, 1.5), 2)
    1.67
    """
    return float(stats.nct.ppf(alpha, n + m - 2, margin_sd / np.sqrt(1 / n + 1 / m)))


def effect_size_test(
    reference: ArrayLike, new: ArrayLike, margin_sd: float, *, alpha: float = 0.05
) -> Equivalence:
    """Hold a difference against a margin in standard deviations of units; exact for normal data.

    The test statistic is held against the noncentral t distribution at the margin, so the error of
    the standard deviation is part of the test.

    Parameters
    ----------
    reference, new
        One value per independent unit.
    margin_sd
        Margin in standard deviations of units.
    alpha
        Level.

    Returns
    -------
    equivalence
        The interval is that of the difference in the unit of the values.

    References
    ----------
    .. [1] Wellek S (2010). Testing Statistical Hypotheses of Equivalence and Noninferiority.
       doi:10.1201/EBK1439808184

    Examples
    --------
    >>> found = effect_size_test([1, 2, 3, 4, 5, 6], [1.2, 2.1, 3.1, 4.0, 5.2, 6.1], 1.5)
    >>> round(found.p_equivalence, 3)
    0.006
    """
    if not margin_sd > 0:
        raise MethodError("a margin must be above zero", found=f"{margin_sd:g}")
    estimate, error, df, sd = _difference(reference, new, "pooled")
    n, m = np.size(reference), np.size(new)
    shift = margin_sd / np.sqrt(1 / n + 1 / m)
    t = stats.t(df)
    narrow, wide = t.ppf(1 - alpha) * error, t.ppf(1 - alpha / 2) * error
    return Equivalence(
        estimate,
        float(estimate - narrow),
        float(estimate + narrow),
        float(estimate - wide),
        float(estimate + wide),
        float(stats.nct.cdf(abs(estimate) / error, df, shift)),
        float(2 * t.sf(abs(estimate) / error)),
        df,
        sd,
        "effect-size test, noncentral t",
    )


def equivalence_power(
    n: int,
    m: int,
    margin_sd: float,
    *,
    shift_sd: ArrayLike = 0.0,
    alpha: float = 0.05,
    variances: Variances = "welch",
    effect_size: bool = False,
) -> Floats:
    """Compute the chance that two arms of given size are called equivalent.

    Parameters
    ----------
    n, m
        Units of each arm; pairs, when ``variances="paired"``.
    margin_sd
        Margin in standard deviations of units (of differences, when paired).
    shift_sd
        True differences, in the same unit, shape ``(n_shifts,)`` or one number.
    alpha
        Level.
    variances
        As in :func:`equivalence_tests`.
    effect_size
        The margin is defined in standard deviations, and :func:`effect_size_test` is used.

    Returns
    -------
    power
        Probability for each shift.

    Examples
    --------
    >>> float(equivalence_power(6, 6, 1.5, variances="pooled").round(2)[0])
    0.56
    """
    shift = np.atleast_1d(np.asarray(shift_sd, dtype=np.float64))[:, None]
    true_error, half, weight = _half_widths(n, m, margin_sd, alpha, variances, effect_size)
    up = stats.norm.cdf((half - shift) / true_error)
    down = stats.norm.cdf((-half - shift) / true_error)
    return np.asarray(np.where(half > 0, up - down, 0.0) @ weight)


@lru_cache(maxsize=512)
def _half_widths(
    n: int, m: int, margin: float, alpha: float, variances: Variances, effect_size: bool
) -> tuple[float, Floats, Floats]:
    """True standard error, half width of the acceptance region at each node of s, weights."""
    if variances == "paired" or effect_size or variances == "pooled":
        df = n - 1 if variances == "paired" else n + m - 2
        true_error = float(np.sqrt(1 / n if variances == "paired" else 1 / n + 1 / m))
        s, weight = scale_nodes(df, 96)
        if effect_size:
            return true_error, s * effect_size_critical(n, m, margin, alpha) * true_error, weight
        return true_error, margin - stats.t.ppf(1 - alpha, df) * s * true_error, weight
    (sx, wx), (sy, wy) = scale_nodes(n - 1, 48), scale_nodes(m - 1, 48)
    a, b = (sx**2 / n)[:, None], (sy**2 / m)[None, :]
    welch = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))
    half = margin - stats.t.ppf(1 - alpha, welch) * np.sqrt(a + b)
    weights = wx[:, None] * wy[None, :]
    return float(np.sqrt(1 / n + 1 / m)), half.ravel(), weights.ravel()


def shift_still_called(
    n: int, m: int, margin_sd: float, *, variances: Variances = "welch", effect_size: bool = False
) -> float:
    """Largest shift, in standard deviations, that is still called equivalent half of the time.

    Zero when even equal arms are called equivalent less than half of the time.

    Examples
    --------
    >>> round(shift_still_called(10, 10, 1.5), 2)
    0.73
    """
    shifts = np.linspace(0, 1.2 * margin_sd, 61)
    power = equivalence_power(
        n, m, margin_sd, shift_sd=shifts, variances=variances, effect_size=effect_size
    )
    if power[0] < 0.5:
        return 0.0
    k = int(np.argmax(power < 0.5))
    return float(np.interp(0.5, power[[k, k - 1]], shifts[[k, k - 1]]))


def joint_power(single: float, n_attributes: int) -> float:
    """Chance that all of several independent critical attributes pass.

    Examples
    --------
    >>> round(joint_power(0.89, 5), 2)
    0.56
    """
    return float(single**n_attributes)


def assurance(
    n: int, m: int, margin_sd: float, *, shift_spread: float = 0.5, variances: Variances = "pooled"
) -> float:
    """Chance of calling equivalence when the true shift is itself normal with a given spread.

    Parameters
    ----------
    n, m
        Units of each arm.
    margin_sd
        Margin in standard deviations.
    shift_spread
        Standard deviation of the true shift, in standard deviations of units.
    variances
        As in :func:`equivalence_tests`.

    Examples
    --------
    >>> round(assurance(10, 10, 1.5), 2)
    0.72
    """
    d, w = legendre(120, -8.0, 8.0)
    power = equivalence_power(n, m, margin_sd, shift_sd=d * shift_spread, variances=variances)
    return float((w * stats.norm.pdf(d)) @ power)


def sd_ratio(
    reference: ArrayLike, new: ArrayLike, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Estimate how many times as spread the new arm is, with its one-sided upper bound.

    Parameters
    ----------
    reference, new
        One value per independent unit.
    confidence
        Of the upper bound.

    Returns
    -------
    ratio, upper
        Ratio of standard deviations, and its upper bound (F distribution).

    Examples
    --------
    >>> sd_ratio([1.0, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6])[0]
    1.0
    """
    x, y = np.asarray(reference, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if min(len(x), len(y)) < 2 or x.std() == 0:
        return float("nan"), float("nan")
    ratio = float(y.std(ddof=1) / x.std(ddof=1))
    return ratio, float(ratio / np.sqrt(stats.f.ppf(1 - confidence, len(y) - 1, len(x) - 1)))
