"""Nearest neighbours of every cell, exact or with audited recall, and the graphs made of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError, MethodError, UsageError
from imscope.engine.execute import thread_count
from imscope.engine.search import augmented, search_buckets, search_exactly

if TYPE_CHECKING:
    import scipy.sparse as sp

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest neighbours of every cell.

    Attributes
    ----------
    indices
        int32, shape ``(n_cells, k)``: neighbours, nearest first, the cell itself left out.
    distances
        float32, shape ``(n_cells, k)``: Euclidean distances. Unit: that of the coordinates.
    recall
        Share of the true neighbours that were found; 1 when the search was exact.
    recall_n
        Cells whose neighbours were searched exactly to measure the recall.
    method
        How the search was done, in words.
    """

    indices: Ints
    distances: Floats
    recall: float
    recall_n: int
    method: str


def find_neighbours(
    coordinates: ArrayLike,
    *,
    k: int = 15,
    recall_target: float = 0.95,
    exact_up_to: int = 30_000,
    seed: int = 0,
    threads: int | None = None,
) -> Neighbours:
    """Find the nearest neighbours of every cell by Euclidean distance.

    Up to ``exact_up_to`` cells every pair is compared, in blocks of matrix products. Above, cells
    are put into k-means buckets and each cell looks only into the buckets nearest to it. How many
    is not a setting: it is raised until the recall, measured against an exact search for a sample
    of cells, has a lower 95 % limit at or above ``recall_target``.

    Parameters
    ----------
    coordinates
        Shape ``(n_cells, n_dimensions)``, such as principal components.
    k
        Neighbours per cell, the cell itself not counted.
    recall_target
        Smallest acceptable share of true neighbours, in (0, 1].
    exact_up_to
        Largest number of cells that is searched exactly.
    seed
        Decides buckets and audited cells; without effect on an exact search.
    threads
        See :func:`imscope.engine.execute.thread_count`; the result is the same for every value.

    Returns
    -------
    neighbours
        Ties are broken by the cell's position, earlier first. Distances are told apart in single
        precision, the k nearest are then measured in double.

    Raises
    ------
    DataError
        The coordinates are not a finite matrix.
    MethodError
        There are not more than ``k`` cells.

    References
    ----------
    .. [1] Jegou H, Douze M, Schmid C (2011). Product quantization for nearest neighbor search.
       IEEE TPAMI 33:117-128. doi:10.1109/TPAMI.2010.57 (the inverted lists).

    Examples
    --------
    >>> found = find_neighbours([[0.0], [1.0], [3.0], [7.0]], k=2)
    >>> found.indices.tolist()
    [[1, 2], [0, 2], [1, 0], [2, 1]]
    >>> found.recall, found.method
    (1.0, 'exact')
    """
    points = _checked(coordinates, k, recall_target)
    n = len(points)
    data = augmented(points)
    workers = thread_count(threads)
    if n <= exact_up_to or recall_target == 1:
        rows = np.arange(n, dtype=np.int32)
        indices, distances = search_exactly(data, rows, k, workers=workers)
        return Neighbours(indices, distances, 1.0, n, "exact")
    found = search_buckets(data, k, target=recall_target, seed=seed, workers=workers)
    words = (
        f"each cell searched the nearest {found.probes} of {found.n_buckets} k-means buckets; "
        f"recall {found.recall:.3f}, lower 95 % limit {found.recall_low:.3f}, "
        f"audited on {found.audited:,} cells"
    )
    return Neighbours(found.indices, found.distances, found.recall, found.audited, words)


