"""Heterogeneity of any sum of units from small sufficient statistics, and its intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit
from threadpoolctl import threadpool_limits

from imscope.engine.moments import UnitMoments

_GENES_PER_CHUNK = 1_024  # bounds memory
BOOTSTRAP_UNITS = 6
"""From this many replicate units on the interval is a bootstrap, below a jackknife."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """What the index needs of each unit, with the genes summed out.

    Attributes
    ----------
    n
        Cells per unit, ``(n_units,)``.
    square
        Sum over cells and genes of y squared / p, ``(n_units,)``.
    noise
        Sum over cells and genes of y (1 - y) / (N - 1) / p, ``(n_units,)``.
    gram
        Sum over genes of (sum of y of one unit)(sum of y of another) / p, ``(n_units, n_units)``.
    n_genes
        Genes summed over.
    """

    n: NDArray[np.float64]
    square: NDArray[np.float64]
    noise: NDArray[np.float64]
    gram: NDArray[np.float64]
    n_genes: int

    def merge(self, codes: ArrayLike) -> "Reduced":
        """Add units of the same code together; -1 leaves a unit out."""
        code = np.asarray(codes, dtype=np.int64)
        k = int(code.max(initial=-1)) + 1
        indicator = np.zeros((k, len(code)))
        used = code >= 0
        indicator[code[used], np.flatnonzero(used)] = 1.0
        return Reduced(
            indicator @ self.n,
            indicator @ self.square,
            indicator @ self.noise,
            indicator @ self.gram @ indicator.T,
            self.n_genes,
        )

    def subset(self, units: ArrayLike) -> "Reduced":
        """Keep some units, in the order given."""
        keep = np.asarray(units)
        return Reduced(
            self.n[keep],
            self.square[keep],
            self.noise[keep],
            self.gram[np.ix_(keep, keep)],
            self.n_genes,
        )


def reduce_moments(
    moments: UnitMoments,
    reference: NDArray[np.float64],
    genes: NDArray[np.bool_],
    *,
    units: NDArray[np.int64] | None = None,
    tile: int | None = None,
) -> Reduced:
    """Sum the genes out of unit moments, each weighted by 1 / p.

    Parameters
    ----------
    moments
        Sums per unit and gene.
    reference
        Reference share p of each gene, ``(n_genes,)``, above 0 for the genes used.
    genes
        Genes to sum over, ``(n_genes,)``.
    units
        Units to take, all by default.
    tile
        Multiply so many units at a time: then no digit of some units depends on the others.
    """
    mine = np.arange(moments.n_units) if units is None else units
    n = len(mine)
    square, noise, gram = np.zeros(n), np.zeros(n), np.zeros((n, n))
    columns = np.flatnonzero(genes)
    with threadpool_limits(1, "blas"):
        for low in range(0, len(columns), _GENES_PER_CHUNK):
            part = columns[low : low + _GENES_PER_CHUNK]
            weight = 1.0 / reference[part]
            sums = moments.sums[np.ix_(mine, part)]
            first = np.ascontiguousarray(sums[:, :, 0]) * np.sqrt(weight)
            size = tile or max(n, 1)
            for a in range(0, n, size):
                own = slice(a, a + size)
                square[own] += sums[own, :, 1] @ weight
                noise[own] += sums[own, :, 2] @ weight
                for b in range(0, n, size):
                    gram[own, b : b + size] += first[own] @ first[b : b + size].T
    return Reduced(moments.n_cells[mine].astype(np.float64), square, noise, gram, int(genes.sum()))


def hi2(reduced: Reduced, times: ArrayLike | None = None) -> NDArray[np.float64]:
    r"""Noise-corrected inertia of units put together.

    .. math::
        HI^2 = \sum_g \frac{1}{p_g}\Bigl[s^2_g(y)
               - \frac1n\sum_c\frac{y_{gc}(1-y_{gc})}{N_c-1}\Bigr]

    Parameters
    ----------
    reduced
        Statistics of the units.
    times
        How often each unit is taken, shape ``(n_units,)`` or ``(n_sets, n_units)``; all once by
        default.

    Returns
    -------
    hi2
        Shape ``(n_sets,)``; NaN where fewer than 2 cells remain. Zero for identical cells on
        average, at any mixture of depths; a sampled value can be below zero.
    """
    w = np.atleast_2d(np.ones(len(reduced.n)) if times is None else np.asarray(times, np.float64))
    n = w @ reduced.n
    between = np.einsum("ru,ru->r", w @ reduced.gram, w)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (w @ reduced.square - between / n) / (n - 1) - w @ reduced.noise / n
    return np.where(n >= 2, value, np.nan)


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval and how it was made."""

    low: float
    high: float
    method: str


Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes how often each unit is used, ``(n_sets, n_units)``; gives one value per set."""


def jackknife_interval(
    statistic: Statistic, n_units: int, *, confidence: float = 0.95, of: str = "units"
) -> Interval:
    """Delete one unit at a time; on the log scale where the statistic is clearly above zero."""
    if n_units < 3:
        return Interval(float("nan"), float("nan"), f"none: {n_units} {of}")
    value = float(statistic(np.ones((1, n_units)))[0])
    left = statistic(1.0 - np.eye(n_units))
    if not np.isfinite(left).all():
        return Interval(float("nan"), float("nan"), f"none: {of} too small")

    def spread(values: NDArray[np.float64]) -> float:
        return float(np.sqrt((n_units - 1) / n_units * ((values - values.mean()) ** 2).sum()))

    low, high = _around(value, left, spread, df=n_units - 1, confidence=confidence)
    return Interval(low, high, f"{n_units} {of}, jackknife")


def bootstrap_interval(
    statistic: Statistic, draws: NDArray[np.float64], *, confidence: float = 0.95, of: str = "units"
) -> Interval:
    """Resample whole units; the standard error is widened for a small number of units.

    Parameters
    ----------
    statistic
        See :data:`Statistic`.
    draws
        How often each unit is drawn in each replicate, ``(n_replicates, n_units)``.
    confidence, of
        Of the interval; name of the units.
    """
    k = draws.shape[1]
    value = float(statistic(np.ones((1, k)))[0])
    values = statistic(draws)
    values = values[np.isfinite(values)]
    factor = np.sqrt(k / (k - 1))

    def spread(v: NDArray[np.float64]) -> float:
        return float(np.std(v, ddof=1) * factor)

    low, high = _around(value, values, spread, df=k - 1, confidence=confidence)
    return Interval(low, high, f"{k} {of}, bootstrap of {len(draws)}")


def _around(
    value: float,
    replicates: NDArray[np.float64],
    spread: Callable[[NDArray[np.float64]], float],
    *,
    df: int,
    confidence: float,
) -> tuple[float, float]:
    quantile = float(stdtrit(df, 0.5 + confidence / 2))
    plain = spread(replicates)
    if value > 0 and (replicates > 0).all() and plain < 0.5 * value:
        step = quantile * spread(np.log(replicates))
        return float(value * np.exp(-step)), float(value * np.exp(step))
    return value - quantile * plain, value + quantile * plain


def unit_interval(
    statistic: Statistic,
    n_units: int,
    *,
    rng: np.random.Generator,
    replicates: int,
    confidence: float = 0.95,
    of: str = "units",
) -> Interval:
    """Interval over replicate units: bootstrap from 6 units on, jackknife below."""
    if n_units < BOOTSTRAP_UNITS:
        return jackknife_interval(statistic, n_units, confidence=confidence, of=of)
    draws = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=replicates)
    return bootstrap_interval(statistic, draws.astype(np.float64), confidence=confidence, of=of)
