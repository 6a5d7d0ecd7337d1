"""Step: surface panel, cycle, senescence, HOX code and donor of every sample."""

from imscope.analyses.identity import describe
from imscope.core.result import Result, skip
from imscope.core.schema import (
    CYCLE_PHASES,
    DONOR_MATCH,
    DONOR_SEX,
    HOX_CODE,
    ISCT_PANEL,
    SENESCENCE,
    SENESCENCE_PROFILES,
)
from imscope.study.step import Had, Run, Step

SHOWN = ["cycle_phase", "cycle_angle", "arrest_z", "sasp_z", "senescent"]


def work_identity(run: Run, had: Had) -> Result:
    """Panel, cycle, senescence, HOX code and donor of every sample."""
    if not run.has_counts:
        reason = "identity, cycle and ageing need UMI counts"
        return skip((ISCT_PANEL.name, CYCLE_PHASES.name), reason)
    found = describe(
        run.cells(had), by="sample", unit="sample", seed=run.config.seed, threads=run.threads
    )
    return Result(found.tables, None if found.cells is None else found.cells[SHOWN])


STEP = Step(
    "identity",
    "identity and cycle",
    work_identity,
    needs=("qc", "clusters"),
    settings=lambda run: run.settings(sheet=True),
    tables=(
        *(ISCT_PANEL, CYCLE_PHASES, SENESCENCE, SENESCENCE_PROFILES),
        *(HOX_CODE, DONOR_SEX, DONOR_MATCH),
    ),
    share=1.5,
    rank=120,
)
