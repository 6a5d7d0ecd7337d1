"""`imscope run`: one sample sheet in, one run folder out; the only place that knows the order."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import scipy.linalg  # noqa: F401  loads its linear algebra before the limit below is set
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.names import read_truth
from imscope.io.counts import read_counts
from imscope.io.sheet import SampleRow, SampleSheet, read_sheet
from imscope.study.config import RunConfig
from imscope.study.design import summarise_design
from imscope.study.ingest import join_samples, write_sample
from imscope.study.outputs import WRITE_SHARE, write_outputs
from imscope.study.plan import find_steps, run_steps
from imscope.study.step import Run
from imscope.study.steps.panel import Panel
from imscope.study.store import Finished, StepStore, sha256_path
from imscope.study.telemetry import Listener, Telemetry

INGEST_SHARE = 2.9
"""Rough seconds to read the demonstration's files, as the shares of the steps."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run.

    Attributes
    ----------
    folder
        The run folder.
    results
        Content of ``results.json``.
    tables
        Every table of ``tables/``.
    panel
        Expression of the genes the report shows.
    stamp
        Times, memory, versions, machine: what may differ between two runs of the same thing.
    cached
        Whether every step was found finished.
    """

    folder: Path
    results: dict[str, Any]
    tables: Mapping[str, pd.DataFrame]
    panel: Panel
    stamp: dict[str, Any]
    cached: bool


def run_study(
    sheet: Path | str,
    out: Path | str,
    *,
    config: RunConfig | None = None,
    fresh: bool = False,
    threads: int | None = None,
    listener: Listener | None = None,
    simulated: bool = False,
) -> RunResult:
    """Read a sample sheet, compute every result and write the run folder.

    Parameters
    ----------
    sheet
        Sample sheet (CSV, TSV or XLSX).
    out
        Run folder. A folder that holds a run is continued; any other folder with content is
        refused.
    config
        Settings; the defaults if not given.
    fresh
        Forget finished steps and compute everything again.
    threads
        Threads to use; all processors we may use if not given. Changes no digit.
    listener
        Told about progress.
    simulated
        Label every page of the report as simulated.

    Returns
    -------
    result
        The folder, the content of ``results.json`` and the tables.

    Raises
    ------
    UsageError
        The sheet, the configuration or the folder cannot be used.
    DataError
        An input file breaks the data contract. No output folder is left behind.
    """
    config = config or RunConfig()
    read = read_sheet(Path(sheet))
    frame = read.frame.rename_axis("sample").reset_index()
    for key in ("group", "unit"):
        _known_column(key, getattr(config.heterogeneity, key), frame)
    chosen = config.heterogeneity
    design = summarise_design(
        frame, group=chosen.group, unit=chosen.unit, adjustment=chosen.adjustment
    )
    plan = find_steps()
    total = INGEST_SHARE + WRITE_SHARE + sum(step.share for step in plan)
    telemetry = Telemetry(listener, total)
    started = datetime.now(UTC)
    with _work_folder(Path(out), fresh=fresh, telemetry=telemetry) as work:
        inputs = _identify(read, telemetry)
        ingested = work.settle(_ingest(read, config, inputs, work.store, telemetry))
        names = [row.sample for row in read.rows]
        run = Run(
            cohort=join_samples(names, {s: ingested[s].folder for s in names}),
            sheet=frame,
            design=design,
            config=config,
            raw_paths={r.sample: r.raw_path for r in read.rows if r.raw_path is not None},
            inputs=inputs,
            title=config.report.title or read.path.stem,
            simulated=simulated or _says_simulated(frame),
            threads=threads,
        )
        with threadpool_limits(1, user_api="blas"):  # one layer of threads: ours
            done = run_steps(plan, run, ingested, work.store, telemetry)
        written = write_outputs(work.folder, run, done, started=started, telemetry=telemetry)
        everything = [*ingested.values(), *done.values()]
        work.store.forget_others({s.folder for s in everything})
        telemetry.event("run finished")
    return RunResult(
        folder=work.folder,
        results=written.results,
        tables=written.tables,
        panel=written.panel,
        stamp=written.stamp,
        cached=all(s.cached for s in everything),
    )


class _Work:
    """The run folder while it is being made.

    A new run begins under a hidden name beside its place and takes its own name once every input
    has been read in full, so that bad input leaves no folder behind.
    """

    def __init__(self, out: Path, telemetry: Telemetry) -> None:
        self.out = out
        self.new = not out.exists() or not any(out.iterdir())
        self.folder = out.parent / f".{out.name}.starting" if self.new else out
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = StepStore(self.folder / ".steps")
        self.telemetry = telemetry

    def settle(self, steps: dict[str, Finished]) -> dict[str, Finished]:
        """Take the folder's own name, open the log; return the steps where they are now."""
        if self.new:
            if self.out.exists():
                self.out.rmdir()
            self.folder.rename(self.out)
            self.folder, self.new = self.out, False
            self.store = StepStore(self.folder / ".steps")
        self.telemetry.open_log(self.folder / "log.jsonl")
        root = self.store.root
        return {k: replace(step, folder=root / step.folder.name) for k, step in steps.items()}

    def abandon(self) -> None:
        """Leave nothing behind of a run that never got past its inputs."""
        if self.new:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _work_folder(out: Path, *, fresh: bool, telemetry: Telemetry) -> Iterator[_Work]:
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, not a folder", fix="name another --out")
    known = (out / ".steps").is_dir()
    if out.exists() and any(out.iterdir()) and not known:
        raise UsageError(
            f"{out} holds other files and is not a run folder",
            found=", ".join(sorted(p.name for p in out.iterdir())[:5]),
            fix="name a new or empty folder for --out; nothing was touched",
            code=codes.RUN_FOLDER,
        )
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise UsageError(
            f"cannot write to {out.parent}",
            fix="make the folder, or name another --out",
            code=codes.RUN_FOLDER,
        )
    work = _Work(out, telemetry)
    lock = FileLock(work.folder / ".steps" / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"another run is writing to {out}",
            fix="wait for it, or name another --out",
            code=codes.RUN_LOCKED,
        ) from None
    try:
        if fresh:
            work.store.forget_others(set())
        yield work
    except BaseException as error:
        telemetry.event("run failed", error=type(error).__name__, message=str(error))
        work.abandon()
        raise
    finally:
        lock.release()


