"""Runs and sheets of one folder: found by looking; no path is ever taken from a client."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from imscope import __version__
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.study.results import SCHEMA_VERSION

DEEPEST = 3
"""Levels of folders that are looked through."""
MOST_BYTES = 64_000_000
"""Of a results file; a larger one is not of ours."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
SHEETS = (".csv", ".tsv")
State = Literal["finished", "being written", "stopped", "of another version", "cannot be read"]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run folder as the list shows it.

    Attributes
    ----------
    id
        Name for addresses, made from its place in the folder.
    name
        Its place in the folder.
    state
        What it is at this moment.
    title, created, version, n_samples, verdicts, answer
        From its results; empty while there are none.
    simulated
        Whether its data are simulated.
    note
        Why it cannot be opened, where it cannot.
    """

    id: str
    name: str
    state: State
    title: str = ""
    created: str = ""
    version: str = ""
    n_samples: int = 0
    verdicts: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    simulated: bool = False
    note: str = ""


class RunFolders:
    """What lies in the folder of the app.

    Parameters
    ----------
    root
        The folder.

    Raises
    ------
    UsageError
        It is missing or no folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(
                f"there is no folder {root}",
                fix=codes.CODES[codes.APP_FOLDER].fix,
                code=codes.APP_FOLDER,
            )
        self.root = root.resolve()

    def runs(self) -> list[RunEntry]:
        """Every run, newest first."""
        found = [self._entry(folder) for folder in self._run_folders()]
        return sorted(found, key=lambda e: (e.created, e.name), reverse=True)

    def run(self, run_id: str) -> tuple[RunEntry, Path]:
        """One run and its folder.

        Raises
        ------
        DataError
            There is none of this id.
        """
        for folder in self._run_folders():
            if self.id_of(folder) == run_id:
                return self._entry(folder), folder
        raise _unknown("run")

    def results(self, run_id: str) -> dict[str, Any]:
        """Content of a run's ``results.json``.

        Raises
        ------
        DataError
            There is no such run, or its results cannot be read.
        """
        entry, folder = self.run(run_id)
        if entry.state in ("being written", "stopped", "cannot be read"):
            raise DataError(
                f"the run {entry.name} is {entry.state}",
                found=entry.note,
                fix="open it when it has finished",
                code=codes.APP_RUNNING,
            )
        return _read(folder / "results.json")

    def sheets(self) -> list[Path]:
        """Every sample sheet outside run folders."""
        out = []
        for folder in self._folders():
            if not _is_run(folder) and not any(
                _is_run(p) for p in folder.parents if p != self.root
            ):
                out += [p for p in sorted(folder.iterdir()) if _is_sheet(p)]
        return out

    def sheet(self, sheet_id: str) -> Path:
        """One sheet by its id.

        Raises
        ------
        DataError
            There is none of this id.
        """
        for path in self.sheets():
            if self.id_of(path) == sheet_id:
                return path
        raise _unknown("sheet")

    def id_of(self, path: Path) -> str:
        """Name of a run or sheet in addresses: a hash of its place in the folder."""
        return hashlib.sha256(path.relative_to(self.root).as_posix().encode()).hexdigest()[:16]

    def place(self, name: str) -> Path:
        """A new place directly in the folder.

        Raises
        ------
        UsageError
            The name holds more than letters, digits, ``-``, ``_`` and ``.``.
        """
        if not NAME.fullmatch(name) or ".." in name:
            raise UsageError(
                "this name cannot be used",
                found=repr(name[:90]),
                fix=codes.CODES[codes.APP_NAME].fix,
                code=codes.APP_NAME,
            )
        return self.root / name

    def _folders(self) -> Iterator[Path]:
        level = [self.root]
        for _ in range(DEEPEST):
            yield from level
            level = [
                p
                for folder in level
                if not _is_run(folder)
                for p in sorted(folder.iterdir())
                if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")
            ]
        yield from level

    def _run_folders(self) -> Iterator[Path]:
        return (folder for folder in self._folders() if _is_run(folder))

    def _entry(self, folder: Path) -> RunEntry:
        name = folder.relative_to(self.root).as_posix()
        head: dict[str, Any] = {"id": self.id_of(folder), "name": "." if name == "." else name}
        if being_written(folder):
            return RunEntry(**head, state="being written", note="a run has it open at this moment")
        if not (folder / "results.json").is_file():
            return RunEntry(**head, state="stopped", note="the run was stopped before its end")
        try:
            results = _read(folder / "results.json")
            created = _read(folder / "provenance" / "run.json").get("created", "")
        except DataError as error:
            return RunEntry(**head, state="cannot be read", note=error.found)
        return _filled(head, results, str(created))


def being_written(folder: Path) -> bool:
    """Whether a run holds the lock of this folder."""
    lock = folder / ".steps" / "lock"
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def _filled(head: dict[str, Any], results: dict[str, Any], created: str) -> RunEntry:
    """An entry from results; a layout with another first number is not read further."""
    version, layout = (
        str(results.get("imscope_version", "")),
        str(results.get("schema_version", "")),
    )
    if layout.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        note = f"results of layout {layout or 'unknown'}, this is imscope {__version__}"
        other: State = "of another version"
        return RunEntry(**head, state=other, created=created, version=version, note=note)
    verdicts = [
        f"claim {v['claim']}: {v['verdict']}"
        for v in results.get("verdicts", [])
        if v.get("claim") in ("A", "B", "C")
    ]
    return RunEntry(
        **head, state="finished", title=str(results.get("title", "")), created=created,
        version=version, n_samples=len(results.get("samples", [])), verdicts=tuple(verdicts),
        answer=tuple(str(a) for a in results.get("answer", [])),
        simulated=bool(results.get("simulated", False)),
    )  # fmt: skip


def _is_run(folder: Path) -> bool:
    if (folder / "results.json").is_file() and (folder / "provenance").is_dir():
        return True
    return (folder / ".steps").is_dir() and (folder / "log.jsonl").is_file()


def _is_sheet(path: Path) -> bool:
    if path.suffix not in SHEETS or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as handle:
        head = handle.readline(4_096).decode("utf-8", "replace").lower()
    return "sample" in head and "path" in head


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError("not an object")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path.name} of this run cannot be read",
            found=f"{type(error).__name__}: {error}",
            fix="run it again",
            code=codes.RUN_FOLDER,
        ) from error
    return content


def _unknown(what: str) -> DataError:
    return DataError(
        f"there is no such {what} here",
        fix=codes.CODES[codes.APP_UNKNOWN].fix,
        code=codes.APP_UNKNOWN,
    )
