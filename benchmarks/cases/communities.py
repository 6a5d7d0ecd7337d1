"""Communities in one and the same graph of shared neighbours.

The graph is made by ``graph DATA --option GRAPH.npz`` and read by every other side. Sides: graph,
imscope, igraph (GPL: a separate program, never imported by imscope).
"""

import sys

import numpy as np
import scipy.sparse as sp
from _case import parse, peak_mb, read_coordinates, report, timed


def main(argv):
    """Run one side."""
    args = parse(argv, ["graph", "imscope", "igraph"])
    if args.side == "graph":
        from imscope.engine.neighbours import find_neighbours, neighbour_graph

        points = read_coordinates(args.data, args.coordinates)
        sp.save_npz(args.option, neighbour_graph(find_neighbours(points), kind="snn"))
        return
    graph = sp.csr_array(sp.load_npz(args.option))
    if args.side == "imscope":
        from imscope.engine.cluster import find_clusters

        labels, clock = timed(lambda: find_clusters(graph).labels, args.repeats)
    else:
        labels, clock = timed(lambda: with_igraph(graph), args.repeats)
    clock |= peak_mb()
    report("communities", args.side, args.side, clock, quality(graph, labels))


def with_igraph(graph):
    """Two iterations, conversion included."""
    import igraph

    upper = sp.triu(graph, 1).tocoo()
    made = igraph.Graph(n=graph.shape[0], edges=np.column_stack([upper.row, upper.col]))
    found = made.community_leiden(
        objective_function="modularity", weights=upper.data, n_iterations=2
    )
    return np.asarray(found.membership)


def quality(graph, labels):
    """Modularity at resolution 1 and the number of clusters."""
    degree = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
    pairs = graph.tocoo()
    inside = pairs.data[labels[pairs.row] == labels[pairs.col]].sum(dtype=np.float64)
    share = np.bincount(labels, weights=degree) / degree.sum()
    modularity = inside / degree.sum() - (share**2).sum()
    return {"modularity": round(float(modularity), 5), "clusters": int(labels.max()) + 1}


if __name__ == "__main__":
    main(sys.argv[1:])
