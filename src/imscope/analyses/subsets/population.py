"""One population of cells: fitted by moments, simulated, and split as the data are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.linalg import eigh
from scipy.special import xlogy

Floats = NDArray[np.float64]
Counts = NDArray[np.integer] | Floats

MAX_LOG_VARIANCE = 9.0
"""Largest variance of a log rate that is simulated; beyond it single cells hold all counts."""
MOST_STEPS = 10
FEWEST_ASIDE = 3
RIDGE = 0.1
"""Share of the mean variance added to every component's before the covariance is inverted."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    r"""Log-normal rates with shared factors, Poisson counts.

    The log rate of gene :math:`j` in cell :math:`i` is
    :math:`m_j + \sum_k L_{jk} f_{ik} + \sqrt{D_j}\,e_{ij}`.

    Attributes
    ----------
    mean
        Mean rate per gene at size factor 1, shape ``(n_genes,)``. Unit: UMI.
    loadings
        L, shape ``(n_genes, n_factors)``; without columns when no gene moves with another.
    private
        D, shape ``(n_genes,)``: variance of the log rate each gene has on its own.
    size
        Size factor per cell, mean 1, shape ``(n_cells,)``.
    noise
        Common excess squared coefficient of variation that no factor explains.
    """

    mean: Floats
    loadings: Floats
    private: Floats
    size: Floats
    noise: float

    def draw(self, rng: np.random.Generator, kind: str = "shared") -> Floats:
        """Simulate as many cells as were fitted.

        Parameters
        ----------
        rng
            Source of random numbers.
        kind
            ``shared``: the fitted population; ``private``: the same variance in every gene but no
            gene moving with another; ``counting``: identical cells.
        """
        n, g = len(self.size), len(self.mean)
        if kind == "counting":
            return rng.poisson(self.size[:, None] * self.mean).astype(np.float64)
        shared = (self.loadings**2).sum(axis=1)
        total = shared + self.private
        own = total if kind == "private" else self.private
        z = rng.standard_normal((n, g)) * np.sqrt(own)
        if kind == "shared" and self.loadings.shape[1]:
            z += rng.standard_normal((n, self.loadings.shape[1])) @ self.loadings.T
        rate = np.exp(z - total / 2) * self.mean
        return rng.poisson(self.size[:, None] * rate).astype(np.float64)


def fit_population(counts: Counts, depth: Floats) -> Population:
    r"""Fit one population by moments.

    With size factors s, the covariance of the rates is
    :math:`C_{jk} = (\sum_i e_{ij} e_{ik} - \delta_{jk}\mu_j\sum_i s_i)/\sum_i s_i^2`,
    :math:`e = y - s\mu`. Divided by :math:`\sqrt{\mu_j\mu_k}` its noise is that of a random matrix
    of known spread, so only eigenvalues above the edge of that noise are kept, each freed from its
    known upward bias. The covariance of log rates is :math:`\log(1 + C_{jk}/\mu_j\mu_k)`.

    Parameters
    ----------
    counts
        Shape ``(n_cells, n_genes)``, every gene seen at least once. Unit: UMI.
    depth
        Total UMI per cell over all genes, shape ``(n_cells,)``.
    """
    y = np.asarray(counts, dtype=np.float64)
    n, g = y.shape
    s = depth / depth.mean()
    mu = y.sum(axis=0) / s.sum()
    e = y - s[:, None] * mu
    scaled = e / np.sqrt(mu)
    a = scaled.T @ scaled / (s**2).sum()
    a[np.diag_indices(g)] -= s.sum() / (s**2).sum()
    excess = np.diag(a) / mu
    value, vector = eigh(a, subset_by_index=[max(0, g - 30), g - 1])
    true = _without_bias(value, g / n)
    kept = true > 0
    loadings = np.zeros((g, 0))
    shared_excess = np.zeros(g)
    if kept.any():
        low_rank = (vector[:, kept] * true[kept]) @ vector[:, kept].T / np.sqrt(np.outer(mu, mu))
        shared_excess = np.diag(low_rank).copy()
        weight = np.sqrt(mu)
        log_cov = np.log1p(np.maximum(low_rank, -0.9)) * np.outer(weight, weight)
        v, w = eigh(log_cov, subset_by_index=[g - int(kept.sum()), g - 1])
        clear = v > np.sqrt(g / n)
        loadings = w[:, clear] * np.sqrt(v[clear]) / weight[:, None]
    shared = (loadings**2).sum(axis=1)
    shrink = np.sqrt(np.minimum(1.0, MAX_LOG_VARIANCE / np.maximum(shared, 1e-300)))
    loadings = loadings * shrink[:, None]
    shared = (loadings**2).sum(axis=1)
    noise = max(float(((excess - shared_excess) * mu**2).sum() / (mu**2).sum()), 0.0)
    own = _steadied(excess - shared_excess, noise, mu, n)
    log_total = np.log1p(np.maximum(shared_excess, 0.0) + own)
    private = np.clip(log_total - shared, 0.0, MAX_LOG_VARIANCE - np.minimum(shared, 8.9))
    return Population(mu, loadings, private, s, noise)


def _steadied(excess: Floats, common: float, mu: Floats, n: int) -> Floats:
    """Take the common excess for every gene whose own does not clearly differ from it.

    The excess of a rarely seen gene is mostly sampling error. Cutting its negative values at zero
    would give the simulated cells more noise than the real ones have.
    """
    error = np.sqrt((2 * (1 + common * mu) ** 2 + 1 / mu) / n) / mu
    clear = np.abs(excess - common) > 3 * error
    return np.where(clear, np.maximum(excess, 0.0), common)


def _without_bias(value: Floats, ratio: float) -> Floats:
    """Eigenvalues of a signal in unit noise, zero where they do not leave the noise.

    A signal v in a sample covariance shows as (1 + v)(1 + ratio / v) - 1.
    """
    seen = value + 1
    edge = (1 + np.sqrt(ratio)) ** 2
    b = seen - 1 - ratio
    root = np.sqrt(np.maximum(b**2 - 4 * ratio, 0.0))
    return np.where(seen > 1.02 * edge, (b + root) / 2, 0.0)


def residuals(counts: Counts, depth: Floats) -> Floats:
    """Signed roots of the Poisson deviance of every count, one profile for all cells."""
    y = np.asarray(counts, dtype=np.float64)
    expected = depth[:, None] * (y.sum(axis=0) / depth.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(expected > 0, y / expected, 1.0)
    deviance = 2 * (xlogy(y, ratio) - (y - expected))
    return np.asarray(np.sign(y - expected) * np.sqrt(np.maximum(deviance, 0.0)))


def components(table: Floats, k: int) -> tuple[Floats, float]:
    """First principal components, and the largest eigenvalue."""
    centred = table - table.mean(axis=0)
    g = centred.shape[1]
    value, vector = eigh(centred.T @ centred, subset_by_index=[max(0, g - k), g - 1])
    return centred @ vector, float(value[-1])


def ward_split(points: Floats) -> tuple[NDArray[np.bool_], float]:
    """Split cells at the top of their Ward tree.

    Returns
    -------
    side
        True for cells of the smaller side, shape ``(n_cells,)``.
    between
        Share of the sum of squares along the axis through the centres of both sides that lies
        between them: about 0.64 for a normal cloud cut in the middle, 1 for two points. It tells
        the shape along that axis and does not depend on how much the cells vary.
    """
    side = fcluster(linkage(points, "ward"), 2, criterion="maxclust") == 2
    if side.sum() * 2 > len(side):
        side = ~side
    centred = points - points.mean(axis=0)
    n, m = len(side), int(side.sum())
    if m == 0:
        return side, 0.0
    gap = centred[side].mean(axis=0) - centred[~side].mean(axis=0)
    along = centred @ gap
    return side, float(m * (n - m) / n * (gap @ gap) ** 2 / (along @ along))


def two_sides(points: Floats) -> tuple[NDArray[np.bool_], float, Floats]:
    """Cut cells in two: tops of two Ward trees, each refined, and the better of them.

    One tree is made from the components as they are, one from components of equal variance, where
    a small group stands out that a strong continuum along another component would hide. The sides
    are then refined: every cell goes to the nearer centre under the covariance the sides share,
    until nothing changes.

    Parameters
    ----------
    points
        Components, shape ``(n_cells, k)``.

    Returns
    -------
    side
        True for cells of the smaller side, shape ``(n_cells,)``.
    between
        As in :func:`ward_split`, along the discriminant axis between the sides.
    axis
        Discriminant axis, shape ``(k,)``: ``points @ axis`` places the cells.
    """
    spread = points.std(axis=0)
    held = spread > 1e-9 * max(float(spread.max(initial=0.0)), 1e-300)
    scale = np.where(held, spread, 1.0)
    z = (points - points.mean(axis=0)) / scale * held
    starts = (ward_split(points)[0], ward_split(z)[0])
    side, between, axis = max((_refined(z, s) for s in starts), key=lambda found: found[1])
    return side, between, axis / scale


def _refined(z: Floats, side: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float, Floats]:
    n = len(side)
    for _ in range(MOST_STEPS):
        if not 0 < side.sum() < n:
            return side, 0.0, np.zeros(z.shape[1])
        axis, middle = _discriminant(z, side)
        new = z @ axis > middle
        if min(new.sum(), (~new).sum()) < FEWEST_ASIDE or (new == side).all():
            break
        side = new
    if side.sum() * 2 > n:
        side = ~side
    axis, _ = _discriminant(z, side)
    along = z @ axis
    m = int(side.sum())
    gap = along[side].mean() - along[~side].mean()
    total = float(((along - along.mean()) ** 2).sum())
    return side, float(m * (n - m) / n * gap**2 / total) if total > 0 else 0.0, axis


def _discriminant(z: Floats, side: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Axis and cut between two sides that share a covariance; the larger side gets the doubt."""
    a, b = z[side].mean(axis=0), z[~side].mean(axis=0)
    off = z - np.where(side[:, None], a, b)
    within = off.T @ off / len(z)
    within[np.diag_indices_from(within)] += RIDGE * np.trace(within) / len(within)
    axis = np.linalg.solve(within, a - b)
    odds = np.log((~side).sum() / side.sum())
    return axis, float(axis @ (a + b) / 2 + odds)
