"""Content-addressed steps: a finished step is found again by what went into it.

The record carries the address of the step and a seal made with a key of this user, so that a step
copied from elsewhere, or changed together with its record, is computed anew, and that is said.

A step's folder is named by the hash of its name, its version, its parameters and the digests of
the steps it reads. It is written under a temporary name and renamed once its files and the commit
record (file sizes and hashes) are on disk. So a folder that exists is whole, and a killed run picks
up exactly where it stopped. Files are hashed again before they are trusted.
"""

import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imscope import __version__
from imscope.io.atomic import crash_point, sync_file, sync_folder
from imscope.study.seal import seal

COMMIT = "commit.json"


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step.

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
    """

    name: str
    folder: Path
    digest: str
    cached: bool


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

    def __init__(self, root: Path, *, tell: Callable[[str], None] | None = None) -> None:
        self.root = root
        self.tell = tell
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
    ) -> Step:
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
            return Step(name, folder, digest, cached=True)
        if folder.exists():
            if self.tell is not None:
                self.tell(f"step {name}: its stored files are not what was computed; done again")
            shutil.rmtree(folder)  # changed after it was finished: its record no longer agrees
        draft = self.root / f".draft-{folder.name}"
        if draft.exists():
            shutil.rmtree(draft)  # left by a run that was killed
        draft.mkdir()
        try:
            work(draft)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        digest = _commit(draft, folder.name)
        crash_point()
        draft.rename(folder)
        sync_folder(self.root)
        return Step(name, folder, digest, cached=False)

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
            there = {
                p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()
            } - {COMMIT}
            same = there == set(files) and all(
                not (folder / name).is_symlink() and sha256_file(folder / name) == digest
                for name, digest in files.items()
            )
            digest = str(record["digest"])
            same = same and digest == _digest(folder.name, files)
            same = same and hmac.compare_digest(str(record["seal"]), seal(digest))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return digest if same else None


def _digest(address: str, files: Mapping[str, str]) -> str:
    """Digest of a step: over its address and the hashes of its files."""
    return sha256_text(canonical({"address": address, "files": dict(files)}))


def _commit(draft: Path, address: str) -> str:
    files = {}
    for path in sorted(p for p in draft.rglob("*") if p.is_file()):
        sync_file(path)
        files[path.relative_to(draft).as_posix()] = sha256_file(path)
    digest = _digest(address, files)
    record = {"address": address, "files": files, "digest": digest, "seal": seal(digest)}
    (draft / COMMIT).write_text(canonical(record))
    sync_file(draft / COMMIT)
    sync_folder(draft)
    return digest
