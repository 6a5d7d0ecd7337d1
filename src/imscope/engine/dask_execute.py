"""Dask as the executor of the same kernels: same blocks, same order of sums, same digits.

What a pass reads (the recipe of its source and its small arrays) goes to a worker once; a task is
the name of that and two row numbers. A task writes nothing and gives one partial, so a lost worker
costs only its blocks.
"""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError, ImscopeError, MachineError, UsageError
from imscope.engine.execute import Workers, use_executor
from imscope.io import recipe as recipe  # teaches open files to travel as path and stamp

RETRIES = 3
"""Workers a block may lose before the run stops."""


class DaskWorkers:
    """The workers of a ``distributed.Client`` as :class:`imscope.engine.execute.Workers`.

    Parameters
    ----------
    client
        An open client; the caller closes it.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.passes = 0

    @property
    def slots(self) -> int:
        """Twice the threads of all workers, so that none waits for the client."""
        threads: dict[str, int] = self.client.nthreads()
        return max(2, 2 * sum(threads.values()))

    def begin(self, work: Callable[[int, int], Any]) -> Callable[[int, int], "Future[Any]"]:
        """Send what a pass reads, once, and return a function that submits one block.

        Raises
        ------
        UsageError
            The source of the pass lives in this process only.
        """
        self.passes += 1
        try:
            with (
                warnings.catch_warnings()
            ):  # Dask advises against large tasks; this one is sent once
                warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
                # a task, not scattered data: the scheduler makes it again when its worker is lost
                held = self.client.submit(_hold, work, pure=False, retries=RETRIES)
        except (TypeError, AttributeError, ValueError) as error:
            raise UsageError(
                "this source of counts cannot be sent to workers",
                found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
                fix="read it from a run folder or a store, or run on threads",
                code=codes.WORKER_SOURCE,
            ) from error

        def submit(low: int, high: int) -> "Future[Any]":
            return _Answer(
                self.client.submit(_run, held, low, high, pure=False, retries=RETRIES), (low, high)
            )

        return submit


class _Answer(Future[Any]):
    """A Dask future whose errors are ours."""

    def __init__(self, future: Any, rows: tuple[int, int]) -> None:
        super().__init__()
        self._future, self._rows = future, rows

    def result(self, timeout: float | None = None) -> Any:
        """The partial, or the error the block raised on its worker."""
        from distributed import KilledWorker

        try:
            return self._future.result(timeout)
        except ImscopeError:
            raise
        except KilledWorker as error:
            low, high = self._rows
            raise MachineError(
                f"rows {low:,} to {high:,} ended {RETRIES + 1} workers one after the other",
                found=str(error).splitlines()[0],
                fix="give the workers more memory (--worker-memory), or use fewer per machine",
                code=codes.WORKER_LOST,
            ) from error
        except OSError as error:
            raise DataError(
                "a worker could not read the counts",
                found=f"{type(error).__name__}: {error}",
                fix="put the run folder where every worker sees it under the same path",
                code=codes.WORKER_PATH,
            ) from error

    def cancel(self) -> bool:
        """Ask Dask not to run the block any more."""
        self._future.cancel()
        return True


def _hold[T](work: T) -> T:
    """On a worker: what a pass reads, with its source opened here."""
    return work


def _run(work: Callable[[int, int], Any], low: int, high: int) -> Any:
    """On a worker: one block, with one thread of linear algebra as everywhere."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return work(low, high)


@contextmanager
def use_dask(client: Any = None) -> Iterator[Workers]:
    """Run every pass over blocks inside the ``with`` block through Dask.

    Parameters
    ----------
    client
        A ``distributed.Client``. Without one, a local scheduler in this process is started and
        closed again.

    Yields
    ------
    workers
        The workers in use.

    Raises
    ------
    UsageError
        Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "Dask is not installed",
            fix="install imscope[dask], or run without --scheduler",
            code=codes.WORKER_SCHEDULER,
        ) from error
    own: Any = None
    if client is None:
        client = own = Client(processes=False, dashboard_address=None, set_as_default=False)
    try:
        workers = DaskWorkers(client)
        with use_executor(workers):
            yield workers
    finally:
        if own is not None:
            own.close()
