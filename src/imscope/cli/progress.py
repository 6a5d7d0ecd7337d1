"""Progress on stderr: a bar with the time left in a terminal, plain lines anywhere else."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console

from imscope.core.terminal import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from imscope.study.telemetry import StepRecord


class ProgressShown:
    """Shows the steps of a run; honours ``NO_COLOR`` and pipes.

    Parameters
    ----------
    quiet
        Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bar: Progress | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.quiet:
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %  {task.fields[left]}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task("starting", total=1.0, left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step_started(self, step: str, done_frac: float, seconds_left: float | None) -> None:
        """Name the step and show the estimate of the time left."""
        left = "" if seconds_left is None else f"about {_duration(seconds_left)} left"
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0], description=printable(step), completed=done_frac, left=left
            )

    def step_finished(self, record: "StepRecord", done_frac: float) -> None:
        """Show what a step took."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done_frac)
        took = "found finished" if record.cached else f"{record.seconds:.1f} s"
        self._console.print(
            f"  {printable(record.step):<18} {took:>14}  {record.peak_mb:6.0f} MB peak"
        )

    def message(self, text: str) -> None:
        """Show a sentence."""
        self._console.print(printable(text), markup=False)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
