"""Bring batches together in the space of the principal components (optional, off by default)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError, MethodError
from imscope.core.rng import spawn

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Aligned coordinates.

    Attributes
    ----------
    coordinates
        float32, shape ``(n_cells, n_dimensions)``.
    n_rounds
        Rounds of clustering and correction.
    converged
        Whether the last round changed the objective by less than the tolerance.
    """

    coordinates: NDArray[np.float32]
    n_rounds: int
    converged: bool


def align_batches(
    coordinates: ArrayLike,
    batches: ArrayLike,
    *,
    seed: int = 0,
    n_clusters: int | None = None,
    diversity: float = 2.0,
    ridge: float = 1.0,
    max_rounds: int = 10,
) -> Alignment:
    """Shift batches onto one another, cluster by cluster (after Harmony).

    Cells are put softly into clusters by the cosine of their coordinates, with a penalty on
    clusters in which a batch is over-represented; then each batch is shifted in each cluster by
    ridge regression. The two steps repeat until the objective settles.

    Parameters
    ----------
    coordinates
        Shape ``(n_cells, n_dimensions)``, such as principal components.
    batches
        Shape ``(n_cells,)``: the batch of each cell.
    seed
        Decides the first centres.
    n_clusters
        Soft clusters; by default one per 30 cells, at most 100.
    diversity
        Weight of the penalty; 0 clusters without regard to batches.
    ridge
        Keeps the shift of a batch small where it has few cells in a cluster. Unit: cells.
    max_rounds
        Most rounds.

    Returns
    -------
    alignment
        With a single batch the coordinates as they came, converged after 0 rounds.

    Raises
    ------
    DataError
        Coordinates are not a finite matrix or there is not one batch per cell.
    MethodError
        A batch has a single cell.

    Notes
    -----
    For looking and clustering only. Alignment removes differences between batches whether they are
    technical or not: where a batch is also a lot, donor or group, it removes what is to be
    measured. The heterogeneity index never uses aligned coordinates.

    References
    ----------
    .. [1] Korsunsky I, et al. (2019). Nature Methods 16:1289-1296. doi:10.1038/s41592-019-0619-0

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> cells = rng.normal(size=(200, 3)) + [5, 0, 0]
    >>> batch = np.repeat([0, 1], 100)
    >>> moved = align_batches(cells + 2 * batch[:, None], batch).coordinates
    >>> bool(np.abs(moved[:100].mean(axis=0) - moved[100:].mean(axis=0)).max() < 0.3)
    True
    """
    points, batch, size = _checked(coordinates, batches)
    if len(size) == 1:
        return Alignment(points.astype(np.float32), 0, True)
    from threadpoolctl import threadpool_limits

    n = len(points)
    k = n_clusters or int(np.clip(round(n / 30), 2, 100))
    rng = spawn(seed, "align")
    design = np.zeros((len(size), n))
    design[batch, np.arange(n)] = 1
    state = _State(batch, size / n, diversity)
    with threadpool_limits(1, user_api="blas"):
        aligned = points
        centres = _first_centres(_unit(points), k, rng)
        before, converged, done = np.inf, False, 0
        while done < max_rounds and not converged:
            soft, centres, loss = state.cluster(_unit(aligned), centres, rng)
            aligned = _corrected(points, soft, design, ridge)
            done += 1
            converged = bool(abs(before - loss) < 1e-4 * abs(loss))
            before = loss
    return Alignment(aligned.astype(np.float32), done, converged)


