"""The answer in at most six sentences."""

from typing import Any

from imscope.report.inputs import ReportInput
from imscope.report.section import Section

PLACE = 10


def build(report: ReportInput) -> Section:
    """Take the sentences as they stand in the results, the verdicts among them."""
    return Section(
        "answer",
        "The answer",
        {
            "sentences": [str(s) for s in report.results.get("answer", [])],
            "n_warnings": len(report.results.get("warnings", [])),
        },
    )


def claim_rows(report: ReportInput) -> list[dict[str, Any]]:
    """Rows of the claims, from the table or, without one, from the results."""
    frame = report.table("claims")
    if frame is not None:
        return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
    given = report.results.get("claims") or report.results.get("verdicts") or []
    return [dict(row) for row in given]
