"""Quality control, standard path, sufficient statistics: everything that touches every count."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.engine.agreement import compare_rna_protein as compare_rna_protein
    from imscope.engine.align import Alignment as Alignment
    from imscope.engine.align import align_batches as align_batches
    from imscope.engine.ambient import AmbientResult as AmbientResult
    from imscope.engine.ambient import estimate_ambient_from_empty as estimate_ambient_from_empty
    from imscope.engine.ambient import estimate_ambient_marker_free as estimate_ambient_marker_free
    from imscope.engine.chromatin import GeneActivity as GeneActivity
    from imscope.engine.chromatin import activity_from_fragments as activity_from_fragments
    from imscope.engine.chromatin import activity_from_peaks as activity_from_peaks
    from imscope.engine.cluster import Clusters as Clusters
    from imscope.engine.cluster import find_clusters as find_clusters
    from imscope.engine.dask_execute import use_dask as use_dask
    from imscope.engine.doublets import DoubletResult as DoubletResult
    from imscope.engine.doublets import score_doublets as score_doublets
    from imscope.engine.embed import compute_umap as compute_umap
    from imscope.engine.execute import map_blocks as map_blocks
    from imscope.engine.execute import use_executor as use_executor
    from imscope.engine.hvg import GeneMoments as GeneMoments
    from imscope.engine.hvg import HvgResult as HvgResult
    from imscope.engine.hvg import compute_gene_moments as compute_gene_moments
    from imscope.engine.hvg import select_variable_genes as select_variable_genes
    from imscope.engine.joint import JointNeighbours as JointNeighbours
    from imscope.engine.joint import find_joint_neighbours as find_joint_neighbours
    from imscope.engine.markers import MarkerStats as MarkerStats
    from imscope.engine.markers import marker_table as marker_table
    from imscope.engine.markers import score_markers as score_markers
    from imscope.engine.mixing import compute_lisi as compute_lisi
    from imscope.engine.moments import UnitMoments as UnitMoments
    from imscope.engine.moments import compute_unit_moments as compute_unit_moments
    from imscope.engine.neighbours import Neighbours as Neighbours
    from imscope.engine.neighbours import find_neighbours as find_neighbours
    from imscope.engine.neighbours import neighbour_graph as neighbour_graph
    from imscope.engine.normalise import compute_size_factors as compute_size_factors
    from imscope.engine.pca import PcaResult as PcaResult
    from imscope.engine.pca import compute_pca as compute_pca
    from imscope.engine.protein import ProteinResult as ProteinResult
    from imscope.engine.protein import TwoModes as TwoModes
    from imscope.engine.protein import fit_two_modes as fit_two_modes
    from imscope.engine.protein import normalise_protein as normalise_protein
    from imscope.engine.pseudobulk import sum_units as sum_units
    from imscope.engine.qc import QcResult as QcResult
    from imscope.engine.qc import QcSettings as QcSettings
    from imscope.engine.qc import apply_qc as apply_qc
    from imscope.engine.qc import compute_qc as compute_qc
    from imscope.engine.qc import suggest_qc as suggest_qc
    from imscope.engine.rank_scores import RankScores as RankScores
    from imscope.engine.rank_scores import score_ranks as score_ranks
    from imscope.engine.schedulers import use_scheduler as use_scheduler
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
