"""Step: the stage of every cell, its window over days, and the route of differentiation."""

from imscope.analyses.subsets import stage
from imscope.core.errors import DataError
from imscope.core.result import Result, skip
from imscope.core.schema import STAGE_FRACTIONS, STAGE_ROUTE, STAGE_WINDOW, STAGE_WINDOW_CHECKS
from imscope.study.step import Had, Run, Step
from imscope.study.steps.ambient import read_ambient

TABLES = (STAGE_FRACTIONS, STAGE_ROUTE, STAGE_WINDOW, STAGE_WINDOW_CHECKS)


def work_stages(run: Run, had: Had) -> Result:
    """Call the stage of every cell; count stages, follow the window over days, tell the route."""
    if not run.has_counts:
        return skip([STAGE_FRACTIONS.name], "stages need UMI counts")
    try:
        ambient = read_ambient(run, had["ambient"])
        found = stage(run.cells(had), ambient=ambient, threads=run.threads)
    except DataError as error:  # too few marker genes in the matrix
        return skip([STAGE_FRACTIONS.name], error)
    columns = {"stage": "stage", "posterior": "stage_posterior"}
    cells = None if found.cells is None else found.cells[list(columns)].rename(columns=columns)
    notes = [n.message for n in found.notices]
    return Result(found.tables, cells, skipped=found.skipped, facts={"notes": notes})


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
