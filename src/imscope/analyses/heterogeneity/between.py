"""Claim B: do the lots of one arm differ less from one another than those of the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as fisher

from imscope.analyses.heterogeneity.arms import Arm
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.stats.contrast import ALPHA

LEAST_SHAPE = 0.02
"""One over the largest number of independent directions that few units can vouch for."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Ratio of the spread of units, test over reference.

    Attributes
    ----------
    test, reference
        Between-unit component of HI2 in each arm, free of the noise of the cells.
    ratio, low, high
        Of the components; NaN where a component is not above zero.
    p_lower, p_higher, p_equivalence
        One-sided, from the same F ratio as the interval; larger of the two one-sided tests.
    power
        Chance to see a spread (standard deviation) half as large with these units, when all lots
        differ along one direction.
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


@dataclass(frozen=True, slots=True)
class Component:
    """Between-unit component of one arm and how well it is known.

    Attributes
    ----------
    value
        Mean squared distance from the centre less the noise of the units' means.
    freedom
        Degrees of freedom of a chi-square with the same relative error; 0 when not above zero.
    """

    value: float
    freedom: float


def compare_spread(
    h: Heterogeneity,
    test: Arm,
    reference: Arm,
    *,
    margin: tuple[float, float],
    alpha: float = ALPHA,
) -> Spread:
    """Compare how far the units of each arm lie from their own centre.

    Each unit is one mean profile. What is compared is the component between units after the noise
    of every mean, known from its cells, is taken out: arms may differ in cells and depth. Its error
    has two parts: few units, which lie along few independent directions (estimated from how the
    distances concentrate), and the noise that was taken out. A ratio of two such components is
    referred to an F distribution with the matching degrees of freedom; test and interval are one.

    References
    ----------
    .. [1] Satterthwaite FE (1946). Biometrics Bull 2:110-114. doi:10.2307/3002019
    .. [2] Anderson MJ (2006). Biometrics 62:245-253. doi:10.1111/j.1541-0420.2005.00440.x
    """
    a, b = (component_of(*profiles(h, arm)) for arm in (test, reference))
    power = spread_power(len(test.units), len(reference.units))
    if not (a.freedom > 0 and b.freedom > 0):
        nothing = (float("nan"),) * 6
        return Spread(a.value, b.value, *nothing, power)
    ratio, f = a.value / b.value, fisher(a.freedom, b.freedom)
    above, below = f.sf(ratio / margin[0]), f.cdf(ratio / margin[1])
    return Spread(
        a.value,
        b.value,
        ratio,
        float(ratio / f.ppf(1 - alpha)),
        float(ratio / f.ppf(alpha)),
        float(f.cdf(ratio)),
        float(f.sf(ratio)),
        float(max(above, below)),
        power,
    )


def spread_power(n_test: int, n_reference: int, *, sd_ratio: float = 0.5) -> float:
    """Chance of a one-sided 5 % F test to see that a standard deviation is ``sd_ratio`` as large.

    Examples
    --------
    >>> round(spread_power(16, 16), 2)
    0.83
    """
    limit = fisher.ppf(ALPHA, n_test - 1, n_reference - 1)
    return float(fisher.cdf(limit / sd_ratio**2, n_test - 1, n_reference - 1))


def profiles(h: Heterogeneity, arm: Arm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner products of the units' mean profiles, and the variance of each mean over its cells."""
    code = np.full(len(h.all_genes.n), -1, dtype=np.int64)
    for i, unit in enumerate(arm.units):
        code[unit.units] = i
    merged = h.all_genes.merge(code)
    gram = merged.gram / np.outer(merged.n, merged.n)
    variance = (merged.square - np.diag(merged.gram) / merged.n) / (merged.n - 1)
    return gram, variance / merged.n


def component_of(gram: NDArray[np.float64], noise: NDArray[np.float64]) -> Component:
    """Between-unit component with its degrees of freedom.

    Examples
    --------
    >>> component_of(np.diag([1.0, 1.0, 1.0, 1.0]), np.full(4, 0.2)).value
    0.8
    """
    k = len(noise)
    free = k - 1
    centre = np.eye(k) - 1.0 / k
    inner = centre @ gram @ centre
    raw = float(np.trace(inner)) / free
    value = raw - float(noise.mean())
    if not (value > 0 and k >= 3):
        return Component(value, 0.0)
    variance = 2 * raw**2 * _shape(inner, free) / free + float(noise.var(ddof=1)) / k
    return Component(value, 2 * value**2 / variance)


def _shape(inner: NDArray[np.float64], free: int) -> float:
    """One over the number of independent directions, leaning to few: 1 is a single one.

    The plain share of squared eigenvalues is too large for few units; solving for what it would be
    in the long run is right on average and now and then far too small. Their mean keeps the size of
    the test for one direction exactly and errs towards fewer directions for more.
    """
    plain = float((inner**2).sum() / np.trace(inner) ** 2)
    solved = (plain - 1 / free) / (1 + 1 / free - 2 * plain / free)
    return float(np.clip((plain + solved) / 2, LEAST_SHAPE, 1.0))
