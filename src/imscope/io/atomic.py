"""Write files whole or not at all: temporary name, fsync, rename, fsync of the folder."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TEMPORARY = ".imscope-tmp-"
"""Start of every temporary name; a killed run may leave such files, which are safe to delete."""

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_writes = 0


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes the place of ``path``.

    Parameters
    ----------
    path
        The final file. Its folder must exist.

    Yields
    ------
    temporary
        Write the whole content here.

    Raises
    ------
    DataError
        The disk is full, the folder is read-only and so on. The old file is then untouched.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [(p.name, p.read_text()) for p in folder.iterdir()]
    [('a.txt', 'whole')]
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        os.fchmod(handle, 0o666 & ~_umask())
        os.close(handle)
        yield temporary
        sync_file(temporary)
        crash_point()
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(
                f"{path} could not be written",
                found=f"{type(error).__name__}: {error.strerror or error}",
                fix="check free space and rights of the folder; nothing was changed",
                code=codes.WRITE_FAILED,
            ) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes to a file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def write_parquet(path: Path, frame: "pd.DataFrame") -> None:
    """Write a table as Parquet, whole or not at all; the same table gives the same bytes."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, engine="pyarrow", compression="zstd", index=False)


def write_tsv(path: Path, frame: "pd.DataFrame") -> None:
    r"""Write a table as tab-separated text, whole or not at all.

    Text that a spreadsheet would run as a formula gets a leading apostrophe; tabs and line ends
    inside text become spaces. Numbers are written in full and never changed.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "t.tsv"
    >>> write_tsv(path, pd.DataFrame({"name": ["=1+1", "CD73"], "log2_fc": [-1.5, 2.0]}))
    >>> path.read_text()
    "name\tlog2_fc\n'=1+1\t-1.5\nCD73\t2.0\n"
    """
    import pandas as pd

    safe = frame.copy(deep=False)
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            safe[name] = pd.Series(
                [_safe_field(v) for v in column.astype(object)], index=safe.index, dtype=object
            )
    safe.columns = [str(_safe_field(str(c))) for c in frame.columns]
    write_text(path, safe.to_csv(sep="\t", index=False, lineterminator="\n"))


def crash_point() -> None:
    """Die here if ``IMSCOPE_CRASH_AT`` says so: a seam for tests of killed runs.

    With ``IMSCOPE_CRASH_AT=n`` the n-th write of the process is killed (SIGKILL) just before its
    rename.
    """
    global _writes  # noqa: PLW0603  a counter per process is the point
    _writes += 1
    wish = os.environ.get("IMSCOPE_CRASH_AT", "")
    if wish.isdecimal() and int(wish) == _writes:
        os.kill(os.getpid(), signal.SIGKILL)


def sync_file(path: Path) -> None:
    """Make sure the content of a file is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Make sure the names in a folder are on disk."""
    sync_file(path)


def guarded[T](path: Path, action: Callable[[], T]) -> T:
    """Run an action that writes below ``path``; an operating system error gets a code."""
    try:
        return action()
    except OSError as error:
        raise DataError(
            f"{path} could not be written",
            found=f"{type(error).__name__}: {error.strerror or error}",
            fix="check free space and rights of the folder; nothing was changed",
            code=codes.WRITE_FAILED,
        ) from error


def _safe_field(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.startswith(_FORMULA_START):
        value = "'" + value
    return value.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
