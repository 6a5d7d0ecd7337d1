"""Tables of the safety screens."""

from imscope.core.schema.declare import table

_RESIDUAL = """
    group | text | | sample or lot
    lineage | text | | what was searched for
    n_cells | integer | cells | cells searched; those called doublets are not among them
    n_doublets | integer | cells | cells left out as doublets
    n_candidates | integer | cells | cells that meet the rule, doublets included
    n_called | integer | cells | cells called: rule, likelihood ratio and no doublet
    n_ambient | integer | cells | candidates that ambient RNA explains
    n_doublet_candidates | integer | cells | candidates among the doublets
    apparent | number | fraction | cells called over cells searched
    frac | number | fraction | share corrected for sensitivity and false calls
    low | number | fraction | lower end of the 95 % interval
    high | number | fraction | upper end of the 95 % interval
    upper_95 | number | fraction | one-sided 95 % upper bound
    sensitivity | number | probability | that such a cell is called at these depths
    sensitivity_low | number | probability | lower end of its 95 % interval
    sensitivity_high | number | probability | upper end of its 95 % interval
    false_positive_rate | number | probability | that any other cell is called
    limit_of_blank | number | fraction | from clean libraries; empty with fewer than 10
    limit_of_detection | number | fraction | smallest share found with 95 % chance
    dose | number | cells | cells of a dose
    cells_in_dose | number | cells | at most so many in a dose: upper bound times dose
    cells_in_dose_estimate | number | cells | estimate times dose
    n_genes | integer | genes | marker genes in the matrix
    status | text | | ok or not estimable
    reason | text | | why not, or what was assumed
    """
RESIDUAL_PLURIPOTENT = table(
    "residual_pluripotent",
    "Residual pluripotent cells per group, with upper bounds. Never a release limit test.",
    _RESIDUAL,
)
OFF_LINEAGE = table(
    "off_lineage",
    "Cells of unwanted lineages per group, with upper bounds. Never a release limit test.",
    _RESIDUAL,
)
RESIDUAL_CELLS = table(
    "residual_cells",
    "Every cell that meets the rule for residual or unwanted cells, to be looked at by hand.",
    """
    cell | text | | name of the cell
    group | text | | sample or lot
    lineage | text | | what was searched for
    n_marker_genes | integer | genes | marker genes seen
    n_marker_umi | integer | UMI | UMI of marker genes
    n_umi | integer | UMI | UMI of the cell
    log_ratio | number | | log likelihood, such a cell over ambient RNA and background
    verdict | text | | called, ambient, or doublet
    genes | text | | marker genes with their UMI
    """,
)
ARM_SCREEN = table(
    "arm_screen",
    "Chromosome arms of every lot held against diploid reference lots. A screen, no karyotype.",
    """
    group | text | | the lot
    region | text | | arm such as `17q`, whole chromosome such as `8`, or the band `20q11.21`
    is_reference | boolean | | whether the lot is one of the reference lots
    n_cells | integer | cells | cells used
    n_genes | integer | genes | genes of the region that are counted
    median_umi | number | UMI | median UMI per cell
    umi_share | number | fraction | share of the region in the reference
    z_per_cell | number | standard deviations | shift of one cell by one more copy over its noise
    log2_ratio | number | log2 | pseudobulk share over the mean of the reference lots
    log2_low | number | log2 | lower end of the 95 % interval, lots as units
    log2_high | number | log2 | upper end of the 95 % interval, lots as units
    p_shift | number | probability | of the shift of the whole lot, lots as units
    p_genes | number | probability | of the shift against genes drawn from the rest of the genome
    direction | text | | gain or loss: the one with more evidence
    frac | number | fraction | share of cells with the gain or loss
    frac_low | number | fraction | lower end of the 95 % interval
    frac_high | number | fraction | upper end of the 95 % interval
    p_mosaic | number | probability | of the share of cells, lots as units, two-sided over direction
    lod_frac | number | fraction | smallest share of cells found with 90 % power at this depth
    verdict | text | | gain, loss, no finding, NOT TESTABLE or not resolvable per cell
    reason | text | | one plain sentence
    """,
)
P53_SCREEN = table(
    "p53_screen",
    "Targets of p53 in every lot held against its sibling lots. A hint, no genotype.",
    """
    group | text | | the lot
    n_cells | integer | cells | cells of the lot
    n_siblings | integer | lots | lots it is held against
    n_genes | integer | genes | target genes with counts enough
    log2_ratio | number | log2 | mean over targets of the ratio to the siblings
    low | number | log2 | lower end of the 95 % interval, lots as units
    high | number | log2 | upper end of the 95 % interval, lots as units
    n_low | integer | genes | targets below all siblings
    p_value | number | probability | of being low, one-sided, lots as units
    verdict | text | | low, not low or NOT TESTABLE
    reason | text | | one plain sentence
    """,
)
