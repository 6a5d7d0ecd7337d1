"""Tables of cells, clusters and markers."""

from imscope.core.schema.declare import table

CLUSTERS = table(
    "clusters",
    "Clusters: size and share per sample.",
    """
    cluster | text | | cluster number
    sample | text | | sample
    n_cells | integer | cells | cells of the sample in the cluster
    frac | number | fraction | share of the sample's cells
    """,
)
MARKERS = table(
    "markers",
    "Genes that mark each cluster against all other cells (descriptive: cells are not replicates).",
    """
    cluster | text | | cluster number
    rank | integer | | 1 is the best marker
    feature_id | text | | stable gene id
    symbol | text | | gene symbol
    log2_fc | number | log2 | difference of mean normalised expression
    auc | number | probability | that a cell of the cluster exceeds one outside
    frac_in | number | fraction | cells of the cluster in which the gene is seen
    frac_out | number | fraction | other cells in which the gene is seen
    p_value | number | probability | tie-corrected rank-sum test over cells, two-sided
    q_value | number | probability | Benjamini-Hochberg over genes and clusters
    """,
)
CELLS = table(
    "cells",
    "One row per kept cell.",
    """
    cell | text | | unique name, sample and barcode
    sample | text | | sample
    cluster | text | | cluster number
    n_umi | integer | UMI | total UMI
    n_genes | integer | genes | genes detected
    mito_frac | number | fraction | mitochondrial share; empty when the file holds no such gene
    doublet_score | number | | simulated-doublet neighbour share
    umap_1 | number | | first coordinate, for looking only
    umap_2 | number | | second coordinate, for looking only
    """,
    open_ended=True,
)
