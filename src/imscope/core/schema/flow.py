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
