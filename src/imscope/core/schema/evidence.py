"""Tables of the evidence base."""

from imscope.core.schema.declare import table

EVIDENCE_NOTES = table(
    "evidence_notes",
    "What is recorded about the markers and programmes used in the run, conflicts first.",
    """
    term | text | | marker or programme as used in the run
    conflict | boolean | | whether published results on it disagree in sign
    disputed | boolean | | whether this record is one side of a disagreement
    rna_proxy | text | | gene whose RNA stands for it; empty when there is none
    direction | text | | up, down, none or conflict, as this record states it
    readout | text | | what goes up or down
    claim | text | | the record in our own words
    doi | text | | its source: DOI or PMID; empty for our own choice or a document without either
    grade | text | | stated, checked, unchecked, measured or own
    as_of | text | date | the day the statement speaks of or was entered
    note | text | | when it misleads
    """,
)