def neighbour_graph(
    neighbours: Neighbours, *, kind: Literal["fuzzy", "snn"] = "fuzzy"
) -> "sp.csr_array":
    """Turn neighbours into a symmetric weighted graph.

    Parameters
    ----------
    neighbours
        Result of :func:`find_neighbours`.
    kind
        ``fuzzy``: weights fall off from the nearest neighbour at a rate fitted per cell, and the
        two directions are joined as probabilities, ``a + b - ab`` [1]_. ``snn``: the Jaccard
        overlap of the two neighbourhoods, each with its own cell, for pairs where one is a
        neighbour of the other [2]_.

    Returns
    -------
    graph
        float32 CSR, shape ``(n_cells, n_cells)``, sorted indices, weights in (0, 1],
        none on the diagonal.

    References
    ----------
    .. [1] McInnes L, Healy J, Melville J (2018). arXiv:1802.03426.
    .. [2] Xu C, Su Z (2015). Bioinformatics 31:1974-1980. doi:10.1093/bioinformatics/btv088

    Examples
    --------
    >>> found = find_neighbours([[0.0], [1.0], [3.0], [7.0]], k=2)
    >>> neighbour_graph(found, kind="snn").toarray()[0].round(2).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    import scipy.sparse as sp

    n, k = neighbours.indices.shape
    indptr = np.arange(0, n * k + 1, k)
    if kind == "fuzzy":
        weights = fuzzy_weights(neighbours.distances).ravel()
        one_way = sp.csr_array((weights, neighbours.indices.ravel(), indptr), (n, n))
        other = one_way.T.tocsr()
        graph = (one_way + other - one_way.multiply(other)).tocsr()
    elif kind == "snn":
        ones = np.ones(n * k, dtype=np.float32)
        edges = sp.csr_array((ones, neighbours.indices.ravel(), indptr), (n, n))
        member = (edges + sp.eye_array(n, dtype=np.float32, format="csr")).tocsr()
        linked = ((edges + edges.T) > 0).tocsr()
        graph = _jaccard(member, linked, k + 1)
    else:
        raise UsageError(
            f"there is no neighbour graph of kind {kind!r}",
            fix="use 'fuzzy' or 'snn'",
            code=codes.PATH_OPTION,
        )
    graph.eliminate_zeros()
    graph.sort_indices()
    return graph.astype(np.float32)


def fuzzy_weights(distances: Floats) -> Floats:
    r"""Weigh neighbours by :math:`e^{-\max(0, d - \rho)/\sigma}`.

    :math:`\rho` is the distance of the nearest neighbour that is not at distance zero and
    :math:`\sigma` makes the weights of a cell add up to
    :math:`\log_2 k`.

    Parameters
    ----------
    distances
        Shape ``(n_cells, k)``, ascending.

    Returns
    -------
    weights
        float32, same shape, in (0, 1].

    References
    ----------
    .. [1] McInnes L, Healy J, Melville J (2018). arXiv:1802.03426.

    Examples
    --------
    >>> import numpy as np
    >>> w = fuzzy_weights(np.array([[1, 2, 3, 4]], dtype=np.float32))
    >>> w.sum(axis=1).round(4)
    array([2.], dtype=float32)
    """
    out = np.empty(distances.shape, dtype=np.float32)
    for low in range(0, len(distances), 1_024):  # a stretch stays in cache through the bisection
        part = distances[low : low + 1_024].astype(np.float64)
        out[low : low + 1_024] = _fuzzy_tile(part)
    return out


def _fuzzy_tile(d: NDArray[np.float64]) -> NDArray[np.float64]:
    target = np.log2(d.shape[1]) if d.shape[1] > 1 else 1.0
    rho = np.where(d > 0, d, np.inf).min(axis=1)
    rho[np.isinf(rho)] = 0.0
    excess = np.maximum(d - rho[:, None], 0.0)
    scale = excess.max(axis=1)
    scale[scale == 0] = 1.0
    excess /= scale[:, None]
    low, high = np.full(len(d), -14.0), np.full(len(d), 10.0)  # log2 of sigma over the widest gap
    for _ in range(36):
        middle = (low + high) / 2
        over = np.exp(-excess / np.exp2(middle)[:, None]).sum(axis=1) > target
        high, low = np.where(over, middle, high), np.where(over, low, middle)
    sigma = np.exp2((low + high) / 2)
    # the published floor: sigma at least a thousandth of the mean distance
    floor = 1e-3 * d.mean(axis=1) / scale
    weights = np.exp(-excess / np.maximum(sigma, np.maximum(floor, 1e-12))[:, None])
    return np.asarray(weights)


def _jaccard(member: "sp.csr_array", linked: "sp.csr_array", size: int) -> "sp.csr_array":
    import scipy.sparse as sp

    n = member.shape[0]
    parts = []
    other = member.T.tocsr()
    for low in range(0, n, 10_000):  # the product holds many more pairs than are kept
        shared = (member[low : low + 10_000] @ other).multiply(linked[low : low + 10_000]).tocsr()
        shared.data = shared.data / (2 * size - shared.data)
        parts.append(shared)
    return sp.vstack(parts, format="csr")


def _checked(coordinates: ArrayLike, k: int, target: float) -> Floats:
    points = np.asarray(coordinates)
    if points.ndim != 2 or not np.issubdtype(points.dtype, np.number):
        raise DataError(
            "coordinates must be a matrix of numbers",
            found=f"{points.ndim} axes",
            code=codes.PATH_COORDINATES,
        )
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise DataError(
            "coordinates must be finite",
            found=f"{bad.size} of {len(points)} cells are not, first is row {bad[0]}",
            code=codes.PATH_COORDINATES,
        )
    if k < 1 or not 0 < target <= 1:
        raise UsageError(
            "k must be at least 1 and the recall target in (0, 1]", code=codes.PATH_OPTION
        )
    if len(points) < k + 1:
        raise MethodError(
            f"not estimable: {k} neighbours need at least {k + 1} cells",
            found=f"{len(points)} cells",
            fix="ask for fewer neighbours, or leave out this step for so few cells",
            code=codes.PATH_FEW_CELLS,
        )
    return np.ascontiguousarray(points, dtype=np.float32)
