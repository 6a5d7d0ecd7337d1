"""``imscope qc``: look at the quality of every sample before anything is decided."""

from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.run import ConfigOption
from imscope.cli.shell import JsonOption, OutOption, SchedulerOption, ThreadsOption, emit, tell

PLACE = 30
SHOWN = ("sample", "metric", "median", "low", "high", "n_outside", "reason")


def qc(
    sheet: Annotated[Path, typer.Argument(help="Sample sheet (.csv, .tsv, .xlsx).")],
    config: ConfigOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    threads: ThreadsOption = None,
    scheduler: SchedulerOption = "threads",
) -> None:
    """Compute quality metrics and suggest limits per sample; removes nothing.

    The suggestion is what `imscope run` would apply; fix limits in the configuration to differ.
    """
    from imscope.engine.schedulers import use_scheduler
    from imscope.study.config_file import read_config
    from imscope.study.quality import check_quality

    with use_scheduler(scheduler):
        found = check_quality(sheet, config=read_config(config), threads=threads)
    tell(found.notices)
    emit(found.limits, as_json=as_json, out=out, content=found.records(), columns=SHOWN)
