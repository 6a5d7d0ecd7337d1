"""Tables of subsets, programmes and stages."""

from imscope.core.schema.declare import table

SUBSET_SPLITS = table(
    "subset_splits",
    "Splits of the tree of cells of each unit that were tested against one simulated population.",
    """
    group | text | | the unit whose cells are split
    node | text | | place in the tree: `root`, then 0 or 1 for each side taken
    n_cells | integer | cells | cells below the node
    n_smaller | integer | cells | cells on the smaller side
    statistic | number | fraction | share of the sum of squares that lies between the sides
    null_mean | number | fraction | its mean over the simulated populations
    null_sd | number | fraction | its standard deviation over the simulated populations
    n_nulls | integer | simulations | populations simulated
    p_value | number | probability | one-sided, normal tail widened for the number of simulations
    alpha_node | number | probability | level the p value is held against
    thinning | text | | how counts were split in two halves: binomial or negative binomial
    auc_half | number | probability | separation of the sides on counts the sides were not found on
    p_half | number | probability | of that separation, one-sided
    p_gap | number | probability | of the gap between the sides, on cells the axis was not made with
    alpha_gap | number | probability | level that p value is held against
    between | number | fraction | cells in the emptiest window between over the lesser centre
    n_units_seen | integer | units | units with a split along the same genes, with this one
    explained_by | text | | covariate that separates the sides by itself; empty when none does
    explained_auc | number | probability | separation by the strongest covariate
    genes | text | | genes with the largest difference between the sides
    status | text | | split, one population or not counted
    reason | text | | why a split is not counted; empty otherwise
    """,
)
SUBSET_CALLS = table(
    "subset_calls",
    "More than one population? One verdict per unit.",
    """
    group | text | | the unit
    n_cells | integer | cells | cells of the unit
    n_used | integer | cells | cells tested, after drawing at random down to the cap
    median_umi | number | UMI | median UMI per cell
    n_subsets | integer | subsets | populations found; 0 when not testable
    shape | text | | discrete, continuous or NOT TESTABLE
    sharing | text | | coordinated (together), private (each on its own), none or NOT TESTABLE
    p_split | number | probability | of the first split
    p_gap | number | probability | of the gap between the sides of the first split, if tested
    p_shared | number | probability | of the leading component against genes that vary on their own
    p_excess | number | probability | of variation beyond counting noise
    replication | text | | whether another unit shows the split
    smallest_share | number | fraction | least share of an implanted subset seen in this unit alone
    verdict | text | | the two words together
    reason | text | | one plain sentence
    """,
)
SUBSET_JOINT = table(
    "subset_joint",
    "Splits that all lots share: an axis found in some lots, a gap tested in the others.",
    """
    node | text | | place in the tree; again without the genes of a split that is explained
    n_lots | integer | lots | lots that take part
    n_cells | integer | cells | cells below the node
    p_value | number | probability | of such gaps if every lot is one population along every axis
    alpha_node | number | probability | level the p value is held against
    share | number | fraction | share of the smaller side, mean over lots
    share_low | number | fraction | lower end of the 95 % interval
    share_high | number | fraction | upper end of the 95 % interval
    basis | text | | whether the interval is over lots (units) or over cells
    separation | number | standard deviations | distance of the sides over the spread within them
    n_genes | integer | genes | genes the axis is made of
    genes | text | | genes with the largest weight
    smallest_share | number | fraction | least share of an implanted subset seen; at the root
    explained_by | text | | covariate that separates the sides by itself; empty when none does
    status | text | | split, one population, not counted or NOT TESTABLE
    reason | text | | why not counted or not testable; empty otherwise
    """,
)
COMPOSITION = table(
    "composition",
    "Effective number of subsets per unit (Hill numbers), brought to equal coverage.",
    """
    group | text | | the unit
    order | integer | | 0 counts subsets, 1 weighs by frequency, 2 follows the common ones
    n_cells | integer | cells | cells counted
    coverage | number | fraction | estimated share of the population whose subsets were seen
    observed | number | subsets | Hill number of the cells as counted
    at_coverage | number | fraction | coverage all units are brought to
    cells_at_coverage | number | cells | cells that reach it
    hill | number | subsets | Hill number at that coverage
    low | number | subsets | lower end of the 95 % interval over cells
    high | number | subsets | upper end of the 95 % interval over cells
    basis | text | | whether the subsets are significant or clusters of an algorithm
    status | text | | ok or not estimable
    reason | text | | why not; empty when ok
    """,
)
DIFFERENTIAL_ABUNDANCE = table(
    "differential_abundance",
    "Difference in the share of each subset; the unit is the replicate.",
    """
    cluster | text | | subset or cluster
    contrast | text | | what is compared
    mean_share | number | fraction | mean share over the units
    effect | number | as scale | difference of means, or slope
    low | number | as scale | lower end of the 95 % interval
    high | number | as scale | upper end of the 95 % interval
    scale | text | | logit, arcsine or log_ratio
    p_value | number | probability | moderated t or F over all contrasts of the subset
    q_value | number | probability | Benjamini-Hochberg over subsets
    p_likelihood | number | probability | beta-binomial likelihood ratio, small-sample reference
    q_likelihood | number | probability | Benjamini-Hochberg over subsets
    n_units | integer | units | units used
    units_per_arm | text | units | units in each group, in sorted order
    status | text | | ok, not estimable or NOT TESTABLE: with the reason
    """,
)
PROGRAMME_SCORES = table(
    "programme_scores",
    "Gene programmes per group: rank score for display, and a test with units as replicates.",
    """
    group | text | | group of cells
    programme | text | | name of the gene set
    family | text | | what the set is about
    direction | text | | up, or down: a high score then means that its genes are silent
    score | number | | mean rank score over the cells of the group, 0 to 1
    score_sd | number | | its standard deviation over the cells
    n_cells | integer | cells | cells of the group
    n_units | integer | units | replicate units of the group
    n_genes | integer | genes | genes of the set
    n_detected | integer | genes | genes of the set seen in at least one cell of the data
    coverage | number | fraction | share of the genes of the set that are seen
    contrast | text | | what the group is compared with
    effect | number | log2 | mean log2 fold change of the genes, less that of matched random genes
    z_set | number | | effect in standard deviations of matched random sets
    rank | integer | | place among the programmes of the group by the size of z_set; 0: none
    p_unit | number | probability | moderated t over replicate units
    p_set | number | probability | against random sets matched by expression, two-sided
    p_value | number | probability | the larger of both: more than units and random genes explain
    q_value | number | probability | Benjamini-Hochberg over the programmes of the contrast
    status | text | | ok, NOT TESTABLE (scored, not compared) or not scored
    reason | text | | why not ok; empty when ok
    by? | text | | column that makes the groups, where a table holds more than one kind
    """,
)
STAGE_FRACTIONS = table(
    "stage_fractions",
    "Share of cells called each stage per group.",
    """
    group | text | | sample, lot, day or whatever the cells are grouped by
    stage | text | | stage, lineage, `unknown`, or two that cannot be told apart (`a or b`)
    kind | text | | stage, lineage, off_target, unknown or pair
    frac | number | fraction | share of cells called; empty when the stage is not scored
    low | number | fraction | lower end of the 95 % interval
    high | number | fraction | upper end of the 95 % interval
    n_cells | integer | cells | cells of the group
    n_called | integer | cells | cells called this stage
    n_samples | integer | samples | samples in the group
    interval | text | | what the interval is over: cells of one library, or samples
    coverage | number | fraction | core genes of the stage that are in the matrix
    status | text | | ok or not scored
    reason | text | | why not; empty when ok
    """,
)
STAGE_WINDOW = table(
    "stage_window",
    "Mesenchymoangioblasts over the days of a series: share of triple-positive cells.",
    """
    series | text | | clone, line or lot followed over days; `all` for all samples
    day | number | days | day of differentiation
    frac | number | fraction | share of cells called mesenchymoangioblast
    low | number | fraction | lower end of the 95 % interval
    high | number | fraction | upper end of the 95 % interval
    n_cells | integer | cells | cells of that day
    n_samples | integer | samples | samples of that day
    of_peak | number | fraction | share over the largest share of the series
    interval | text | | what the interval is over
    """,
)
STAGE_WINDOW_CHECKS = table(
    "stage_window_checks",
    "Rules of the mesenchymoangioblast window, one verdict per series.",
    """
    series | text | | clone, line or lot followed over days
    peak_day | number | days | estimated day of the peak; empty when not estimable
    low | number | days | lower end of the 95 % interval
    high | number | days | upper end of the 95 % interval
    days | text | days | days with cells
    peak_rule | text | | is the peak at day 2: pass, fail or not testable
    gone_rule | text | | at most 10 % of the peak from day 4 on: pass, fail or not testable
    alarm | text | | arrested, never present, or empty
    status | text | | ok, not estimable or not scored
    reason | text | | one plain sentence
    """,
)
STAGE_ROUTE = table(
    "stage_route",
    "Way to the product per group: mesoderm or neural crest, and cells a protocol must not make.",
    """
    group | text | | sample, lot or day
    route | text | | mesoderm, neural crest, both, or not told
    mesoderm_frac | number | fraction | cells of streak, mesoderm, mesenchymoangioblast, its progeny
    crest_frac | number | fraction | cells of the neural crest
    posterior_mesoderm | number | probability | that the larger share is of the mesoderm
    cardiac | text | | check of the protocol that makes heart cells along: words with the bound
    trophoblast | text | | check of the protocol that may make trophoblast: words with the bound
    status | text | | ok or not told
    reason | text | | why not; empty when ok
    """,
)
MAPPED_CELLS = table(
    "mapped_cells",
    "Cells of a query lot with the label of the reference cells they lie among.",
    """
    cell | text | | name of the query cell
    group | text | | the lot
    label | text | | label of the reference, or `unlike any reference`
    probability | number | probability | of the leading label, from held-out reference units
    distance | number | fraction | distance from the reference over the limit; above 1 is unlike
    status | text | | mapped, or unlike any reference
    """,
)
MAPPED_COMPOSITION = table(
    "mapped_composition",
    "Share of each reference label in each query lot.",
    """
    group | text | | the lot
    label | text | | label of the reference, or `unlike any reference`
    n_cells | integer | cells | cells of the lot
    n_called | integer | cells | cells whose leading label it is
    frac | number | fraction | mean probability of the label over the cells
    low | number | fraction | lower end of the 95 % interval over cells and labels
    high | number | fraction | upper end of the 95 % interval over cells and labels
    status | text | | ok or not mapped
    reason | text | | why not; empty when ok
    """,
)
SUBSET_NAMES = table(
    "subset_names",
    "Names of subsets from programme profiles, or `unnamed`.",
    """
    group | text | | cluster, or `shared` and the number of a subset that all units share
    name | text | | programme that sets it apart, or unnamed
    confidence | number | probability | lower 95 % limit of the share of units that agree
    margin | number | standard errors | lead over the next programme of another family
    effect | number | as score | mean over units: score in the cluster less that of its others
    n_units | integer | units | units in which the cluster and others are there
    n_agree | integer | units | units in which the programme is higher in the cluster than outside
    runner_up | text | | next programme of another family
    status | text | | named or not named
    reason | text | | why not; empty when named
    """,
)
SUBSET_RANKING = table(
    "subset_ranking",
    "Subsets ranked for a use; every term of the total has its row.",
    """
    rank | integer | | 1 is the best; tied totals in order of name
    subset | text | | subset
    term | text | | posterior, stability, replicates, safety, evidence, measured here or total
    value | number | fraction | factor of the total
    log_value | number | natural log | what the term adds to the logarithm of the total
    basis | text | | how the value came about
    status | text | | ok, vetoed, contradicted or not estimable
    reason | text | | why not ok; empty when ok
    indication? | text | | what the ranking is for
    label? | text | | what must be printed beside it
    assays? | text | | wet assays the answer must be backed by
    """,
)
SUBSET_SUPPORT = table(
    "subset_support",
    "Which clusters of the run are populations of their own in its replicate units.",
    """
    cluster | text | | cluster number
    n_units | integer | units | units that hold enough tested cells of the cluster
    n_supported | integer | units | units in which one discrete subset holds the same cells
    best_overlap | number | fraction | largest overlap (Jaccard) with a subset of a unit
    significant | boolean | | whether two units or more show it
    reason | text | | in words
    """,
)
