"""Layout in the plane. Sides: imscope (neighbours not timed) and umap-learn (neighbours included).

umap-learn runs on one thread because it is seeded, as imscope always does.
"""

import sys

import numpy as np
from _case import parse, peak_mb, read_coordinates, report, timed


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "umap-learn"])
    points = read_coordinates(args.data, args.coordinates)
    if args.side == "imscope":
        from imscope.engine.embed import compute_umap
        from imscope.engine.neighbours import find_neighbours

        found = find_neighbours(points, threads=args.threads)
        place, clock = timed(lambda: compute_umap(found, points), args.repeats)
    else:
        from umap import UMAP

        place, clock = timed(
            lambda: UMAP(n_neighbors=15, min_dist=0.5, random_state=0).fit_transform(points),
            args.repeats,
        )
    clock |= peak_mb()
    report("umap", args.side, args.side, clock, quality(points, place))


def nearest(points, k):
    """Neighbours by brute force, a few thousand points."""
    squared = (points**2).sum(axis=1)
    gap = squared[:, None] + squared - 2 * points @ points.T
    np.fill_diagonal(gap, np.inf)
    return np.argsort(gap, axis=1)[:, :k], gap


def quality(points, place, k=15):
    """Trustworthiness and share of kept neighbours over at most 4,000 cells."""
    rows = np.random.default_rng(0).permutation(len(points))[:4000]
    near, gap = nearest(points[rows].astype(np.float64), k)
    shown, _ = nearest(place[rows].astype(np.float64), k)
    n = len(rows)
    rank = np.empty((n, n), dtype=np.int32)
    np.put_along_axis(rank, np.argsort(gap, axis=1), np.arange(1, n + 1)[None, :], axis=1)
    excess = np.maximum(np.take_along_axis(rank, shown, axis=1) - k, 0).sum()
    kept = (near[:, :, None] == shown[:, None, :]).any(axis=2).mean()
    trust = 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * excess
    return {"trustworthiness": round(float(trust), 4), "kept_neighbours": round(float(kept), 4)}


if __name__ == "__main__":
    main(sys.argv[1:])
