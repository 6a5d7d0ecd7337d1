"""Is this installation sound: versions, machine, compiled kernels, no network, known numbers."""

import hashlib
import importlib
import os
import pkgutil
import platform
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imscope import __file__ as imscope_file
from imscope import __version__
from imscope.core import jit, rng

Status = Literal["ok", "failed"]

PACKAGES = (
    *("numpy", "scipy", "pandas", "numba", "h5py", "anndata", "zarr", "scikit-learn"),
    *("statsmodels", "pyarrow", "pydantic", "typer", "rich", "graspologic-native"),
)
RESOURCES = {
    "imscope.simulate": ("data/genes.tsv",),
    "imscope.io": ("data/catalogue.json", "data/genes.tsv.gz"),
    "imscope.report": ("assets/report.js", "assets/report.css"),
}
"""Files without which commands fail, by package. Every other file of the package is read too."""

_HI2_REFERENCE = 0.010619417971452568
_RNG_REFERENCE = [1130791511, 1670557572, 2457823078]


@dataclass(frozen=True)
class Check:
    """Outcome of one check.

    Attributes
    ----------
    name
        What was looked at.
    status
        ``ok`` or ``failed``.
    detail
        What was found, in one line.
    seconds
        How long it took. Unit: s.
    values
        The same as data.
    """

    name: str
    status: Status
    detail: str
    seconds: float = 0.0
    values: dict[str, Any] = field(default_factory=dict)


class CheckFailedError(Exception):
    """Raised inside a check: its message becomes the detail."""


CheckBody = Callable[[], tuple[str, dict[str, Any]]]
CHECKS: dict[str, CheckBody] = {}
"""All checks in the order they run. Add one with :func:`check`."""


def check(name: str) -> Callable[[CheckBody], CheckBody]:
    """Register a check: a function that returns a line and values, or raises."""

    def add(body: CheckBody) -> CheckBody:
        CHECKS[name] = body
        return body

    return add


def examine() -> list[Check]:
    """Run every check with the network blocked.

    Returns
    -------
    checks
        One outcome per check, in order. A check that raises has failed.

    Examples
    --------
    >>> [c.status for c in examine() if c.name == "random numbers"]
    ['ok']
    """
    out = []
    for name, body in CHECKS.items():
        began = time.perf_counter()
        status: Status = "ok"
        values: dict[str, Any] = {}
        try:
            with no_network():
                detail, values = body()
        except Exception as error:  # noqa: BLE001  whatever breaks is the finding
            status, detail = "failed", f"{type(error).__name__}: {error}"
        out.append(Check(name, status, detail, time.perf_counter() - began, values))
    return out


@contextmanager
def no_network() -> Iterator[None]:
    """Let every attempt to reach another machine fail while the block runs."""
    real_connect, real_lookup = socket.socket.connect, socket.getaddrinfo

    def refuse(*_: object, **__: object) -> Any:
        raise CheckFailedError("something tried to use the network")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.socket.connect = real_connect  # type: ignore[method-assign]
        socket.getaddrinfo = real_lookup


@check("versions")
def _versions() -> tuple[str, dict[str, Any]]:
    found = {"imscope": __version__, "python": platform.python_version()}
    missing = []
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise CheckFailedError(f"not installed: {', '.join(missing)}")
    return ", ".join(f"{k} {v}" for k, v in found.items()), found


@check("machine")
def _machine() -> tuple[str, dict[str, Any]]:
    import psutil

    from imscope.engine.execute import thread_count

    memory = psutil.virtual_memory()
    values = {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "threads": thread_count(),
        "memory_gb": round(memory.total / 1e9, 1),
        "memory_free_gb": round(memory.available / 1e9, 1),
    }
    line = (
        f"{values['threads']} threads of {values['processors']} processors, "
        f"{values['memory_free_gb']} of {values['memory_gb']} GB memory free, {values['system']}"
    )
    return line, values


@check("bundled files")
def _bundled() -> tuple[str, dict[str, Any]]:
    missing = [
        f"{package}/{name}"
        for package, names in RESOURCES.items()
        for name in names
        if not resources.files(package).joinpath(name).is_file()
    ]
    if missing:
        raise CheckFailedError(f"missing: {', '.join(missing)}")
    root = Path(str(imscope_file)).parent
    sums = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc", ".typed"):
            content = path.read_bytes()
            if not content:
                raise CheckFailedError(f"{path.relative_to(root)} is empty")
            sums[path.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()
    return f"{len(sums)} files, read with the network blocked", sums


@check("kernels")
def _kernels() -> tuple[str, dict[str, Any]]:
    for room in ("imscope.engine", "imscope.analyses"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)
    began = time.process_time()
    mine = [k for k in jit.KERNELS if k.py_func.__module__.startswith("imscope.")]
    for kernel in mine:
        kernel.compile()
    seconds = time.process_time() - began
    folder = jit.cache_folder()
    where = f"cached in {folder}" if folder else "not cached: no folder can be written"
    line = f"{len(mine)} kernels ready after {seconds:.2f} CPU s, {where}"
    return line, {"n": len(mine), "cpu_seconds": seconds, "folder": str(folder or "")}


@jit.njit("void(i8[::1], i4[::1], f8[::1])")
def _row_totals(indptr: Any, data: Any, out: Any) -> None:
    """Sum each row of a CSR matrix: the smallest kernel of the usual shape."""
    for row in range(len(out)):
        for k in range(indptr[row], indptr[row + 1]):
            out[row] += data[k]


@check("compiler")
def _compiler() -> tuple[str, dict[str, Any]]:
    counts = _tiny_counts()
    indptr = np.arange(0, counts.size + 1, counts.shape[1], dtype=np.int64)
    out = np.zeros(len(counts))
    _row_totals(indptr, counts.ravel().astype(np.int32), out)
    if out.tolist() != counts.sum(axis=1).tolist():
        raise CheckFailedError(f"a compiled sum gave {out.tolist()}")
    return "a compiled kernel gives the sums numpy gives", {"sums": out.tolist()}


@check("random numbers")
def _random_numbers() -> tuple[str, dict[str, Any]]:
    got = rng.spawn(7, "doctor", 3).integers(1 << 32, size=3).tolist()
    if got != _RNG_REFERENCE:
        raise CheckFailedError(f"got {got}, expected {_RNG_REFERENCE}")
    return "the stream of seed 7 is the known one", {"numbers": got}


@check("heterogeneity index")
def _index() -> tuple[str, dict[str, Any]]:
    got = _textbook_hi2(_tiny_counts())
    if not abs(got - _HI2_REFERENCE) < 1e-9:
        raise CheckFailedError(f"hi2 is {got!r}, expected {_HI2_REFERENCE}")
    return f"hi2 of the reference matrix is {got:.9f}, as expected", {"hi2": got}


def _tiny_counts() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Whole counts of 8 cells and 5 genes from a formula, the same on every machine."""
    cell, gene = np.indices((8, 5))
    return np.asarray(20 + (cell * 7 + gene * 11) % 13 + 10 * ((cell % 2) == (gene % 2)))


def _textbook_hi2(counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> float:
    total = counts.sum(axis=1, keepdims=True)
    y = counts / total
    noise = (y * (1 - y) / (total - 1)).mean(axis=0)
    return float(((y.var(axis=0, ddof=1) - noise) / y.mean(axis=0)).sum())
