"""Method `calibrated`: effects of guides against the spread of inert ones, genes against a null."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression

from imscope.analyses.screens.empirical_null import EmpiricalNull, fit_null
from imscope.core.rng import spawn
from imscope.stats.moderate import squeeze

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
PSEUDO = 5.0
"""Reads added on both sides, at the median depth of the samples."""
MIN_CONTROL = 10.0
"""Guides with fewer mean reads on the control side are not tested."""
CLIP = 8.0
BINS = 20
RANDOM_DRAWS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Guides and genes of the method; see :func:`calibrate`."""

    effect: Floats
    sd: Floats
    z_guide: Floats
    tested: Bools
    z: Floats
    null: EmpiricalNull
    p_low: Floats
    p_high: Floats
    correlation: float


def calibrate(
    effect: Floats,
    noise: Floats,
    df: int,
    *,
    abundance: Floats,
    gene: NDArray[np.int64],
    control_genes: Bools | None = None,
    control_guides: Bools | None = None,
    seed: int = 0,
) -> Calibrated:
    r"""Turn effects of guides into calibrated statistics of genes.

    .. math:: Z_g = \frac{\sum_i z_i}{\sqrt{n + \rho\,n(n-1)}},\quad z_i = (l_i - m_i)/s_i

    Parameters
    ----------
    effect
        log2 ratio of each guide, shape ``(n_guides,)``; NaN where not testable.
    noise
        Variance of ``effect`` from replicates, shape ``(n_guides,)``; ignored when ``df`` is 0.
    df
        Degrees of freedom of ``noise``.
    abundance
        log2 reads on the control side.
    gene
        Number of the gene of each guide, from 0.
    control_genes
        Inert genes, shape ``(n_genes,)``.
    control_guides
        Guides for centre and spread; by default those of the control genes when there are enough,
        else the central bulk.
    seed
        Of permutations.

    Notes
    -----
    Centre and spread of an inert guide follow its abundance (20 bins, the spread never rising with
    abundance). Where replicates differ more for a guide than for its like, its spread is raised,
    by moderation. The null of the genes is that of
    :func:`imscope.analyses.screens.empirical_null.fit_null`.
    Where guides of one gene are no more alike than guides of different genes, nothing tells inert
    genes from others: the null is then that of genes made of random guides.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> l = rng.normal(0, 0.4, 4000)
    >>> l[:80] -= 3
    >>> got = calibrate(l, l * 0, 0, abundance=rng.uniform(5, 12, 4000), gene=np.arange(4000) // 4)
    >>> bool((got.p_low[:20] < 1e-6).all()), bool((got.p_low[20:] < 0.05).mean() < 0.08)
    (True, True)
    """
    tested = np.isfinite(effect)
    n_genes = int(gene.max(initial=-1)) + 1
    fit = _fit_guides(tested, gene, control_genes, control_guides)
    centre, spread = guide_null(
        effect[fit], abundance[fit], at=abundance, bulk=not _enough(fit, tested)
    )
    sd = spread * _own_noise(noise, df, abundance, tested, spread)
    z = np.clip((effect - centre) / sd, -CLIP, CLIP)
    use = np.flatnonzero(tested)
    g = gene[use]
    n = np.bincount(g, minlength=n_genes)
    total = np.bincount(g, weights=z[use], minlength=n_genes)
    square = np.bincount(g, weights=z[use] ** 2, minlength=n_genes)
    rho = within_correlation(total, square, n, control_genes)
    with np.errstate(divide="ignore", invalid="ignore"):
        gene_z = np.where(n > 0, total / np.sqrt(n + rho * n * (n - 1)), np.nan)
    null = fit_null(gene_z, control_genes)
    low, high = null.p_values(gene_z)
    if not has_gene_signal(z[use], g, n, seed=seed):
        null = replace(null, source="random guides: guides of a gene are no more alike than others")
        low, high = random_guides(z[use], n, gene_z, rho=rho, seed=seed)
    return Calibrated(effect - centre, sd, z, tested, gene_z, null, low, high, rho)


def _fit_guides(
    tested: Bools,
    gene: NDArray[np.int64],
    genes: Bools | None,
    guides: Bools | None,
) -> Bools:
    for wanted in (guides, None if genes is None else genes[gene]):
        if wanted is not None and (wanted & tested).sum() >= 10 * BINS:
            return np.asarray(wanted & tested)
    return tested


def _enough(fit: Bools, tested: Bools) -> bool:
    return bool(fit.sum() < tested.sum())