def _known_column(key: str, name: str | None, frame: pd.DataFrame) -> None:
    if name is not None and name not in frame:
        raise UsageError(
            f"heterogeneity.{key} names the column {name!r}, which the sample sheet does not have",
            found=", ".join(map(str, frame.columns)),
            code=codes.CONFIG_VALUE,
        )


def _identify(sheet: SampleSheet, telemetry: Telemetry) -> dict[str, dict[str, Any]]:
    """Hash every input file once."""
    inputs: dict[str, dict[str, Any]] = {}
    with telemetry.step("identify inputs"):
        for row in sheet.rows:
            for path in (row.path, row.raw_path):
                if path is None or str(path) in inputs:
                    continue
                files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
                inputs[str(path)] = {
                    "path": str(path),
                    "sha256": sha256_path(path),
                    "bytes": sum(p.stat().st_size for p in files),
                }
    return inputs


def _ingest(
    sheet: SampleSheet,
    config: RunConfig,
    inputs: Mapping[str, Mapping[str, Any]],
    store: StepStore,
    telemetry: Telemetry,
) -> dict[str, Finished]:
    """Store every sample's counts; files that hold many samples are opened once."""
    expression = config.input.matrix == "expression"
    steps: dict[str, Finished] = {}
    by_file: dict[str, list[SampleRow]] = {}
    for row in sheet.rows:
        by_file.setdefault(str(row.path), []).append(row)
    with telemetry.step("ingest", INGEST_SHARE) as parts:
        for path, rows in by_file.items():
            opened: list[Any] = []

            def work(folder: Path, row: SampleRow, path: str, opened: list[Any]) -> None:
                if not opened:
                    opened.append(read_counts(Path(path), expression=expression))
                data = opened[0]
                write_sample(folder, data, row.cells_of(data.obs))

            try:
                for row in rows:
                    what = {
                        "sample": row.sample,
                        "sample_key": row.sample_key,
                        "select": row.select,
                        "expression": expression,
                    }
                    digest = {"file": str(inputs[path]["sha256"])}
                    steps[row.sample] = store.run(
                        "ingest", what, digest, partial(work, row=row, path=path, opened=opened)
                    )
                    parts.append(steps[row.sample].cached)
            finally:
                for data in opened:
                    data.close()
    return steps


def _says_simulated(frame: pd.DataFrame) -> bool:
    """Whether the sheet itself marks its samples as simulated."""
    column = "simulated"
    return column in frame and bool(read_truth(frame[column], column).any())
