"""Sorted bins: where on the scale of the marker the cells of each guide lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import nnls
from scipy.special import ndtr, ndtri

from imscope.analyses.screens.empirical_null import fit_null
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LIMIT, POINTS = 2.5, 201
MIN_CONTROLS = 20
"""Fewest control guides the scale can be set on."""
PARTITIONS = 200
MIN_BULK = 100
"""Genes of one size from which on their bulk has a say in the null."""


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """Shift of each guide in one replicate, in standard deviations of the population."""

    shift: Floats
    information: Floats
    at_limit: Bools


@dataclass(frozen=True, slots=True, eq=False)
class BinnedGenes:
    """Genes of a sorted screen; see :func:`combine_shifts`."""

    guide_shift: Floats
    guide_sd: Floats
    z: Floats
    p_low: Floats
    p_high: Floats
    null_sd: Floats
    df: Floats
    tau2: float
    phi: tuple[float, ...]


def fit_shifts(counts: Floats, low: Floats, high: Floats, controls: Bools) -> Shifts:
    r"""Maximum likelihood of the shift of every guide from its reads over the bins.

    .. math:: x_{gb}\sim\mathrm{Mult}(w_b(\mu_g)),\quad
        w_b(\mu)\propto S_b\,\frac{\Phi(z'_b-\mu)-\Phi(z_b-\mu)}{\Phi(z'_b)-\Phi(z_b)}

    Parameters
    ----------
    counts
        Reads per guide and bin of one replicate, shape ``(n_guides, n_bins)``.
    low, high
        Quantiles of the population between which each bin lies, shape ``(n_bins,)``. Bins may be
        unequal, open or leave gaps.
    controls
        Guides without effect: their reads give the weight S of each bin, so that neither depth nor
        the number of sorted cells matters.

    Raises
    ------
    DataError
        Fewer than two bins, fewer than 20 control guides, or a bin without control reads.

    References
    ----------
    .. [1] de Boer CG et al. (2020). Genome Biol 21:134. doi:10.1186/s13059-020-02046-8

    Examples
    --------
    >>> edges = np.array([0.0, 0.2]), np.array([0.2, 0.4])
    >>> reads = np.full((40, 2), 100.0)
    >>> reads[0] = [160, 60]
    >>> fit_shifts(reads, *edges, np.arange(40) > 0).shift[:2].round(2)
    array([-0.99,  0.  ])
    """
    if counts.shape[1] < 2:
        raise DataError(
            "a sorted screen needs at least two bins per replicate",
            found=str(counts.shape[1]),
            code=codes.SCREEN_DESIGN,
        )
    if controls.sum() < MIN_CONTROLS:
        raise DataError(
            f"sorted bins need at least {MIN_CONTROLS} control guides",
            found=str(int(controls.sum())),
            fix="name non-targeting or safe-targeting guides with --control-guides",
            code=codes.SCREEN_CONTROLS,
        )
    share = np.nansum(counts[controls], axis=0)
    if (share <= 0).any():
        raise DataError("control guides have no reads in a bin", code=codes.SCREEN_VALUES)
    z_low, z_high = ndtri(low), ndtri(high)
    grid = np.linspace(-LIMIT, LIMIT, POINTS)
    inside = ndtr(z_high[None] - grid[:, None]) - ndtr(z_low[None] - grid[:, None])
    weight = share / (high - low) * np.maximum(inside, 1e-12)
    log_w = np.log(weight / weight.sum(axis=1, keepdims=True))
    fit = np.nan_to_num(counts) @ log_w.T
    best = np.clip(fit.argmax(axis=1), 1, POINTS - 2)
    rows = np.arange(len(fit))
    left, middle, right = (fit[rows, best + k] for k in (-1, 0, 1))
    step = grid[1] - grid[0]
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    move = np.clip(0.5 * (left - right) / bend, -1, 1)
    empty = np.nansum(counts, axis=1) <= 0
    shift = np.where(empty, np.nan, grid[best] + step * move)
    information = np.where(empty, np.nan, -bend / step**2)
    limit = (fit.argmax(axis=1) == 0) | (fit.argmax(axis=1) == POINTS - 1)
    return Shifts(shift, information, limit)


def combine_shifts(
    replicates: list[Shifts],
    gene: NDArray[np.int64],
    controls: Bools,
    *,
    seed: int = 0,
) -> BinnedGenes:
    r"""Put replicates and guides together, and calibrate genes on groups of control guides.

    Parameters
    ----------
    replicates
        Shifts of each replicate.
    gene
        Number of the gene of each guide.
    controls
        Control guides, shape ``(n_guides,)``.
    seed
        Of the random groups.

    Notes
    -----
    The variance of an inert guide is :math:`\tau^2+\phi/I`, by non-negative least squares on the
    control guides. A gene of n guides is compared with random groups of n control guides by
    Student's t with (controls / n) - 1 degrees of freedom, so that few controls make wide tails.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> s = Shifts(rng.normal(0, 0.1, 400), np.full(400, 100.0), np.zeros(400, bool))
    >>> s.shift[:5] -= 1
    >>> gene = np.concatenate([np.arange(300) // 5, np.full(100, 60)])
    >>> got = combine_shifts([s], gene, np.arange(400) >= 300)
    >>> bool(got.p_low[0] < 1e-6)
    True
    """
    centred, variances, tau, phis = [], [], [], []
    for one in replicates:
        ok = controls & np.isfinite(one.shift) & ~one.at_limit
        mu = one.shift - np.median(one.shift[ok])
        t2, phi = _noise(mu[ok], one.information[ok])
        centred.append(mu)
        tau.append(t2)
        phis.append(phi)
        variances.append(phi / one.information)
    # what control guides keep from replicate to replicate is theirs, not noise
    tau2 = _shared(centred, controls) if len(replicates) > 1 else tau[0]
    extra = [max(t - tau2, 0.0) for t in tau]
    v = np.array([x + e for x, e in zip(variances, extra, strict=True)])
    mu = np.array(centred)
    known = np.isfinite(mu)
    w = np.where(known, 1 / v, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(w.sum(axis=0) > 0, np.nansum(w * mu, axis=0) / w.sum(axis=0), np.nan)
        sd = np.sqrt(tau2 + 1 / w.sum(axis=0))
    return _genes(shift, sd, gene, controls, tau2=tau2, phi=tuple(phis), seed=seed)


def _genes(
    shift: Floats,
    sd: Floats,
    gene: NDArray[np.int64],
    controls: Bools,
    *,
    tau2: float,
    phi: tuple[float, ...],
    seed: int,
) -> BinnedGenes:
    use = np.flatnonzero(np.isfinite(shift) & np.isfinite(sd))
    n_genes = int(gene.max(initial=-1)) + 1
    g = gene[use]
    w = 1 / sd[use] ** 2
    n = np.bincount(g, minlength=n_genes)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.bincount(g, weights=w * shift[use], minlength=n_genes) / np.sqrt(
            np.bincount(g, weights=w, minlength=n_genes)
        )
    ctl = use[controls[use]]
    null_sd, df = np.full(n_genes, np.nan), np.full(n_genes, np.nan)
    low, high = np.full(n_genes, np.nan), np.full(n_genes, np.nan)
    for size in np.unique(n[n > 0]):
        mine = n == size
        centre, scale, own_df = pseudo_null(shift[ctl], sd[ctl], int(size), seed=seed)
        df[mine] = own_df
        centre, scale = _with_bulk(centre, scale, z[mine], len(ctl), int(size))
        null_sd[mine] = scale
        x = (z[mine] - centre) / scale
        low[mine], high[mine] = stats.t.cdf(x, own_df), stats.t.sf(x, own_df)
    return BinnedGenes(shift, sd, z, low, high, null_sd, df, tau2, phi)


def _with_bulk(
    centre: float, scale: float, z: Floats, n_controls: int, size: int
) -> tuple[float, float]:
    """Weigh the null of the controls with that of the bulk of the genes, each by its precision.

    A bulk that lies elsewhere, by more than four standard errors, or is far wider is no null.
    """
    if len(z) < MIN_BULK:
        return centre, scale
    bulk = fit_null(z)
    error = np.array([scale * np.sqrt(size / n_controls), 1.25 * bulk.sd / np.sqrt(len(z))])
    if abs(bulk.centre - centre) > 4 * float(np.hypot(*error)) or bulk.sd > 1.5 * scale:
        return centre, scale
    w = 1 / error**2
    middle = float((w * [centre, bulk.centre]).sum() / w.sum())
    # log scale: 1 / (2 n) of the controls; the central part of the genes knows about half as much
    v = np.array([2.0 * n_controls, 0.7 * len(z)])
    wide = float(np.exp((v * np.log([scale, bulk.sd])).sum() / v.sum()))
    return middle, max(wide, scale)


def pseudo_null(
    shift: Floats, sd: Floats, size: int, *, seed: int = 0
) -> tuple[float, float, float]:
    """Centre, scale and degrees of freedom of the statistic over random groups of controls.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> centre, scale, df = pseudo_null(rng.normal(0, 1, 300), np.ones(300), 5)
    >>> round(scale, 1), df
    (1.0, 59.0)
    """
    groups = len(shift) // size
    if groups < 3:  # more guides than controls can stand for: their own spread has to do
        z = shift / sd
        return 0.0, max(float(np.sqrt(np.mean(z**2))), 1.0), max(len(shift) - 1.0, 2.0)
    rng = spawn(seed, "pseudo-genes", size)
    values = np.empty((PARTITIONS, groups))
    for k in range(PARTITIONS):
        pick = rng.permutation(len(shift))[: groups * size].reshape(groups, size)
        w = 1 / sd[pick] ** 2
        values[k] = (w * shift[pick]).sum(axis=1) / np.sqrt(w.sum(axis=1))
    centre = float(np.median(values))
    scale = float(np.sqrt(np.mean((values - centre) ** 2)))
    return centre, max(scale, 1e-6), float(groups - 1)


def _noise(mu: Floats, information: Floats) -> tuple[float, float]:
    """Tau squared and phi of mu^2 = tau^2 + phi / I, weighted so that noisy guides do not rule."""
    inverse = 1 / information
    weight = 1 / (inverse + np.median(inverse))
    x = np.stack([np.ones(len(mu)), inverse], axis=1) * weight[:, None]
    top = np.quantile(mu**2, 0.99)
    tau2, phi = nnls(x, np.minimum(mu**2, top) * weight)[0]
    return float(tau2), float(max(phi, 0.25))


def _shared(mu: list[Floats], controls: Bools) -> float:
    """Covariance of control guides between replicates, not below zero."""
    values = np.array([m[controls] for m in mu])
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.shape[1] < 3:
        return 0.0
    c = np.cov(values)
    return float(max(c[np.triu_indices(len(mu), 1)].mean(), 0.0))
