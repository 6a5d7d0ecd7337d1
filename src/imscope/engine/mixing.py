"""How well labels are mixed among neighbours: the local inverse Simpson's index."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.engine.neighbours import Neighbours, find_neighbours

Floats = NDArray[np.float64]


def compute_lisi(
    coordinates: ArrayLike | Neighbours,
    labels: ArrayLike,
    *,
    perplexity: float = 30.0,
    seed: int = 0,
    threads: int | None = None,
) -> Floats:
    r"""Compute the effective number of labels in the neighbourhood of each cell.

    Neighbours are weighted by :math:`p_j \propto e^{-\beta d_j}` with :math:`\beta` fitted per cell
    so that the weights have the given perplexity, and

    .. math:: \mathrm{LISI}_i = 1 \Big/ \sum_l \Bigl(\sum_{j: l_j = l} p_j\Bigr)^2

    Parameters
    ----------
    coordinates
        Shape ``(n_cells, n_dimensions)``, or neighbours found before. Of coordinates three times
        ``perplexity`` neighbours are searched.
    labels
        Shape ``(n_cells,)``: batch or any other factor.
    perplexity
        Effective number of neighbours; must be below the number of neighbours.
    seed, threads
        See :func:`imscope.engine.neighbours.find_neighbours`.

    Returns
    -------
    lisi
        Shape ``(n_cells,)``, from 1 (one label around) to the number of labels. Unit: labels.

    Raises
    ------
    DataError
        There is not one label per cell.
    UsageError
        The perplexity is not above 1 and below the number of neighbours.
    MethodError
        There are too few cells for that many neighbours.

    Notes
    -----
    The largest possible value depends on the shares of the labels: compare it with
    :func:`expected_lisi`, the value under complete mixing, not with the number of labels.

    References
    ----------
    .. [1] Korsunsky I, et al. (2019). Nature Methods 16:1289-1296. doi:10.1038/s41592-019-0619-0

    Examples
    --------
    >>> import numpy as np
    >>> line = np.arange(400.0)[:, None]
    >>> apart = compute_lisi(line, np.repeat(["a", "b"], 200))
    >>> mixed = compute_lisi(line, np.tile(["a", "b"], 200))
    >>> apart[0].round(2), mixed[0].round(2)
    (np.float64(1.0), np.float64(2.0))
    """
    if isinstance(coordinates, Neighbours):
        found = coordinates
    else:
        k = max(1, int(3 * perplexity))
        found = find_neighbours(coordinates, k=k, seed=seed, threads=threads)
    n, k = found.indices.shape
    if not 1 < perplexity < k:
        raise UsageError(
            "the perplexity must be above 1 and below the number of neighbours",
            found=f"perplexity {perplexity}, {k} neighbours",
            code=codes.PATH_OPTION,
        )
    label, n_labels = _codes(labels, n)
    out = np.empty(n)
    for low in range(0, n, 512):  # a stretch stays in cache through the search for beta
        weights = _weights(found.distances[low : low + 512].astype(np.float64), perplexity)
        theirs = label[found.indices[low : low + 512]]
        rows = np.arange(len(theirs))[:, None] * n_labels
        share = np.bincount(
            (rows + theirs).ravel(), weights.ravel(), minlength=len(theirs) * n_labels
        )
        out[low : low + 512] = 1 / (share.reshape(-1, n_labels) ** 2).sum(axis=1)
    return out


def expected_lisi(labels: ArrayLike) -> float:
    """Compute the index under complete mixing: the inverse Simpson's index of all cells.

    Examples
    --------
    >>> expected_lisi(["a", "a", "b", "b"])
    2.0
    """
    _, size = np.unique(np.asarray(labels), return_counts=True)
    return float(1 / ((size / size.sum()) ** 2).sum())


def _codes(labels: ArrayLike, n: int) -> tuple[NDArray[np.int64], int]:
    values = np.asarray(labels)
    if values.shape != (n,):
        raise DataError(
            "there must be one label per cell",
            found=f"{values.shape}, {n} cells",
            code=codes.PATH_LABELS,
        )
    names, label = np.unique(values, return_inverse=True)
    return label, len(names)


def _weights(d: Floats, perplexity: float) -> Floats:
    """Weights of shape ``(n_cells, k)`` that add up to 1 with the entropy of the perplexity."""
    gap = d - d[:, :1]
    scale = gap.mean(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    gap /= scale
    aim = np.log(perplexity)
    log_beta = np.zeros(len(d))
    low, high = np.full(len(d), -30.0), np.full(len(d), 30.0)
    active = np.arange(len(d))
    weights = np.empty_like(gap)
    for _ in range(80):
        mine, beta = gap[active], np.exp(log_beta[active])
        p = np.exp(-beta[:, None] * mine)
        total = p.sum(axis=1)
        p /= total[:, None]
        moment = np.einsum("ij,ij->i", p, mine)
        error = np.log(total) + beta * moment - aim
        weights[active] = p
        spread = np.einsum("ij,ij,ij->i", p, mine, mine) - moment**2
        # entropy falls with beta: keep the bracket, step by Newton inside it, else halve
        flat = error > 0
        low[active] = np.where(flat, log_beta[active], low[active])
        high[active] = np.where(flat, high[active], log_beta[active])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = log_beta[active] + error / (beta**2 * spread)
        inside = (step > low[active]) & (step < high[active])
        middle = (low[active] + high[active]) / 2
        log_beta[active] = np.where(inside, step, middle)
        active = active[(np.abs(error) > 1e-9) & (high[active] - low[active] > 1e-12)]
        if not len(active):
            break
    return weights
