"""Tables of surface markers, of gates on other data, and of sorting."""

from imscope.core.schema.declare import table

GATE_CANDIDATES = table(
    "gate_candidates",
    "Which measured features may be part of a sort gate, and why not.",
    """
    feature | text | | name in the data
    modality | text | | protein or rna
    gene | text | | HGNC symbol; empty when unknown
    target | text | | protein, glycan, splice_form, no_gene or unknown
    surface_status | text | | where the surface call comes from
    cd_names | text | | CD names of the gene
    antibodies | integer | products | in the table of antibodies given; -1 when none was given
    status | text | | allowed, flagged or excluded
    flag | text | | conflict, context, state, exclusion, weak or none
    never_alone | boolean | | may not be the only positive marker
    always_offered | boolean | | exclusion marker that every gate may add
    reason | text | | why it is flagged or excluded, and what to mind
    """,
)
GATE_CONTAMINANTS = table(
    "gate_contaminants",
    "Which other cells a gate lets through.",
    """
    label | text | | label of the cells
    n_cells | integer | cells | cells with this label
    n_inside | integer | cells | of those inside the gate
    pass_rate | number | fraction | inside, of all with this label
    share_of_false | number | fraction | of all wrong cells inside the gate
    """,
)
GATE_FLOW = table(
    "gate_flow",
    "A gate on flow cytometry files: what was seen beside what was predicted.",
    """
    file | text | | the file
    n_events | integer | events | events in the file
    n_used | integer | events | events left after those at the edge of a detector
    n_inside | integer | events | events inside the gate
    observed | number | fraction | inside, of those used
    predicted | number | fraction | inside, expected from the labelled data; NaN when none was given
    low | number | fraction | lower end of the 95 % interval for a new donor
    high | number | fraction | upper end of the 95 % interval for a new donor
    status | text | | agrees, differs, or why it cannot be told
    """,
)
SCHEME_FLOW = table(
    "scheme_flow",
    "Every gate of a Gating-ML file on flow cytometry files.",
    """
    file | text | | the file
    gate | text | | id of the gate
    parent | text | | id of the gate it lies in; empty at the top
    kind | text | | rectangle, polygon, ellipsoid, quadrant, and, or, not
    n_events | integer | events | events in the file
    n_parent | integer | events | events inside the parent, or in the file
    n_inside | integer | events | events inside the gate and its parents
    observed | number | fraction | inside, of all events
    of_parent | number | fraction | inside, of the events of the parent; NaN when there is none
    """,
)
SORT_PLAN = table(
    "sort_plan",
    "What to do at the sorter, step by step.",
    """
    step | integer | | order
    kind | text | | control, gate, sort or check
    what | text | | the step
    marker | text | | marker it is about; empty for the others
    channel | text | | detector where known
    sign | text | | + or -; empty where none
    threshold | text | | in aligned units, and raw per donor where known
    why | text | | reason, or what to mind
    """,
)
RNA_DETECTION = table(
    "rna_detection",
    "How well RNA stands for the protein of its gene, per marker and donor.",
    """
    marker | text | | marker
    donor | text | | the donor
    n_positive | integer | cells | cells that carry the protein
    n_negative | integer | cells | cells that do not
    sensitivity | number | fraction | protein-positive cells in which RNA is seen
    false_rate | number | fraction | protein-negative cells in which RNA is seen
    mean_positive | number | UMI per unit of depth | mean RNA of positive cells
    mean_negative | number | UMI per unit of depth | mean RNA of negative cells
    dispersion | number | | of positive cells: variance = mean + dispersion x mean squared
    reversed | boolean | | RNA is seen in negative cells more often than in positive ones
    """,
)
MARKER_CLASSES = table(
    "marker_classes",
    "What a gate on RNA may say about each marker.",
    """
    marker | text | | marker
    class | text | | A protein measured; B RNA stands for it; C RNA weak; D RNA must not be used
    n_donors | integer | donors | donors with protein and RNA
    sensitivity_low | number | fraction | least over donors; NaN when not measured
    false_high | number | fraction | most over donors; NaN when not measured
    use | text | | signs a gate on RNA may use: both, positive only, none
    reason | text | | why
    """,
)
