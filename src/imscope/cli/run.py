"""``imscope run`` and ``imscope demo``: from a sample sheet to a run folder with its report."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from imscope.cli.progress import ProgressShown
from imscope.core.terminal import printable

if TYPE_CHECKING:
    from imscope.study.run import RunResult

Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads; all processors if not given. Changes no digit.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print results.json to stdout.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget finished steps and start over.")]


def run(
    sheet: Annotated[
        Path | None, typer.Argument(help="Sample sheet (.csv, .tsv, .xlsx).", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings (.yaml, .toml, .json).")
    ] = None,
    fresh: Fresh = False,
    threads: Threads = None,
    as_json: AsJson = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print every setting with its value and stop.")
    ] = False,
) -> None:
    """Compute everything a sample sheet can answer and write the run folder.

    The same command again continues a run that was stopped.
    """
    from imscope.study.config import read_config

    settings = read_config(config)
    if print_config:
        import yaml

        print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), end="")
        return
    if sheet is None or out is None:
        missing = "SHEET" if sheet is None else "--out"
        raise typer.BadParameter(f"missing {missing}: imscope run SHEET --out DIR")
    from imscope.study.run import run_study

    with ProgressShown() as shown:
        result = run_study(
            sheet, out, config=settings, fresh=fresh, threads=threads, listener=shown
        )
    _show(result, as_json=as_json)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for data and run.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 7,
    fresh: Fresh = False,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a small cohort with known truth and run the main job on it.

    Every page of the report is labelled as simulated; the truth stands beside the data.
    """
    from imscope.study.demo import run_demo

    with ProgressShown() as shown:
        result = run_demo(out, seed=seed, fresh=fresh, threads=threads, listener=shown)
    _show(result, as_json=as_json)


def _show(result: "RunResult", *, as_json: bool) -> None:
    from imscope.report.write import write_report

    report = write_report(result)
    console = Console(stderr=True, highlight=False)
    for line in result.results["answer"]:
        console.print(f"- {printable(line)}", markup=False)
    console.print(f"report: {printable(report)}", markup=False, soft_wrap=True)
    if as_json:
        json.dump(result.results, sys.stdout, indent=1, sort_keys=True)
        print()
