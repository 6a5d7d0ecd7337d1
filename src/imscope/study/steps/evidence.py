"""Step: what is known of the programmes and antigens of the run, and how well."""

from imscope.core.result import Result
from imscope.core.schema import EVIDENCE_NOTES
from imscope.evidence.answers import evidence_notes
from imscope.study.step import Had, Run, Step


def work_evidence(_: Run, had: Had) -> Result:
    """Show evidence on programmes that were scored and antigens of the panel."""
    scores = had["programmes"].table("programme_scores")
    told = scores["score"].notna()
    terms = scores.loc[told, "programme"].unique().tolist()
    if had["identity"].has_table("isct_panel"):
        terms += had["identity"].table("isct_panel")["antigen"].unique().tolist()
    return Result({"evidence_notes": evidence_notes(terms)})


STEP = Step(
    "evidence",
    "evidence",
    work_evidence,
    needs=("programmes", "identity"),
    tables=(EVIDENCE_NOTES,),
    share=0.3,
    rank=220,
)
