"""Tables of the safety screens."""

from imscope.core.schema.declare import table

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
    status | text | | one plain sentence
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
    status | text | | one plain sentence
    """,
)
