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
    status | text | | ok, or not estimable: with the reason; what was assumed
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
