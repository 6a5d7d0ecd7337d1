"""Tables of the heterogeneity analyses."""

from imscope.core.schema.declare import table

HETEROGENEITY_INDEX = table(
    "heterogeneity_index",
    "Noise-corrected heterogeneity per sample, lot and group.",
    """
    level? | text | | sample, lot, platform pool or the grouping column
    group | text | | name of the sample, lot or group
    n_cells | integer | cells | cells used
    n_units | integer | units | replicate units inside the group
    median_umi | number | UMI | median UMI per cell over the genes kept
    hi2 | number | | noise-corrected inertia of all cells of the group
    hi2_low | number | | lower end of the 95 % interval
    hi2_high | number | | upper end of the 95 % interval
    hi2_within? | number | | mean of the units' own hi2, weighted by cells
    bcv_percent | number | % | biological coefficient of variation, 100 sqrt(hi2)
    bcv_low? | number | % | lower end of the 95 % interval
    bcv_high? | number | % | upper end of the 95 % interval
    hi_c | number | | coordinated heterogeneity, sqrt(tr S^2)
    hi_c_low? | number | | lower end of the 95 % interval over cells
    hi_c_high? | number | | upper end of the 95 % interval over cells
    programmes | number | programmes | effective number of coordinated programmes
    hi2_without_cycle? | number | | hi2 without cell-cycle and dissociation genes
    hi2_above_floor? | number | | hi2 less the technical floor; empty when no floor is given
    interval? | text | | what the interval is over: units or blocks of cells
    comparability_key? | text | | platform, chemistry, pipeline and gene universe
    status | text | | ok, not estimable, not comparable: with the reason
    warnings | text | | codes and words, semicolon separated
    """,
)
HETEROGENEITY_LEVELS = table(
    "heterogeneity_levels",
    "Heterogeneity that each level of the design adds; the levels of a programme add up.",
    """
    programme | text | | `all` genes of the universe, or the name of a gene set
    level | text | | level, coarse to fine; the last is `cell`; `a=b` where two cannot be told apart
    hi2 | number | | component; may be below zero
    low | number | | lower end of the 95 % interval; empty when there are too few groups
    high | number | | upper end of the 95 % interval
    share | number | fraction | component over the sum of all levels
    n_groups | integer | groups | groups at this level
    status | text | | ok or not above zero; why there is no interval
    """,
)
HETEROGENEITY_GENES = table(
    "heterogeneity_genes",
    "Genes that carry the heterogeneity of each group, the strongest first.",
    """
    group | text | | name of the group
    rank | integer | | 1 adds most
    feature_id | text | | stable gene id
    symbol | text | | gene symbol
    hi2 | number | | what the gene adds to hi2; may be below zero
    share | number | fraction | of the group's hi2
    share_so_far | number | fraction | of this gene and all before it
    """,
)
HETEROGENEITY_PROGRAMMES = table(
    "heterogeneity_programmes",
    "Heterogeneity of each group restricted to the genes of a programme.",
    """
    group | text | | name of the group
    programme | text | | name of the gene set
    n_genes | integer | genes | genes of the set in the universe
    hi2 | number | | sum over these genes; may be below zero
    low | number | | lower end of the 95 % interval over blocks of cells
    high | number | | upper end of the 95 % interval
    share | number | fraction | of the group's hi2; gene sets overlap
    """,
)
HETEROGENEITY_RELATIVE = table(
    "heterogeneity_relative",
    "Heterogeneity of each group over that of the reference samples of the same platform.",
    """
    group | text | | name of the group
    reference | text | | reference samples
    ratio | number | | hi2 of the group over hi2 of the reference
    low | number | | lower end of the 95 % interval over blocks of cells
    high | number | | upper end of the 95 % interval
    status | text | | ok, or why there is no ratio
    """,
)
HETEROGENEITY_DRIFT = table(
    "heterogeneity_drift",
    "Change per population doubling in each group; every lot has a slope of its own.",
    """
    measure | text | | centroid drift, log HI2, log HI_c or senescent fraction
    group | text | | name of the group
    n_units | integer | units | lots with three samples or more
    slope | number | | mean over lots, per doubling; the drift is squared, per squared doubling
    low | number | | lower end of the 95 % interval over lots
    high | number | | upper end of the 95 % interval
    sd_units | number | | standard deviation of the lots' own slopes
    p_value | number | probability | two-sided, against the reference group; not adjusted
    """,
)
CLAIMS = table(
    "claims",
    "What is claimed of the groups, with verdict and reason.",
    """
    claim | text | | A: cells within a lot; B: lots among one another; C: drift; D: description
    test_group | text | | group the claim is about
    reference_group | text | | group it is compared with
    ratio | number | | ratio of the statistic, test over reference
    low | number | | lower end of the 90 % interval that belongs to the tests (claim D: 95 %)
    high | number | | upper end of the interval
    p_value | number | probability | one-sided, adjusted for the claims before it, or by Holm
    p_equivalence | number | probability | larger of the two one-sided tests
    n_test | integer | units | replicate units in the test group
    n_reference | integer | units | replicate units in the reference group
    verdict | text | | SUPERIOR, EQUIVALENT, INCONCLUSIVE, INFERIOR, NOT TESTABLE or DESCRIPTIVE
    reason | text | | one plain sentence
    p_raw? | number | probability | one-sided, before adjustment
    p_least? | number | probability | smallest adjusted value these units can give; 0 for none
    ratio_unmatched? | number | | the ratio without matching the depth
    ratio_without_cycle? | number | | the ratio without cell-cycle and dissociation genes
    method? | text | | how the probability was found
    settings_hash? | text | | hash of the settings, margin included
    """,
)
