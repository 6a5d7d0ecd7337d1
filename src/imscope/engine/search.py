"""The search behind :mod:`imscope.engine.neighbours`: tiles of matrix products and sorted lists."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.engine.kernels.nearest import keep_best

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

QUERIES = 256
"""Queries per tile; with :data:`COLUMNS` it keeps one tile of scores in the processor's cache."""
COLUMNS = 2_048
SPARE = 6
"""Candidates kept beyond k, so that rounding in the tiles cannot lose a true neighbour."""
AUDITED = 2_000
"""Queries searched exactly to measure the recall of the bucketed search."""


@dataclass(frozen=True, slots=True)
class Points:
    """Cells prepared so that ``queries @ targets.T`` falls with their squared distance.

    Attributes
    ----------
    raw
        float32, shape ``(n_cells, n_dimensions)``.
    queries, targets
        float32, one column more: the product of a row of each is ``x.y - |y|^2 / 2``.
    """

    raw: Floats
    queries: Floats
    targets: Floats


@dataclass(frozen=True, slots=True)
class Bucketed:
    """Result of :func:`search_buckets`; ``recall_low`` is a one-sided lower 95 % limit."""

    indices: Ints
    distances: Floats
    recall: float
    recall_low: float
    audited: int
    probes: int
    n_buckets: int


def augmented(points: Floats) -> Points:
    """Prepare points for :func:`search_exactly` and :func:`search_buckets`."""
    # small norms cancel fewer digits; a whole number keeps exact ties exact
    middle = np.rint(points.mean(axis=0, dtype=np.float64))
    centred = (points - middle).astype(np.float32)
    half = -0.5 * (centred.astype(np.float64) ** 2).sum(axis=1)
    ones = np.ones(len(points), dtype=np.float32)
    return Points(
        points,
        np.column_stack([centred, ones]),
        np.column_stack([centred, half.astype(np.float32)]),
    )


def search_exactly(points: Points, rows: Ints, k: int, *, workers: int) -> tuple[Ints, Floats]:
    """Compare each of ``rows`` with every cell; return neighbours and distances, nearest first."""
    n = len(points.raw)
    depth = min(k + SPARE, n - 1)
    columns = np.arange(n, dtype=np.int32)
    starts = range(0, n, COLUMNS)
    tiles = [np.ascontiguousarray(points.targets[low : low + COLUMNS].T) for low in starts]

    def search(low: int) -> tuple[Ints, Floats]:
        mine = rows[low : low + QUERIES]
        block = points.queries[mine]
        best, index = _empty_lists(len(mine), depth)
        slots = np.arange(len(mine), dtype=np.int32)
        for start, tile in zip(starts, tiles, strict=True):
            part = columns[start : start + tile.shape[1]]
            keep_best(block @ tile, slots, part, mine, best, index)
        return _refined(points.raw, mine, index, k)

    return _joined(_run(search, range(0, len(rows), QUERIES), workers))


def search_buckets(points: Points, k: int, *, target: float, seed: int, workers: int) -> Bucketed:
    """Search only the buckets nearest to each cell, as many as the audited recall needs."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return _search_buckets(points, k, target=target, seed=seed, workers=workers)


def _search_buckets(points: Points, k: int, *, target: float, seed: int, workers: int) -> Bucketed:
    n = len(points.raw)
    rng = spawn(seed, "neighbours")
    audit = np.sort(rng.choice(n, size=min(AUDITED, n), replace=False)).astype(np.int32)
    truth, _ = search_exactly(points, audit, k, workers=workers)
    centres, bucket = _buckets(points, n_buckets=max(2, round(n**0.5)), rng=rng)
    probes = _probes_needed(points, centres, bucket, audit, truth, target)
    while True:
        indices, distances = _search_lists(points, centres, bucket, k, probes, workers)
        short = np.flatnonzero(indices[:, -1] < 0).astype(np.int32)
        if short.size:  # their buckets hold fewer than k others
            indices[short], distances[short] = search_exactly(points, short, k, workers=workers)
        share = _share_found(indices[audit], truth)
        recall, low = float(share.mean()), _lower_limit(share)
        if low >= target or probes >= len(centres):
            return Bucketed(indices, distances, recall, low, len(audit), probes, len(centres))
        probes = min(len(centres), max(probes + 1, round(probes * 1.2)))


def _lower_limit(share: NDArray[np.float64]) -> float:
    """One-sided lower 95 % limit of a mean over queries."""
    return float(share.mean() - 1.645 * share.std(ddof=1) / len(share) ** 0.5)


def _share_found(found: Ints, truth: Ints) -> NDArray[np.float64]:
    hit = (truth[:, :, None] == found[:, None, :]).any(axis=2)
    return np.asarray(hit.mean(axis=1))


def _centre_scores(block: Floats, centres: Floats) -> Floats:
    half = 0.5 * (centres.astype(np.float64) ** 2).sum(axis=1)
    return np.asarray(block[:, :-1] @ centres.T - half.astype(np.float32))


def _buckets(points: Points, *, n_buckets: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Lloyd's k-means on a sample; every cell then goes to its nearest centre."""
    n = len(points.raw)
    sample = np.sort(rng.choice(n, size=min(n, 50 * n_buckets), replace=False))
    data = points.queries[sample]
    centres = data[rng.choice(len(data), size=n_buckets, replace=False), :-1]
    for _ in range(6):
        near = _nearest_centre(data, centres)
        order = np.argsort(near, kind="stable")
        size = np.bincount(near, minlength=n_buckets)
        full = np.flatnonzero(size)
        first = np.concatenate([[0], np.cumsum(size[full])[:-1]])
        total = np.add.reduceat(data[order, :-1], first, axis=0)
        centres = centres.copy()
        centres[full] = total / size[full, None]  # an empty bucket keeps its centre
    return centres, _nearest_centre(points.queries, centres)


