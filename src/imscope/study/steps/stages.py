"""Step: the stage of every cell, its window over days, and the route of differentiation."""

from imscope.analyses.subsets.stage_report import describe_stages
from imscope.core.errors import DataError
from imscope.core.result import Result, Status, skip
from imscope.core.schema import STAGE_FRACTIONS, STAGE_ROUTE, STAGE_WINDOW, STAGE_WINDOW_CHECKS
from imscope.study.step import Had, Run, Step
from imscope.study.steps.ambient import read_ambient

TABLES = (STAGE_FRACTIONS, STAGE_ROUTE, STAGE_WINDOW, STAGE_WINDOW_CHECKS)


def work_stages(run: Run, had: Had) -> Result:
    """Call the stage of every cell; count stages, follow the window over days, tell the route."""
    if not run.has_counts:
        return skip([STAGE_FRACTIONS.name], "stages need UMI counts")
    cells = run.cells(had)
    try:
        found = describe_stages(
            cells.source,
            cells.features,
            cells.obs,
            ambient=read_ambient(run, had["ambient"]),
            threads=run.threads,
        )
    except DataError as error:  # too few marker genes in the matrix
        return skip([STAGE_FRACTIONS.name], error)
    tables = {"stage_fractions": found.fractions, "stage_route": found.route}
    skipped = {}
    if found.window is not None:
        tables |= {"stage_window": found.window.days, "stage_window_checks": found.window.checks}
    else:
        skipped = {STAGE_WINDOW.name: (Status("NOT TESTABLE", found.why_no_window),)}
    columns = {"stage": "stage", "posterior": "stage_posterior"}
    return Result(
        tables=tables,
        cells=found.calls.cells[list(columns)].rename(columns=columns),
        skipped=skipped,
        facts={"notes": list(found.calls.notes)},
    )


STEP = Step(
    "stages",
    "stages",
    work_stages,
    needs=("qc", "clusters", "ambient"),
    settings=lambda run: run.settings(sheet=True),
    tables=TABLES,
    share=0.7,
    rank=110,
)
