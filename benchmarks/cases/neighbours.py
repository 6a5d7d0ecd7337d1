"""Fifteen nearest neighbours in principal components.

Sides: imscope, sklearn (exact), brisc (``--option`` is the number of buckets searched; without it
its default), pynndescent.
"""

import sys

import numpy as np
from _case import parse, peak_mb, read_coordinates, report, timed

PACKAGES = {"sklearn": "scikit-learn"}


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "sklearn", "brisc", "pynndescent"])
    points = read_coordinates(args.data, args.coordinates)
    work = globals()[f"with_{args.side}"](points, args)
    found, clock = timed(work, args.repeats)
    clock |= peak_mb()
    package = PACKAGES.get(args.side, args.side)
    report("neighbours", args.side, package, clock, quality(points, found))


def with_imscope(points, args):
    """Exact up to 30,000 cells, above with audited recall."""
    from imscope.engine.neighbours import find_neighbours

    return lambda: find_neighbours(points, threads=args.threads).indices


def with_sklearn(points, args):
    """Exact."""
    from sklearn.neighbors import NearestNeighbors

    return lambda: (
        NearestNeighbors(n_neighbors=15, algorithm="brute", n_jobs=args.threads)
        .fit(points)
        .kneighbors(return_distance=False)
    )


def with_brisc(points, args):
    """k-means buckets."""
    import polars as pl
    import scipy.sparse as sp
    from brisc import SingleCell

    n = len(points)
    cells = SingleCell(
        X=sp.csr_array(np.ones((n, 1), dtype=np.float32)),
        obs=pl.DataFrame({"cell": [str(i) for i in range(n)]}),
        var=pl.DataFrame({"gene": ["g"]}),
        obsm={"pca": points},
        num_threads=args.threads,
    )
    options = {"num_clusters_searched": int(args.option)} if args.option else {}

    def work():
        found = cells.neighbors(
            QC_column=None, num_neighbors=15, num_threads=args.threads, **options
        )
        return np.asarray(found.obsm["neighbors"])

    return work


def with_pynndescent(points, args):
    """Nearest neighbour descent."""
    from pynndescent import NNDescent

    def work():
        index = NNDescent(points, n_neighbors=16, n_jobs=args.threads, random_state=0)
        return index.neighbor_graph[0][:, 1:]

    return work


def quality(points, found):
    """Share of true neighbours found, over 500 cells."""
    rows = np.random.default_rng(0).choice(len(points), 500, replace=False)
    hits = 0
    for row in rows:
        squared = ((points - points[row]).astype(np.float64) ** 2).sum(axis=1)
        squared[row] = np.inf
        hits += np.isin(np.argpartition(squared, 15)[:15], found[row]).sum()
    return {"recall": round(hits / (500 * 15), 4)}


if __name__ == "__main__":
    main(sys.argv[1:])
