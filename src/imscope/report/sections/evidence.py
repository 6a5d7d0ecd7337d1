"""Evidence: where published results on the markers and programmes of the run disagree."""

from imscope.core.schema import EVIDENCE_NOTES
from imscope.report.inputs import ReportInput
from imscope.report.section import Section, natural
from imscope.report.views import view

PLACE = 180


def build(report: ReportInput) -> Section | None:
    """Print both sides of every disagreement; nothing when the run looked nothing up."""
    notes = report.table("evidence_notes")
    if notes is None:
        return None
    disputed = notes[notes["disputed"]]
    table = None
    if len(disputed):
        n_terms = disputed["term"].nunique()
        table = view(
            disputed,
            EVIDENCE_NOTES,
            caption=f"Disagreements: {len(disputed)} records on {n_terms} terms used in this run.",
            columns=["term", "direction", "readout", "claim", "doi", "grade", "as_of", "note"],
            labels={"as_of": "as of"},
            notes=("Both sides are shown; none is averaged. A score of this run takes no side.",),
        )
    agreed = natural(notes.loc[~notes["conflict"], "term"])
    unchecked = int((notes["grade"] == "unchecked").sum())
    context = {
        "disputed": table,
        "agreed": ", ".join(agreed),
        "n_records": len(notes),
        "n_unchecked": unchecked,
    }
    return Section("evidence", "Evidence on markers and programmes", context)
