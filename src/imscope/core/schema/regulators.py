"""Tables of regulators: activity, rank, paths and the next experiment."""

from imscope.core.schema.declare import table

REGULATOR_ACTIVITY = table(
    "regulator_activity",
    "Difference of the activity of each regulator, with lots or donors as units.",
    """
    axis | text | | subset, passage, hi2, hi_c or programme:NAME
    contrast | text | | what is compared with what
    regulator | text | | gene symbol
    network | text | | network the targets come from
    n_targets | integer | genes | targets in the network
    n_detected | integer | genes | of them detected in the data
    n_signed | integer | genes | of them with a known sign
    n_units | integer | units | units compared
    effect | number | t | mean over units of the activity, less that of random regulons
    low | number | t | lower end of the 95 % interval over units
    high | number | t | upper end
    p_unit | number | probability | moderated t over units, two-sided
    p_exact | number | probability | exact sign flips of the units, where they are paired
    p_random | number | probability | random regulons of like genes
    p_value | number | probability | the larger of p_unit and p_random
    q_value | number | probability | Benjamini-Hochberg over the regulators of a contrast
    sign_agreement | number | fraction | signed targets that move as the activity says
    family | text | | regulator that speaks for those with the same targets or the same activity
    conditional | number | t | activity given the others of the family (ridge)
    circular | number | fraction | genes of the labels or programme that are its targets
    status | text | | ok, described, circular, not scored or NOT TESTABLE, with the reason
    """,
)
REGULATOR_RANK = table(
    "regulator_rank",
    "Regulators by the evidence that they move the programme; every channel stays visible.",
    """
    regulator | text | | gene symbol
    kind | text | | regulator or surface
    family | text | | regulator that speaks for its family
    posterior | number | probability | that it is key, from a model fitted on simulated worlds
    rank_p | number | probability | of the mean rank over channels, channels permuted
    grade | text | | described, associated, upstream, causal here, contradicted, or empty
    words | text | | the sentence the grade allows
    effect | number | t | activity
    low | number | t | lower end of the 95 % interval
    high | number | t | upper end
    p_value | number | probability | of the activity
    q | number | probability | Benjamini-Hochberg of it
    activity_z | number | z | of the activity over units, with its sign
    expression_z | number | z | of its own RNA over units
    expression_cpm | number | per million | its own RNA in the group of interest
    reach_z | number | z | signed support along the network, against rewired networks
    screen_z | number | z | effect of raising it, over its error; empty where not tested
    screen_q | number | probability | as the screen gives it
    screen_power | number | probability | that the screen would have seen a key regulator
    chromatin_z | number | z | of its motif, where a table was given
    literature | text | | ids of evidence records that name it
    lever | text | | raise or lower; only from grade upstream, and without a veto
    veto | text | | why no lever may be shown
    gate | text | | gate that uses the marker
    n_units | integer | units | units compared
    conflicts | text | | evidence that disagrees
    confounds | text | | what else could explain it
    status | text | | ok, circular, described, NOT TESTABLE
    """,
)
REGULATOR_PATHS = table(
    "regulator_paths",
    "Shortest signed ways from a regulator to the programme.",
    """
    from | text | | regulator
    via | text | | regulators between, or empty
    to | text | | gene of the programme
    sign | text | | + or -
    source | text | | network
    """,
)
REGULATOR_NEXT = table(
    "regulator_next",
    "Experiments that would change the list most per cost.",
    """
    rank | integer | | 1 first
    experiment | text | | knock-out, activation, compound or sort
    regulator | text | | what is changed
    gain | number | | uncertainty p(1 - p), or expected rise of certainty, that it resolves
    cost | number | units | relative cost
    power | number | probability | to see a key regulator at 5 %
    readout | text | | what to measure
    controls | text | | what to run beside it
    changes | text | | which result changes the grade to what
    """,
)
REGULATOR_UNITS = table(
    "regulator_units",
    "Activity of the graded regulators in every unit.",
    """
    regulator | text | | gene symbol
    unit | text | | lot, donor or other unit
    side | text | | the group compared, or the difference inside the unit
    activity | number | t | of the unit, less that of random regulons
    """,
)
