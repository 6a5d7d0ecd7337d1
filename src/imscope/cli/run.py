"""``imscope run``: from a sample sheet to a run folder with its report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.progress import ProgressShown
from imscope.cli.shell import (
    JsonOption,
    SchedulerOption,
    ThreadsOption,
    WorkerMemoryOption,
    print_json,
    say,
)

if TYPE_CHECKING:
    from imscope.study.run import RunResult

PLACE = 10
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Settings (.yaml, .toml, .json).")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Forget finished steps and start over.")]


def run(
    sheet: Annotated[
        Path | None, typer.Argument(help="Sample sheet (.csv, .tsv, .xlsx).", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    fresh: FreshOption = False,
    reference_profile: Annotated[
        Path | None,
        typer.Option(
            "--reference-profile",
            help="Frozen genes and weights, so that runs can be compared; see "
            "`imscope heterogeneity profile`.",
        ),
    ] = None,
    threads: ThreadsOption = None,
    scheduler: SchedulerOption = "threads",
    worker_memory: WorkerMemoryOption = "",
    as_json: JsonOption = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print every setting with its value and stop.")
    ] = False,
) -> None:
    """Compute everything a sample sheet can answer and write the run folder.

    The same command again continues a run that was stopped.
    """
    from imscope.study.config_file import read_config

    settings = read_config(config)
    if reference_profile is not None:
        part = settings.heterogeneity.model_copy(update={"reference_profile": reference_profile})
        settings = settings.model_copy(update={"heterogeneity": part})
    if print_config:
        import yaml

        yaml.safe_dump(settings.model_dump(mode="json"), sys.stdout, sort_keys=False)
        return
    if sheet is None or out is None:
        missing = "SHEET" if sheet is None else "--out"
        raise typer.BadParameter(f"missing {missing}: imscope run SHEET --out DIR")
    from imscope.engine.schedulers import use_scheduler
    from imscope.study.run import run_study

    with use_scheduler(scheduler, worker_memory=worker_memory), ProgressShown() as shown:
        result = run_study(
            sheet, out, config=settings, fresh=fresh, threads=threads, listener=shown
        )
    tell_run(result, as_json=as_json)


def tell_run(result: "RunResult", *, as_json: bool) -> None:
    """Write the report of a run and say its answer."""
    from imscope.report.write import write_report

    report = write_report(result)
    for line in result.results["answer"]:
        say(f"- {line}")
    say(f"report: {report}")
    if as_json:
        print_json(result.results)
