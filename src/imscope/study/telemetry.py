"""What a run tells while it works: steps, time, processor time, peak memory, time left.

Nothing here decides a result, so none of it goes into ``results.json`` or ``tables/``.
"""

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psutil


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Time and memory of one step. Seconds, processor seconds, MB (peak of the process)."""

    step: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    cached: bool


class Listener(Protocol):
    """Who wants to know; the command line shows a progress bar, a library user may pass none."""

    def step_started(self, step: str, done_frac: float, seconds_left: float | None) -> None:
        """Tell that a step begins."""
        ...

    def step_finished(self, record: StepRecord, done_frac: float) -> None:
        """Tell that a step has ended."""
        ...

    def message(self, text: str) -> None:
        """Tell something in words."""
        ...


class Telemetry:
    """Records of one run; kept in memory until the log is opened, then appended to it.

    Parameters
    ----------
    listener
        Told about every step, or ``None``.
    total
        Rough work of all steps, in the unit of their shares.
    """

    def __init__(self, listener: Listener | None = None, total: float = 0.0) -> None:
        self.total = total
        self.records: list[StepRecord] = []
        self._log: Path | None = None
        self._waiting: list[str] = []
        self._listener = listener
        self._begun = time.monotonic()
        self._done = 0.0
        self._cached = 0.0
        self.event("run started", pid=os.getpid())

    def event(self, event: str, **fields: Any) -> None:
        """Append one line to the log."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
        self._waiting.append(json.dumps(line | fields, default=str) + "\n")
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as handle:
                handle.writelines(self._waiting)
            self._waiting.clear()

    def open_log(self, path: Path) -> None:
        """Append to this file from now on, beginning with what was held back."""
        self._log = path
        self.event("log opened")

    def message(self, text: str) -> None:
        """Log a sentence and pass it on."""
        self.event("message", text=text)
        if self._listener is not None:
            self._listener.message(text)

    @contextmanager
    def step(self, name: str, share: float = 0.0) -> Iterator[list[bool]]:
        """Measure a step; the list it yields collects whether its parts were found finished.

        Parameters
        ----------
        name
            As the user sees it.
        share
            Its rough part of :attr:`total`.
        """
        total = max(self.total, 1e-9)
        if self._listener is not None:
            self._listener.step_started(name, self._done / total, self._seconds_left())
        self.event("step started", step=name)
        parts: list[bool] = []
        _reset_peak()
        wall, cpu = time.monotonic(), _cpu_seconds()
        try:
            yield parts
        except BaseException as error:
            self.event("step failed", step=name, error=type(error).__name__)
            raise
        cached = bool(parts) and all(parts)
        record = StepRecord(
            name,
            round(time.monotonic() - wall, 3),
            round(_cpu_seconds() - cpu, 3),
            round(peak_mb(), 1),
            cached,
        )
        self.records.append(record)
        self._done += share
        self._cached += share if cached else 0.0
        self.event("step finished", **asdict(record))
        if self._listener is not None:
            self._listener.step_finished(record, self._done / total)

    def _seconds_left(self) -> float | None:
        worked = self._done - self._cached
        if worked <= 0:
            return None
        pace = (time.monotonic() - self._begun) / worked
        return pace * max(self.total - self._done, 0.0)


def peak_mb() -> float:
    """Peak resident memory since it was last reset, or of the whole process. Unit: MB."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:  # not Linux: the peak of the whole process is what there is
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_total_mb() -> float:
    """Memory of the machine. Unit: MB."""
    return float(psutil.virtual_memory().total) / 2**20


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # then peak_mb is the peak of the process so far


def _cpu_seconds() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
