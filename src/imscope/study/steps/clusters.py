"""Step: clusters from the graph of neighbours and, if asked for, the map."""

import numpy as np
import scipy.sparse as sp

from imscope.core.result import Result
from imscope.engine.cluster import find_clusters
from imscope.engine.embed import compute_umap
from imscope.engine.neighbours import Neighbours
from imscope.study.step import Had, Run, Step
from imscope.study.store import Finished


def read_graph(neighbours: Finished) -> sp.csr_array:
    """Graph of shared neighbours, as the step ``neighbours`` kept it."""
    data, indices, indptr = (neighbours.array(f"graph_{k}") for k in ("data", "indices", "indptr"))
    return sp.csr_array((data, indices, indptr), shape=(len(indptr) - 1,) * 2)


def work_clusters(run: Run, had: Had) -> Result:
    """Clusters from the graph and, if asked for, the map."""
    path, seed, near = run.config.path, run.config.seed, had["neighbours"]
    coordinates = near.array("used_coordinates")
    clusters = find_clusters(read_graph(near), resolution=path.resolution, seed=seed)
    umap = np.full((len(coordinates), 2), np.nan, dtype=np.float32)
    if path.umap:
        found = Neighbours(
            indices=near.array("indices"),
            distances=near.array("distances"),
            recall=near.fact("recall"),
            recall_n=near.fact("recall_n"),
            method=near.fact("method"),
        )
        umap = compute_umap(found, coordinates, seed=seed)
    return Result(
        arrays={"labels": clusters.labels, "umap": umap},
        facts={"n_clusters": clusters.n_clusters, "modularity": clusters.modularity},
    )


STEP = Step(
    "clusters",
    "clusters and map",
    work_clusters,
    needs=("neighbours",),
    settings=lambda run: run.settings(run.config.path),
    share=2.7,
    rank=40,
)
