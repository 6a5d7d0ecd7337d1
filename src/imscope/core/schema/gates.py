"""Tables of gate design and flow cytometry."""

from imscope.core.schema.declare import table

GATE_COUNTS = table(
    "gate_counts",
    "What a gate does in each donor.",
    """
    donor | text | | the donor
    lab | text | | laboratory, study or batch of the donor; empty when unknown
    n_cells | integer | cells | cells of the donor
    n_target | integer | cells | cells that carry the target label
    tp | integer | cells | target cells inside the gate
    fp | integer | cells | other cells inside the gate
    prevalence | number | fraction | targets in the tube to be sorted
    recall | number | fraction | targets inside the gate, of all targets: the yield
    false_rate | number | fraction | other cells inside the gate, of all other cells
    purity | number | fraction | targets among the sorted cells at that prevalence
    enrichment | number | fold | purity over prevalence
    f1 | number | fraction | harmonic mean of purity and recall
    """,
)
GATE_LANDMARKS = table(
    "gate_landmarks",
    "Where the negative and positive peak of each marker lie in each batch, and how it is known.",
    """
    marker | text | | the marker
    batch | text | | donor, visit or run that was aligned on its own
    study | text | | batches whose landmarks inform one another; empty when not given
    n_cells | integer | cells | cells with a value
    negative | number | transformed | becomes 0
    positive | number | transformed | becomes 1
    negative_sd | number | transformed | spread of the negative peak
    method | text | | two peaks, shrunk, one peak (negative or positive), background, or none
    """,
)
_COUNTS = """
    donor | text | | the donor
    lab | text | | laboratory, study or batch of the donor; empty when unknown
    n_cells | integer | cells | cells of the donor
    n_target | integer | cells | cells that carry the target label
    tp | integer | cells | target cells inside the gate
    fp | integer | cells | other cells inside the gate
    prevalence | number | fraction | targets in the tube to be sorted
    recall | number | fraction | targets inside the gate, of all targets: the yield
    false_rate | number | fraction | other cells inside the gate, of all other cells
    purity | number | fraction | targets among the sorted cells at that prevalence
    enrichment | number | fold | purity over prevalence
    f1 | number | fraction | harmonic mean of purity and recall
    purity_low | number | fraction | lower end of the 95 % interval, cells of this donor
    purity_high | number | fraction | upper end
"""
GATE_DESIGNS = table(
    "gate_designs",
    "Gates that were designed, best first.",
    """
    rank | integer | | 1 is the gate to use
    gate | text | | markers and signs
    size | integer | markers | number of markers
    markers | text | | markers, comma separated
    purity | number | fraction | targets among the cells inside, all donors with targets
    recall | number | fraction | targets inside, all donors together
    f1 | number | fraction | harmonic mean of the two
    purity_low | number | fraction | lower end of the 95 % interval of what a new donor will show
    purity_high | number | fraction | upper end
    recall_low | number | fraction | lower end of the 95 % interval of what a new donor will show
    recall_high | number | fraction | upper end
    interval | text | | what the intervals speak about
    left_out_f1 | number | fraction | mean F1 of donors that had no part in setting the thresholds
    worst_donor | text | | the worst of these donors
    worst_purity | number | fraction | purity in it
    worst_recall | number | fraction | recall in it
    worst_f1 | number | fraction | F1 in it
    text_f1 | number | fraction | mean F1 with every threshold half way between the peaks
    as_text | text | | survives, or needs the gate file: whether the text alone will do
    enrichment | number | fold | purity over prevalence
    cells_to_load | number | cells | cells to load for 100,000 sorted at an efficiency of 0.7
    value | number | | objective of the search on all donors
    slack | number | aligned units | narrowest interval of a threshold that keeps F1 within 0.02
    class | text | | A: protein measured; B, C, D: how far RNA stands for protein
    flags | text | | contested markers and what is known about them
    """,
)
GATE_DONORS = table(
    "gate_donors", "Every gate in every donor.", "gate | text | | the gate" + _COUNTS
)
GATE_UNSEEN = table(
    "gate_unseen",
    "Donors judged on a gate that they had no part in choosing or fitting.",
    "by | text | | what was left out: donor, donor group, lab, or cells of one donor"
    "\n    gate | text | | the gate fitted on the others" + _COUNTS,
)
GATE_LITERALS = table(
    "gate_literals",
    "Thresholds of the gates in three scales, and how much they matter.",
    """
    gate | text | | the gate
    marker | text | | the marker
    sign | text | | + or -
    cut | number | aligned units | threshold: 0 is the negative, 1 the positive peak; RNA: counts
    percentile | number | percent | share of the negative peak at or under the threshold
    batch | text | | donor or run the raw threshold is for
    raw_cut | number | raw units | the same threshold before alignment
    slack_low | number | aligned units | lowest threshold that keeps F1 within 0.02
    slack_high | number | aligned units | highest one
    purity_slope | number | per unit | change of purity per unit of the threshold
    recall_slope | number | per unit | change of recall
    """,
)
GATE_PARETO = table(
    "gate_pareto",
    "Gates that no other gate beats in size, purity, recall and worst donor together.",
    """
    gate | text | | the gate
    size | integer | markers | number of markers
    purity | number | fraction | all donors together
    recall | number | fraction | all donors together
    worst_purity | number | fraction | purity in the worst donor
    """,
)
GATE_SUBSTITUTES = table(
    "gate_substitutes",
    "Gates with one marker of the best gate exchanged that are as good within one standard error.",
    """
    gate | text | | the gate
    instead_of | text | | literal of the best gate
    substitute | text | | literal that takes its place
    value | number | | objective
    loss | number | | objective of the best gate less this one
    """,
)
GATE_STABILITY = table(
    "gate_stability",
    "How often each marker is in the best gate when donors are resampled.",
    """
    marker | text | | the marker
    sign | text | | + or -
    share | number | fraction | of the resampled searches
    searches | integer | searches | how many
    """,
)
GATE_PREVALENCE = table(
    "gate_prevalence",
    "Purity of the best gate over the share of targets in the tube to be sorted.",
    """
    prevalence | number | fraction | targets in the tube
    purity | number | fraction | targets among the sorted cells
    purity_low | number | fraction | lower end of the 95 % interval
    purity_high | number | fraction | upper end
    cells_to_load | number | cells | for 100,000 sorted cells at a sort efficiency of 0.7
    """,
)
GATE_SORTED = table(
    "gate_sorted",
    "Heterogeneity before and after the gate, and over passages: an in-silico sort.",
    """
    group | text | | unit, or passage
    by | text | | unit or passage
    state | text | | before or after the gate
    n_cells | integer | cells | cells measured
    purity | number | fraction | targets among them
    hi2 | number | | noise-corrected heterogeneity
    hi2_low | number | | lower end of its interval
    hi2_high | number | | upper end
    status | text | | ok, or why there is no number
    """,
)
GATE_CONFLICTS = table(
    "gate_conflicts",
    "The best gate with each contested marker as designed, with its sign flipped, and without it.",
    """
    gate | text | | the gate as designed
    marker | text | | the contested marker
    variant | text | | as designed, flipped or without
    purity | number | fraction | all donors together
    recall | number | fraction | all donors together
    f1 | number | fraction | harmonic mean of the two
    note | text | | what is contested
    """,
)
GATE_CELLS = table(
    "gate_cells",
    "Cells drawn at random per donor to show the best gate in two dimensions.",
    """
    gate | text | | the gate
    donor | text | | the donor
    marker_x | text | | marker on the horizontal axis
    marker_y | text | | marker on the vertical axis; empty when the gate has one marker
    x | number | aligned units | value; RNA: counts
    y | number | aligned units | value
    target | boolean | | the cell carries the target label
    inside | boolean | | the cell is inside the whole gate
    """,
)
GATE_STATUS = table(
    "gate_status",
    "What stands against the gates, and what was left out.",
    """
    kind | text | | status or note
    code | text | | ok, or what stands against the gates; empty for a note
    words | text | | one plain sentence
    """,
)
