"""Tables of samples, quality control and design."""

from imscope.core.schema.declare import table

MITO_CEILING = 0.5
"""Share of mitochondrial counts that no suggested limit exceeds, in the library and in a run."""

SAMPLES = table(
    "samples",
    "One row per sample of the sheet, with its design and what quality control left of it.",
    """
    sample | text | | unique name of the sample
    n_cells_in | integer | cells | cells in the file
    n_cells | integer | cells | cells kept
    median_umi | number | UMI | median UMI per kept cell
    median_genes | number | genes | median genes detected per kept cell
    mito_frac | number | fraction | median mitochondrial share of the kept cells
    doublet_frac | number | fraction | share of cells called doublets; empty when not estimated
    doublet_status | text | | ok, or why doublets could not be told
    ambient_frac | number | fraction | share of counts from ambient RNA; empty when not estimated
    ambient_status | text | | how the ambient share was found, or why not
    comparability_key | text | | platform, chemistry, pipeline and gene universe in one text
    """,
    open_ended=True,
)
QC_LIMITS = table(
    "qc_limits",
    "Limits applied per sample and metric.",
    """
    sample | text | | sample
    metric | text | | quality metric
    low | number | as metric | cells below are removed; empty when there is no lower limit
    high | number | as metric | cells above are removed; empty when there is no upper limit
    median | number | as metric | median over the cells of the sample
    mad | number | as metric | median absolute deviation, scaled to the normal
    reason | text | | which rule set the limit: MAD, floor, ceiling or configuration
    """,
)
QC_LEDGER = table(
    "qc_ledger",
    "Cells and genes lost to each rule, in the order the rules were applied.",
    """
    sample | text | | sample; `all` for genes
    unit | text | | cells or genes
    rule | text | | the rule
    n_before | integer | count | present before the rule
    n_lost | integer | count | removed by the rule, not counted by an earlier one
    n_flagged | integer | count | would be removed by this rule alone
    n_after | integer | count | present after the rule
    """,
)
DESIGN_LEVELS = table(
    "design_levels",
    "Factors of the sample sheet: levels and replication.",
    """
    factor | text | | column of the sample sheet
    n_levels | integer | levels | distinct values
    levels | text | | the values, comma separated
    samples_per_level | text | samples | smallest to largest
    confounded_with | text | | factors that cannot be told apart from this one
    """,
)
DESIGN_TESTS = table(
    "design_tests",
    "What this design can and cannot test.",
    """
    question | text | | in words
    status | text | | TESTABLE, DESCRIPTIVE ONLY or NOT TESTABLE
    n_test | integer | units | replicate units in the smaller arm
    reason | text | | why
    """,
)
WARNINGS = table(
    "warnings",
    "What the run must tell, one row for each warning.",
    """
    code | text | | a `W-` code, see the page of codes
    message | text | | what was seen, with a count and the first example
    subject | text | | sample, lot or group it is about; empty when it is about all
    """,
)
