"""Communities of cells in a neighbour graph."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.core.rng import spawn

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True, slots=True)
class Clusters:
    """A partition of the cells.

    Attributes
    ----------
    labels
        int32, shape ``(n_cells,)``: 0 is the largest cluster; equal sizes in order of first cell.
    modularity
        Of the partition at ``resolution``; NaN when the graph has no edge.
    n_clusters
        Number of clusters.
    resolution
        As asked for.
    """

    labels: NDArray[np.int32]
    modularity: float
    n_clusters: int
    resolution: float


def find_clusters(
    graph: "sp.csr_array", *, resolution: float = 1.0, seed: int = 0, iterations: int = 3
) -> Clusters:
    """Partition a graph by modularity with the Leiden algorithm.

    Parameters
    ----------
    graph
        Symmetric, non-negative weights, such as :func:`imscope.engine.neighbours.neighbour_graph`.
    resolution
        Above 1 gives more and smaller clusters, below 1 fewer. Must be positive.
    seed
        Decides the order in which cells are visited.
    iterations
        Full passes, each starting from the partition of the one before.

    Returns
    -------
    clusters
        Cells without an edge are clusters of their own.

    Raises
    ------
    DataError
        The graph is not square, not symmetric, or has a negative weight or one that is not finite.
    UsageError
        The resolution is not positive.

    Notes
    -----
    A partition is found in any graph, also where there is only one population: clusters are a
    description, and how many there are depends on ``resolution``.

    References
    ----------
    .. [1] Traag VA, Waltman L, van Eck NJ (2019). Scientific Reports 9:5233.
       doi:10.1038/s41598-019-41695-z

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> pair = sp.csr_array([[0, 1], [1, 0]])
    >>> triangle = sp.csr_array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    >>> find_clusters(sp.block_diag([pair, triangle], format="csr")).labels
    array([1, 1, 0, 0, 0], dtype=int32)
    """
    import scipy.sparse as sp

    if not resolution > 0:
        raise UsageError(
            "the resolution must be positive", found=f"{resolution}", code=codes.PATH_OPTION
        )
    weights = sp.csr_array(graph, dtype=np.float64, copy=True)
    _check(weights)
    weights.setdiag(0)
    weights.eliminate_zeros()
    weights.sort_indices()
    n = weights.shape[0]
    labels = np.arange(n)
    if weights.nnz:
        import graspologic_native

        _, found = graspologic_native.leiden_csr(
            weights.indptr.astype(np.int64),
            weights.indices.astype(np.int32),
            weights.data,
            n,
            resolution=float(resolution),
            iterations=iterations,
            seed=int(spawn(seed, "clusters").integers(1 << 62)),
        )
        linked = np.flatnonzero(np.diff(weights.indptr))
        labels += n  # numbers of cells without an edge must not meet those of communities
        labels[linked] = [found[i] for i in linked.tolist()]
    ordered = order_by_size(labels)
    return Clusters(
        ordered,
        compute_modularity(weights, ordered, resolution=resolution),
        int(ordered.max(initial=-1)) + 1,
        resolution,
    )


def order_by_size(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Relabel groups from 0 by falling size, equal sizes in order of their first cell.

    Examples
    --------
    >>> import numpy as np
    >>> order_by_size(np.array([7, 3, 3, 5]))
    array([1, 0, 0, 2], dtype=int32)
    """
    _, first, which, size = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    number = np.empty(len(size), dtype=np.int32)
    number[np.lexsort((first, -size))] = np.arange(len(size), dtype=np.int32)
    return number[which]


def compute_modularity(
    graph: "sp.csr_array", labels: NDArray[np.integer], *, resolution: float = 1.0
) -> float:
    r"""Compute the modularity of a partition; NaN for a graph without weight.

    .. math:: Q = \sum_c \Bigl[\frac{w_c}{2m} - \gamma \Bigl(\frac{s_c}{2m}\Bigr)^2\Bigr]

    with :math:`w_c` the weight inside community c counted in both directions, :math:`s_c` the sum
    of its cells' weights and :math:`2m` the sum of all.

    References
    ----------
    .. [1] Newman MEJ, Girvan M (2004). Physical Review E 69:026113.
       doi:10.1103/PhysRevE.69.026113

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> pair = sp.csr_array([[0, 1], [1, 0]])
    >>> compute_modularity(sp.block_diag([pair, pair], format="csr"), np.array([0, 0, 1, 1]))
    0.5
    """
    degree = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
    total = degree.sum()
    if total == 0:
        return float("nan")
    rows = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    inside = graph.data[labels[rows] == labels[graph.indices]].sum(dtype=np.float64)
    share = np.bincount(labels, weights=degree) / total
    return float(inside / total - resolution * (share**2).sum())


def _check(graph: "sp.csr_array") -> None:
    if graph.shape[0] != graph.shape[1]:
        raise DataError(
            "a graph of cells must be square", found=f"shape {graph.shape}", code=codes.PATH_GRAPH
        )
    if not np.isfinite(graph.data).all() or (graph.data < 0).any():
        raise DataError(
            "weights of the graph must be finite and not negative", code=codes.PATH_GRAPH
        )
    gap = graph - graph.T
    if gap.nnz and np.abs(gap.data).max() > 1e-6 * max(1.0, float(graph.data.max())):
        raise DataError(
            "the graph must be symmetric",
            found=f"largest difference between the two directions: {np.abs(gap.data).max():.3g}",
            code=codes.PATH_GRAPH,
        )
