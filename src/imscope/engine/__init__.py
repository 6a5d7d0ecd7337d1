"""Quality control, standard path, sufficient statistics: everything that touches every count."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.engine.agreement import compare_rna_protein
    from imscope.engine.align import Alignment, align_batches
    from imscope.engine.ambient import (
        AmbientResult,
        estimate_ambient_from_empty,
        estimate_ambient_marker_free,
    )
    from imscope.engine.chromatin import (
        GeneActivity,
        activity_from_fragments,
        activity_from_peaks,
    )
    from imscope.engine.cluster import Clusters, find_clusters
    from imscope.engine.dask_execute import use_dask
    from imscope.engine.doublets import DoubletResult, score_doublets
    from imscope.engine.embed import compute_umap
    from imscope.engine.execute import map_blocks, use_executor
    from imscope.engine.fused import StandardPca, standard_pca
    from imscope.engine.hvg import (
        GeneMoments,
        HvgResult,
        compute_gene_moments,
        select_variable_genes,
    )
    from imscope.engine.joint import JointNeighbours, find_joint_neighbours
    from imscope.engine.markers import MarkerStats, marker_table, score_markers
    from imscope.engine.mixing import compute_lisi
    from imscope.engine.moments import UnitMoments, compute_unit_moments
    from imscope.engine.neighbours import Neighbours, find_neighbours, neighbour_graph
    from imscope.engine.normalise import compute_size_factors
    from imscope.engine.pca import PcaResult, compute_pca
    from imscope.engine.protein import ProteinResult, TwoModes, fit_two_modes, normalise_protein
    from imscope.engine.pseudobulk import sum_units
    from imscope.engine.qc import QcResult, QcSettings, apply_qc, compute_qc, suggest_qc
    from imscope.engine.rank_scores import RankScores, score_ranks

_HOMES = {
    "Alignment": "align",
    "AmbientResult": "ambient",
    "Clusters": "cluster",
    "DoubletResult": "doublets",
    "GeneActivity": "chromatin",
    "GeneMoments": "hvg",
    "HvgResult": "hvg",
    "JointNeighbours": "joint",
    "MarkerStats": "markers",
    "Neighbours": "neighbours",
    "PcaResult": "pca",
    "ProteinResult": "protein",
    "QcResult": "qc",
    "QcSettings": "qc",
    "RankScores": "rank_scores",
    "StandardPca": "fused",
    "TwoModes": "protein",
    "UnitMoments": "moments",
    "activity_from_fragments": "chromatin",
    "activity_from_peaks": "chromatin",
    "align_batches": "align",
    "apply_qc": "qc",
    "compare_rna_protein": "agreement",
    "compute_gene_moments": "hvg",
    "compute_lisi": "mixing",
    "compute_pca": "pca",
    "compute_qc": "qc",
    "compute_size_factors": "normalise",
    "compute_umap": "embed",
    "compute_unit_moments": "moments",
    "estimate_ambient_from_empty": "ambient",
    "estimate_ambient_marker_free": "ambient",
    "find_clusters": "cluster",
    "find_joint_neighbours": "joint",
    "find_neighbours": "neighbours",
    "fit_two_modes": "protein",
    "map_blocks": "execute",
    "marker_table": "markers",
    "neighbour_graph": "neighbours",
    "normalise_protein": "protein",
    "score_doublets": "doublets",
    "score_markers": "markers",
    "score_ranks": "rank_scores",
    "select_variable_genes": "hvg",
    "standard_pca": "fused",
    "suggest_qc": "qc",
    "sum_units": "pseudobulk",
    "use_dask": "dask_execute",
    "use_executor": "execute",
}

__all__ = [
    "Alignment",
    "AmbientResult",
    "Clusters",
    "DoubletResult",
    "GeneActivity",
    "GeneMoments",
    "HvgResult",
    "JointNeighbours",
    "MarkerStats",
    "Neighbours",
    "PcaResult",
    "ProteinResult",
    "QcResult",
    "QcSettings",
    "RankScores",
    "StandardPca",
    "TwoModes",
    "UnitMoments",
    "activity_from_fragments",
    "activity_from_peaks",
    "align_batches",
    "apply_qc",
    "compare_rna_protein",
    "compute_gene_moments",
    "compute_lisi",
    "compute_pca",
    "compute_qc",
    "compute_size_factors",
    "compute_umap",
    "compute_unit_moments",
    "estimate_ambient_from_empty",
    "estimate_ambient_marker_free",
    "find_clusters",
    "find_joint_neighbours",
    "find_neighbours",
    "fit_two_modes",
    "map_blocks",
    "marker_table",
    "neighbour_graph",
    "normalise_protein",
    "score_doublets",
    "score_markers",
    "score_ranks",
    "select_variable_genes",
    "standard_pca",
    "suggest_qc",
    "sum_units",
    "use_dask",
    "use_executor",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
