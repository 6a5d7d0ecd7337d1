"""Run one kernel over all blocks: serial, in threads or through Dask, with the same digits.

Every quantity is a sum of partials over fixed row blocks. Partials are always combined in block
order, so the number of threads decides only how long it takes.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from imscope.core.blocks import ROWS_PER_BLOCK, BlockSource, CsrBlock, block_bounds


@runtime_checkable
class Workers(Protocol):
    """Processes that run blocks: what a pass reads is sent once, a task is two numbers."""

    @property
    def slots(self) -> int:
        """Tasks that may wait or run at one time."""
        ...

    def begin(self, work: Callable[[int, int], Any]) -> Callable[[int, int], "Future[Any]"]:
        """Make ready to run ``work`` on any two row numbers."""
        ...


_EXECUTOR: ContextVar[Executor | Workers | None] = ContextVar("executor", default=None)


@contextmanager
def use_executor(executor: Executor | Workers) -> Iterator[None]:
    """Send every pass inside the ``with`` block to this executor; see :func:`map_blocks`.

    Parameters
    ----------
    executor
        An object with the method ``submit`` of :class:`concurrent.futures.Executor`, or
        :class:`Workers`.
    """
    token = _EXECUTOR.set(executor)
    try:
        yield
    finally:
        _EXECUTOR.reset(token)


def thread_count(threads: int | None = None) -> int:
    """Threads to use: the argument, else ``IMSCOPE_THREADS``, else the processors we may use."""
    if threads is None:
        wish = os.environ.get("IMSCOPE_THREADS", "")
        threads = int(wish) if wish.isdecimal() else len(os.sched_getaffinity(0))
    return max(1, threads)


def map_blocks[T](
    source: BlockSource,
    partial: Callable[[CsrBlock], T],
    *,
    rows: int = ROWS_PER_BLOCK,
    threads: int | None = None,
    executor: Executor | None = None,
) -> Iterator[T]:
    """Apply ``partial`` to every block and yield the results in block order.

    Parameters
    ----------
    source
        Where the rows come from.
    partial
        Called with one block; must not write to anything shared.
    rows
        Rows per block. It decides the order of sums: change it and the last digits may change.
    threads
        See :func:`thread_count`.
    executor
        Anything with ``submit``, for instance ``distributed.Client.get_executor()``. The caller
        keeps it open and closes it. Default: the one of :func:`use_executor`, else threads.

    Yields
    ------
    partial
        One result per block. At most ``threads + 1`` of them wait at any time.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 0], [2, 3], [0, 4]]))
    >>> [int(total) for total in map_blocks(source, lambda b: b.data.sum(), rows=2)]
    [6, 4]
    """
    bounds = block_bounds(source.n_cells, rows)
    n = thread_count(threads)
    pool: Executor | Workers | None = executor if executor is not None else _EXECUTOR.get()
    if pool is None and (n == 1 or len(bounds) < 2):
        for low, high in bounds:
            yield partial(source.read(low, high))
        return
    if isinstance(pool, Workers):
        yield from _in_order(pool.begin(_Task(source, partial)), bounds, pool.slots)
        return
    own = None if pool is not None else ThreadPoolExecutor(n)
    task, here = _Task(source, partial), own or pool
    try:
        yield from _in_order(lambda low, high: here.submit(task, low, high), bounds, n)  # type: ignore[union-attr]
    finally:
        if own is not None:
            own.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Task[T]:
    """A pass: read two row numbers' rows and apply the partial; writes nothing."""

    source: BlockSource
    partial: Callable[[CsrBlock], T]

    def __call__(self, low: int, high: int) -> T:
        return self.partial(self.source.read(low, high))


def _in_order[T](
    submit: Callable[[int, int], "Future[T]"], bounds: list[tuple[int, int]], slots: int
) -> Iterator[T]:
    """Results in block order, at most ``slots`` and one of them waiting."""
    waiting: deque[Future[T]] = deque()
    try:
        for low, high in bounds:
            waiting.append(submit(low, high))
            if len(waiting) > slots:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for left in waiting:
            left.cancel()
