"""Random gene sets of like expression: the measure for what a gene set does in pseudobulk."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WINDOW = 100
"""Genes of nearest mean expression from which a random set draws in place of each gene."""
PRIOR_COUNT = 2.0
"""Added to every count before the logarithm, at mean library size."""


def log_profiles(sums: Floats) -> Floats:
    """Log2 counts per million with a prior count in proportion to the library.

    Parameters
    ----------
    sums
        Counts, shape ``(n_profiles, n_genes)``; every profile has some.

    Examples
    --------
    >>> log_profiles(np.array([[8.0, 0.0], [80.0, 0.0]])).round(2)[:, 1].round(1).tolist()
    [15.4, 15.4]
    """
    total = sums.sum(axis=1, keepdims=True)
    prior = PRIOR_COUNT * total / total.mean()
    return np.asarray(np.log2((sums + prior) / (total + 2 * prior) * 1e6), dtype=np.float64)


def random_scores(
    logs: Floats,
    level: Floats,
    genes: NDArray[np.int64],
    *,
    usable: NDArray[np.bool_],
    n: int,
    rng: np.random.Generator,
) -> Floats:
    """Mean of random sets in every profile, each gene replaced by one of like expression.

    Returns
    -------
    scores
        Shape ``(n, n_profiles)``. Unit: log2 counts per million.
    """
    import scipy.sparse as sp

    own = np.zeros(len(level), dtype=bool)
    own[genes] = True
    pool = np.flatnonzero(usable & ~own)
    pool = pool[np.argsort(level[pool], kind="stable")]
    width = min(WINDOW, len(pool))
    if not width:
        return np.tile(logs[:, genes].mean(axis=1), (n, 1))
    place = np.searchsorted(level[pool], level[genes])
    start = np.clip(place - width // 2, 0, len(pool) - width)
    picked = pool[start[None, :] + rng.integers(0, width, (n, len(genes)))]
    rows = np.repeat(np.arange(n), len(genes))
    choose = sp.csr_array(
        (np.full(picked.size, 1 / len(genes)), (rows, picked.ravel())), shape=(n, len(level))
    )
    return np.asarray(choose @ np.ascontiguousarray(logs.T), dtype=np.float64)
