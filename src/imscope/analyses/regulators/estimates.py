"""Activity of regulators from differences of their targets, in closed form, and its random null."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

if TYPE_CHECKING:
    import scipy.sparse as sp

Floats = NDArray[np.float64]
Method = Literal["ulm", "zscore", "rank"]
LEVELS = 10
"""Classes of expression within which a random regulon draws."""
DEGREES = (0, 1, 2, 4, 8)
"""Lower ends of the classes of in-degree."""
FEW = 10
"""Exceedances below which the tail is that of a t distribution with the draws' moments."""


def activity_ulm(differences: Floats, weights: "sp.csr_array") -> Floats:
    """Univariate linear model: t of the slope of the differences on the weights over all genes.

    Parameters
    ----------
    differences
        Shape ``(n_profiles, n_genes)``.
    weights
        Signed weights, zero for genes that are no targets, shape ``(n_regulators, n_genes)``.

    Returns
    -------
    t
        Shape ``(n_profiles, n_regulators)``, ``n_genes - 2`` degrees of freedom.

    References
    ----------
    .. [1] Badia-i-Mompel P et al. (2022). Bioinform Adv 2:vbac016. doi:10.1093/bioadv/vbac016

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> d = np.array([[1.0, 2.0, -1.0, 0.5, 0.0]])
    >>> w = sp.csr_array([[1.0, 1.0, -1.0, 0.0, 0.0]])
    >>> slope = stats.linregress(w.toarray()[0], d[0])
    >>> bool(np.isclose(activity_ulm(d, w)[0, 0], slope.slope / slope.stderr))
    True
    """
    n = differences.shape[1]
    total = np.asarray(weights.sum(axis=1), dtype=np.float64).ravel()
    square = np.asarray(weights.multiply(weights).sum(axis=1), dtype=np.float64).ravel()
    spread_w = square - total**2 / n
    mean = differences.mean(axis=1)
    spread_d = ((differences - mean[:, None]) ** 2).sum(axis=1)
    cross = np.asarray(weights @ differences.T, dtype=np.float64).T - np.outer(mean, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = cross / np.sqrt(np.outer(spread_d, spread_w))
        r = np.where(np.isfinite(r), np.clip(r, -1, 1), 0.0)
        t = r * np.sqrt((n - 2) / np.maximum(1 - r**2, 1e-15))
    return np.asarray(t, dtype=np.float64)


def activity_zscore(differences: Floats, weights: "sp.csr_array") -> Floats:
    """Weighted sum of differences over its standard error, genes taken as alike.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> d = np.array([[1.0, -1.0, 1.0, -1.0]])
    >>> activity_zscore(d, sp.csr_array([[1.0, -1.0, 0.0, 0.0]])).round(4).tolist()
    [[1.4142]]
    """
    size = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1), dtype=np.float64).ravel())
    spread = differences.std(axis=1)
    cross = np.asarray(weights @ differences.T, dtype=np.float64).T
    scale = np.outer(spread, size)
    out: Floats = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)
    return out


def activity_rank(differences: Floats, weights: "sp.csr_array") -> Floats:
    """As :func:`activity_zscore`, on normal scores of the ranks within each profile.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> w = sp.csr_array([[1.0, 0.0, -1.0]])
    >>> bool(activity_rank(np.array([[900.0, 0.0, -1.0]]), w)[0, 0] > 1)
    True
    """
    ranks = stats.rankdata(differences, axis=1)
    scores = np.asarray(stats.norm.ppf((ranks - 0.5) / differences.shape[1]), dtype=np.float64)
    return activity_zscore(scores, weights)


METHODS = {"ulm": activity_ulm, "zscore": activity_zscore, "rank": activity_rank}


