"""Tests with few replicate units: Welch, exact permutation, equivalence, Holm."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from imscope.core.errors import DataError

MAX_PERMUTATIONS = 20_000
"""More relabellings than this are not enumerated; then the Welch test decides."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Difference of two arms on the log scale.

    Attributes
    ----------
    difference, low, high
        Mean log ratio of test over reference and its two-sided interval.
    p_lower, p_higher
        One-sided: the test arm is lower; it is higher.
    p_equivalence
        Larger of the two one-sided tests against the margin.
    method
        How the one-sided probabilities were found.
    """

    difference: float
    low: float
    high: float
    p_lower: float
    p_higher: float
    p_equivalence: float
    method: str


def compare_arms(
    test: ArrayLike,
    reference: ArrayLike,
    *,
    margin: tuple[float, float] = (0.80, 1.25),
    confidence: float = 0.95,
) -> Contrast:
    """Compare two independent arms of log values, units as replicates.

    Parameters
    ----------
    test, reference
        One log value per unit, at least 2 in each arm.
    margin
        Equivalence margin on the ratio.
    confidence
        Of the interval.

    Returns
    -------
    contrast
        The interval and the equivalence test are Welch's; the one-sided tests are exact
        permutations of the unit labels while there are at most 20,000 of them.

    References
    ----------
    .. [1] Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. doi:10.1007/BF01068419
    .. [2] Welch BL (1947). Biometrika 34:28-35. doi:10.1093/biomet/34.1-2.28

    Examples
    --------
    >>> c = compare_arms([0.1, 0.0, -0.1, 0.05], [1.0, 1.1, 0.9, 1.05])
    >>> round(c.difference, 2), round(c.p_lower * 70)
    (-1.0, 1)
    """
    a, b = _finite(test), _finite(reference)
    difference = float(a.mean() - b.mean())
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = float(np.sqrt(va + vb))
    if error == 0:
        error = float(np.finfo(float).tiny)
    df = float((va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))) if va + vb else 1.0
    if comb(len(a) + len(b), len(a)) <= MAX_PERMUTATIONS:
        lower, higher = permutation_p(a, b)
        method = "exact permutation of units"
    else:
        lower = float(student.cdf(difference / error, df))
        higher = float(student.sf(difference / error, df))
        method = "Welch t"
    return _contrast(difference, error, df, (lower, higher), margin, confidence, method)


def compare_pairs(
    differences: ArrayLike,
    *,
    margin: tuple[float, float] = (0.80, 1.25),
    confidence: float = 0.95,
) -> Contrast:
    """Compare paired units by their log differences (test minus reference).

    The one-sided tests are exact sign flips from 5 pairs on; with fewer no exact p below 0.05
    exists and the paired t test is used.

    Parameters
    ----------
    differences
        Log ratio of test to reference, one per pair, shape ``(n_pairs,)``.
    margin
        Ratios between which the arms count as equivalent.
    confidence
        Coverage of the interval.

    Examples
    --------
    >>> round(compare_pairs([-0.4, -0.5, -0.3, -0.6, -0.2]).p_lower * 32)
    1
    """
    d = _finite(differences)
    n = len(d)
    mean = float(d.mean())
    error = max(float(d.std(ddof=1) / np.sqrt(n)), float(np.finfo(float).tiny))
    if 5 <= n <= 14:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        flipped = signs @ d / n
        slack = 1e-12 * max(1.0, float(np.abs(d).max()))
        lower = float((flipped <= mean + slack).mean())
        higher = float((flipped >= mean - slack).mean())
        method = "exact sign flips of pairs"
    else:
        lower = float(student.cdf(mean / error, n - 1))
        higher = float(student.sf(mean / error, n - 1))
        method = "paired t"
    return _contrast(mean, error, n - 1, (lower, higher), margin, confidence, method)


def permutation_p(test: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[float, float]:
    """One-sided exact probabilities that a relabelling gives a mean as low, as high."""
    pooled = np.concatenate([test, reference])
    choices = labellings(len(pooled), len(test))
    sums = choices @ pooled
    own = test.sum()
    slack = 1e-12 * max(1.0, float(np.abs(pooled).sum()))
    return float((sums <= own + slack).mean()), float((sums >= own - slack).mean())


@lru_cache(maxsize=32)
def labellings(n: int, k: int) -> NDArray[np.float64]:
    """Every way to call ``k`` of ``n`` units the test arm, as rows of ones and zeros."""
    chosen = np.array(list(combinations(range(n), k)))
    out = np.zeros((len(chosen), n))
    np.put_along_axis(out, chosen, 1.0, axis=1)
    return out


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust probabilities for several claims (Holm); NaN stays and is not counted.

    References
    ----------
    .. [1] Holm S (1979). Scand J Stat 6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, np.nan, 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return out


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    v = np.asarray(values, dtype=np.float64)
    if len(v) < 2 or not np.isfinite(v).all():
        raise DataError("an arm needs two or more finite values", found=f"{v}")
    return v


def _contrast(
    difference: float,
    error: float,
    df: float,
    p: tuple[float, float],
    margin: tuple[float, float],
    confidence: float,
    method: str,
) -> Contrast:
    half = float(student.ppf(0.5 + confidence / 2, df)) * error
    above = float(student.sf((difference - np.log(margin[0])) / error, df))
    below = float(student.cdf((difference - np.log(margin[1])) / error, df))
    return Contrast(
        difference, difference - half, difference + half, p[0], p[1], max(above, below), method
    )
