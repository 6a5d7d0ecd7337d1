"""Growth and conversion over one interval, with exact derivatives."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def rate_matrix(
    growth: ArrayLike, conversion: ArrayLike, edges: Sequence[tuple[int, int]]
) -> Floats:
    r"""Build B of dn/dt = B n from growth and conversion rates.

    :math:`B = Q^\top + \mathrm{diag}(g)`; the rows of Q sum to zero, so that conversion moves cells
    and neither makes nor removes any.

    Parameters
    ----------
    growth
        Net growth of each subset, shape ``(..., n_subsets)``. Unit: per unit of time.
    conversion
        Rate of each edge, shape ``(..., n_edges)``. Unit: per unit of time.
    edges
        ``(from, to)`` of each conversion.

    Returns
    -------
    matrix
        Shape ``(..., n_subsets, n_subsets)``.

    Examples
    --------
    >>> rate_matrix([0.5, 0.0], [0.1], [(0, 1)])
    array([[0.4, 0. ],
           [0.1, 0. ]])
    """
    g, q = np.asarray(growth, dtype=np.float64), np.asarray(conversion, dtype=np.float64)
    k = g.shape[-1]
    out = np.zeros((*g.shape, k))
    out[..., np.arange(k), np.arange(k)] = g
    for e, (i, j) in enumerate(edges):
        out[..., j, i] += q[..., e]
        out[..., i, i] -= q[..., e]
    return out


def propagate(composition: ArrayLike, matrix: ArrayLike, duration: float) -> tuple[Floats, float]:
    """Carry a composition over an interval.

    Parameters
    ----------
    composition
        Shares or cells at the start, shape ``(n_subsets,)``.
    matrix
        From :func:`rate_matrix`.
    duration
        Length of the interval. Unit: of time.

    Returns
    -------
    shares, fold
        Shares at the end, and cells at the end over cells at the start.

    Examples
    --------
    >>> shares, fold = propagate([1.0, 0.0], rate_matrix([0.0, 0.0], [0.1], [(0, 1)]), 10.0)
    >>> shares.round(4), round(fold, 6)
    (array([0.3679, 0.6321]), 1.0)
    """
    from scipy.linalg import expm

    n = np.asarray(composition, dtype=np.float64)
    after = expm(np.asarray(matrix, dtype=np.float64) * duration) @ n
    return after / after.sum(), float(after.sum() / n.sum())


def transition(
    growth: Floats, log_conversion: Floats, edges: Sequence[tuple[int, int]], duration: Floats
) -> tuple[Floats, Floats]:
    """Matrix exponentials of many intervals and their derivatives.

    The derivative in one direction E is the upper right block of the exponential of
    ``[[B, E], [0, B]]``: exact to the digits of the exponential itself.

    Parameters
    ----------
    growth, log_conversion
        Shapes ``(n_intervals, n_subsets)`` and ``(n_intervals, n_edges)``.
    edges
        ``(from, to)`` of each conversion.
    duration
        Shape ``(n_intervals,)``.

    Returns
    -------
    matrices, derivatives
        Shapes ``(n_intervals, k, k)`` and ``(n_intervals, n_subsets + n_edges, k, k)``; derivatives
        by growth, then by log conversion.

    References
    ----------
    .. [1] Van Loan CF (1978). IEEE Trans Autom Control 23:395-404. doi:10.1109/TAC.1978.1101743
    """
    from scipy.linalg import expm

    n, k = growth.shape
    q = np.exp(log_conversion)
    b = rate_matrix(growth, q, edges) * duration[:, None, None]
    blocks = np.zeros((n, k + len(edges), 2 * k, 2 * k))
    blocks[:, :, :k, :k] = blocks[:, :, k:, k:] = b[:, None]
    for i in range(k):
        blocks[:, i, i, k + i] = duration
    for e, (i, j) in enumerate(edges):
        blocks[:, k + e, j, k + i] = q[:, e] * duration
        blocks[:, k + e, i, k + i] = -q[:, e] * duration
    done = expm(blocks.reshape(-1, 2 * k, 2 * k)).reshape(blocks.shape)
    return done[:, 0, :k, :k], done[:, :, :k, k:]
