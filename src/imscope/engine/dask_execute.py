"""Dask as the executor of the same kernels: same blocks, same order of sums, same digits."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from imscope.core.errors import UsageError
from imscope.engine.execute import use_executor


@contextmanager
def use_dask(client: Any = None) -> Iterator[Executor]:
    """Run every pass over blocks inside the ``with`` block through Dask.

    Parameters
    ----------
    client
        A ``distributed.Client``. Without one, a local scheduler in this process is started and
        closed again.

    Yields
    ------
    executor
        The executor in use.

    Raises
    ------
    UsageError
        Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "Dask is not installed", fix="install imscope[dask], or run without Dask"
        ) from error
    own: Any = None
    if client is None:
        client = own = Client(processes=False, dashboard_address=None, set_as_default=False)
    try:
        executor = client.get_executor(pure=False)
        with use_executor(executor):
            yield executor
    finally:
        if own is not None:
            own.close()
