"""Step: one row per lot, with every headline number and its status word."""

from imscope.core.result import Notice, Result
from imscope.core.schema import LOTS
from imscope.study.lots import lot_table
from imscope.study.step import EVERY, Had, Run, Step


def work_lots(run: Run, had: Had) -> Result:
    """Gather what the steps found of every lot."""
    tables = {name: frame for step in had.values() for name, frame in step.published().items()}
    read = [
        Notice(code, message, sample)
        for sample, info in run.cohort.info.items()
        for code, message in info["notices"]
    ]
    told = [*run.notices, *read, *(n for step in had.values() for n in step.notices())]
    return Result({LOTS.name: lot_table(tables, told)})


STEP = Step(
    "lots",
    "lots at a glance",
    work_lots,
    needs=EVERY,
    settings=lambda run: (
        run.settings(sheet=True) | {"told": [[n.code, n.message, n.subject] for n in run.notices]}
    ),
    tables=(LOTS,),
    share=0.1,
    rank=900,
)
