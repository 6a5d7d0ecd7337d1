"""The steps of `imscope run` on one file of many samples: all of them, or those up to one step."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

SAMPLES = 12


class _ReachedError(Exception):
    """All the steps that were asked for are done."""


@contextmanager
def _sheet(path: str) -> Iterator[tuple[Path, Path]]:
    """A sheet of twelve samples of one file, and a folder that does not exist yet."""
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as scratch:
        sheet = Path(scratch) / "samples.csv"
        rows = [f"s{i:02d},{path},sample,L{i // 2},b{i % 2}" for i in range(SAMPLES)]
        sheet.write_text("\n".join(["sample,path,sample_key,lot,batch", *rows]) + "\n")
        yield sheet, Path(scratch) / "out"


def run_up_to(path: str, last: str, config: Mapping[str, object]) -> dict[str, object]:
    """Run what ``last`` needs and ``last`` itself, through the run's own reading and storing."""
    from imscope.study import run as study
    from imscope.study.config_file import parse_config
    from imscope.study.plan import find_steps

    plan = find_steps()
    wanted, names = {last}, {step.name: step for step in plan}
    while more := {n for name in wanted for n in names[name].needs if n != "*"} - wanted:
        wanted |= more
    done: dict[str, object] = {}

    def stop(_folder: object, _run: object, steps: Mapping[str, object], **_: object) -> None:
        done.update(steps)
        raise _ReachedError

    with (
        _sheet(path) as (sheet, out),
        patch.object(study, "find_steps", lambda: tuple(s for s in plan if s.name in wanted)),
        patch.object(study, "write_outputs", stop),
    ):
        try:
            study.run_study(sheet, out, config=parse_config(dict(config)))
        except _ReachedError:
            cells = int(done["qc"].array("keep").sum())  # type: ignore[attr-defined]
    return {"cells": cells, "steps": sorted(done)}


def run_whole(path: str) -> dict[str, object]:
    """Run everything by the command itself, report included."""
    import json

    from imscope.cli.main import app

    with _sheet(path) as (sheet, out):
        app(["run", str(sheet), "--out", str(out)], standalone_mode=False)
        results = json.loads((out / "results.json").read_text())
        steps = json.loads((out / "provenance" / "run.json").read_text())["steps"]
        return {
            "cells": sum(s["n_cells"] for s in results["samples"]),
            "clusters": results["clusters"]["n_clusters"],
            "report_mb": round((out / "report.html").stat().st_size / 1e6, 1),
            "cpu_s_by_step": {s["step"]: s["cpu_seconds"] for s in steps},
            "peak_mb_by_step": {s["step"]: s["peak_mb"] for s in steps},
        }
