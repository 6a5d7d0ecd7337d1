"""The design of the study and what it can test."""

from imscope.core.schema import DESIGN_LEVELS, DESIGN_TESTS
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import view

PLACE = 20


def build(report: ReportInput) -> Section:
    """Show factors with their levels, and every question with its status."""
    levels, questions = report.table("design_levels"), report.table("design_tests")
    return Section(
        "design",
        "Design, and what it can test",
        {
            "tests": None
            if questions is None
            else view(
                questions,
                DESIGN_TESTS,
                caption=f"What this design can and cannot test ({len(questions)} questions). "
                "n counts replicate units in the smaller arm, never cells.",
                labels={"n_test": "n, smaller arm"},
            ),
            "why_no_tests": report.why_missing("design_tests"),
            "levels": None
            if levels is None
            else view(
                levels,
                DESIGN_LEVELS,
                caption=f"Factors of the sample sheet ({len(levels)}): levels and samples per "
                "level. Factors that change together cannot be told apart.",
                labels={"n_levels": "levels", "levels": "values"},
            ),
            "why_no_levels": report.why_missing("design_levels"),
        },
    )
