"""Tables of screens: pooled, single-cell and plates."""

from imscope.core.schema.declare import table

SCREEN_SHEET = table(
    "screen_sheet",
    "What every sample of a pooled screen is; further columns are covariates of a design.",
    """
    sample | text | | as in the count table
    condition | text | | control, treatment, sorted, unsorted, or names chosen on the command line
    replicate? | text | | repeat of the whole experiment
    pair? | text | | samples of one pair are compared with one another
    time? | number | days | time or doublings
    bin? | text | | sorted bin
    bin_low? | number | fraction | lower quantile of the bin
    bin_high? | number | fraction | upper quantile of the bin
    cells_sorted? | number | cells | cells in the sorted tube
    """,
    open_ended=True,
)
SCREEN_GENES = table(
    "screen_genes",
    "Genes of a pooled screen, smallest p value first.",
    """
    contrast? | text | | coefficient of the design, in `nb` only
    gene | text | | target of the guides
    n_guides | integer | guides | guides tested (guide x pair in a paired design of `rra`)
    log2_fc | number | log2 | treatment over control; in sorted bins the shift in sd
    ci_low | number | log2 | lower end of the 95 % interval
    ci_high | number | log2 | upper end
    score | number | | statistic of the method
    p_value | number | | two-sided
    q_value | number | | Benjamini-Hochberg of it
    p_depleted | number | | one-sided: fewer reads after treatment, lower marker
    q_depleted | number | | Benjamini-Hochberg of it
    p_enriched | number | | one-sided: more reads after treatment, higher marker
    q_enriched | number | | Benjamini-Hochberg of it
    rank | integer | | 1 has the smallest two-sided p value
    local_fdr? | number | | chance that this gene is inert, given its statistic
    concordance? | number | fraction | guides that point the way of the gene
    without_top? | number | log2 | effect without the guide that speaks loudest for it
    score_depleted? | number | | `rra`: smallest rank probability, depletion
    score_enriched? | number | | `rra`: the same, enrichment
    good_depleted? | number | guides | `rra`: guides within alpha, depletion
    good_enriched? | number | guides | `rra`: the same, enrichment
    score_p_value? | number | | `nb`: two-sided p value of the score test
    sum_z? | number | | `drugz`: sum over guides and pairs
    observations? | number | | `drugz`: how many
    """,
)
SCREEN_GUIDES = table(
    "screen_guides",
    "Guides of a pooled screen.",
    """
    guide | text | | name, with the pair behind it in a paired design of `rra`
    gene | text | | target
    control_type | text | | kind of control, or empty
    control_mean | number | reads | normalised, control side
    treatment_mean | number | reads | normalised, treatment side
    log2_fc | number | log2 | effect of the guide
    sd | number | log2 | standard deviation expected of an inert guide like this
    z | number | | effect over its standard deviation
    p_low | number | | one-sided, depleted
    p_high | number | | one-sided, enriched
    tested | boolean | | used in the test of its gene
    reason | text | | why not
    """,
)
SCREEN_QC = table(
    "screen_qc",
    "Quality of every sample of a pooled screen.",
    """
    sample | text | | the sample
    condition | text | | its side
    reads | number | reads | all reads of guides
    reads_per_guide | number | reads | coverage
    cells_per_guide | number | cells | sorted cells over guides, where stated
    zero_frac | number | fraction | guides without a read
    gini | number | | Gini index of log(reads + 1)
    lorenz_auc | number | | area under the Lorenz curve of reads; 0.5 is even
    size_factor | number | | multiplies the reads
    mapped_na | integer | guides | counts missing
    """,
)
SCREEN_SETS = table(
    "screen_sets",
    "How well known genes are told apart, and whether inert genes behave as the null says.",
    """
    measure | text | | what was measured
    value | number | | its value
    n | integer | genes | genes it is from
    note | text | | how to read it
    """,
)
SCREEN_LEDGER = table(
    "screen_ledger",
    "What was left out of a screen, and why.",
    """
    what | text | | guides, genes, cells, wells or samples
    why | text | | the reason
    n | integer | | how many
    examples | text | | the first
    """,
)
SCREEN_LORENZ = table(
    "screen_lorenz",
    "Lorenz curves: share of reads held by the guides with fewest reads.",
    """
    sample | text | | the sample
    guides_frac | number | fraction | guides, from the one with fewest reads
    reads_frac | number | fraction | their reads
    """,
)
SCREEN_REPLICATES = table(
    "screen_replicates",
    "Agreement of samples.",
    """
    sample_a | text | | one sample
    sample_b | text | | the other
    same_condition | boolean | | both on the same side
    pearson | number | | of log2(reads + 1)
    """,
)
SCREEN_RECALL = table(
    "screen_recall",
    "Precision and recall of essential genes among essential and non-essential ones.",
    """
    gene | text | | gene at this rank, most depleted first
    essential | boolean | | from the essential list
    recall | number | fraction | essential genes found so far
    precision | number | fraction | essential genes among those found so far
    """,
)
SCREEN_ARMS = table(
    "screen_arms",
    "Effect of all guides of a chromosome arm: a copy-number change moves them together.",
    """
    arm | text | | chromosome arm
    n_genes | integer | genes | genes with guides
    log2_fc | number | log2 | median effect of its genes less that of the others
    z | number | | over its standard error
    q_value | number | | Benjamini-Hochberg over arms
    note | text | | usual gains of pluripotent lines are named
    """,
)
PLATE_QC = table(
    "plate_qc",
    "Quality of every plate.",
    """
    plate | text | | the plate, and its replicate after a stroke; `all` for all plates together
    z_prime | number | | controls: 1 - 3 (sum of spreads) / distance; along the disease axis if any
    z_prime_low | number | | lower end of the 95 % bootstrap interval over wells
    z_prime_high | number | | upper end
    z_prime_robust | number | | by medians and MAD
    ssmd | number | | strictly standardised mean difference of the controls
    ssmd_robust | number | | by medians and MAD
    signal_window | number | | distance less three spreads of both, over the spread of positives
    cv | number | | coefficient of variation of the negatives
    n_positive | integer | wells | positive (or corrected vehicle) wells
    n_negative | integer | wells | negative (or patient vehicle) wells
    edge_index | number | MAD | edge wells less inner wells
    row_p | number | | row effects, by permutation
    column_p | number | | column effects, by permutation
    drift | number | | rank correlation of the value with the column
    missing | integer | wells | sample wells without a value
    grade | text | | good from 0.5, marginal from 0, else unusable
    """,
)
PLATE_WELLS = table(
    "plate_wells",
    "Wells before and after normalisation.",
    """
    plate | text | | the plate
    replicate | text | | its repeat
    well | text | | A01 and so on
    row | integer | | from 1
    column | integer | | from 1
    role | text | | what is in the well
    compound | text | | compound or gene
    dose_um | number | uM | dose
    raw | number | | measured
    value | number | | normalised
    """,
)
PLATE_COMPOUNDS = table(
    "plate_compounds",
    "Compounds (and doses), best first.",
    """
    compound | text | | compound or gene
    dose_um | number | uM | dose; empty without doses
    n_wells | integer | wells | replicate wells
    effect | number | vehicle sd | mean of normalised replicates less the vehicle
    ci_low | number | vehicle sd | lower end of the 95 % interval
    ci_high | number | vehicle sd | upper end
    p_value | number | | two-sided, moderated t against an empirical null
    q_value | number | | Benjamini-Hochberg of it
    p_effect | number | | that the effect is at most the least one worth having
    ssmd | number | | effect over the spread of compound and vehicle wells
    viability | number | fraction | cells over vehicle on the same plate
    hit | boolean | | q at most 0.05, p_effect at most 0.05 and viability at least 0.7 if counted
    """,
)
PLATE_CURVES = table(
    "plate_curves",
    "Dose-response curves.",
    """
    compound | text | | compound
    n | integer | points | points of the curve
    ec50_um | number | uM | half-effective dose
    ec50_low | number | uM | lower end of the 95 % profile interval; 0 where unbounded
    ec50_high | number | uM | upper end; infinite where unbounded
    place | text | | inside the tested doses, > max, < min, or flat
    slope | number | | steepness
    front | number | response | without the compound
    back | number | response | at high dose, extrapolated
    effect | number | response | at the highest dose less that without
    effect_low | number | response | lower end of its 95 % profile interval
    effect_high | number | response | upper end
    auc | number | response | mean over the tested log doses
    r2 | number | | explained share
    p_value | number | | F against a flat line, null simulated for bounded curves
    q_value | number | | Benjamini-Hochberg of it
    relevance | number | | -log10 p after small effects are shrunk
    """,
)
PLATE_RESCUE = table(
    "plate_rescue",
    "Rescue of patient cells toward the isogenic corrected line, in order of rank.",
    """
    compound | text | | compound
    dose_um | number | uM | dose
    n_wells | integer | wells | replicate wells
    rescue_frac | number | | 0 is patient vehicle, 1 corrected vehicle, more is overshoot
    ci_low | number | | lower end of the 95 % interval
    ci_high | number | | upper end
    p_value | number | | one-sided: rescue above 0
    q_value | number | | Benjamini-Hochberg of it
    off_axis_z | number | | distance from the axis; above 3 is a different state
    purity | number | | cosine of the change with the axis
    viability | number | fraction | cells over patient vehicle on the same plate
    hit | boolean | | q, interval, off-axis and viability all pass
    verdict | text | | rescue, weak rescue, no effect, worsens, different state, toxic
    rank | integer | | by score and purity, less off-axis and lost cells
    """,
)
PLATE_AXIS = table(
    "plate_axis",
    "The disease axis: what differs between vehicle wells of the two lines.",
    """
    feature | text | | measured column
    difference | number | vehicle sd | corrected less patient
    """,
)
PLATE_GROWTH = table(
    "plate_growth",
    "Growth-rate metrics.",
    """
    compound | text | | compound, and line where there are several
    gr50 | number | uM | dose at half growth rate; infinite where it is not reached
    gr_max | number | | smaller of the two highest doses
    gec50 | number | uM | half-effective dose of the curve
    gr_inf | number | | at high dose, extrapolated
    slope | number | | steepness
    gr_aoc | number | | area over the curve
    r2 | number | | explained share
    p_value | number | | F against a flat line
    fit | text | | sigmoid or flat
    """,
)
PLATE_CELLS = table(
    "plate_cells",
    "Single cells of each well along the disease axis; the well is the unit.",
    """
    plate | text | | the plate
    replicate | text | | its repeat
    well | text | | the well
    role | text | | what is in it
    n_cells | integer | cells | cells scored
    median | number | | median score: 0 is the mean patient cell, 1 the mean corrected one
    beyond_half | number | fraction | cells with a score above 0.5
    shift | number | | Wasserstein distance from patient vehicle cells of the plate
    """,
)
SCREEN_TARGETS = table(
    "screen_targets",
    "Targets of a single-cell screen.",
    """
    target | text | | the gene
    n_cells | integer | cells | cells with one guide of this target and no other
    n_guides | integer | guides | guides with such cells
    n_tested | integer | genes | genes tested
    n_genes | integer | genes | genes changed at q of at most 0.05
    own_effect | number | log2 | change of the target's own gene
    own_p | number | | its p value
    energy | number | | energy distance from non-targeting cells, equal numbers
    energy_p | number | | by permutation
    energy_q | number | | Benjamini-Hochberg of it
    """,
)
SCREEN_EFFECTS = table(
    "screen_effects",
    "Effect of targets on genes in single cells.",
    """
    target | text | | the gene that was perturbed
    gene | text | | the gene that was measured
    n_cells | integer | cells | cells of the target
    effect | number | log2 | fold change over non-targeting cells
    z | number | | score over its model error
    p_value | number | | two-sided, exact moments of permuted labels
    q_value | number | | Benjamini-Hochberg over all tested pairs
    tail | text | | `exact moments`, or `tail model` beyond what draws could show
    """,
)
SCREEN_UNIFORMITY = table(
    "screen_uniformity",
    "Whether a target makes the product more or less uniform.",
    """
    target | text | | the gene
    n_cells | integer | cells | cells of the target
    n_units | integer | units | guides (or guides by replicate) with enough cells
    hi2_ratio | number | fold | heterogeneity over that of non-targeting cells; below 1 more uniform
    hi2_low | number | fold | lower end of the 95 % interval, guides as units
    hi2_high | number | fold | upper end
    hi_c_ratio | number | fold | the same for coordinated heterogeneity
    naive_ratio | number | fold | plain variance ratio, which moves with depth: for comparison only
    p_value | number | | two-sided, that the ratio is 1
    q_value | number | | Benjamini-Hochberg of it
    verdict | text | | SUPERIOR (more uniform), INFERIOR, EQUIVALENT, INCONCLUSIVE, NOT TESTABLE
    reason | text | | what it rests on, or why not
    """,
)
SCREEN_RESPONDERS = table(
    "screen_responders",
    "Cells that responded to their guide.",
    """
    target | text | | the gene
    guide | text | | the guide
    n_cells | integer | cells | cells with the guide
    responders | number | fraction | cells that changed as the target changes cells
    ci_low | number | fraction | lower end of the 95 % interval, cells of this guide
    ci_high | number | fraction | upper end
    reason | text | | why there is no number
    """,
)
SCREEN_SHARES = table(
    "screen_shares",
    "What targets do to subsets and programmes, guides as units.",
    """
    target | text | | the gene
    kind | text | | subset or programme
    name | text | | which
    difference | number | | log odds of the share, or difference of the score in control sd
    ci_low | number | | lower end of the 95 % interval
    ci_high | number | | upper end
    p_value | number | | two-sided, moderated over targets
    q_value | number | | Benjamini-Hochberg of it
    n_units | integer | units | guides
    """,
)
SCREEN_CALLS = table(
    "screen_calls",
    "Assignment of guides.",
    """
    guide | text | | the guide
    target | text | | its target
    n_cells | integer | cells | cells called
    n_single | integer | cells | of them with no other guide
    ambient | number | UMI | background per cell
    """,
)
