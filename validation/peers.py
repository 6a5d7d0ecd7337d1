"""Usual measures of heterogeneity, written from their formulas, to stand beside the index."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def naive_inertia(counts: Counts, reference: Floats) -> float:
    """Variance of fractions over p, sampling noise left in."""
    y = counts / counts.sum(axis=1, keepdims=True)
    return float((y.var(axis=0, ddof=1) / reference).sum())


def log_normalised(counts: Counts) -> Floats:
    return np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)


def principal_components(counts: Counts, n: int = 20) -> Floats:
    """Scores of the log-normalised cells, refitted on these cells."""
    z = log_normalised(counts)
    z = z - z.mean(axis=0)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    return np.asarray(u[:, :n] * s[:n])


def mean_distance(counts: Counts) -> float:
    """Mean distance of two cells among principal components."""
    x = principal_components(counts)
    square = (x * x).sum(axis=1)
    d2 = np.maximum(square[:, None] + square - 2 * x @ x.T, 0)
    n = len(x)
    return float(np.sqrt(d2).sum() / (n * (n - 1)))


def energy_distance(one: Counts, other: Counts) -> tuple[float, float]:
    """Energy distance of two sets of cells: as usually computed, and without the pairs of a cell.

    Notes
    -----
    2 E d(X, Y) - E d(X, X') - E d(Y, Y') among the principal components of all cells together.

    References
    ----------
    .. [1] Szekely GJ, Rizzo ML (2013). J Stat Plan Inference 143:1249-1272.
       doi:10.1016/j.jspi.2013.03.018
    """
    x = principal_components(np.vstack([one, other]))
    square = (x * x).sum(axis=1)
    d = np.sqrt(np.maximum(square[:, None] + square - 2 * x @ x.T, 0))
    np.fill_diagonal(d, 0)
    n, m = len(one), len(other)
    a, b, between = d[:n, :n].sum(), d[n:, n:].sum(), d[:n, n:].mean()
    plain = 2 * between - a / n**2 - b / m**2
    return float(plain), float(2 * between - a / (n * (n - 1)) - b / (m * (m - 1)))


def participation_ratio(counts: Counts) -> float:
    """(sum l)^2 / sum l^2 of the variances of log-normalised cells."""
    z = log_normalised(counts)
    z = z - z.mean(axis=0)
    variances = np.linalg.svd(z, compute_uv=False) ** 2
    return float(variances.sum() ** 2 / (variances**2).sum())


def permanova_r2(counts: Counts, labels: list[NDArray[np.int64]]) -> list[float]:
    """Share of the squared distances at each of some nested levels, coarse to fine.

    References
    ----------
    .. [1] Anderson MJ (2001). Austral Ecol 26:32-46. doi:10.1111/j.1442-9993.2001.01070.pp.x
    """
    z = log_normalised(counts)
    z = z - z.mean(axis=0)
    total = float((z * z).sum())
    out, before = [], 0.0
    for label in labels:
        k = int(label.max()) + 1
        sums = np.zeros((k, z.shape[1]))
        np.add.at(sums, label, z)
        between = float((sums**2 / np.bincount(label, minlength=k)[:, None]).sum())
        out.append((between - before) / total)
        before = between
    return out


def rogue(counts: Counts, *, platform: float = 45.0) -> float:
    """Purity from 0 to 1 by the fall of expression entropy below its trend over genes.

    Notes
    -----
    The trend is a local line with tricube weights over the nearest half of the genes, found at 60
    points and interpolated; three rounds leave out genes with p <= 0.1.

    References
    ----------
    .. [1] Liu B et al. (2020). Nat Commun 11:3155. doi:10.1038/s41467-020-16904-3
    """
    entropy = np.log(counts + 1.0).mean(axis=0)
    expression = np.log(counts.mean(axis=0) + 1.0)
    use = expression > 0
    entropy, expression = entropy[use], expression[use]
    keep = np.ones(len(entropy), dtype=bool)
    difference = np.zeros(len(entropy))
    for _ in range(3):
        difference = _trend(expression[keep], entropy[keep], expression) - entropy
        p = norm.sf(difference, difference[keep].mean(), difference[keep].std())
        keep = p > 0.1
    # the published p-values come from the spread of the differences of all genes
    p = norm.sf(difference, difference.mean(), difference.std())
    significant = float(difference[false_discovery_control(p) < 0.05].sum())
    return 1.0 - significant / (significant + platform)


def _trend(x: Floats, y: Floats, at: Floats, *, span: float = 0.5) -> Floats:
    points = np.unique(np.quantile(x, np.linspace(0, 1, 60)))
    k = max(int(span * len(x)), 3)
    fit = np.zeros(len(points))
    for i, point in enumerate(points):
        distance = np.abs(x - point)
        width = max(float(np.partition(distance, k - 1)[k - 1]), 1e-12)
        weight = np.sqrt(np.clip(1 - (distance / width) ** 3, 0, None) ** 3)
        design = np.column_stack([np.ones_like(x), x - point]) * weight[:, None]
        fit[i] = np.linalg.lstsq(design, y * weight, rcond=None)[0][0]
    return np.asarray(np.interp(at, points, fit))
