"""Tables of protein, chromatin and joint neighbours."""

from imscope.core.schema.declare import table

PROTEIN_MARKERS = table(
    "protein_markers",
    "Background and modes of every surface protein in every batch.",
    """
    batch | text | | technical batch
    antigen | text | | surface protein
    n_cells | integer | cells | cells of the batch
    background | text | | isotype controls, empty droplets, negative peak or single peak
    centre_negative | number | ln(1 + counts) | centre of the background
    centre_positive | number | ln(1 + counts) | centre of the upper mode
    threshold | number | ln(1 + counts) | a cell above it is positive
    separation | number | standard deviations | distance of the modes over their pooled spread
    positive_frac | number | fraction | share of cells above the threshold
    bic_gain | number | | evidence of two modes over one: difference of BIC
    scale | text | | aligned (0 negative, 1 positive), borrowed (of the other batches) or log
    status | text | | two modes, one mode or too few cells
    reason | text | | in words
    """,
)
PROTEIN_AGREEMENT = table(
    "protein_agreement",
    "Agreement of RNA and protein per marker and lot.",
    """
    group | text | | lot, or `all lots`
    antigen | text | | surface protein
    gene | text | | its gene
    n_cells | integer | cells | cells used
    n_units | integer | units | lots behind the interval
    rna_frac | number | fraction | cells with RNA of the gene
    correlation | number | | Spearman correlation over cells; over lots, the mean by Fisher's z
    correlation_low | number | | lower end of the 95 % interval
    correlation_high | number | | upper end of the 95 % interval
    detected_frac | number | fraction | share of protein-positive cells with RNA of the gene
    detected_low | number | fraction | lower end of the 95 % interval
    detected_high | number | fraction | upper end of the 95 % interval
    interval_over | text | | cells or lots
    status | text | | ok, not estimable in part or not estimable
    reason | text | | why not ok; empty when ok
    """,
)
