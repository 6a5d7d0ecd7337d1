"""Two arms of few units: one-sided tests, the interval that belongs to them, and their floor.

One rule serves the test, the interval, the planner and the design table: a side is shown when the
exact permutation of the studentised difference and Welch's test both show it, and the interval
holds every difference that neither side shuts out. The permutation guards against odd shapes,
Welch against arms of unlike size and spread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from imscope.core.errors import DataError

Floats = NDArray[np.float64]
Test = Callable[[Floats], tuple[Floats, Floats]]

ALPHA = 0.05
"""Level of each one-sided test; the interval that belongs to it is a two-sided 90 % interval."""
MAX_PERMUTATIONS = 20_000
"""More relabellings than this are not enumerated; then the Welch test decides."""
SIGN_FLIPS = range(5, 15)
"""Pairs for which every pattern of signs is tried; with fewer no exact p reaches 0.05."""
_STUDIES_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Contrast:
    """Difference of two arms on the log scale.

    Attributes
    ----------
    difference, low, high
        Mean log ratio of test over reference and its interval; an end is infinite where so few
        units cannot shut anything out at that level.
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


def least_p(n_test: int, n_reference: int, *, paired: bool = False, times: float = 1.0) -> float:
    """Smallest one-sided probability that units of this design can give.

    Parameters
    ----------
    n_test, n_reference
        Units per arm; with ``paired`` the number of pairs, twice.
    paired
        Units are pairs.
    times
        What an adjustment for several claims multiplies it with: 1 in a fixed sequence, the number
        of claims with Holm.

    Returns
    -------
    least
        0 where the test has no floor.

    Examples
    --------
    >>> [least_p(3, n) for n in (3, 4)], round(least_p(3, 3, times=2), 2)
    ([0.05, 0.02857142857142857], 0.1)
    >>> least_p(6, 6, paired=True), least_p(3, 3, paired=True), least_p(12, 12)
    (0.015625, 0.0, 0.0)
    """
    floor = 0.0
    if paired:
        floor = 0.5**n_test if n_test in SIGN_FLIPS else 0.0
    elif comb(n_test + n_reference, n_test) <= MAX_PERMUTATIONS:
        floor = 1.0 / comb(n_test + n_reference, n_test)
    return min(floor * times, 1.0)


def compare_arms(
    test: ArrayLike,
    reference: ArrayLike,
    *,
    margin: tuple[float, float] = (0.80, 1.25),
    alpha: float = ALPHA,
) -> Contrast:
    """Compare two independent arms of log values, units as replicates.

    Parameters
    ----------
    test, reference
        One log value per unit, at least 2 in each arm.
    margin
        Equivalence margin on the ratio.
    alpha
        Level of each side of the interval.

    Returns
    -------
    contrast
        One-sided: the larger of Welch's probability and that of the exact permutation of the
        studentised difference, which is used while there are at most 20,000 labellings. The
        interval holds the differences that neither test shuts out.

    References
    ----------
    .. [1] Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. doi:10.1007/BF01068419
    .. [2] Welch BL (1947). Biometrika 34:28-35. doi:10.1093/biomet/34.1-2.28
    .. [3] Janssen A (1997). Stat Probab Lett 36:9-21. doi:10.1016/S0167-7152(97)00043-6

    Examples
    --------
    >>> c = compare_arms([0.1, 0.0, -0.1, 0.05], [1.0, 1.1, 0.9, 1.05])
    >>> round(c.difference, 2), round(c.p_lower * 70), c.high < 0
    (-1.0, 1, True)
    """
    a, b = _finite(test), _finite(reference)
    n = len(a)
    pooled = np.concatenate([a, b])[None]
    difference, error, df = (float(v[0]) for v in welch(pooled, n))
    exact = comb(len(a) + len(b), n) <= MAX_PERMUTATIONS
    method = "exact permutation of units and Welch t" if exact else "Welch t"
    first = (np.arange(pooled.shape[1]) < n).astype(np.float64)
    span = float(a.min() - b.max()), float(a.max() - b.min())
    floor = least_p(n, len(b)) if exact else 0.0
    return _contrast(
        lambda x: one_sided(x, n), pooled, first, (difference, error, df), span, floor, margin,
        alpha, method,
    )  # fmt: skip


