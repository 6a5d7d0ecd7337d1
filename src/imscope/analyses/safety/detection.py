"""The rule that calls a residual cell, and how often it is right at a given depth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from imscope.engine.on_off import PER, gamma_poisson_log

Floats = NDArray[np.float64]

ASSUMED_TOTAL = 20.0
"""Rate of all marker genes of a pluripotent cell together when none was measured. With it the rule
has a sensitivity of about 0.1, 0.5, 0.95 and 1 at 1,000, 2,000, 5,000 and 10,000 UMI."""
ASSUMED_LOG_SD = 0.35
"""Standard deviation of the logarithm of that rate: what is not known of it."""
DEPTHS = np.geomspace(200.0, 100_000.0, 28)


@dataclass(frozen=True, slots=True)
class CallRule:
    """When a cell is called.

    Attributes
    ----------
    min_genes
        Marker genes that must be seen.
    min_umi
        UMI of marker genes that must be seen.
    min_log_ratio
        Least log likelihood ratio of such a cell over ambient RNA and background.
    """

    min_genes: int = 3
    min_umi: int = 4
    min_log_ratio: float = float(np.log(1_000.0))


@dataclass(frozen=True)
class MarkerRates:
    """Expression of the marker genes in the cells that are searched for.

    Attributes
    ----------
    rate
        Shape ``(n_genes,)``. Unit: UMI per 10,000 UMI of such a cell.
    shape
        Shape of the gamma distribution of a rate among such cells.
    log_sd
        Standard error of the logarithm of all rates together.
    source
        ``assumed``, or where they were measured.
    """

    rate: Floats
    shape: float = 2.0
    log_sd: float = ASSUMED_LOG_SD
    source: str = "assumed"

    def times(self, factor: float) -> "MarkerRates":
        """Scale all rates."""
        return MarkerRates(self.rate * factor, self.shape, self.log_sd, self.source)


def assumed_rates(n_genes: int, *, total: float = ASSUMED_TOTAL) -> MarkerRates:
    """Share a total rate equally among the marker genes.

    Examples
    --------
    >>> assumed_rates(10).rate.sum()
    np.float64(20.0)
    """
    return MarkerRates(np.full(n_genes, total / max(n_genes, 1)))


def measure_rates(counts: Floats, depth: Floats, *, source: str) -> MarkerRates:
    """Measure the rates of marker genes in cells known to be what is searched for.

    Parameters
    ----------
    counts
        Shape ``(n_cells, n_genes)``. Unit: UMI.
    depth
        UMI of each cell.
    source
        Name of the library, told in the result.

    Returns
    -------
    rates
        The standard error of the log rate holds the spread of the total among cells, and 0.15 for
        the difference between one library and another.

    Examples
    --------
    >>> import numpy as np
    >>> measure_rates(np.full((50, 2), 4.0), np.full(50, 4000.0), source="iPSC").rate
    array([10., 10.])
    """
    scale = depth / PER
    rate = np.maximum(counts.sum(axis=0) / scale.sum(), 1e-3)
    own = counts / scale[:, None]
    noise = rate * np.mean(1 / scale)
    extra = np.maximum(own.var(axis=0, ddof=1) - noise, 1e-9)
    weight = rate / rate.sum()
    shape = float(np.clip(1 / (weight * extra / rate**2).sum(), 0.3, 20.0))
    total = own.sum(axis=1)
    error = total.std(ddof=1) / max(total.mean(), 1e-9) / np.sqrt(len(total))
    return MarkerRates(rate, shape, float(np.hypot(error, 0.15)), f"measured in {source}")


def meets_rule(counts: ArrayLike, rule: CallRule) -> NDArray[np.bool_]:
    """Cells that show enough marker genes and enough UMI of them, shape ``(n_cells,)``.

    Examples
    --------
    >>> meets_rule([[2, 1, 1], [4, 1, 0], [1, 1, 1]], CallRule())
    array([ True, False, False])
    """
    x = np.asarray(counts)
    return np.asarray(((x > 0).sum(axis=1) >= rule.min_genes) & (x.sum(axis=1) >= rule.min_umi))


def log_ratio(counts: Floats, depth: Floats, rates: MarkerRates, null: Floats) -> Floats:
    """Log likelihood of the marker counts: such a cell over ambient RNA and background.

    Parameters
    ----------
    counts, depth
        Marker counts and UMI of the cells.
    rates
        Rates in such a cell.
    null
        Rate of ambient RNA and background, shape ``(n_genes,)``. Unit: UMI per 10,000 UMI. It is
        expected in both cases.

    Returns
    -------
    ratio
        Shape ``(n_cells,)``, natural logarithm.
    """
    scale = np.asarray(depth, dtype=float)[:, None] / PER
    other = scale * null
    own = scale * rates.rate
    mean = own + other
    mine = gamma_poisson_log(counts, mean, rates.shape * (mean / own) ** 2)
    return np.asarray((mine - stats.poisson.logpmf(counts, other)).sum(axis=1))


def rule_probability(
    depth: ArrayLike, rate: Floats, rule: CallRule, *, shape: float | None = None
) -> Floats:
    """Exact chance that a cell meets the counting rule.

    Parameters
    ----------
    depth
        UMI of the cells, shape ``(n_cells,)``.
    rate
        Rate of each marker gene. Unit: UMI per 10,000 UMI.
    rule
        The rule; its likelihood ratio is not part of this.
    shape
        Shape of the gamma distribution of the rates; Poisson counts without it.

    Returns
    -------
    chance
        Shape ``(n_cells,)``.

    Examples
    --------
    >>> rule_probability([1000, 2000, 5000], assumed_rates(14).rate, CallRule()).round(2)
    array([0.14, 0.56, 0.99])
    """
    scale = np.atleast_1d(np.asarray(depth, dtype=float)) / PER
    g, u = rule.min_genes, rule.min_umi
    state = np.zeros((len(scale), g + 1, u + 1))
    state[:, 0, 0] = 1.0
    at = np.arange(u)
    for r in rate:
        mean = np.maximum(scale * r, 1e-300)[:, None]
        if shape is None:
            chance = stats.poisson.pmf(at, mean)
        else:
            chance = np.exp(gamma_poisson_log(at[None, :].astype(float), mean, shape))
        if g == 0:
            continue
        fresh = state * chance[:, 0, None, None]
        moved = np.zeros_like(state)
        for x in range(1, u):
            moved[:, :, x:] += state[:, :, : u + 1 - x] * chance[:, x, None, None]
            moved[:, :, u] += state[:, :, u + 1 - x :].sum(axis=2) * chance[:, x, None]
        many = np.maximum(1 - chance.sum(axis=1), 0.0)
        moved[:, :, u] += state.sum(axis=2) * many[:, None]
        fresh[:, 1:] += moved[:, :-1]
        fresh[:, g] += moved[:, g]
        state = fresh
    return np.asarray(state[:, g, u])


def sensitivity_curve(
    rates: MarkerRates,
    null: Floats,
    rule: CallRule,
    *,
    rng: np.random.Generator,
    n_draws: int = 800,
) -> Floats:
    """Chance that such a cell is called, at each of :data:`DEPTHS`, by drawing cells.

    Parameters
    ----------
    rates
        Rates in such a cell.
    null
        Rate of ambient RNA and background.
    rule
        The whole rule, likelihood ratio included.
    rng
        Source of randomness.
    n_draws
        Cells drawn per depth. The same relative rates are used at every depth.
    """
    relative = rng.gamma(rates.shape, 1 / rates.shape, (n_draws, len(rates.rate)))
    out = np.zeros(len(DEPTHS))
    for k, depth in enumerate(DEPTHS):
        mean = depth / PER * (relative * rates.rate + null)
        counts = rng.poisson(mean)
        ok = meets_rule(counts, rule)
        if ok.any():
            ratio = log_ratio(counts[ok].astype(float), np.full(int(ok.sum()), depth), rates, null)
            out[k] = (ratio >= rule.min_log_ratio).sum() / n_draws
    return np.maximum.accumulate(out)


def mean_sensitivity(curve: Floats, depth: Floats) -> float:
    """Mean over cells of the sensitivity at their depth."""
    return float(np.interp(np.log(np.maximum(depth, 1.0)), np.log(DEPTHS), curve, left=0.0).mean())
