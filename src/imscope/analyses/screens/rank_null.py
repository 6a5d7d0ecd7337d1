"""Robust rank aggregation of guides to genes, with its exact null distribution."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, gammaln, xlog1py, xlogy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
EXACT = 40
"""Up to this many guides every value is exact; above, many values are read off a fine grid."""
_GRID = 240
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class GeneRanks:
    """Scores of genes: ``rho`` small is good, ``p_value`` exact, ``good`` guides within alpha."""

    rho: Floats
    p_value: Floats
    good: Integers


def aggregate_ranks(
    percentiles: Floats, gene: Integers, alpha: float, *, control: Floats | None = None
) -> GeneRanks:
    r"""Aggregate percentiles of guides to a score per gene and give its exact p value.

    .. math:: \rho = \min_{k:\,u_{(k)}\le\alpha\ \text{or}\ k=1} I_{u_{(k)}}(k,\,n-k+1)

    Parameters
    ----------
    percentiles
        Of each guide among all, shape ``(n_guides,)``, in (0, 1).
    gene
        Number of the gene of each guide, shape ``(n_guides,)``, from 0 without gaps.
    alpha
        Guides up to this percentile count.
    control
        Percentiles of control guides: the null is then drawn from them, not from all guides.

    Returns
    -------
    ranks
        One value per gene. Genes of different numbers of guides never share a null.

    References
    ----------
    .. [1] Kolde R et al. (2012). Bioinformatics 28:573-580. doi:10.1093/bioinformatics/btr709

    Examples
    --------
    >>> got = aggregate_ranks(np.array([0.01, 0.02, 0.5, 0.7]), np.array([0, 0, 1, 1]), 0.25)
    >>> got.rho.round(4).tolist(), got.good.tolist()
    ([0.0004, 0.75], [2, 0])
    """
    order = np.lexsort((percentiles, gene))
    u, g = percentiles[order], gene[order]
    n_genes = int(g[-1]) + 1 if len(g) else 0
    sizes = np.bincount(g, minlength=n_genes)
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    k = np.arange(len(g)) - start[g] + 1
    n = sizes[g]
    admissible = (u <= alpha) | (k == 1)
    beta = np.where(admissible, betainc(k, n - k + 1, u), np.inf)
    rho = np.full(n_genes, np.nan)
    some = sizes > 0
    if some.any():
        rho[some] = np.minimum.reduceat(beta, start[some])
    good = np.bincount(g, weights=u <= alpha, minlength=n_genes).astype(np.int64)
    ordered = None if control is None else np.sort(control)
    p = np.full(n_genes, np.nan)
    for size in np.unique(sizes[some]):
        mine = sizes == size
        p[mine] = rank_p_values(rho[mine], int(size), alpha, control=ordered)
        beyond = mine & (p == 0)
        if ordered is not None and beyond.any():
            p[beyond] = _beyond(rho[beyond], int(size), alpha, ordered, p[mine])
    return GeneRanks(rho, p, good)


def _beyond(rho: Floats, n: int, alpha: float, control: Floats, others: Floats) -> Floats:
    """Scores no draw of controls reaches: the null below the smallest control taken as uniform."""
    border = _borders(rho, n, alpha, None)
    ecdf = np.searchsorted(control, border, side="right") / len(control)
    tail = np.minimum(border / control[0], 1.0) / (len(control) + 1)
    p = _first_passage(np.maximum.accumulate(np.maximum(ecdf, tail), axis=1), n)
    least = others[others > 0].min(initial=1.0)
    return np.asarray(np.minimum(p, least))


def rank_p_values(rho: Floats, n: int, alpha: float, *, control: Floats | None = None) -> Floats:
    """Chance that a gene of ``n`` random guides has a score of at most ``rho``.

    Parameters
    ----------
    rho
        Scores, shape ``(n_genes,)``.
    n
        Guides per gene.
    alpha
        As in :func:`aggregate_ranks`.
    control
        Sorted percentiles of control guides, or None for random guides.

    Notes
    -----
    The event is "some k-th smallest percentile lies at or below its border"; its probability is
    summed over the first k at which this happens, so that small values keep their digits. Above 40
    guides and 240 scores the values are interpolated between 240 scores on a log scale.

    References
    ----------
    .. [1] Noe M (1972). Ann Math Stat 43:58-64. doi:10.1214/aoms/1177692700

    Examples
    --------
    >>> rank_p_values(np.array([0.05]), 1, 0.25).round(6)
    array([0.05])
    """
    if n > EXACT and len(rho) > _GRID:
        low, high = np.log(max(rho.min(), 1e-300)), 0.0
        grid = np.exp(np.linspace(low, high, _GRID))
        known = np.log(np.maximum(rank_p_values(grid, n, alpha, control=control), 1e-320))
        return np.exp(np.interp(np.log(np.maximum(rho, 1e-300)), np.log(grid), known))
    step = max(1, _CHUNK // (n * n))
    parts = [
        _first_passage(_borders(rho[i : i + step], n, alpha, control), n)
        for i in range(0, len(rho), step)
    ]
    return np.minimum(np.concatenate(parts), 1.0) if parts else np.empty(0)


def _borders(rho: Floats, n: int, alpha: float, control: Floats | None) -> Floats:
    k = np.arange(1, n + 1)
    border = betaincinv(k[None, :], n - k[None, :] + 1, np.clip(rho, 0, 1)[:, None])
    # a score that is itself a value of the formula must count as reached
    border = np.minimum(border * (1 + 1e-12), 1.0)
    border[:, 1:] = np.minimum(border[:, 1:], alpha)
    border = np.maximum.accumulate(border, axis=1)
    if control is not None:
        return np.searchsorted(control, border, side="right") / len(control)
    return np.asarray(border)


def _first_passage(border: Floats, n: int) -> Floats:
    """Sum over k of the chance that k points are at or below border k for the first time."""
    log_factorial = gammaln(np.arange(n + 2) + 1.0)
    total = np.zeros(len(border))
    state = np.ones((len(border), 1))  # chance of j points below the last border, none reached
    last = np.zeros(len(border))
    for k in range(1, n + 1):
        rest = 1 - last
        p = np.where(rest > 0, (border[:, k - 1] - last) / np.where(rest > 0, rest, 1), 1.0)
        p = np.clip(p, 0.0, 1.0)
        i = np.arange(k)
        total += (state * betainc(k - i, n - k + 1, p[:, None])).sum(axis=1)
        if k == n:
            break
        new = np.zeros((len(border), k + 1))
        for j in range(k):
            a = np.arange(j + 1)
            free = n - a
            choose = log_factorial[free] - log_factorial[j - a] - log_factorial[n - j]
            power = xlogy(j - a, p[:, None]) + xlog1py(n - j, -p[:, None])
            new[:, j] = (state[:, : j + 1] * np.exp(choose + power)).sum(axis=1)
        state = new
        last = border[:, k - 1]
    return total
