"""Method `rra`: guides by a mean-variance model, genes by robust rank aggregation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri
from scipy.stats import rankdata

from imscope.analyses.screens.rank_null import GeneRanks, aggregate_ranks
from imscope.core import codes
from imscope.core.errors import DataError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RraResult:
    """Guides and genes of the compatible method; see :func:`rank_genes`."""

    control: Floats
    treatment: Floats
    control_variance: Floats
    variance: Floats
    score: Floats
    p_low: Floats
    p_high: Floats
    valid: Bools
    depleted: GeneRanks
    enriched: GeneRanks
    alpha: tuple[float, float]


def rank_genes(
    control: Floats,
    treatment: Floats,
    gene: NDArray[np.int64],
    *,
    null_guides: Bools | None = None,
) -> RraResult:
    """Test guides against a mean-variance model and aggregate their ranks to genes.

    Parameters
    ----------
    control, treatment
        Normalised reads, shapes ``(n_guides, n_controls)`` and ``(n_guides, n_treatments)``.
    gene
        Number of the gene of each guide, shape ``(n_guides,)``.
    null_guides
        Control guides the null of the genes is drawn from; all guides by default.

    Raises
    ------
    DataError
        Too few guides vary for a mean-variance model.

    References
    ----------
    .. [1] Li W et al. (2014). Genome Biol 15:554. doi:10.1186/s13059-014-0554-4

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> reads = rng.poisson(rng.gamma(5, 60, (400, 1)) * rng.gamma(20, 1 / 20, (400, 4)))
    >>> reads[:8, 2:] //= 8
    >>> got = rank_genes(reads[:, :2] * 1.0, reads[:, 2:] * 1.0, np.arange(400) // 4)
    >>> np.argsort(got.depleted.p_value)[:2].tolist()
    [0, 1]
    """
    c, t = _median(control), _median(treatment)
    samples = control if control.shape[1] > 1 else np.hstack([control, treatment])
    own = _variance(samples)
    slope, intercept = mean_variance(_median(samples), own)
    positive_c, positive_t = c[c > 0], t[t > 0]
    if not len(positive_c) or not len(positive_t):
        raise DataError("one side has no reads", code=codes.SCREEN_VALUES)
    mu = np.maximum(c, positive_c.min())
    variance = mu + 2.0**intercept * mu**slope
    sd = np.sqrt(variance)
    z0 = -mu / sd
    z = (np.maximum(t, positive_t.min()) - mu) / sd
    kept = ndtr(-z0)
    p_low = np.maximum((ndtr(z) - ndtr(z0)) / kept, 0.0)
    p_high = np.exp(log_ndtr(-z)) / kept
    valid = ~((c <= 0) & (t <= 0)) & np.isfinite(c) & np.isfinite(t)
    least = p_low[valid & (p_low > 0)].min(initial=1.0)
    score = np.where(t < mu, ndtri(np.maximum(p_low, 0.1 * least)), (t - mu) / sd)
    n = int(gene.max(initial=-1)) + 1
    sides = []
    alphas = []
    for sign, p in ((1.0, p_low), (-1.0, p_high)):
        alpha = float((p[valid] <= 0.25).mean())
        if sign > 0:
            alpha = float(np.clip(alpha, 0.05, 0.5))
        u = np.full(len(c), np.nan)
        u[valid] = (rankdata(sign * score[valid]) - 0.5) / valid.sum()
        null = None if null_guides is None else u[null_guides & valid]
        if null is not None and not len(null):
            raise DataError(
                "no control guide is left for the null",
                code=codes.SCREEN_CONTROLS,
                fix="leave the control guides out of the options",
            )
        sides.append(_aggregate(u, gene, valid, alpha, null, n))
        alphas.append(alpha)
    return RraResult(
        c, t, own, variance, score, p_low, p_high, valid, sides[0], sides[1], (alphas[0], alphas[1])
    )


def mean_variance(mean: Floats, variance: Floats) -> tuple[float, float]:
    """Fit log2(v - m + 1) on log2(m + 1), weighted by m; slope at least 1, intercept at least 0.

    Examples
    --------
    >>> m = np.linspace(10, 1000, 200)
    >>> slope, intercept = mean_variance(m, m + 2 * m**1.5)
    >>> round(slope, 2), round(intercept, 2)
    (1.51, 0.95)
    """
    known = np.isfinite(mean) & np.isfinite(variance)
    m, v = mean[known], variance[known]
    centre = np.median(m)
    limit = centre + 4 * np.sqrt(((m - centre) ** 2).sum() / max(len(m) - 1, 1))
    used = (v > m) & (m < limit) & (m > 0)
    if used.sum() < 2:
        return 1.0, 0.0
    x, y, w = np.log2(m[used] + 1), np.log2(v[used] - m[used] + 1), m[used]
    mx, my = (w * x).sum() / w.sum(), (w * y).sum() / w.sum()
    spread = (w * (x - mx) ** 2).sum()
    slope = (w * (x - mx) * (y - my)).sum() / spread if spread > 0 else 1.0
    intercept = my - slope * mx
    return float(max(slope, 1.0)), float(max(intercept, 0.0))


def _median(values: Floats) -> Floats:
    if np.isnan(values).any():
        out = np.full(len(values), np.nan)
        some = ~np.isnan(values).all(axis=1)
        out[some] = np.nanmedian(values[some], axis=1)
        return out
    return np.asarray(np.median(values, axis=1))


def _variance(values: Floats) -> Floats:
    centre = _median(values)[:, None]
    n = (~np.isnan(values)).sum(axis=1)
    return np.asarray(np.nansum((values - centre) ** 2, axis=1) / np.maximum(n - 1, 1))


def _aggregate(
    u: Floats, gene: NDArray[np.int64], valid: Bools, alpha: float, null: Floats | None, n: int
) -> GeneRanks:
    """Genes that lost all guides get NaN."""
    present, code = np.unique(gene[valid], return_inverse=True)
    found = aggregate_ranks(u[valid], code, alpha, control=null)
    rho, p, good = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    rho[present], p[present], good[present] = found.rho, found.p_value, found.good
    return GeneRanks(rho, p, good)
