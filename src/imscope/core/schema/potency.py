"""Tables of potency: relative potency, its precision, outcomes and their link to attributes."""

from imscope.core.schema.declare import table

POTENCY_RUNS = table(
    "potency_runs",
    "Relative potency of each lot in each run of an assay, with what makes the run fit to use.",
    """
    run | text | | name of the run
    lot | text | | name of the lot
    limit | text | | `<` or `>` where the curve lies beyond the doses, else empty
    relative_potency | number | ratio | potency of the lot over that of the standard
    low | number | ratio | lower end of the 95 % interval within the run
    high | number | ratio | upper end of the 95 % interval within the run
    log_se | number | ln ratio | standard error of its natural logarithm within the run
    slope_ratio | number | ratio | steepness of the lot over that of the standard
    slope_low | number | ratio | lower end of the 90 % interval
    slope_high | number | ratio | upper end of the 90 % interval
    range_ratio | number | ratio | span between the asymptotes of the lot over the standard's
    range_low | number | ratio | lower end of the 90 % interval
    range_high | number | ratio | upper end of the 90 % interval
    floor_shift | number | fraction | lower asymptote of the lot less the standard's, of its span
    floor_low | number | fraction | lower end of the 90 % interval
    floor_high | number | fraction | upper end of the 90 % interval
    r2 | number | fraction | variance that the parallel curves explain
    curvature_p | number | p | lack of fit beside the scatter of replicates; empty without them
    top_reached | number | fraction | of the standard's span reached at its highest dose
    n_points | integer | responses | used, of lot and standard together
    n_beyond | integer | responses | left out because they lie beyond the range of the reader
    parallel | boolean | | every interval of the shape lies within its margin
    suitability | text | | `ok`, or what the run lacks
    status | text | | `ok`, `NOT PARALLEL`, `NOT SUITABLE`, `BELOW RANGE` or `ABOVE RANGE`
    """,
)
RELATIVE_POTENCY = table(
    "relative_potency",
    "Relative potency of each lot over its runs.",
    """
    lot | text | | name of the lot
    limit | text | | `<` or `>` where all usable runs lie beyond the doses, else empty
    relative_potency | number | ratio | weighted geometric mean over runs; the bound where `limit`
    low | number | ratio | lower end of the 95 % interval; empty with a single run
    high | number | ratio | upper end of the 95 % interval; empty with a single run
    n_runs | integer | runs | usable runs
    n_refused | integer | runs | not parallel or not suitable
    between_run_cv | number | % | geometric CV between runs beyond the error within them
    intermediate_cv | number | % | geometric CV of one result: between and within runs
    parallel | boolean | | every run that could be judged was parallel
    suitability | text | | `ok`, or what the runs lack
    status | text | | `ok`, `ONE RUN`, `BELOW RANGE`, `ABOVE RANGE`, `MIXED` or `NOT TESTABLE`
    reason | text | | in words
    """,
)
POTENCY_PRECISION = table(
    "potency_precision",
    "Intermediate precision and total error of the assay, from samples measured in several runs.",
    """
    sample | text | | lot or sample of known potency
    n_runs | integer | runs | that measured it
    between_run_cv | number | % | geometric CV between runs
    within_run_cv | number | % | geometric CV within runs
    intermediate_cv | number | % | of one result in a new run
    nominal | number | ratio | stated potency; empty if none
    bias | number | % | mean over nominal less one; empty without nominal
    expected_low | number | ratio | lower end of the interval that holds 95 % of results to come
    expected_high | number | ratio | upper end of it
    """,
)
OUTCOME_LOT_VALUES = table(
    "outcome_lots",
    "Outcome of every lot on the scale of the analysis, with its measurement error.",
    """
    lot | text | | name of the lot
    outcome | text | | name of the outcome
    unit | text | | unit of the outcome
    direction | text | | `higher` or `lower` is better
    value | number | | mean over runs, animals or patients, on `scale`
    error | number | | standard error of it
    n | integer | measurements | behind it
    limit | text | | `<` or `>` where every measurement is a limit, else empty
    scale | text | | `identity`, `log` or `logit`
    """,
)
POTENCY_LINK = table(
    "potency_link",
    "Attributes of lots against outcomes, with lots or donors as the sample.",
    """
    attribute | text | | name of the attribute
    outcome | text | | name of the outcome
    correlation | number | | partial correlation within blocks
    correlation_rank | number | | the same on ranks
    correlation_shrunk | number | | rank correlation drawn towards those of all attributes
    slope | number | outcome per attribute | error of the attribute taken out; outcome on its scale
    low | number | outcome per attribute | lower end of the 95 % interval
    high | number | outcome per attribute | upper end of the 95 % interval
    reliability | number | fraction | of the attribute's variance that is not error in measurement
    p_value | number | p | permutation of units within blocks
    q_value | number | q | Benjamini-Hochberg over all that was not declared
    primary | boolean | | declared before the data
    good | boolean | | a higher attribute goes with a better outcome
    n_units | integer | lots or donors | with both values
    influential_lot | text | | the one whose absence would change the slope most, where it matters
    status | text | | `SHOWN`, `NOT SHOWN`, `SUGGESTED`, `DESCRIPTIVE` or `NOT TESTABLE`
    reason | text | | in words
    """,
)
