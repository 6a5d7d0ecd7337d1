"""Sample sheets in the browser: the checks of the command; no change writes over another."""

import hashlib
import tempfile
from pathlib import Path

from pydantic import BaseModel

from imscope.app.folder import RunFolders
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.io.atomic import write_text
from imscope.io.sheet import check_sheet


class Fault(BaseModel):
    """One thing that is wrong with a sheet, in the words of ``imscope sheet --check``."""

    code: str
    problem: str
    found: str = ""
    fix: str = ""


class Told(BaseModel):
    """One thing that was understood or left out, and must be known."""

    code: str
    message: str
    subject: str = ""


class SheetCheck(BaseModel):
    """What is wrong with a sheet, and what was understood."""

    samples: int | None
    faults: list[Fault]
    notices: list[Told]


class SheetText(BaseModel):
    """A sheet as text, with the version an edit has to name."""

    id: str
    name: str
    text: str
    version: str


def version_of(text: str) -> str:
    """Name of a state of a sheet."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_text(folders: RunFolders, sheet_id: str) -> SheetText:
    """A sheet of the folder as text.

    Raises
    ------
    DataError
        There is none of this id, or it is not UTF-8.
    """
    path = folders.sheet(sheet_id)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} cannot be read as text", found=str(error), code=codes.FILE_READ
        ) from error
    name = path.relative_to(folders.root).as_posix()
    return SheetText(id=sheet_id, name=name, text=text, version=version_of(text))


def check_text(folders: RunFolders, text: str, place: Path) -> SheetCheck:
    """Check a sheet as it would be if it stood at ``place``, with the words of the command.

    Parameters
    ----------
    folders
        The folder of the app.
    text
        Content of the sheet.
    place
        Where it stands or will stand: its paths begin there.
    """
    with tempfile.NamedTemporaryFile(
        "w", dir=place.parent, prefix=".check-", suffix=place.suffix or ".csv", encoding="utf-8"
    ) as draft:
        draft.write(text)
        draft.flush()
        found = check_sheet(Path(draft.name))
    faults = [Fault(code=f.code, problem=f.problem, found=f.found, fix=f.fix) for f in found.faults]
    faults = [_renamed(f, Path(draft.name).name, place.name) for f in faults]
    if found.sheet is not None:
        faults += _outside(folders, [r.path for r in found.sheet.rows])
    notices = [Told(code=n.code, message=n.message, subject=n.subject) for n in found.notices]
    n = None if found.sheet is None else len(found.sheet.rows)
    return SheetCheck(samples=n, faults=faults, notices=notices)


def save_text(folders: RunFolders, sheet_id: str, text: str, version: str) -> SheetText:
    """Write a sheet, unless it was changed since ``version``.

    Raises
    ------
    DataError
        It was changed elsewhere meanwhile; nothing is written.
    """
    now = read_text(folders, sheet_id)
    if now.version != version:
        raise DataError(
            f"{now.name} was changed elsewhere since you opened it",
            found=f"its version is {now.version}, yours began at {version}",
            fix=codes.CODES[codes.APP_STALE].fix,
            code=codes.APP_STALE,
        )
    write_text(folders.sheet(sheet_id), text)
    return SheetText(id=sheet_id, name=now.name, text=text, version=version_of(text))


def new_sheet(folders: RunFolders, name: str, text: str) -> SheetText:
    """Write a sheet under a new name.

    Raises
    ------
    UsageError
        The name cannot be used or is there already.
    """
    path = folders.place(name if name.endswith((".csv", ".tsv")) else f"{name}.csv")
    if path.exists():
        raise UsageError(
            f"{path.name} is there already",
            fix="open it, or name another",
            code=codes.APP_STALE,
        )
    write_text(path, text)
    sheet_id = folders.id_of(path)
    return SheetText(id=sheet_id, name=path.name, text=text, version=version_of(text))


def _outside(folders: RunFolders, paths: list[Path]) -> list[Fault]:
    """Files of a sheet that do not lie in the folder of the app."""
    away = [p for p in paths if not p.resolve().is_relative_to(folders.root)]
    if not away:
        return []
    declared = codes.CODES[codes.APP_OUTSIDE]
    return [
        Fault(
            code=codes.APP_OUTSIDE,
            problem=declared.meaning,
            found=f"{len(away)} of {len(paths)}, first is {away[0].name}",
            fix=declared.fix,
        )
    ]


def _renamed(fault: Fault, draft: str, name: str) -> Fault:
    """Speak of the sheet by its own name."""
    return Fault(**{k: str(v).replace(draft, name) for k, v in fault.model_dump().items()})