def _nearest_centre(block: Floats, centres: Floats) -> Ints:
    parts = [
        _centre_scores(block[low : low + 2_048], centres).argmax(axis=1)
        for low in range(0, len(block), 2_048)
    ]
    return np.concatenate(parts).astype(np.int32)


def _probes_needed(
    points: Points, centres: Floats, bucket: Ints, rows: Ints, truth: Ints, target: float
) -> int:
    """Smallest number of buckets in which enough of the true neighbours lie."""
    scores = _centre_scores(points.queries[rows], centres)
    theirs = np.take_along_axis(scores, bucket[truth], axis=1)
    rank = np.empty(truth.shape, dtype=np.int64)
    for i in range(len(rows)):
        rank[i] = len(centres) - np.searchsorted(np.sort(scores[i]), theirs[i], side="left")
    for probes in range(1, len(centres)):
        if _lower_limit((rank <= probes).mean(axis=1)) >= target:
            return probes
    return len(centres)


def _search_lists(
    points: Points, centres: Floats, bucket: Ints, k: int, probes: int, workers: int
) -> tuple[Ints, Floats]:
    n, n_buckets = len(points.raw), len(centres)
    depth = min(k + SPARE, n - 1)
    order = np.argsort(bucket, kind="stable").astype(np.int32)
    border = np.concatenate([[0], np.cumsum(np.bincount(bucket, minlength=n_buckets))])
    members = [order[border[b] : border[b + 1]] for b in range(n_buckets)]
    tiles = [np.ascontiguousarray(points.targets[m].T) for m in members]

    def search(own: int) -> tuple[Ints, Floats]:
        mine = members[own]
        block = points.queries[mine]
        scores = _centre_scores(block, centres)
        limit = np.partition(scores, n_buckets - probes, axis=1)[:, n_buckets - probes]
        wanted = scores >= limit[:, None]
        best, index = _empty_lists(len(mine), depth)
        # the buckets most cells want come first: lists fill early, later scores are passed over
        for b in np.argsort(-wanted.sum(axis=0), kind="stable"):
            slots = np.flatnonzero(wanted[:, b]).astype(np.int32)
            if not len(slots):
                break
            if len(members[b]):
                keep_best(block[slots] @ tiles[b], slots, members[b], mine, best, index)
        return _refined(points.raw, mine, index, k)

    indices, distances = _joined(_run(search, range(n_buckets), workers))
    back = np.empty(n, dtype=np.int64)
    back[order] = np.arange(n)
    return indices[back], distances[back]


def _empty_lists(n: int, depth: int) -> tuple[Floats, Ints]:
    return np.full((n, depth), -np.inf, dtype=np.float32), np.full((n, depth), -1, dtype=np.int32)


def _run[S, T](task: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """Run tasks, results in order; BLAS on one thread in each, so threads move no digit."""
    from threadpoolctl import threadpool_limits

    keep_best.compile()
    with threadpool_limits(1, user_api="blas"):
        if workers == 1:
            yield from map(task, items)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(task, items)


def _joined(parts: Iterable[tuple[Ints, Floats]]) -> tuple[Ints, Floats]:
    indices, distances = zip(*parts, strict=True)
    return np.concatenate(indices), np.concatenate(distances)


def _refined(points: Floats, rows: Ints, found: Ints, k: int) -> tuple[Ints, Floats]:
    """Measure the candidates exactly and keep the nearest k, ties by position."""
    gap = points[found]
    gap -= points[rows, None, :]
    squared = np.einsum("ijk,ijk->ij", gap, gap, dtype=np.float64)
    squared[found < 0] = np.inf
    place = np.argsort(found, axis=1)
    squared = np.take_along_axis(squared, place, axis=1)
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    indices = np.take_along_axis(np.take_along_axis(found, place, axis=1), order, axis=1)
    distances = np.sqrt(np.take_along_axis(squared, order, axis=1)).astype(np.float32)
    return indices, distances
