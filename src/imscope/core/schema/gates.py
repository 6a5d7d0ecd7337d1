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