def gene_classes(level: Floats, in_degree: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class of each gene by expression and in-degree, small classes joined to their neighbours.

    Examples
    --------
    >>> len(set(gene_classes(np.arange(4000.0), np.zeros(4000, dtype=int)).tolist()))
    10
    """
    order = np.argsort(np.argsort(level, kind="stable"), kind="stable")
    tenth = (order * LEVELS) // max(len(level), 1)
    degree = np.digitize(in_degree, DEGREES[1:])
    label = degree * LEVELS + tenth
    sizes = np.bincount(label, minlength=LEVELS * len(DEGREES))
    small = sizes[label] < 20
    label = np.where(small, 1000 + degree, label)
    sizes = np.bincount(label)
    label = np.where(sizes[label] < 20, 2000, label)
    numbers: NDArray[np.int64] = np.unique(label, return_inverse=True)[1].astype(np.int64)
    return numbers


def centre_in_classes(differences: Floats, classes: NDArray[np.int64]) -> Floats:
    """Take the mean of its class off every gene: what a random regulon shows is then zero.

    Examples
    --------
    >>> centre_in_classes(np.array([[1.0, 3.0, 5.0]]), np.array([0, 0, 1])).tolist()
    [[-1.0, 1.0, 0.0]]
    """
    size = np.bincount(classes)
    sums = np.stack([np.bincount(classes, row, minlength=len(size)) for row in differences])
    return np.asarray(differences - (sums / size)[:, classes])


@dataclass(frozen=True, slots=True, eq=False)
class RandomNull:
    """What random regulons show.

    Attributes
    ----------
    p_value
        Two-sided, shape ``(n_regulators,)``.
    z
        Weighted sum over the standard deviation of that of random regulons.
    """

    p_value: Floats
    z: Floats


def random_null(
    profile: Floats,
    weights: "sp.csr_array",
    classes: NDArray[np.int64],
    *,
    draws: int,
    seed: int,
    names: Sequence[int],
) -> RandomNull:
    """Compare each regulator with regulons of as many genes, alike in expression and in-degree.

    Parameters
    ----------
    profile
        Mean difference over units, shape ``(n_genes,)``, centred in its classes.
    weights
        Shape ``(n_regulators, n_genes)``; the weights of a regulator stay with its random targets.
    classes
        Of :func:`gene_classes`.
    draws
        Random regulons of each regulator.
    seed, names
        Each regulator draws from a stream of its own, by a number that stands for its name.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> rng = np.random.default_rng(0)
    >>> d = rng.normal(size=400)
    >>> w = sp.csr_array((np.ones(10), (np.zeros(10, dtype=int), np.arange(10))), shape=(1, 400))
    >>> d[:10] += 3
    >>> null = random_null(d, w, np.zeros(400, dtype=int), draws=500, seed=1, names=[7])
    >>> bool(null.p_value[0] < 0.005)
    True
    """
    order = np.argsort(classes, kind="stable")
    size = np.bincount(classes)
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    sorted_profile = profile[order]
    p = np.ones(weights.shape[0])
    z = np.zeros(weights.shape[0])
    for r in range(weights.shape[0]):
        part = slice(weights.indptr[r], weights.indptr[r + 1])
        genes, w = weights.indices[part], weights.data[part]
        if not len(genes):
            continue
        own = classes[genes]
        uniform = np.random.default_rng([seed, names[r]]).random(
            (draws, len(genes)), dtype=np.float32
        )
        picked = np.minimum((uniform * size[own]).astype(np.int64), size[own] - 1) + start[own]
        null = sorted_profile[picked] @ w
        p[r], z[r] = _compare(float(w @ profile[genes]), null)
    return RandomNull(p, z)


def _compare(seen: float, null: Floats) -> tuple[float, float]:
    """Two-sided p of a value in a null about zero, and its z; beyond the draws by their moments."""
    scale = float(np.sqrt(np.mean(null**2)))
    if scale <= 0:
        return 1.0, 0.0
    beyond = int((np.abs(null) >= abs(seen)).sum())
    p = (1 + beyond) / (1 + len(null))
    if beyond < FEW:
        excess = max(float(np.mean(null**4)) / scale**4 - 3, 1e-3)
        df = 4 + 6 / excess
        tail = 2 * float(stats.t.sf(abs(seen) / scale * np.sqrt(df / (df - 2)), df))
        p = min(p, max(tail, 1e-12))
    return p, seen / scale
