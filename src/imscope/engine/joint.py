"""Neighbours of cells from several modalities at once, each weighted cell by cell."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.engine.neighbours import Neighbours, find_neighbours

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

ROWS = 1_000
"""Cells handled at a time."""
CANDIDATES = 10
"""Neighbours looked at per modality, as a multiple of k."""


@dataclass(frozen=True, slots=True)
class JointNeighbours:
    """Joint neighbours, and how much each modality counted.

    Attributes
    ----------
    neighbours
        As :func:`imscope.engine.neighbours.find_neighbours` gives them; distances are one less
        the joint similarity, in [0, 1].
    weights
        Share of each modality in each cell, rows add up to one, shape ``(n_cells, n_modalities)``.
    modalities
        Names of the columns of ``weights``, sorted.
    """

    neighbours: Neighbours
    weights: Floats
    modalities: tuple[str, ...]


def find_joint_neighbours(
    modalities: Mapping[str, ArrayLike],
    *,
    k: int = 15,
    recall_target: float = 0.95,
    seed: int = 0,
    threads: int | None = None,
) -> JointNeighbours:
    r"""Find neighbours from any set of modalities, after the idea of weighted nearest neighbours.

    In each modality a cell is predicted as the mean of its neighbours there, and as the mean of
    its neighbours in each other modality. A modality whose own neighbours predict the cell much
    better than those of the others carries structure the others lack:

    .. math:: r_m = \frac{\theta_m(x, \hat x_{m|m})}{\max_{l \ne m} \theta_m(x, \hat x_{m|l})
        + 0.01},\qquad
        \theta_m(x, y) = e^{-\max(0, |x - y| - d_1) / (d_{10k} - d_1)}

    Modalities without structure are held down by the share of their variance :math:`g_m` that
    stands above noise: axes whose variance stays under the edge noise alone would reach
    (Marchenko-Pastur, noise level from the lower quartile of the axes) are left out, the others
    are shrunk. Weights are the shares of :math:`g_m \max(1, r_m)`. The joint similarity of two
    cells is the weighted sum of their similarities, computed for the nearest ``10 k`` cells of
    every modality.

    Parameters
    ----------
    modalities
        Name to coordinates, shape ``(n_cells, n_dimensions)``, such as principal components of
        RNA, aligned proteins, components of chromatin. Each is scaled to unit variance.
    k
        Neighbours per cell.
    recall_target
        Of the search in each modality.
    seed
        Decides the buckets of the search.
    threads
        See :func:`imscope.engine.execute.thread_count`; the result is the same for every value.

    Raises
    ------
    DataError
        There is no modality, or they differ in their number of cells.

    References
    ----------
    .. [1] Hao Y et al. (2021). Cell 184:3573-3587. doi:10.1016/j.cell.2021.04.048
    .. [2] Gavish M, Donoho DL (2017). IEEE Transactions on Information Theory 63:2137-2152.
       doi:10.1109/TIT.2017.2653801 (shrinking of noisy axes)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rna = rng.normal(size=(60, 3)) + 8 * (np.arange(60) < 30)[:, None]
    >>> noise = rng.normal(size=(60, 3))
    >>> joint = find_joint_neighbours({"rna": rna, "noise": noise}, k=5)
    >>> joint.modalities, bool(joint.weights.mean(axis=0)[1] > 0.5)
    (('noise', 'rna'), True)
    """
    names = tuple(sorted(modalities))
    ready = [_scaled(modalities[n], n) for n in names]
    points = [p for p, _ in ready]
    sizes = {len(p) for p in points}
    if len(sizes) != 1:
        raise DataError(
            "modalities must have the same cells in the same order",
            found=", ".join(f"{n}: {len(p):,}" for n, p in zip(names, points, strict=True))
            or "no modality",
            code=codes.JOINT_INPUT,
        )
    n = sizes.pop()
    wide = min(CANDIDATES * k, n - 1)
    options = {"recall_target": recall_target, "seed": seed, "threads": threads}
    found = [find_neighbours(p, k=max(wide, k), **options) for p in points]  # type: ignore[arg-type]
    if len(names) == 1:
        only = found[0]
        cut = Neighbours(
            only.indices[:, :k], only.distances[:, :k], only.recall, only.recall_n, only.method
        )
        return JointNeighbours(cut, np.ones((n, 1)), names)
    signal = np.array([s for _, s in ready])
    weights = _weights(points, found, signal, k)
    indices, distances = _joined(points, found, weights, k)
    method = f"joint of {', '.join(names)}; " + "; ".join(
        f"{a}: {f.method}" for a, f in zip(names, found, strict=True)
    )
    worst = min(found, key=lambda f: f.recall)
    joint = Neighbours(indices, distances, worst.recall, worst.recall_n, method)
    return JointNeighbours(joint, weights, names)


def _scaled(values: ArrayLike, name: str) -> tuple[Floats, float]:
    """Coordinates without what is noise, at unit variance, and the share that is no noise."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or not x.size or not np.isfinite(x).all():
        raise DataError(
            f"modality {name!r} is not a finite matrix",
            found=f"shape {x.shape}",
            code=codes.JOINT_INPUT,
        )
    x = x - x.mean(axis=0)
    variance, axes = np.linalg.eigh(x.T @ x / max(len(x) - 1, 1))
    total = float(variance.sum())
    if total <= 0:
        return x, 0.0
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(axes))])
    noise = float(np.quantile(variance, 0.25)) if len(variance) > 3 else 0.0
    edge = noise * (1 + np.sqrt(x.shape[1] / len(x))) ** 2
    signal = np.where(variance > edge, variance - noise, 0.0)
    share = float(signal.sum() / total)
    if share > 0:
        x = x @ (axes * (signal / np.maximum(variance, 1e-12)))
    return x / np.sqrt((x**2).sum(axis=1).mean()), share


