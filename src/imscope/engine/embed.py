"""Two-dimensional layout of the cells, for looking only."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.core.rng import spawn
from imscope.engine.kernels.layout import run_epochs
from imscope.engine.neighbours import Neighbours, neighbour_graph

if TYPE_CHECKING:
    import scipy.sparse as sp

Floats = NDArray[np.float32]

REACH = 32
"""Distance up to which forces are tabulated, 256 entries per unit."""


def compute_umap(
    neighbours: Neighbours,
    coordinates: ArrayLike,
    *,
    min_dist: float = 0.5,
    n_epochs: int | None = None,
    seed: int = 0,
    graph: "sp.csr_array | None" = None,
) -> Floats:
    """Lay cells out in the plane so that neighbours stay together (UMAP).

    Starts from the first two coordinates and follows the published sampling of edges, with forces
    read from a table. One thread, so that the picture is the same everywhere.

    Parameters
    ----------
    neighbours
        Result of :func:`imscope.engine.neighbours.find_neighbours`.
    coordinates
        Shape ``(n_cells, n_dimensions)``: the first two columns are the starting layout, so
        principal components should come in order.
    min_dist
        Distance in the picture below which neighbours are not drawn closer, in (0, 3).
    n_epochs
        Passes over the graph; by default 500 up to 10,000 cells and 200 above.
    seed
        Decides the random cells to be kept at a distance.
    graph
        The fuzzy graph of these neighbours, when it has been computed already.

    Returns
    -------
    layout
        float32, shape ``(n_cells, 2)``, without unit.

    Raises
    ------
    DataError
        Coordinates and neighbours are of different cells.

    Notes
    -----
    For looking only: sizes of groups, distances between them and densities in the picture mean
    nothing. No number in imscope is computed from it.

    References
    ----------
    .. [1] McInnes L, Healy J, Saul N, Grossberger L (2018). UMAP: Uniform Manifold Approximation
       and Projection. Journal of Open Source Software 3:861. doi:10.21105/joss.00861
    .. [2] McInnes L, Healy J, Melville J (2018). arXiv:1802.03426.

    Examples
    --------
    >>> import numpy as np
    >>> from imscope.engine.neighbours import find_neighbours
    >>> cells = np.random.default_rng(0).normal(size=(40, 5))
    >>> compute_umap(find_neighbours(cells, k=5), cells).shape
    (40, 2)
    """
    points = np.asarray(coordinates, dtype=np.float64)
    n = len(neighbours.indices)
    if points.ndim != 2 or len(points) != n or not np.isfinite(points).all():
        raise DataError(
            "the layout needs one row of finite coordinates per cell of the neighbours",
            found=f"shape {points.shape} and {n} cells",
            code=codes.PATH_COORDINATES,
        )
    if not 0 < min_dist < 3:
        raise UsageError(
            "min_dist must be between 0 and 3", found=f"{min_dist}", code=codes.PATH_OPTION
        )
    epochs = n_epochs or (500 if n <= 10_000 else 200)
    if graph is None:
        graph = neighbour_graph(neighbours)
    rng = spawn(seed, "umap")
    place = _start(points, rng)
    heads, tails, gaps = _edges(graph, epochs)
    pull, push = _forces(*fit_curve(min_dist))
    due = np.stack([gaps, gaps / 5]).astype(np.float64)
    state = int(rng.integers(1 << 62))
    run_epochs(heads, tails, gaps, place, pull, push, due, 0, epochs, epochs, state)
    return place


def fit_curve(min_dist: float, *, spread: float = 1.0) -> tuple[float, float]:
    r"""Fit a and b so that :math:`1/(1 + a d^{2b})` is flat to ``min_dist`` and then decays.

    The aim is 1 up to ``min_dist`` and :math:`e^{-(d - d_{min})/spread}` beyond; least squares over
    300 distances up to three times ``spread``, by Gauss-Newton steps with halving.

    Examples
    --------
    >>> a, b = fit_curve(0.5)
    >>> round(a, 3), round(b, 3)
    (0.583, 1.334)
    """
    d = np.linspace(0, 3 * spread, 300)[1:]
    aim = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist) / spread))
    x = np.array([0.0, 1.0])  # log a, b

    def residual(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1 / (1 + np.exp(x[0]) * d ** (2 * x[1])) - aim)

    for _ in range(100):
        r = residual(x)
        power = np.exp(x[0]) * d ** (2 * x[1])
        slope = -power / (1 + power) ** 2
        jacobian = np.column_stack([slope, slope * 2 * np.log(d)])
        step = np.linalg.lstsq(jacobian, -r, rcond=None)[0]
        while (residual(x + step) ** 2).sum() > (r**2).sum() and np.abs(step).max() > 1e-12:
            step /= 2
        x = x + step
        if np.abs(step).max() < 1e-10:
            break
    return float(np.exp(x[0])), float(x[1])


def _start(points: NDArray[np.float64], rng: np.random.Generator) -> Floats:
    """First two coordinates, the wider one from -10 to 10, and a little noise to part doubles."""
    start = np.zeros((len(points), 2))
    start[:, : min(2, points.shape[1])] = points[:, :2] - points[:, :2].mean(axis=0)
    widest = np.abs(start).max()
    start *= 10 / widest if widest > 0 else 1
    return np.ascontiguousarray(start + rng.normal(0, 1e-4, start.shape), dtype=np.float32)


def _edges(
    graph: "sp.csr_array", epochs: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Both directions of every edge strong enough to be used, and the epochs between two uses."""
    rows = np.repeat(np.arange(graph.shape[0], dtype=np.int32), np.diff(graph.indptr))
    top = graph.data.max(initial=0)
    used = graph.data * epochs >= top if top > 0 else np.zeros(0, dtype=bool)
    gaps = (top / graph.data[used]).astype(np.float32)
    return rows[used], graph.indices[used].astype(np.int32), gaps


def _forces(a: float, b: float) -> tuple[Floats, Floats]:
    """Attraction and repulsion per unit of difference, at the middle of each step of distance."""
    d2 = ((np.arange(256 * REACH) + 0.5) / 256) ** 2
    power = a * d2**b
    pull = -2 * b * power / d2 / (1 + power)
    push = 2 * b / (0.001 + d2) / (1 + power)
    push[-1] = 0  # stands for every larger distance
    return pull.astype(np.float32), push.astype(np.float32)