def guide_null(
    effect: Floats, abundance: Floats, *, at: Floats, bulk: bool
) -> tuple[Floats, Floats]:
    """Centre and spread of inert guides as a function of their abundance.

    Parameters
    ----------
    effect, abundance
        Of the guides the null is learnt from.
    at
        Abundances to evaluate it at.
    bulk
        The guides are not known to be inert: the spread is then that of the central 25 to 95 %.

    Examples
    --------
    >>> a = np.linspace(4, 12, 4000)
    >>> l = np.random.default_rng(0).normal(0, 2 - a / 8)
    >>> m, s = guide_null(l, a, at=np.array([5.0, 11.0]), bulk=False)
    >>> bool(s[0] > s[1]), bool(abs(m).max() < 0.2)
    (True, True)
    """
    bins = int(np.clip(len(effect) // 20, 1, BINS))
    parts = np.array_split(np.argsort(abundance, kind="stable"), bins)
    where = np.array([np.median(abundance[p]) for p in parts])
    centre, spread = np.empty(bins), np.empty(bins)
    for k, part in enumerate(parts):
        centre[k], spread[k] = _robust(effect[part], bulk=bulk)
    spread = isotonic_regression(spread, increasing=False).x
    floor = 0.05 * float(np.median(spread)) or 1e-6
    spread = np.maximum(spread, floor)
    if bins < 3 or len(np.unique(where)) < bins:
        return np.full(len(at), np.median(centre)), np.full(len(at), np.median(spread))
    x = np.clip(at, where[0], where[-1])
    return (
        np.asarray(PchipInterpolator(where, _smooth(centre))(x)),
        np.asarray(PchipInterpolator(where, spread)(x)),
    )


def _robust(x: Floats, *, bulk: bool) -> tuple[float, float]:
    if not bulk:
        centre = float(np.median(x))
        return centre, 1.4826 * float(np.median(np.abs(x - centre)))
    low, middle, high = np.quantile(x, (0.25, 0.6, 0.95))
    # quantiles of a normal at 25, 60 and 95 %: the lower tail holds guides that were lost
    sd = float((high - low) / (1.6449 + 0.6745))
    return float(middle - 0.2533 * sd), sd


def _smooth(y: Floats) -> Floats:
    if len(y) < 5:
        return y
    padded = np.concatenate([[y[0]], y, [y[-1]]])
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


def _own_noise(noise: Floats, df: int, abundance: Floats, tested: Bools, spread: Floats) -> Floats:
    """Factor on the spread of a guide whose replicates differ more than those of its like."""
    factor = np.ones(len(noise))
    ok = tested & np.isfinite(noise) & (noise > 0)
    if df < 1 or ok.sum() < 10 * BINS:
        return factor
    parts = np.array_split(np.flatnonzero(ok)[np.argsort(abundance[ok], kind="stable")], BINS)
    usual = np.empty(len(noise))
    usual[:] = np.nan
    for part in parts:
        usual[part] = noise[part].mean()
    ratio = noise[ok] / usual[ok]
    _, prior = squeeze(ratio, df)
    drawn = np.ones(int(ok.sum())) if np.isinf(prior) else (prior + df * ratio) / (prior + df)
    excess = np.maximum(drawn - 1.0, 0.0) * usual[ok]
    factor[ok] = np.sqrt(1.0 + excess / spread[ok] ** 2)
    return factor


def within_correlation(
    total: Floats, square: Floats, n: NDArray[np.int64], control_genes: Bools | None
) -> float:
    """Correlation of guides of one inert gene: mean product of pairs over the mean square.

    The middle 80 % of the genes (or the controls, from 50 on) stand for the inert ones; the cut
    takes variance from the products, so the result is kept between 0 and 0.3.

    Examples
    --------
    >>> within_correlation(np.array([2.0, -2.0]), np.array([2.0, 2.0]), np.array([2, 2]), None)
    0.3
    """
    some = n > 1
    if control_genes is not None and (some & control_genes).sum() >= 50:
        some = some & control_genes
    elif some.sum() >= 50:
        mean = np.where(some, total / np.sqrt(np.maximum(n, 1)), np.nan)
        low, high = np.nanquantile(mean, (0.10, 0.95))
        some = some & (mean >= low) & (mean <= high)
    pairs = (n * (n - 1))[some].sum()
    if not pairs or not square[some].sum():
        return 0.0
    product = (total[some] ** 2 - square[some]).sum() / pairs
    own = square[some].sum() / n[some].sum()
    return float(np.clip(product / own, 0.0, 0.3))


def has_gene_signal(
    z: Floats, gene: NDArray[np.int64], n: NDArray[np.int64], *, seed: int = 0
) -> bool:
    """Whether guides of a gene are more alike than guides of random genes, by 4 standard errors.

    Parameters
    ----------
    z, gene
        Statistic and gene of each tested guide.
    n
        Guides of each gene.
    seed
        Of the permutations.

    Examples
    --------
    >>> gene = np.arange(400) // 4
    >>> has_gene_signal(np.repeat(np.arange(100.0), 4), gene, np.full(100, 4))
    True
    >>> has_gene_signal(np.random.default_rng(0).normal(size=400), gene, np.full(100, 4))
    False
    """
    some = np.maximum(n, 1)

    def between(values: Floats) -> float:
        return float((np.bincount(gene, weights=values, minlength=len(n)) ** 2 / some).sum())

    rng = spawn(seed, "gene signal")
    null = np.array([between(rng.permutation(z)) for _ in range(30)])
    return bool(between(z) > null.mean() + 4 * null.std(ddof=1))


def random_guides(
    z: Floats, n: NDArray[np.int64], gene_z: Floats, *, rho: float, seed: int
) -> tuple[Floats, Floats]:
    """One-sided p values against genes of as many random guides; 200,000 draws per number."""
    low, high = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for size in np.unique(n[n > 0]):
        rng = spawn(seed, "random guides", int(size))
        draws = RANDOM_DRAWS if size <= 50 else RANDOM_DRAWS // 20
        total = np.zeros(draws)
        for _ in range(int(size)):
            total += z[rng.integers(0, len(z), draws)]
        null = np.sort(total / np.sqrt(size + rho * size * (size - 1)))
        mine = n == size
        below = np.searchsorted(null, gene_z[mine], side="right")
        above = draws - np.searchsorted(null, gene_z[mine], side="left")
        low[mine], high[mine] = (1 + below) / (1 + draws), (1 + above) / (1 + draws)
    return low, high
