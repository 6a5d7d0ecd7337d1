"""Content-addressed steps: a finished step is found again by what went into it.

A step's folder is named by the hash of its name, its version, its parameters and the digests of
the steps it reads. It is written under a temporary name and renamed once its files and the commit
record (file sizes and hashes) are on disk. So a folder that exists is whole, and a killed run picks
up exactly where it stopped. Files are hashed again before they are trusted.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope import __version__
from imscope.core.result import Notice, Result, Status
from imscope.core.schema import Table
from imscope.io.atomic import crash_point, sync_file, sync_folder

COMMIT = "commit.json"
RECORD = "result.json"
CELL_COLUMNS = "columns_of_cells.parquet"
FILES = "files"


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished step, and the one reader of its folder.

    Attributes
    ----------
    name
        Name of the step, such as ``"qc"``.
    folder
        Where its files are.
    digest
        SHA-256 over the names and hashes of its files: what later steps are addressed by.
    cached
        Whether it was found rather than computed.

    Examples
    --------
    >>> import tempfile
    >>> done = StepStore(Path(tempfile.mkdtemp())).run(
    ...     "count", {}, {}, lambda f: write_result(f, Result(facts={"n": 7}))
    ... )
    >>> done.fact("n"), done.has_table("cells")
    (7, False)
    """

    name: str
    folder: Path
    digest: str
    cached: bool

    def has_table(self, name: str) -> bool:
        """Whether the step made a table of this name."""
        return self._table(name).exists()

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables."""
        return pd.read_parquet(self._table(name))

    def published(self) -> dict[str, pd.DataFrame]:
        """Its tables that go into the run folder, by name."""
        return {name: self.table(name) for name in self._record()["published"]}

    def cells(self) -> pd.DataFrame | None:
        """Its columns of the kept cells, or nothing."""
        path = self.folder / CELL_COLUMNS
        return pd.read_parquet(path) if path.exists() else None

    def has_array(self, name: str) -> bool:
        """Whether the step kept an array of this name."""
        return self._array(name).exists()

    def array(self, name: str) -> NDArray[Any]:
        """One of its arrays."""
        return np.asarray(np.load(self._array(name), allow_pickle=False))

    def fact(self, name: str) -> Any:
        """One of its single values."""
        return self._record()["facts"][name]

    def facts(self) -> dict[str, Any]:
        """All its single values."""
        return dict(self._record()["facts"])

    def skipped(self) -> dict[str, tuple[Status, ...]]:
        """Tables it could not make, each with its reasons."""
        told = self._record()["skipped"]
        return {name: tuple(Status(*s) for s in reasons) for name, reasons in told.items()}

    def notices(self) -> tuple[Notice, ...]:
        """What it must tell."""
        return tuple(Notice(*n) for n in self._record()["notices"])

    def files(self) -> list[Path]:
        """Files made beside its result."""
        place = self.folder / FILES
        return sorted(place.iterdir()) if place.is_dir() else []

    def _table(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def _array(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / RECORD).read_text())
        return record


def write_result(folder: Path, result: Result, tables: Sequence[Table] = ()) -> None:
    """Write what a step found into its empty folder; the one writer of step folders.

    Parameters
    ----------
    folder
        Empty folder of the step.
    result
        What it found.
    tables
        Declared tables that go into the run folder; the other ones serve later steps only.
    """
    declared = {t.name: t for t in tables}
    for name, frame in result.tables.items():
        checked = declared[name].check(frame) if name in declared else frame
        checked.reset_index(drop=True).to_parquet(folder / f"{name}.parquet")
    if result.cells is not None:
        result.cells.reset_index(drop=True).to_parquet(folder / CELL_COLUMNS)
    for name, array in result.arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    record = {
        "published": [name for name in result.tables if name in declared],
        "facts": dict(result.facts),
        "skipped": {k: [[s.code, s.words] for s in why] for k, why in result.skipped.items()},
        "notices": [[n.code, n.message, n.subject] for n in result.notices],
        "settings": dict(result.settings),
    }
    (folder / RECORD).write_text(json.dumps(record, sort_keys=True, indent=1, default=str))


@cache
def code_digest() -> str:
    """SHA-256 over imscope's own source, so that a changed program never trusts an older step.

    Examples
    --------
    >>> len(code_digest())
    64
    """
    root = Path(__file__).parents[1]
    files = sorted(p for p in root.rglob("*.py") if "cli" not in p.parts)
    return sha256_text(canonical([(p.relative_to(root).as_posix(), sha256_file(p)) for p in files]))


def canonical(value: object) -> str:
    """Text of a JSON-like value that is the same whenever the value is.

    Examples
    --------
    >>> canonical({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def sha256_text(text: str) -> str:
    """SHA-256 of a text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, as hex, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_path(path: Path) -> str:
    """SHA-256 of a file, or of a folder: over the relative names and hashes of its files."""
    if path.is_file():
        return sha256_file(path)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return sha256_text(canonical([(p.relative_to(path).as_posix(), sha256_file(p)) for p in files]))


class StepStore:
    """The ``.steps`` folder of one run.

    Parameters
    ----------
    root
        The folder; made if it is not there.

    Examples
    --------
    >>> import tempfile
    >>> store = StepStore(Path(tempfile.mkdtemp()) / ".steps")
    >>> def work(folder):
    ...     _ = (folder / "n.txt").write_text("7")
    >>> store.run("count", {"of": "cells"}, {}, work).cached
    False
    >>> store.run("count", {"of": "cells"}, {}, work).cached
    True
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def key(self, name: str, parameters: object, inputs: Mapping[str, str]) -> str:
        """Address of a step: hash of everything that decides its result."""
        what = {
            "step": name,
            "imscope": __version__,
            "code": code_digest(),
            "parameters": parameters,
            "inputs": dict(inputs),
        }
        return sha256_text(canonical(what))[:24]

    def run(
        self,
        name: str,
        parameters: object,
        inputs: Mapping[str, str],
        work: Callable[[Path], None],
    ) -> Finished:
        """Return the finished step, computing it unless it is there and intact.

        Parameters
        ----------
        name
            Name of the step; also part of its folder's name.
        parameters
            Anything JSON can hold. All that changes the result must be in here.
        inputs
            Digests of what the step reads, by name.
        work
            Called with an empty folder to write into.
        """
        folder = self.root / f"{name}-{self.key(name, parameters, inputs)}"
        digest = self._intact(folder)
        if digest is not None:
            return Finished(name, folder, digest, cached=True)
        if folder.exists():
            shutil.rmtree(folder)  # damaged after it was finished: its hashes no longer agree
        draft = self.root / f".draft-{folder.name}"
        if draft.exists():
            shutil.rmtree(draft)  # left by a run that was killed
        draft.mkdir()
        try:
            work(draft)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        digest = _commit(draft)
        crash_point()
        draft.rename(folder)
        sync_folder(self.root)
        return Finished(name, folder, digest, cached=False)

    def forget_others(self, kept: set[Path]) -> int:
        """Delete finished and half-written steps that are not in ``kept``; return how many."""
        gone = [p for p in self.root.iterdir() if p.is_dir() and p not in kept]
        for path in gone:
            shutil.rmtree(path)
        return len(gone)

    def _intact(self, folder: Path) -> str | None:
        try:
            record: dict[str, Any] = json.loads((folder / COMMIT).read_text())
            files: dict[str, str] = record["files"]
            same = all(sha256_file(folder / name) == digest for name, digest in files.items())
        except (OSError, ValueError, KeyError):
            return None
        return str(record["digest"]) if same else None


def _commit(draft: Path) -> str:
    files = {}
    for path in sorted(p for p in draft.rglob("*") if p.is_file()):
        sync_file(path)
        files[path.relative_to(draft).as_posix()] = sha256_file(path)
    digest = sha256_text(canonical(files))
    (draft / COMMIT).write_text(canonical({"files": files, "digest": digest}))
    sync_file(draft / COMMIT)
    sync_folder(draft)
    return digest
