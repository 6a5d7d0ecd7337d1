"""Open an HDF5 file only after it was inspected in another process.

HDF5 files can point at other files, and damaged ones can crash the library. The inspection
(:mod:`imscope.io.h5_inspect`) runs under limits of memory and time with loading of filter plugins
switched off; whatever happens there reaches the user as an error with a code. The file handed out
(:mod:`imscope.io.h5_seen`) opens only objects that were inspected.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imscope.core import codes
from imscope.core.errors import DataError, ImscopeError
from imscope.io.guard_text import require_regular

if TYPE_CHECKING:
    import h5py

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SECONDS = 90


def open_hdf5(path: Path) -> "h5py.File":
    """Inspect and open an HDF5 file for reading.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    file
        Open for reading; the caller closes it.

    Raises
    ------
    DataError
        The file is no HDF5, is damaged, reaches outside itself, or declares absurd sizes.
    """
    path = Path(path)
    before, addresses = _inspect(path)
    import hdf5plugin  # noqa: F401  registers zstd, blosc, lz4 and bitshuffle

    from imscope.io.h5_seen import SeenFile

    with hdf5_errors(path):
        handle = SeenFile(path, addresses)
    if handle.identity() != before:
        handle.close()
        raise DataError(f"{path} was changed while it was read", code=codes.FILE_CHANGED)
    return handle


def inspect_hdf5(path: Path) -> tuple[int, ...]:
    """Inspect a file in a process of its own; return what identifies the file inspected.

    Raises
    ------
    DataError
        See :func:`open_hdf5`.
    """
    return _inspect(Path(path))[0]


def _inspect(path: Path) -> tuple[tuple[int, ...], frozenset[int]]:
    """What identifies the file, and the addresses of the objects that were checked in it."""
    require_regular(path)
    try:
        with path.open("rb") as handle:
            identity = _identity(os.fstat(handle.fileno()))
            if not _has_signature(handle, identity[2]):
                code, word = (
                    (codes.FILE_EMPTY, "is empty")
                    if not identity[2]
                    else (codes.H5_FORMAT, "is not HDF5")
                )
                raise DataError(f"{path} {word}", found=f"{identity[2]:,} bytes", code=code)
    except OSError as error:
        raise DataError(
            f"{path} could not be read", found=str(error.strerror), code=codes.FILE_READ
        ) from error
    finding = _ask_child(path)
    code = str(finding.get("code", ""))
    if code:
        declared = codes.CODES.get(code)
        raise DataError(
            f"{path}: {declared.meaning if declared else 'the file was refused'}",
            found=f"{finding.get('place')}: {finding.get('found')}".removeprefix(": "),
            fix=declared.fix if declared else "",
            code=code,
        )
    try:
        return identity, frozenset(int(a) for a in finding["addresses"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: the inspection gave no list of objects", code=codes.H5_CRASH
        ) from error


@contextmanager
def hdf5_errors(path: Path) -> Iterator[None]:
    """Turn what the HDF5 library raises on damage into one error with a code."""
    try:
        yield
    except ImscopeError:
        raise
    except Exception as error:  # a library on damage raises whatever it likes
        text = str(error).splitlines()[0] if str(error) else ""
        raise DataError(
            f"{path} is damaged",
            found=f"{type(error).__name__}: {text}",
            fix="copy it again and compare checksums",
            code=codes.H5_DAMAGED,
        ) from error


def _has_signature(handle: Any, size: int) -> bool:
    offset = 0
    while offset < size:
        handle.seek(offset)
        if handle.read(8) == _SIGNATURE:
            return True
        offset = 512 if offset == 0 else offset * 2
    return False


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _ask_child(path: Path) -> dict[str, Any]:
    from importlib.util import find_spec

    spec = find_spec("h5py")
    site = Path(spec.origin).parents[1] if spec is not None and spec.origin else Path()
    script = Path(__file__).with_name("h5_inspect.py")
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HDF5_PLUGIN_PRELOAD": "::",  # the library then loads no plugin at all
        "HDF5_PLUGIN_PATH": "/nonexistent",
        "HDF5_USE_FILE_LOCKING": "FALSE",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    command = [sys.executable, "-I", "-S", str(script), str(site), str(path.absolute())]
    try:
        done = subprocess.run(  # noqa: S603  our own script, no shell
            command, capture_output=True, timeout=_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"{path}: the inspection took longer than {_SECONDS} s", code=codes.H5_CRASH
        ) from error
    try:
        answer = json.loads(done.stdout.decode("utf-8", "replace"))
        if done.returncode == 0 and isinstance(answer, dict):
            return answer
    except ValueError:
        pass  # no answer: the process died, which is the finding
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
    raise DataError(
        f"{path}: the HDF5 library failed on this file in a separate process",
        found=f"{how}; {last[0][:300]}",
        fix="the file is damaged or hostile: get a fresh copy from its source",
        code=codes.H5_CRASH,
    )