def compare_pairs(
    differences: ArrayLike,
    *,
    margin: tuple[float, float] = (0.80, 1.25),
    alpha: float = ALPHA,
) -> Contrast:
    """Compare paired units by their log differences (test minus reference).

    The one-sided probability is the larger of the paired t test's and, from 5 to 14 pairs, that of
    exact sign flips; with fewer pairs no exact probability below 0.05 exists.

    Parameters
    ----------
    differences
        Log ratio of test to reference, one per pair, shape ``(n_pairs,)``.
    margin, alpha
        As for :func:`compare_arms`.

    Examples
    --------
    >>> round(compare_pairs([-0.4, -0.5, -0.3, -0.6, -0.2]).p_lower * 32)
    1
    """
    d = _finite(differences)
    n = len(d)
    error = max(float(d.std(ddof=1) / np.sqrt(n)), float(np.finfo(float).tiny))
    exact = n in SIGN_FLIPS
    method = "exact sign flips of pairs and paired t" if exact else "paired t"
    span, floor = (float(d.min()), float(d.max())), least_p(n, n, paired=True)
    return _contrast(
        one_sided_pairs, d[None], np.ones(n), (float(d.mean()), error, n - 1.0), span, floor,
        margin, alpha, method,
    )  # fmt: skip


def one_sided(values: Floats, n_test: int) -> tuple[Floats, Floats]:
    """Probabilities that the test arm is lower, and higher, for many studies at once.

    Parameters
    ----------
    values
        One study per row, the units of the test arm first, ``(n_studies, n_units)``.
    n_test
        Units of the test arm.
    """
    difference, error, df = welch(values, n_test)
    t = difference / error
    lower, higher = student.cdf(t, df), student.sf(t, df)
    if comb(values.shape[1], n_test) <= MAX_PERMUTATIONS:
        exact = permutation_p(values, n_test)
        lower, higher = np.maximum(lower, exact[0]), np.maximum(higher, exact[1])
    return lower, higher


def one_sided_pairs(differences: Floats) -> tuple[Floats, Floats]:
    """Probabilities that pairs are lower, and higher, for many studies, ``(n_studies, n)``."""
    n = differences.shape[1]
    mean = differences.mean(axis=1)
    error = np.maximum(differences.std(axis=1, ddof=1) / np.sqrt(n), np.finfo(float).tiny)
    lower, higher = student.cdf(mean / error, n - 1), student.sf(mean / error, n - 1)
    if n in SIGN_FLIPS:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        flipped = differences @ signs.T / n
        slack = 1e-12 * np.maximum(1.0, np.abs(differences).max(axis=1))
        lower = np.maximum(lower, (flipped <= (mean + slack)[:, None]).mean(axis=1))
        higher = np.maximum(higher, (flipped >= (mean - slack)[:, None]).mean(axis=1))
    return lower, higher


def welch(values: Floats, n_test: int) -> tuple[Floats, Floats, Floats]:
    """Difference of means, its standard error and Welch's degrees of freedom, by row."""
    a, b = values[:, :n_test], values[:, n_test:]
    va, vb = a.var(axis=1, ddof=1) / a.shape[1], b.var(axis=1, ddof=1) / b.shape[1]
    both = va + vb
    with np.errstate(divide="ignore", invalid="ignore"):
        df = both**2 / (va**2 / (a.shape[1] - 1) + vb**2 / (b.shape[1] - 1))
    error = np.maximum(np.sqrt(both), np.finfo(float).tiny)
    return a.mean(axis=1) - b.mean(axis=1), error, np.where(both > 0, df, 1.0)


