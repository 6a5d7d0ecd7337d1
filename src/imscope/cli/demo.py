"""``imscope demo``: the main job on a small cohort with known truth."""

from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.progress import ProgressShown
from imscope.cli.run import FreshOption, tell_run
from imscope.cli.shell import JsonOption, ThreadsOption, say

PLACE = 20


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for data and run.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 7,
    fresh: FreshOption = False,
    threads: ThreadsOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare headline numbers with the truth; 3 on a miss.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a small cohort with known truth and run the main job on it.

    Every page of the report is labelled as simulated; the truth stands beside the data.
    """
    from imscope.study.demo import run_demo

    with ProgressShown() as shown:
        result = run_demo(out, seed=seed, fresh=fresh, threads=threads, listener=shown)
    tell_run(result, as_json=as_json)
    if check:
        from imscope.study.demo_check import check_demo

        found = check_demo(result.tables, out / "data" / "truth")
        for line in found["words"]:
            say(str(line))
        if not found["agrees"].all():
            raise typer.Exit(3)
