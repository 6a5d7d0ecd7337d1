"""What is claimed of the groups, with verdict and reason."""

from typing import Any

import pandas as pd

from imscope.core.schema import CLAIMS, HETEROGENEITY_DRIFT
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.sections.answer import claim_rows
from imscope.report.views import view
from imscope.study.verdicts import verdict_sentence

PLACE = 60

WORDS = {
    "SUPERIOR": "differ less",
    "INFERIOR": "differ more",
    "EQUIVALENT": "differ alike",
    "INCONCLUSIVE": "not decided",
    "NOT TESTABLE": "not tested",
}
"""What a verdict says, as the word before its sentence."""

COLUMNS = (
    "claim", "test_group", "reference_group", "verdict", "ratio", "low", "high", "p_value",
    "p_equivalence", "n_test", "n_reference", "reason",
)  # fmt: skip


def build(report: ReportInput) -> Section:
    """Show every claim that was asked, also those the design cannot test."""
    rows = claim_rows(report)
    table = None
    if rows:
        table = view(
            _without_idle_p(pd.DataFrame(rows)),
            CLAIMS,
            caption=f"Claims ({len(rows)}): ratio of the statistic, test over reference, with its "
            "90 % interval over replicate units, that of the one-sided tests at 5 % "
            "(claim D: 95 %, over cells). n counts replicate units, never cells.",
            columns=COLUMNS,
            merge={"ratio": ("low", "high")},
            labels={
                "p_value": "p, one-sided",
                "p_equivalence": "p, equivalence",
                "n_test": "n, test",
                "n_reference": "n, reference",
            },
        )
    frame = report.table("heterogeneity_drift")
    drift = None
    if frame is not None:
        drift = view(
            frame,
            HETEROGENEITY_DRIFT,
            caption=f"Change per population doubling ({len(frame)} rows): mean of the lots' own "
            "slopes with a 95 % interval over lots.",
            merge={"slope": ("low", "high")},
            labels={"p_value": "p, two-sided", "n_units": "lots", "sd_units": "SD of lots"},
        )
    return Section(
        "claims",
        "Claims and verdicts",
        {
            "verdicts": _verdicts(report, rows),
            "claims": table,
            "drift": drift,
            "why": report.why_missing("claims"),
        },
    )


def _verdicts(report: ReportInput, rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Each verdict as a sentence behind one word; descriptions stand in the table alone."""
    unit = str(dict(report.results.get("design") or {}).get("unit") or "unit")
    return [
        {
            "verdict": str(row.get("verdict", "")),
            "word": WORDS.get(str(row.get("verdict", "")), str(row.get("verdict", ""))),
            "words": verdict_sentence(row, report.table("samples"), unit=unit),
        }
        for row in rows
        if row.get("verdict") != "DESCRIPTIVE"
    ]


def _without_idle_p(claims: pd.DataFrame) -> pd.DataFrame:
    """Leave out the p-value of equivalence where a difference was shown."""
    if not {"verdict", "p_equivalence"} <= set(claims):
        return claims
    shown = claims["verdict"].isin(["SUPERIOR", "INFERIOR"])
    return claims.assign(p_equivalence=claims["p_equivalence"].mask(shown))