def permutation_p(values: Floats, n_test: int) -> tuple[Floats, Floats]:
    """Share of labellings whose studentised difference is as low, and as high, by row.

    With arms of one size the order of labellings is that of the plain difference.
    """
    labels = labellings(values.shape[1], n_test)
    lower, higher = np.zeros(len(values)), np.zeros(len(values))
    for start in range(0, len(values), _STUDIES_AT_ONCE):
        part = slice(start, start + _STUDIES_AT_ONCE)
        x = values[part] - values[part].mean(axis=1, keepdims=True)
        scale = np.abs(x).max(axis=1, keepdims=True)
        t = _studentised(x / np.where(scale > 0, scale, 1.0), labels, n_test)
        own = t[:, [0]]  # the first labelling is the one that was observed
        slack = 1e-9 * np.maximum(1.0, np.abs(own))
        lower[part] = (t <= own + slack).mean(axis=1)
        higher[part] = (t >= own - slack).mean(axis=1)
    return lower, higher


def _studentised(x: Floats, labels: Floats, n_test: int) -> Floats:
    n, k = x.shape[1], n_test
    sums = x @ labels.T
    if 2 * k == n:
        return sums
    squares = (x * x) @ labels.T
    total, all_squares = x.sum(axis=1, keepdims=True), (x * x).sum(axis=1, keepdims=True)
    a, b = sums / k, (total - sums) / (n - k)
    within = (squares - k * a * a) / ((k - 1) * k)
    within += (all_squares - squares - (n - k) * b * b) / ((n - k - 1) * (n - k))
    return np.asarray((a - b) / np.sqrt(np.maximum(within, 1e-15)))


@lru_cache(maxsize=32)
def labellings(n: int, k: int) -> Floats:
    """Every way to call ``k`` of ``n`` units the test arm, ones and zeros; the first ``k`` first.

    Examples
    --------
    >>> labellings(3, 1).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    chosen = np.array(list(combinations(range(n), k)))
    out = np.zeros((len(chosen), n))
    np.put_along_axis(out, chosen, 1.0, axis=1)
    return out


def _finite(values: ArrayLike) -> Floats:
    v = np.asarray(values, dtype=np.float64)
    if len(v) < 2 or not np.isfinite(v).all():
        raise DataError("an arm needs two or more finite values", found=f"{v}")
    return v


def _contrast(
    test: Test,
    values: Floats,
    moved: Floats,
    normal: tuple[float, float, float],
    span: tuple[float, float],
    floor: float,
    margin: tuple[float, float],
    alpha: float,
    method: str,
) -> Contrast:
    """Probabilities of one study and its interval, by the same tests."""

    def at(shift: float) -> tuple[float, float]:
        lower, higher = test(values - shift * moved)
        return float(lower[0]), float(higher[0])

    difference, error, df = normal
    half = float(student.ppf(1.0 - alpha, df)) * error
    low = _end(lambda s: at(s)[1] <= alpha, difference - half, span[0], floor <= alpha)
    high = -_end(lambda s: at(-s)[0] <= alpha, -difference - half, -span[1], floor <= alpha)
    own = at(0.0)
    equivalence = max(at(float(np.log(margin[0])))[1], at(float(np.log(margin[1])))[0])
    return Contrast(difference, low, high, *own, equivalence, method)


def _end(shut_out: Callable[[float], bool], start: float, far: float, possible: bool) -> float:
    """Lower end of an interval: from Welch's, down until the exact test shuts it out too."""
    if shut_out(start - 1e-9 * max(1.0, abs(start))):
        return start
    if not possible:
        return float("-inf")
    out, inside = min(start, far) - 1e-9 * max(1.0, abs(far)), start
    step = max(abs(start - far), 1e-6)
    while not shut_out(out):
        out, step = out - step, 2 * step
        if not np.isfinite(out):
            return float("-inf")
    for _ in range(40):
        middle = (out + inside) / 2
        if shut_out(middle):
            out = middle
        else:
            inside = middle
    return out
