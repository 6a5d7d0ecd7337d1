"""From finished steps to the run folder: tables, results, cells, provenance; no science."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from imscope.core.schema import WARNINGS
from imscope.engine.execute import thread_count
from imscope.io.atomic import crash_point, sync_folder, write_parquet, write_text, write_tsv
from imscope.study.provenance import machine, versions, write_crate
from imscope.study.results import build_results, list_warnings
from imscope.study.step import Run
from imscope.study.steps.panel import Panel, read_panel
from imscope.study.store import Finished, canonical, sha256_file, sha256_text
from imscope.study.telemetry import Telemetry, memory_total_mb

RESULTS_FILE = "results.json"
TABLES_FOLDER = "tables"
PROVENANCE_FOLDER = "provenance"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the results, the tables, the panel for the report, the run stamp."""

    results: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    panel: Panel
    stamp: dict[str, Any]


def write_outputs(
    folder: Path,
    run: Run,
    done: Mapping[str, Finished],
    *,
    started: datetime,
    telemetry: Telemetry,
) -> Written:
    """Write every file of the run folder, each whole or not at all.

    Parameters
    ----------
    folder
        The run folder.
    run
        What the steps were given.
    done
        Finished steps by name.
    started
        When the run began.
    telemetry
        Told about the work.
    """
    with telemetry.step("write", WRITE_SHARE):
        tables = collect_tables(run, done)
        results = build_results(run, done, tables)
        written = _write_tables(folder / TABLES_FOLDER, tables)
        for step in done.values():
            written += _place(step.files(), folder)
        write_text(folder / RESULTS_FILE, json.dumps(results, indent=1, sort_keys=True) + "\n")
        written.append(folder / RESULTS_FILE)
        panel = read_panel(done["panel"])
    stamp = run_stamp(run, started, telemetry)
    _write_provenance(folder, run, stamp, written, started)
    return Written(results, tables, panel, stamp)


WRITE_SHARE = 1.0
"""Rough seconds to write the demonstration's tables, as the shares of the steps."""


def collect_tables(run: Run, done: Mapping[str, Finished]) -> dict[str, pd.DataFrame]:
    """Read the tables of all steps by name, and put the warnings of all into one."""
    found: dict[str, pd.DataFrame] = {}
    for step in done.values():
        found |= step.published()
    rows = [asdict(notice) for notice in list_warnings(run, done)]
    return dict(sorted((found | {WARNINGS.name: WARNINGS.frame(rows)}).items()))


def _write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    written = []
    for name, frame in tables.items():
        write_parquet(folder / f"{name}.parquet", frame)
        write_tsv(folder / f"{name}.tsv", frame)
        written += [folder / f"{name}.parquet", folder / f"{name}.tsv"]
    for path in folder.iterdir():  # tables of an earlier configuration
        if path not in written:
            path.unlink()
    return written


def _place(files: list[Path], folder: Path) -> list[Path]:
    """Link the finished files of a step into the run folder under their own names."""
    placed = []
    for path in files:
        draft = folder / f".{path.name}.linking"
        draft.unlink(missing_ok=True)
        os.link(path, draft)
        crash_point()
        draft.replace(folder / path.name)
        placed.append(folder / path.name)
    sync_folder(folder)
    return placed


def run_stamp(run: Run, started: datetime, telemetry: Telemetry) -> dict[str, Any]:
    """What differs between two runs of the same thing: times, memory, machine."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "started": started.isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "threads": thread_count(run.threads),
        "memory_total_mb": round(memory_total_mb()),
        "steps": [asdict(record) for record in telemetry.records],
        "seeds": {"seed": run.config.seed},
        "config_sha256": sha256_text(canonical(run.config.model_dump(mode="json"))),
    }


def _write_provenance(
    folder: Path, run: Run, stamp: dict[str, Any], written: list[Path], started: datetime
) -> None:
    place = folder / PROVENANCE_FOLDER
    place.mkdir(exist_ok=True)
    config = run.config.model_dump(mode="json")
    outputs = [
        {"path": p.relative_to(folder).as_posix(), "sha256": sha256_file(p)} for p in written
    ]
    for name, content in (("config", config), ("run", stamp)):
        write_text(place / f"{name}.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
    write_text(place / "outputs.json", json.dumps(outputs, indent=1) + "\n")
    write_crate(
        folder,
        inputs=list(run.inputs.values()),
        outputs=written,
        started=started,
        ended=datetime.now(UTC),
        title=run.title,
    )
