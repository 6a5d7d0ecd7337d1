"""Text of unknown origin: unpacked in pieces, counted, and checked byte by byte on the way."""

import codecs
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError

RATIO = 300
"""Unpacked bytes per packed byte; count matrices stay below 60."""
FREE = 64 * 2**20
"""Unpacked bytes below which the ratio does not matter."""
MAX_COLUMNS = 5_000


def require_regular(path: Path) -> None:
    """Refuse pipes, devices and sockets before they are opened: reading one may never end.

    Raises
    ------
    DataError
        The path is there and is neither a file nor a folder.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # that it is missing or closed to us is for the caller to say
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = (
            (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
            (stat.S_ISBLK, "a disk"),
        )  # fmt: skip
        raise DataError(
            f"{path} is no file",
            found=next((word for test, word in kinds if test(mode)), "something else"),
            fix="write the content to a file and give that",
            code=codes.FILE_KIND,
        )


def require_columns(path: Path, header: list[str]) -> None:
    """Refuse a sheet that is far wider than any design: it is a matrix, or made to take for ever.

    Raises
    ------
    DataError
        More than :data:`MAX_COLUMNS` columns.
    """
    if len(header) > MAX_COLUMNS:
        raise DataError(
            f"{path} is too wide for a sample sheet",
            found=f"{len(header):,} columns, at most {MAX_COLUMNS:,} are read",
            fix="give the sample sheet, one line per sample; a matrix goes into its column `path`",
            code=codes.SHEET_WIDE,
        )


class GuardedText(io.RawIOBase):
    """Bytes of a text file, unpacked if gzip, with every piece checked before it is handed out.

    Parameters
    ----------
    path
        The file; gzip is told by its content, not its name.
    max_bytes
        Most bytes it may unpack to.

    Raises
    ------
    DataError
        On reading: a bomb, a damaged archive, NUL bytes or text that is not UTF-8.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path, self._max = path, max_bytes
        self._packed = path.stat().st_size
        self._file = path.open("rb")
        zipped = self._file.read(2) == b"\x1f\x8b"
        self._file.seek(0)
        self._source: io.BufferedIOBase = (
            gzip.GzipFile(fileobj=self._file) if zipped else self._file
        )
        self._zipped = zipped
        self._total = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Fill a buffer with checked bytes."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            piece = self._source.read(len(view))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{self._path} is cut short or damaged",
                found=f"after {self._total:,} bytes: {error}",
                fix="copy it again and compare checksums",
                code=codes.GZ_DAMAGED,
            ) from error
        except OSError as error:
            raise DataError(
                f"{self._path} could not be read", found=str(error), code=codes.FILE_READ
            ) from error
        self._check(piece)
        view[: len(piece)] = piece
        return len(piece)

    def _check(self, piece: bytes) -> None:
        before, self._total = self._total, self._total + len(piece)
        far = self._zipped and self._total > max(FREE, RATIO * self._packed)
        if far or self._total > self._max:
            raise DataError(
                f"{self._path} unpacks to far more than a count matrix would"
                if self._zipped
                else f"{self._path} is larger than the memory allowed",
                found=f"{self._packed:,} bytes on disk, more than {before:,} unpacked",
                fix="the file is not what it says: get a fresh copy, or use a sparse format",
                code=codes.GZ_BOMB if self._zipped else codes.FILE_MEMORY,
            )
        if b"\0" in piece:
            raise DataError(
                f"{self._path} contains NUL bytes",
                found=f"first at byte {before + piece.index(bytes(1)) + 1:,}",
                fix="it is binary or damaged: export it again",
                code=codes.TEXT_NUL,
            )
        try:
            self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._path} is not UTF-8",
                found=f"{error.object[error.start]:#04x} near byte {before + error.start + 1:,}",
                fix="save it as UTF-8",
                code=codes.TEXT_ENCODING,
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._source.close()
        self._file.close()
        super().close()


@contextmanager
def open_text(path: Path, *, max_bytes: int) -> Iterator["io.BufferedReader[GuardedText]"]:
    """Open a text file, packed or not, for guarded reading; a byte order mark is skipped."""
    require_regular(path)
    try:
        empty = path.stat().st_size == 0
        raw = None if empty else GuardedText(path, max_bytes=max_bytes)
    except OSError as error:
        raise DataError(
            f"{path} could not be read", found=str(error.strerror), code=codes.FILE_READ
        ) from error
    if raw is None:
        raise DataError(f"{path} is empty", code=codes.FILE_EMPTY)
    with io.BufferedReader(raw, buffer_size=1 << 18) as handle:
        if handle.peek(3)[:3] == b"\xef\xbb\xbf":
            handle.read(3)
        yield handle


def read_lines(path: Path, *, max_bytes: int) -> list[str]:
    """Lines of a text file without line ends; blank lines at the end are dropped."""
    with open_text(path, max_bytes=max_bytes) as handle:
        lines = handle.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
