"""The null distribution of a statistic, from controls or from the bulk of what was tested."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize

Floats = NDArray[np.float64]
MIN_CONTROLS = 50
"""From this many control genes on the null is theirs; with fewer it is drawn to the bulk."""
FEW_CONTROLS = 5
CENTRE = (0.25, 0.90)
"""Quantiles between which the bulk is taken as null; screens lose genes more than they gain."""


@dataclass(frozen=True, slots=True)
class EmpiricalNull:
    """A location and scale with Student tails: ``df`` infinite is normal."""

    centre: float
    sd: float
    df: float
    source: str
    n: int
    pi0: float = 1.0

    def p_values(self, z: Floats) -> tuple[Floats, Floats]:
        """One-sided p values: low and high."""
        x = (np.asarray(z) - self.centre) / self.sd
        if np.isinf(self.df):
            return stats.norm.cdf(x), stats.norm.sf(x)
        return stats.t.cdf(x, self.df), stats.t.sf(x, self.df)

    def density(self, z: Floats) -> Floats:
        """Density at z."""
        x = (np.asarray(z) - self.centre) / self.sd
        d = stats.norm.pdf(x) if np.isinf(self.df) else stats.t.pdf(x, self.df)
        return np.asarray(d / self.sd)


def fit_null(z: Floats, controls: NDArray[np.bool_] | None = None) -> EmpiricalNull:
    """Fit the null of gene statistics.

    Parameters
    ----------
    z
        Statistics of all genes, shape ``(n_genes,)``; NaN is left out.
    controls
        Genes known to be inert, shape ``(n_genes,)``.

    Returns
    -------
    null
        From 50 control genes on: their own location, scale and tails, by maximum likelihood of
        Student's t after a robust start. With fewer, the scale is drawn towards that of the bulk
        by their share of 50. Without: a truncated normal fitted to the central 25 to 90 %.

    References
    ----------
    .. [1] Efron B (2004). J Am Stat Assoc 99:96-104. doi:10.1198/016214504000000089

    Examples
    --------
    >>> z = np.concatenate([stats.norm.ppf((np.arange(900) + 0.5) / 900) * 1.3, np.full(60, -9.0)])
    >>> null = fit_null(z)
    >>> bool(abs(null.centre) < 0.1), round(null.sd, 1)
    (True, 1.3)
    """
    known = np.isfinite(z)
    mine = known & controls if controls is not None else np.zeros(len(z), dtype=bool)
    n = int(mine.sum())
    if n >= MIN_CONTROLS:
        centre, sd, df = _student(z[mine])
        return EmpiricalNull(centre, sd, df, "controls", n, _share(z[known], centre, sd))
    centre, sd = _central(z[known])
    if n < FEW_CONTROLS:
        return EmpiricalNull(centre, sd, np.inf, "bulk", n, _share(z[known], centre, sd))
    own = float(np.median(z[mine]))
    own_sd = max(1.4826 * float(np.median(np.abs(z[mine] - own))), 1e-6)
    if abs(own - centre) > 4 * own_sd / np.sqrt(n) + 0.5 * own_sd:
        # the bulk is not inert here, as in a library of essential genes
        source = "few controls, the bulk is elsewhere"
        return EmpiricalNull(own, own_sd, n - 1.0, source, n, _share(z[known], own, own_sd))
    w = n / MIN_CONTROLS
    sd = float(np.sqrt(w * own_sd**2 + (1 - w) * sd**2))
    centre = w * own + (1 - w) * centre
    return EmpiricalNull(
        centre, sd, np.inf, "bulk and few controls", n, _share(z[known], centre, sd)
    )


def local_fdr(z: Floats, null: EmpiricalNull) -> Floats:
    """Chance that a gene is inert: null density over the density of all genes, monotone outward.

    Examples
    --------
    >>> z = np.concatenate([stats.norm.ppf((np.arange(900) + 0.5) / 900), np.full(60, -9.0)])
    >>> fdr = local_fdr(z, fit_null(z))
    >>> bool(fdr[450] > 0.9), bool(fdr[-1] < 0.01)
    (True, True)
    """
    known = np.isfinite(z)
    out = np.full(len(z), np.nan)
    v = z[known]
    if len(v) < 10:
        return out
    low, high = float(v.min()) - 1, float(v.max()) + 1
    grid = np.linspace(low, high, 400)
    width = max(0.9 * min(v.std(), 1.349 * null.sd) * len(v) ** -0.2, (high - low) / 800)
    edges = np.concatenate([grid - (grid[1] - grid[0]) / 2, [grid[-1] + (grid[1] - grid[0]) / 2]])
    counts = np.histogram(v, edges)[0]
    kernel = stats.norm.pdf(np.arange(-199, 200) * (grid[1] - grid[0]) / width)
    every = np.convolve(counts, kernel / kernel.sum(), mode="same") / len(v) / (grid[1] - grid[0])
    ratio = np.clip(null.pi0 * null.density(grid) / np.maximum(every, 1e-12), 0, 1)
    middle = int(np.searchsorted(grid, null.centre))
    ratio[middle:] = np.minimum.accumulate(ratio[middle:])
    ratio[: middle + 1] = np.minimum.accumulate(ratio[: middle + 1][::-1])[::-1]
    out[known] = np.interp(v, grid, ratio)
    return out


def _student(z: Floats) -> tuple[float, float, float]:
    centre = float(np.median(z))
    sd = max(1.4826 * float(np.median(np.abs(z - centre))), 1e-6)

    def loss(q: Floats) -> float:
        df = 2.0 + np.exp(q[2])
        return -float(stats.t.logpdf(z, df, q[0], np.exp(q[1])).sum())

    got = minimize(
        loss,
        [centre, np.log(sd), 2.0],
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-4, "maxiter": 600},
    )
    df = 2.0 + float(np.exp(got.x[2]))
    return float(got.x[0]), float(np.exp(got.x[1])), (np.inf if df > 200 else df)


def _central(z: Floats) -> tuple[float, float]:
    """Maximum likelihood of a normal cut off at two quantiles of the data."""
    low, high = np.quantile(z, CENTRE)
    x = z[(z >= low) & (z <= high)]
    if len(x) < 10 or high <= low:
        sd = 1.4826 * float(np.median(np.abs(z - np.median(z)))) if len(z) else 1.0
        return (float(np.median(z)) if len(z) else 0.0), sd or 1.0

    def loss(q: Floats) -> float:
        sd = np.exp(q[1])
        inside = stats.norm.cdf((high - q[0]) / sd) - stats.norm.cdf((low - q[0]) / sd)
        return -float(stats.norm.logpdf(x, q[0], sd).sum() - len(x) * np.log(max(inside, 1e-300)))

    start = [float(np.median(x)), np.log((high - low) / 1.96)]
    got = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-5})
    centre, sd = float(got.x[0]), float(np.exp(got.x[1]))
    if not low - sd <= centre <= high + sd or sd > 3 * (high - low):
        # the middle has no peak, so no normal fits it: the robust centre and spread of all
        centre = float(np.median(z))
        sd = 1.4826 * float(np.median(np.abs(z - centre)))
    return centre, sd


def _share(z: Floats, centre: float, sd: float) -> float:
    """Share of inert things, from the mass in the middle half of the null."""
    inside = (np.abs(z - centre) < 0.6745 * sd).mean()
    return float(min(inside / 0.5, 1.0))