def _mean_of(points: Floats, indices: Ints) -> Floats:
    """Mean of the coordinates of each cell's neighbours."""
    out = np.empty_like(points)
    for low in range(0, len(points), ROWS):
        out[low : low + ROWS] = points[indices[low : low + ROWS]].mean(axis=1)
    return out


def _similarity(gap: Floats, nearest: Floats, far: Floats) -> Floats:
    scale = np.maximum(far - nearest, 1e-9)
    return np.asarray(np.exp(-np.maximum(gap - nearest, 0) / scale))


def _log_ratio(points: Floats, own: Neighbours, others: list[Ints], k: int) -> Floats:
    """Log of how much better a modality's own neighbours predict each cell than the others'."""
    distances = own.distances.astype(np.float64)
    nearest, far = distances[:, 0], distances[:, -1]

    def theta(indices: Ints) -> Floats:
        gap = np.sqrt(((points - _mean_of(points, indices[:, :k])) ** 2).sum(axis=1))
        return _similarity(gap, nearest, far)

    cross = np.max([theta(o) for o in others], axis=0)
    return np.asarray(np.log(theta(own.indices) + 1e-9) - np.log(cross + 0.01))


def _weights(points: list[Floats], found: list[Neighbours], signal: Floats, k: int) -> Floats:
    """Share of each modality in each cell."""
    ratios = []
    for m, own in enumerate(found):
        others = [f.indices for j, f in enumerate(found) if j != m]
        ratios.append(np.maximum(_log_ratio(points[m], own, others, k), 0.0))
    exponent = np.column_stack(ratios)
    exponent -= exponent.max(axis=1, keepdims=True)
    share = np.exp(exponent) * np.maximum(signal, 1e-3)
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def _joined(
    points: list[Floats], found: list[Neighbours], weights: Floats, k: int
) -> tuple[Ints, NDArray[np.float32]]:
    """Rank the candidates of all modalities by joint similarity; ties go to the earlier cell."""
    n = len(weights)
    indices = np.empty((n, k), dtype=np.int32)
    distances = np.empty((n, k), dtype=np.float32)
    for low in range(0, n, ROWS):
        rows = slice(low, min(low + ROWS, n))
        candidates = np.sort(np.hstack([f.indices[rows] for f in found]), axis=1)
        twice = np.zeros(candidates.shape, dtype=bool)
        twice[:, 1:] = candidates[:, 1:] == candidates[:, :-1]
        score = np.zeros(candidates.shape)
        for m, own in enumerate(found):
            gap = np.sqrt(((points[m][candidates] - points[m][rows][:, None, :]) ** 2).sum(axis=2))
            near = own.distances[rows].astype(np.float64)
            theta = _similarity(gap, near[:, [0]], near[:, [-1]])
            score += weights[rows, m][:, None] * theta
        score[twice] = -1.0
        order = np.argsort(-score, axis=1, kind="stable")[:, :k]
        indices[rows] = np.take_along_axis(candidates, order, axis=1)
        distances[rows] = 1 - np.take_along_axis(score, order, axis=1)
    return indices, np.clip(distances, 0, 1)
