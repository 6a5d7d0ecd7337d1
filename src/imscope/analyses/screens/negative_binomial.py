"""Method `nb`: one negative binomial regression per gene over all its guides, any design."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn

Floats = NDArray[np.float64]
START, PERMUTATIONS, ITERATIONS = 0.15, 4, 40


@dataclass(frozen=True, slots=True, eq=False)
class NbResult:
    """Coefficients of genes, natural log, one column per column of the design.

    Attributes
    ----------
    beta, se, z
        Shape ``(n_genes, n_columns)``; ``z`` is Wald, over its spread among genes of random guides.
    score_z
        Score statistic at zero, as many.
    scale
        The spread ``z`` and ``score_z`` were divided by, per column.
    dispersion
        Per guide.
    permuted_share
        Share of genes of random guides, not used for the scale, with p below 0.05, per column.
    """

    beta: Floats
    se: Floats
    z: Floats
    score_z: Floats
    scale: Floats
    dispersion: Floats
    permuted_share: Floats


def fit_nb(
    counts: Floats, factors: Floats, design: Floats, *, gene: NDArray[np.int64], seed: int = 0
) -> NbResult:
    r"""Fit :math:`y_{ij}\sim NB(e^{a_i + X_j b_{g(i)}}/f_j,\ \phi_i)` for all genes at once.

    Parameters
    ----------
    counts
        Reads, shape ``(n_guides, n_samples)``, NaN where missing.
    factors
        Size factors that multiply reads, shape ``(n_samples,)``.
    design
        Shape ``(n_samples, n_columns)``, without intercept: every guide has its own.
    gene
        Number of the gene of each guide.
    seed
        Of the permutations of guides that set the scale of z and check it.

    Raises
    ------
    DataError
        More columns than samples can tell, or a design that is not estimable.

    Notes
    -----
    The intercept of a guide is eliminated exactly in every Newton step. The dispersion is one value
    for all guides, by moments of residuals over classes of abundance: guides of a gene differ in
    efficacy more than in count noise, and weights by abundance would let the abundant ones rule.
    Genes of permuted guides give the spread of z that guides alone make.

    References
    ----------
    .. [1] Li W et al. (2015). Genome Biol 16:281. doi:10.1186/s13059-015-0843-6

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> reads = rng.poisson(300, (400, 4)) * 1.0
    >>> reads[:8, 2:] /= 4
    >>> got = fit_nb(reads, np.ones(4), np.array([[0.], [0], [1], [1]]), gene=np.arange(400) // 8)
    >>> round(float(got.beta[0, 0]), 1)
    -1.4
    """
    n_samples, n_columns = design.shape
    if n_samples <= n_columns + 1:
        raise DataError(
            "the design leaves no sample to estimate noise",
            found=f"{n_samples} samples for {n_columns} columns and an intercept",
            fix="drop a term, or add replicates",
            code=codes.SCREEN_DESIGN,
        )
    y = np.nan_to_num(counts)
    seen = (~np.isnan(counts)).astype(np.float64)
    offset = -np.log(factors)
    phi = np.full(len(y), START)
    beta, level = _newton(y, seen, offset, design, gene, phi)
    phi = _dispersion(y, seen, np.exp(level[:, None] + offset + (beta @ design.T)[gene]), n_columns)
    beta, level = _newton(y, seen, offset, design, gene, phi, start=beta)
    se, z, score = _tests(y, seen, offset, design, gene, phi, beta, level)
    rounds = []
    for k in range(PERMUTATIONS):
        mixed = spawn(seed, "nb permutation", k).permutation(gene)
        b, a = _newton(y, seen, offset, design, mixed, phi)
        rounds.append(_tests(y, seen, offset, design, mixed, phi, b, a)[1:])
    half = PERMUTATIONS // 2
    scale = _spread(np.concatenate([r[0] for r in rounds[:half]]))
    score_scale = _spread(np.concatenate([r[1] for r in rounds[:half]]))
    check = np.concatenate([r[0] for r in rounds[half:]]) / scale
    share = (2 * stats.norm.sf(np.abs(check)) < 0.05).mean(axis=0)
    return NbResult(beta, se * scale, z / scale, score / score_scale, scale, phi, share)


def _newton(
    y: Floats,
    seen: Floats,
    offset: Floats,
    design: Floats,
    gene: NDArray[np.int64],
    phi: Floats,
    *,
    start: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Coefficients of genes and intercepts of guides."""
    n_genes, p = int(gene.max()) + 1, design.shape[1]
    beta = np.zeros((n_genes, p)) if start is None else start.copy()
    size = np.exp(offset)
    level = np.log((y * seen).sum(axis=1) / (seen * size).sum(axis=1) + 0.1)
    for _ in range(ITERATIONS):
        eta = np.clip(level[:, None] + offset + (beta @ design.T)[gene], -12, 25)
        mu = np.exp(eta)
        w = seen * mu / (1 + phi[:, None] * mu)
        r = seen * (y - mu) / (1 + phi[:, None] * mu)
        total = np.maximum(w.sum(axis=1), 1e-9)
        centre = (w @ design) / total[:, None]
        gradient, hessian = _sums(w, r, design, centre, gene, n_genes)
        hessian += 1e-3 * np.eye(p)
        gradient -= 1e-3 * beta
        step = np.clip(np.linalg.solve(hessian, gradient[..., None])[..., 0], -2, 2)
        beta = np.clip(beta + step, -15, 15)
        level += np.clip(r.sum(axis=1) / total - (centre * step[gene]).sum(axis=1), -3, 3)
        if np.abs(step).max() < 1e-6:
            break
    return beta, level


def _sums(
    w: Floats, r: Floats, design: Floats, centre: Floats, gene: NDArray[np.int64], n_genes: int
) -> tuple[Floats, Floats]:
    p = design.shape[1]
    g = r @ design - r.sum(axis=1)[:, None] * centre
    gradient = np.stack([np.bincount(gene, g[:, k], n_genes) for k in range(p)], axis=1)
    hessian = np.empty((n_genes, p, p))
    for a in range(p):
        for b in range(a + 1):
            h = w @ (design[:, a] * design[:, b]) - w.sum(axis=1) * centre[:, a] * centre[:, b]
            hessian[:, a, b] = hessian[:, b, a] = np.bincount(gene, h, n_genes)
    return gradient, hessian


def _tests(
    y: Floats,
    seen: Floats,
    offset: Floats,
    design: Floats,
    gene: NDArray[np.int64],
    phi: Floats,
    beta: Floats,
    level: Floats,
) -> tuple[Floats, Floats, Floats]:
    n_genes, p = beta.shape

    def pieces(b: Floats, a: Floats) -> tuple[Floats, Floats]:
        mu = np.exp(np.clip(a[:, None] + offset + (b @ design.T)[gene], -12, 25))
        w = seen * mu / (1 + phi[:, None] * mu)
        r = seen * (y - mu) / (1 + phi[:, None] * mu)
        centre = (w @ design) / np.maximum(w.sum(axis=1), 1e-9)[:, None]
        return _sums(w, r, design, centre, gene, n_genes)

    covariance = np.linalg.inv(pieces(beta, level)[1] + 1e-3 * np.eye(p))
    se = np.sqrt(np.einsum("gkk->gk", covariance))
    score = np.empty((n_genes, p))
    for k in range(p):
        rest = [c for c in range(p) if c != k]
        null = np.zeros_like(beta)
        null_level = level + (beta[gene, k] * design[:, k].mean() if not rest else 0.0)
        if rest:
            null[:, rest], null_level = _newton(y, seen, offset, design[:, rest], gene, phi)
        else:
            null_level = _level_only(y, seen, offset, phi)
        gradient, hessian = pieces(null, null_level)
        inverse = np.linalg.inv(hessian + 1e-3 * np.eye(p))
        score[:, k] = np.einsum("gk,gk->g", inverse[:, k], gradient) / np.sqrt(inverse[:, k, k])
    return se, beta / se, score


def _level_only(y: Floats, seen: Floats, offset: Floats, phi: Floats) -> Floats:
    level = np.log((y * seen).sum(axis=1) / (seen * np.exp(offset)).sum(axis=1) + 0.1)
    for _ in range(20):
        mu = np.exp(np.clip(level[:, None] + offset, -12, 25))
        w = seen * mu / (1 + phi[:, None] * mu)
        r = seen * (y - mu) / (1 + phi[:, None] * mu)
        level += np.clip(r.sum(axis=1) / np.maximum(w.sum(axis=1), 1e-9), -3, 3)
    return np.asarray(level)


def _dispersion(y: Floats, seen: Floats, mu: Floats, p: int) -> Floats:
    """Mean over 20 classes of abundance of the moment estimate, one value for all guides."""
    n = seen.sum(axis=1)
    df = np.maximum(n - 1 - p / 4, 1)  # the coefficients are shared by the guides of a gene
    raw = (seen * ((y - mu) ** 2 - mu) / mu**2).sum(axis=1) / df
    order = np.argsort((seen * y).sum(axis=1) / np.maximum(n, 1), kind="stable")
    parts = np.array_split(order, max(min(20, len(y) // 50), 1))
    found = [float(np.mean(np.clip(raw[part], -1, 4))) for part in parts]
    return np.full(len(y), float(np.clip(np.mean(found), 0.005, 4.0)))


def _spread(z: Floats) -> Floats:
    """Robust spread of each column, not below one."""
    return np.maximum(1.4826 * np.median(np.abs(z - np.median(z, axis=0)), axis=0), 1.0)
