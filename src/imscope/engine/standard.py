"""From counts to clusters, map and markers as one call, for use as a library and for timing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource
from imscope.core.views import select_rows
from imscope.engine.fused import StandardPca, standard_pca

if TYPE_CHECKING:
    import scipy.sparse as sp

    from imscope.engine.cluster import Clusters
    from imscope.engine.markers import MarkerStats
    from imscope.engine.neighbours import Neighbours


@dataclass(frozen=True, slots=True)
class StandardPath:
    """Result of :func:`standard_path`; all but ``counts`` is of the kept cells.

    Attributes
    ----------
    counts
        Quality control to principal components; see :class:`imscope.engine.fused.StandardPca`.
    rows
        Rows of the source that were kept.
    neighbours, graph, clusters
        Nearest neighbours, the graph of shared neighbours, and its communities.
    umap
        float32, shape ``(n_kept, 2)``; for looking only.
    markers
        Rank-sum test of every gene, each cluster against the rest; ties are allowed for.
    """

    counts: StandardPca
    rows: NDArray[np.int64]
    neighbours: "Neighbours"
    graph: "sp.csr_array"
    clusters: "Clusters"
    umap: NDArray[np.float32]
    markers: "MarkerStats"


def standard_path(
    source: BlockSource,
    classes: Mapping[str, NDArray[np.bool_]],
    samples: ArrayLike,
    *,
    resolution: float = 1.0,
    seed: int = 0,
    threads: int | None = None,
) -> StandardPath:
    """Run quality control, components, neighbours, clusters, map and markers.

    Parameters
    ----------
    source
        Counts; read in blocks, never held.
    classes
        Classes of genes; see :func:`imscope.engine.qc.compute_qc`.
    samples
        Sample of each cell, shape ``(n_cells,)``.
    resolution
        See :func:`imscope.engine.cluster.find_clusters`.
    seed
        Seed of everything drawn.
    threads
        See :func:`imscope.engine.execute.thread_count`; changes no digit.

    Raises
    ------
    DataError
        See the steps.

    Examples
    --------
    >>> from imscope.core.blocks import MemoryBlocks
    >>> rng = np.random.default_rng(0)
    >>> two = rng.gamma(1, size=(2, 400))[np.arange(80) // 40]
    >>> source = MemoryBlocks.from_csr(rng.poisson(5 * two))
    >>> path = standard_path(source, {}, ["a"] * 80, threads=1)
    >>> path.umap.shape == (len(path.rows), 2), path.markers.auc.shape[1]
    (True, 400)
    """
    from imscope.engine.cluster import find_clusters
    from imscope.engine.embed import compute_umap
    from imscope.engine.markers import score_markers
    from imscope.engine.neighbours import find_neighbours, neighbour_graph

    counts = standard_pca(source, classes, samples, threads=threads)
    rows = np.flatnonzero(counts.qc.keep).astype(np.int64)
    coordinates = counts.pca.coordinates
    neighbours = find_neighbours(coordinates, seed=seed, threads=threads)
    graph = neighbour_graph(neighbours, kind="snn")
    clusters = find_clusters(graph, resolution=resolution, seed=seed)
    umap = compute_umap(neighbours, coordinates, seed=seed)
    markers = score_markers(
        select_rows(source, rows),
        counts.size_factors[rows],
        clusters.labels,
        n_groups=clusters.n_clusters,
        threads=threads,
    )
    return StandardPath(counts, rows, neighbours, graph, clusters, umap, markers)
