"""Is a gene present in a pseudobulk: counts per million against a limit, or undecided."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def presence(counts: Floats, total: Floats, *, limit: float) -> NDArray[np.int8]:
    """Decide for every count whether its rate is above or below a limit.

    Parameters
    ----------
    counts
        Shape ``(n_groups, n_genes)``. Unit: UMI.
    total
        All counts of each group, shape ``(n_groups,)``.
    limit
        Unit: per million counts.

    Returns
    -------
    present
        1 where the 95 % Poisson interval lies above the limit, 0 where it lies below, else -1.

    Examples
    --------
    >>> presence(np.array([[0.0, 40.0, 6.0]]), np.array([1e6]), limit=5.0).tolist()
    [[0, 1, -1]]
    """
    size = total[:, None] / 1e6 * limit
    low = stats.chi2.ppf(0.025, 2 * counts) / 2
    low = np.where(counts > 0, low, 0.0)
    high = stats.chi2.ppf(0.975, 2 * (counts + 1)) / 2
    return np.where(low > size, 1, np.where(high < size, 0, -1)).astype(np.int8)


def group_sums(counts: Floats, group: NDArray[np.int64], n_groups: int) -> Floats:
    """Sum rows by group, shape ``(n_groups, n_columns)``."""
    out = np.zeros((n_groups, counts.shape[1]))
    np.add.at(out, group, counts)
    return out