@dataclass(frozen=True, slots=True)
class _State:
    """What soft clustering needs to know of the batches."""

    batch: NDArray[np.int64]
    share: Floats
    diversity: float
    sigma: float = 0.1

    def cluster(
        self, unit: Floats, centres: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, float]:
        """Alternate centres and soft membership; return ``(n, k)`` membership, centres, loss."""
        n = len(unit)
        soft = self._softmax(unit @ centres.T)
        before = np.inf
        for _ in range(20):
            centres = _unit(soft.T @ unit)
            cosine = unit @ centres.T
            seen = self._seen(soft, self.batch)
            expected = np.outer(self.share, soft.sum(axis=0))
            for part in np.array_split(rng.permutation(n), 20):  # a part leaves, is placed anew
                mine = self.batch[part]
                seen -= self._seen(soft[part], mine)
                expected -= np.outer(self.share, soft[part].sum(axis=0))
                penalty = ((expected + 1) / (seen + 1)) ** self.diversity
                soft[part] = self._softmax(cosine[part], penalty[mine])
                seen += self._seen(soft[part], mine)
                expected += np.outer(self.share, soft[part].sum(axis=0))
            loss = self._loss(soft, cosine, seen, expected)
            if abs(before - loss) < 1e-5 * abs(loss):
                break
            before = loss
        return soft, centres, loss

    def _softmax(self, cosine: Floats, penalty: Floats | float = 1.0) -> Floats:
        log = (cosine - cosine.max(axis=1, keepdims=True)) * (2 / self.sigma)
        soft = np.exp(log) * penalty
        return np.asarray(soft / soft.sum(axis=1, keepdims=True))

    def _seen(self, soft: Floats, batch: NDArray[np.int64]) -> Floats:
        """Membership per batch and cluster."""
        return np.stack([soft[batch == b].sum(axis=0) for b in range(len(self.share))])

    def _loss(self, soft: Floats, cosine: Floats, seen: Floats, expected: Floats) -> float:
        distance = (soft * 2 * (1 - cosine)).sum()
        entropy = (soft * np.log(np.maximum(soft, 1e-300))).sum()
        mixing = (seen * np.log((seen + 1) / (expected + 1))).sum()
        return float(distance + self.sigma * (entropy + self.diversity * mixing))


def _corrected(points: Floats, soft: Floats, design: Floats, ridge: float) -> Floats:
    """Take from each cell its batch's shift in each cluster, weighted by membership."""
    n_batches = len(design)
    full = np.vstack([np.ones(design.shape[1]), design])
    penalty = np.diag(np.r_[0.0, np.full(n_batches, ridge)])
    out = points.copy()
    for cluster in range(soft.shape[1]):
        weighted = full * soft[:, cluster]
        gram = weighted @ full.T + penalty
        shift = np.linalg.solve(gram, weighted @ points)
        shift[0] = 0  # the intercept is the cluster itself and stays
        out -= weighted.T @ shift
    return out


def _first_centres(unit: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Spread the first centres by squared distance, then ten rounds of k-means."""
    chosen = [int(rng.integers(len(unit)))]
    gap = 1 - unit @ unit[chosen[0]]
    for _ in range(k - 1):
        weight = np.maximum(gap, 0)
        total = weight.sum()
        pick = rng.choice(len(unit), p=weight / total) if total > 0 else rng.integers(len(unit))
        chosen.append(int(pick))
        gap = np.minimum(gap, 1 - unit @ unit[chosen[-1]])
    centres = unit[chosen]
    for _ in range(10):
        near = (unit @ centres.T).argmax(axis=1)
        hard = np.zeros((len(unit), k))
        hard[np.arange(len(unit)), near] = 1
        total_by_centre = hard.T @ unit
        full = hard.any(axis=0)
        centres = np.where(full[:, None], _unit(total_by_centre), centres)
    return centres


def _unit(rows: Floats) -> Floats:
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(length > 0, length, 1))


def _checked(
    coordinates: ArrayLike, batches: ArrayLike
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    points = np.asarray(coordinates, dtype=np.float64)
    names = np.asarray(batches)
    if points.ndim != 2 or not np.isfinite(points).all() or names.shape != (len(points),):
        raise DataError(
            "alignment needs a finite row of coordinates and a batch for every cell",
            found=f"coordinates of shape {points.shape}, batches of shape {names.shape}",
            code=codes.PATH_COORDINATES,
        )
    _, batch, size = np.unique(names, return_inverse=True, return_counts=True)
    if len(size) > 1 and size.min() < 2:
        raise MethodError(
            "not estimable: a batch has a single cell",
            found=f"{int((size < 2).sum())} of {len(size)} batches",
            fix="leave these cells out of the alignment, or leave out the alignment",
            code=codes.PATH_FEW_CELLS,
        )
    return points, batch, size
