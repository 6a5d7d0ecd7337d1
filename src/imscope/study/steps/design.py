"""Step: what the design of the sheet can and cannot test."""

from imscope.core.result import Result
from imscope.core.schema import DESIGN_LEVELS, DESIGN_TESTS
from imscope.study.step import Had, Run, Step


def work_design(run: Run, _: Had) -> Result:
    """Give the tables of the design, made from the sheet before any work."""
    tables = {"design_levels": run.design.levels, "design_tests": run.design.tests}
    return Result(tables=tables, facts={"group": run.design.group, "unit": run.design.unit})


STEP = Step(
    "design",
    "design",
    work_design,
    settings=lambda run: run.settings(sheet=True, groups=True),
    tables=(DESIGN_LEVELS, DESIGN_TESTS),
    share=0.1,
    rank=0,
)
