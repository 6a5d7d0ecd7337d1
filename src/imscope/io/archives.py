"""Packed deliveries: unpacked into a place of their own, with nothing let out of it."""

import gzip
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import FREE, RATIO

_MAX_FILES: Final = 200_000
_PIECE: Final = 1 << 20
ENDS: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PACKED: Final = (".h5.gz", ".h5ad.gz", ".h5mu.gz", ".loom.gz", ".hdf5.gz")
"""Single files that are read from disk and are therefore unpacked first."""


def is_archive(path: Path) -> bool:
    """Whether a file is unpacked before it is read, by its name.

    Examples
    --------
    >>> is_archive(Path("x.tar.gz")), is_archive(Path("x.h5ad.gz")), is_archive(Path("x.csv.gz"))
    (True, True, False)
    """
    return path.name.lower().endswith((*ENDS, *PACKED))


def unpack(path: Path, *, max_bytes: int) -> Path:
    """Unpack an archive into a new temporary folder, which the caller removes.

    Parameters
    ----------
    path
        The archive.
    max_bytes
        Most bytes it may unpack to.

    Raises
    ------
    DataError
        It is damaged, unpacks to far more than it should, or names a place outside the folder.
    """
    root = Path(tempfile.mkdtemp(prefix="imscope-"))
    try:
        with _errors(path):
            budget = _Budget(path, max_bytes)
            if path.name.lower().endswith(PACKED):
                with gzip.open(path) as source:
                    budget.copy(source, root / path.name[: -len(".gz")])
            elif zipfile.is_zipfile(path):
                _unzip(path, root, budget)
            elif tarfile.is_tarfile(path):
                _untar(path, root, budget)
            else:
                raise _refusal(path, "it is neither a zip nor a tar archive")
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return root


class _Budget:
    """Bytes and files an archive may still unpack to."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        packed = path.stat().st_size
        self.left = min(max_bytes, max(FREE, RATIO * packed))
        self.files = 0

    def copy(self, source: "IO[bytes] | gzip.GzipFile", target: Path) -> None:
        """Write one file piece by piece."""
        self.files += 1
        if self.files > _MAX_FILES:
            raise _refusal(self.path, f"more than {_MAX_FILES:,} files")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            while piece := source.read(_PIECE):
                self.left -= len(piece)
                if self.left < 0:
                    raise DataError(
                        f"{self.path} unpacks to far more than a count matrix would",
                        found=f"{self.path.stat().st_size:,} bytes on disk",
                        fix="the file is not what it says: get a fresh copy",
                        code=codes.GZ_BOMB,
                    )
                out.write(piece)


def _unzip(path: Path, root: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            target = _inside(path, root, entry.filename)
            mode = entry.external_attr >> 16
            if entry.flag_bits & 1:
                raise _refusal(path, f"{entry.filename} is encrypted")
            if mode and (mode & 0o170000) == 0o120000:
                raise _refusal(path, f"{entry.filename} is a link")
            if entry.is_dir() or _clutter(entry.filename):
                continue
            with archive.open(entry) as source:
                budget.copy(source, target)


def _untar(path: Path, root: Path, budget: _Budget) -> None:
    with tarfile.open(path) as archive:
        for entry in archive:
            target = _inside(path, root, entry.name)
            if entry.isdir() or _clutter(entry.name):
                continue
            source = archive.extractfile(entry) if entry.isreg() else None
            if source is None:
                raise _refusal(path, f"{entry.name} is a link or a device")
            with source:
                budget.copy(source, target)


def _clutter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(p.startswith("._") or p == ".DS_Store" for p in parts)


def _inside(path: Path, root: Path, name: str) -> Path:
    plain = PurePosixPath(name.replace("\\", "/"))
    if plain.is_absolute() or ".." in plain.parts or ":" in name.split("/")[0] or "\0" in name:
        raise _refusal(path, f"an entry leads out of the archive: {name!r}")
    return root.joinpath(*plain.parts)


def _refusal(path: Path, found: str) -> DataError:
    return DataError(
        f"{path} cannot be unpacked safely",
        found=found,
        fix="unpack it by hand, look at it, and give the matrix itself",
        code=codes.FILE_ARCHIVE,
    )


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        zlib.error,
        RuntimeError,  # a method of compression or encryption that is not known
    ) as error:
        raise _refusal(path, f"{type(error).__name__}: {error}") from error
    except gzip.BadGzipFile as error:
        raise DataError(
            f"{path} is cut short or damaged", found=str(error), code=codes.GZ_DAMAGED
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} could not be unpacked", found=str(error), code=codes.FILE_READ
        ) from error
