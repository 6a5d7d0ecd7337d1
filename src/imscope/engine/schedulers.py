"""Where blocks are run: in threads of this process, in processes here, or on a cluster."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imscope import __version__
from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.engine.execute import Workers

THREADS = "threads"
WAIT_S = 20
"""Seconds a scheduler has to answer."""
SAME = ("imscope", "python", "numpy", "numba", "scipy")
"""Versions that must agree, because they decide digits."""


@contextmanager
def use_scheduler(name: str = THREADS, *, worker_memory: str = "") -> Iterator[Workers | None]:
    """Run every pass inside the ``with`` block on a scheduler; it changes no digit.

    Parameters
    ----------
    name
        ``threads``; ``local:N`` for N processes of this machine; the address of a Dask scheduler
        (``tcp://HOST:8786``, ``tls://...``); or ``file:SCHEDULER.json``.
    worker_memory
        Memory of each local process, such as ``2GB``; by default its share of the machine.

    Yields
    ------
    workers
        The workers in use; nothing for threads.

    Raises
    ------
    UsageError
        The name is of no scheduler, Dask is not installed, the scheduler does not answer, or a
        worker runs other versions than this process.

    Examples
    --------
    >>> with use_scheduler("threads") as workers:
    ...     print(workers)
    None
    >>> with use_scheduler("cloud"):
    ...     pass
    Traceback (most recent call last):
        ...
    imscope.core.errors.UsageError: there is no scheduler 'cloud'...
    """
    if name == THREADS:
        yield None
        return
    kind, _, rest = name.partition(":")
    known = (kind in ("tcp", "tls", "ucx") and rest.startswith("//")) or (kind == "file" and rest)
    if not (known or (kind == "local" and rest.isdecimal() and int(rest) > 0)):
        raise UsageError(
            f"there is no scheduler {name!r}",
            fix="threads, local:N, tcp://HOST:PORT, tls://HOST:PORT or file:SCHEDULER.json",
            code=codes.WORKER_SCHEDULER,
        )
    from imscope.engine.dask_execute import use_dask

    with _client(kind, rest, name, worker_memory) as client:
        handshake(client)
        with use_dask(client) as workers:
            yield workers


@contextmanager
def _client(kind: str, rest: str, name: str, worker_memory: str) -> Iterator[Any]:
    """An open client, and a cluster of our own where none is named."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(
            "Dask is not installed",
            fix="install imscope[dask], or run without --scheduler",
            code=codes.WORKER_SCHEDULER,
        ) from error
    if kind == "local":
        limit = worker_memory or "auto"
        with (
            LocalCluster(
                n_workers=int(rest), threads_per_worker=1, processes=True,
                dashboard_address=None, memory_limit=limit,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):  # fmt: skip
            yield client
        return
    where: dict[str, Any] = {"scheduler_file": rest} if kind == "file" else {"address": name}
    if kind == "file" and not Path(rest).is_file():
        raise UsageError(f"there is no file {rest}", code=codes.WORKER_SCHEDULER)
    if kind == "tcp" and not rest.startswith(("//127.", "//localhost", "//[::1]")):
        warnings.warn(
            f"{name}: counts travel unencrypted; use tls:// outside a network you trust",
            stacklevel=5,
        )
    try:
        client = Client(**where, timeout=WAIT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"the scheduler {name} does not answer",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            fix="start it, or check address and network",
            code=codes.WORKER_SCHEDULER,
        ) from error
    with client:
        yield client


def versions() -> dict[str, str]:
    """Versions in this process that decide digits."""
    import platform
    from importlib import metadata

    found = {"imscope": __version__, "python": platform.python_version()}
    for name in SAME[2:]:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def handshake(client: Any) -> Mapping[str, Mapping[str, str]]:
    """Ask every worker for its versions, and refuse one that differs by name.

    Returns
    -------
    versions
        By address of the worker.

    Raises
    ------
    UsageError
        There is no worker, or one has another version.
    """
    try:
        client.wait_for_workers(1, timeout=WAIT_S)
        answers: dict[str, Any] = client.run(versions, on_error="return")
    except (OSError, TimeoutError) as error:
        raise UsageError(
            "the scheduler has no worker",
            found=f"none within {WAIT_S} s",
            fix="start workers, then try again",
            code=codes.WORKER_SCHEDULER,
        ) from error
    mine = versions()
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, BaseException):
            problem, found = f"the worker {worker} cannot run imscope", f"{answer}"
        else:
            wrong = [
                f"{k} {answer.get(k)}, here {mine[k]}" for k in mine if answer.get(k) != mine[k]
            ]
            if not wrong:
                continue
            problem, found = f"the worker {worker} has other versions", "; ".join(wrong)
        raise UsageError(
            problem,
            found=found,
            fix="install the same versions of imscope, Python and NumPy on every worker",
            code=codes.WORKER_SCHEDULER,
        )
    return answers
