"""Claim B: do the lots of one arm differ less from one another than those of the other."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as fisher
from scipy.stats import t as student

from imscope.analyses.heterogeneity.arms import Arm
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.inference import MAX_PERMUTATIONS, labellings


@dataclass(frozen=True, slots=True)
class Spread:
    """Ratio of the spread of units, test over reference.

    Attributes
    ----------
    test, reference
        Between-unit component of HI2 in each arm.
    ratio, low, high
        Of the components; NaN where a component is not above zero.
    p_lower, p_higher, p_equivalence
        One-sided permutation of centred units; larger of the two one-sided tests.
    power
        Chance to see a spread (standard deviation) half as large with these units.
    """

    test: float
    reference: float
    ratio: float
    low: float
    high: float
    p_lower: float
    p_higher: float
    p_equivalence: float
    power: float


def compare_spread(
    h: Heterogeneity,
    test: Arm,
    reference: Arm,
    *,
    margin: tuple[float, float],
    rng: np.random.Generator,
) -> Spread:
    """Compare how far the units of each arm lie from their own centre.

    Each unit is one mean profile. Its distance from the centre of its arm is corrected for the
    cells it was averaged over. The test permutes units between arms after centring each arm, as in
    tests of homogeneous dispersion; there are few units, so the power is printed.

    References
    ----------
    .. [1] Anderson MJ (2006). Biometrics 62:245-253. doi:10.1111/j.1541-0420.2005.00440.x
    """
    units = [*test.units, *reference.units]
    k, n_test = len(units), len(test.units)
    gram, noise = _profiles(h, test, reference)
    arm = np.repeat([0, 1], [n_test, k - n_test])
    centred = _centre(gram, arm)
    first = np.arange(k) < n_test
    a, b = (_component(gram, noise, mine) for mine in (first, ~first))
    p_lower, p_higher = _permutation(centred, n_test, rng)
    ratio = low = high = p_equivalence = float("nan")
    if a > 0 and b > 0:
        ratio = a / b
        error = np.sqrt(sum(_log_error(gram, noise, m) ** 2 for m in (first, ~first)))
        if np.isfinite(error) and error > 0:
            df = k - 2
            step = float(student.ppf(0.975, df)) * error
            low, high = ratio * np.exp(-step), ratio * np.exp(step)
            above = student.sf((np.log(ratio) - np.log(margin[0])) / error, df)
            below = student.cdf((np.log(ratio) - np.log(margin[1])) / error, df)
            p_equivalence = float(max(above, below))
    power = spread_power(n_test, k - n_test)
    return Spread(a, b, ratio, float(low), float(high), p_lower, p_higher, p_equivalence, power)


def spread_power(n_test: int, n_reference: int, *, sd_ratio: float = 0.5) -> float:
    """Chance of a one-sided 5 % F test to see that a standard deviation is ``sd_ratio`` as large.

    Examples
    --------
    >>> round(spread_power(16, 16), 2)
    0.83
    """
    limit = fisher.ppf(0.05, n_test - 1, n_reference - 1)
    return float(fisher.cdf(limit / sd_ratio**2, n_test - 1, n_reference - 1))


def _profiles(
    h: Heterogeneity, test: Arm, reference: Arm
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner products of the units' mean profiles, and the variance of each mean over its cells."""
    units = [*test.units, *reference.units]
    code = np.full(len(h.all_genes.n), -1, dtype=np.int64)
    for i, unit in enumerate(units):
        code[unit.units] = i
    merged = h.all_genes.merge(code)
    gram = merged.gram / np.outer(merged.n, merged.n)
    variance = (merged.square - np.diag(merged.gram) / merged.n) / (merged.n - 1)
    return gram, variance / merged.n


def _centre(gram: NDArray[np.float64], arm: NDArray[np.int64]) -> NDArray[np.float64]:
    """Inner products after subtracting the mean profile of each arm."""
    k = len(arm)
    projection = np.eye(k)
    for value in np.unique(arm):
        mine = arm == value
        projection[np.ix_(mine, mine)] -= 1.0 / mine.sum()
    return np.asarray(projection @ gram @ projection.T)


def _component(
    gram: NDArray[np.float64], noise: NDArray[np.float64], mine: NDArray[np.bool_]
) -> float:
    k = int(mine.sum())
    part = gram[np.ix_(mine, mine)]
    return float((np.trace(part) - part.sum() / k) / (k - 1) - noise[mine].mean())


def _log_error(
    gram: NDArray[np.float64], noise: NDArray[np.float64], mine: NDArray[np.bool_]
) -> float:
    members = np.flatnonzero(mine)
    if len(members) < 3:
        return float("nan")
    left = []
    for one in members:
        keep = mine.copy()
        keep[one] = False
        left.append(_component(gram, noise, keep))
    values = np.array(left)
    if (values <= 0).any():
        return float("nan")
    k = len(values)
    return float(np.sqrt((k - 1) / k * ((np.log(values) - np.log(values).mean()) ** 2).sum()))


def _permutation(
    centred: NDArray[np.float64], n_test: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Chance that relabelled centred units give a log ratio of dispersions as low, as high."""
    k = len(centred)
    if comb(k, n_test) <= MAX_PERMUTATIONS:
        choices = labellings(k, n_test)
    else:
        order = rng.permuted(np.tile(np.arange(k), (MAX_PERMUTATIONS - 1, 1)), axis=1)
        choices = np.vstack([np.arange(k) < n_test, order < n_test]).astype(np.float64)
    # each unit's squared distance to its arm's centre, made unbiased for the arm's size
    sizes = np.where(np.arange(k) < n_test, n_test, k - n_test)
    distance = np.diag(centred) * sizes / (sizes - 1)
    total = distance.sum()
    inside = choices @ distance
    values = np.log(inside / n_test) - np.log((total - inside) / (k - n_test))
    own = float(np.log(distance[:n_test].mean()) - np.log(distance[n_test:].mean()))
    slack = 1e-12
    return float((values <= own + slack).mean()), float((values >= own - slack).mean())
