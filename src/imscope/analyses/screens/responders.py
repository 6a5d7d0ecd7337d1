"""Which cells with a guide responded to it: escape made visible, per guide with interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import norm

from imscope.stats.shares import clopper_pearson

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NEAREST, MIN_GENES, MAX_ROUNDS = 20, 5, 10
CHUNK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Responders:
    """Posterior of response per cell of the target, and whether it could be told."""

    posterior: Floats
    n_genes: int
    reason: str


def local_signature(log: Floats, points: Floats, control: NDArray[np.bool_]) -> Floats:
    """What each cell has beyond the mean of its 20 nearest control cells.

    Parameters
    ----------
    log
        Log-normalised expression, cells by genes.
    points
        Principal components of the same cells, inside one batch.
    control
        Non-targeting cells.

    Returns
    -------
    signature
        Shape of ``log``; a control cell is never its own neighbour.
    """
    own = np.flatnonzero(control)
    k = min(NEAREST, len(own) - 1)
    out = np.empty_like(log)
    base, length = points[own], (points[own] ** 2).sum(axis=1)
    for start in range(0, len(log), CHUNK):
        part = slice(start, start + CHUNK)
        distance = length[None] - 2 * points[part] @ base.T
        here = np.flatnonzero(control[part])
        distance[here, np.searchsorted(own, start + here)] = np.inf
        near = np.argpartition(distance, k, axis=1)[:, :k]
        out[part] = log[part] - log[own][near].mean(axis=1)
    return out


def find_responders(
    signature: Floats, target: NDArray[np.bool_], control: NDArray[np.bool_], genes: Integers
) -> Responders:
    """Split cells of a target into responders and escapees.

    Parameters
    ----------
    signature
        From :func:`local_signature`, cells by genes.
    target, control
        Masks of cells.
    genes
        Genes the target changes; fewer than five cannot tell.

    Notes
    -----
    Cells are projected on the mean difference; a mixture of two normals, one fixed to the control
    cells, gives the posterior; responders redefine the direction until labels are stable. No random
    numbers.

    References
    ----------
    .. [1] Papalexi E et al. (2021). Nat Genet 53:322-331. doi:10.1038/s41588-021-00778-2

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(0, 1, (400, 8))
    >>> x[:50] -= 3
    >>> target = np.arange(400) < 100
    >>> got = find_responders(x, target, ~target, np.arange(8))
    >>> int((got.posterior > 0.5).sum())
    50
    """
    n = int(target.sum())
    if len(genes) < MIN_GENES:
        return Responders(np.full(n, np.nan), len(genes), f"changes fewer than {MIN_GENES} genes")
    a, c = signature[np.ix_(target, genes)], signature[np.ix_(control, genes)]
    chosen = np.ones(n, dtype=bool)
    posterior = np.ones(n)
    for _ in range(MAX_ROUNDS):
        direction = a[chosen].mean(axis=0) - c.mean(axis=0)
        length = float(direction @ direction)
        if length <= 0:
            return Responders(np.full(n, np.nan), len(genes), "no direction of change")
        x, base = a @ direction / length, c @ direction / length
        posterior = _mixture(x, float(base.mean()), float(base.std(ddof=1)))
        new = posterior > 0.5
        if not new.any():
            return Responders(np.zeros(n), len(genes), "")
        if (new == chosen).all():
            break
        chosen = new
    return Responders(posterior, len(genes), "")


def _mixture(x: Floats, centre: float, spread: float) -> Floats:
    mu, sd, share = float(np.quantile(x, 0.75)), spread, 0.5
    mu = max(mu, centre + 0.5 * spread)
    posterior = np.full(len(x), 0.5)
    for _ in range(200):
        one = share * norm.pdf(x, mu, sd)
        other = (1 - share) * norm.pdf(x, centre, spread)
        new = np.where(x > mu, 1.0, one / np.maximum(one + other, 1e-300))
        new = np.where(x < centre, 0.0, new)
        if np.abs(new - posterior).max() < 1e-6:
            break
        posterior = new
        total = posterior.sum()
        if total < 1:
            return np.zeros(len(x))
        mu = max(float((posterior * x).sum() / total), centre + 0.25 * spread)
        variance = float((posterior * (x - mu) ** 2).sum() / total)
        sd = float(np.sqrt(max(variance, (0.3 * spread) ** 2)))
        share = float(np.clip(total / len(x), 0.01, 0.99))
    return np.asarray(posterior)


def response_share(posterior: Floats) -> tuple[float, float, float]:
    """Share of responders with its exact binomial interval.

    Examples
    --------
    >>> [round(v, 2) for v in response_share(np.array([0.9, 0.8, 0.1, 0.2]))]
    [0.5, 0.07, 0.93]
    """
    called, n = int((posterior > 0.5).sum()), len(posterior)
    if not n or not np.isfinite(posterior).all():
        return float("nan"), float("nan"), float("nan")
    low, high = clopper_pearson(called, n)
    return called / n, float(low), float(high)


def upper_chance(z: Floats) -> Floats:
    """Upper tail of a standard normal.

    Examples
    --------
    >>> upper_chance(np.array([0.0])).tolist()
    [0.5]
    """
    return np.asarray(ndtr(-z))
