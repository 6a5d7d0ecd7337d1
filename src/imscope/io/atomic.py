"""Write files whole or not at all: temporary name, fsync, rename, fsync of the folder.

Files that belong together appear together (:func:`file_set`): all are written and on disk before
the first takes its name, and a fault on the way puts back what was there.
"""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import MachineError

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
    MachineError
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
        try:
            os.fchmod(handle, 0o666 & ~_umask())
        finally:
            os.close(handle)
        yield temporary
        sync_file(temporary)
        sync_folder(path.parent)  # a folder that cannot be synced is found out before the rename
        crash_point()
        os.replace(temporary, path)
        with contextlib.suppress(OSError):
            sync_folder(path.parent)  # the new file is whole whichever name the disk keeps
    except BaseException as error:
        if temporary is not None:
            _insist(partial(temporary.unlink, missing_ok=True))
        if isinstance(error, OSError):
            raise MachineError(
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


@contextmanager
def file_set(folder: Path, *, whole: Sequence[str] = ()) -> Iterator[Path]:
    """Give an empty folder; its files take their places in ``folder`` together or not at all.

    Parameters
    ----------
    folder
        Where the files belong; must exist. Files of other names stay.
    whole
        Subfolders that the set replaces as a whole: older files in them go.

    Yields
    ------
    draft
        Write all files here, in the subfolders they belong to.

    Raises
    ------
    MachineError
        The disk refuses. Every file is then as it was before.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with file_set(folder) as draft:
    ...     (draft / "tables").mkdir()
    ...     _ = (draft / "tables" / "a.tsv").write_text("a")
    >>> sorted(p.name for p in folder.rglob("*"))
    ['a.tsv', 'tables']
    """
    folder = Path(folder)
    draft: Path | None = None
    try:
        for left in folder.glob(f"{TEMPORARY}set-*"):
            remove_tree(left)  # of a run that was killed
        draft = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}set-", dir=folder))
        new = draft / "new"
        new.mkdir()
        yield new
        _take_places(folder, draft, whole)
    except OSError as error:
        raise MachineError(
            f"the files of {folder} could not be written",
            found=f"{type(error).__name__}: {error.strerror or error}",
            fix="check free space and rights of the folder; nothing was changed",
            code=codes.WRITE_FAILED,
        ) from error
    finally:
        if draft is not None:
            remove_tree(draft)


def _take_places(folder: Path, draft: Path, whole: Sequence[str]) -> None:
    """Rename every file of a set into its place; put everything back if one step fails."""
    new, old = draft / "new", draft / "old"
    files = sorted(p.relative_to(new) for p in new.rglob("*") if p.is_file())
    for name in files:
        sync_file(new / name)
    known = set(files)
    gone = sorted(
        p.relative_to(folder)
        for part in whole
        for p in (folder / part).rglob("*")
        if p.is_file() and p.relative_to(folder) not in known
    )
    undo: list[Callable[[], object]] = []
    try:
        for name in (*files, *gone):
            parent = folder / name.parent
            if not parent.is_dir():
                parent.mkdir(parents=True)
                undo.append(parent.rmdir)
            if (folder / name).exists():
                (old / name).parent.mkdir(parents=True, exist_ok=True)
                undo.append(partial(_put_back, old / name, folder / name))
                os.rename(folder / name, old / name)
            if name in known:
                crash_point()
                undo.append(partial(_take_away, new / name, folder / name))
                os.replace(new / name, folder / name)
        for parent in sorted({(folder / name).parent for name in (*files, *gone)}):
            sync_folder(parent)
    except BaseException:
        for step in reversed(undo):
            _insist(step)
        raise


def _put_back(kept: Path, place: Path) -> None:
    if kept.exists():
        os.replace(kept, place)


def _take_away(new: Path, place: Path) -> None:
    if not new.exists():
        place.unlink(missing_ok=True)


def _insist(step: Callable[[], object]) -> None:
    """Undo one step; a fault that passes is given three chances, and the rest goes on."""
    for _ in range(3):
        try:
            step()
        except OSError:
            continue
        return


def remove_tree(folder: Path) -> None:
    """Delete a folder of our own; a fault that passes does not leave a part of it."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


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
        raise MachineError(
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
