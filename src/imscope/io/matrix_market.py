"""MatrixMarket counts with their names beside them: a 10x folder or one bare file."""

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import open_text, read_lines
from imscope.io.notice import Notice, first_few
from imscope.io.raw import RawCounts
from imscope.io.rows import CsrRows, Names
from imscope.io.tenx import no_counts
from imscope.io.values import look_at

if TYPE_CHECKING:
    import scipy.sparse as sp

_FEATURES = ("features", "genes")
_CELLS = ("barcodes", "cells")


def read_folder(folder: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Read a 10x matrix folder (Cell Ranger 2 or 3 names, packed or not, one prefix allowed)."""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    found = [p for p in files if _bare(p).endswith("matrix.mtx")]
    found = found or [p for p in files if _bare(p).endswith(".mtx")]
    if not found:
        raise DataError(
            f"{folder} holds no matrix",
            found=first_few([p.name for p in files]) or "no files",
            fix="give a 10x matrix folder, or the file itself",
            code=codes.FILE_FORMAT,
        )
    if len(found) > 1:
        raise DataError(
            f"{folder} holds several matrices",
            found=first_few([p.name for p in found]),
            fix="keep one matrix with its names per folder",
            code=codes.SIDE_AMBIGUOUS,
        )
    return _read(found[0], "10x folder", expression=expression, max_bytes=max_bytes)


def read_mtx(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Read one MatrixMarket file; names of features and cells stand in files beside it."""
    return _read(path, "mtx", expression=expression, max_bytes=max_bytes)


def _bare(path: Path) -> str:
    return path.name.removesuffix(".gz").lower()


def _read(path: Path, kind: str, *, expression: bool, max_bytes: int) -> RawCounts:
    prefix = _prefix(path)
    names, symbols, types, features_file = _feature_names(path, prefix, max_bytes)
    cells_file = _side(path, prefix, _CELLS)
    cells = np.array([_first(line) for line in read_lines(cells_file, max_bytes=max_bytes)], object)
    shape, row, column, value = _triplets(path, max_bytes)
    notices = []
    if shape == (len(cells), len(names)) != (len(names), len(cells)):
        notices.append(
            Notice(
                codes.W_MATRIX_TRANSPOSED,
                f"{path.name} has cells as rows ({shape[0]:,} x {shape[1]:,}); turned by its names",
            )
        )
        row, column = column, row
    elif shape != (len(names), len(cells)):
        raise DataError(
            f"{path} does not fit its names",
            found=f"matrix {shape[0]:,} x {shape[1]:,}; {len(names):,} features in "
            f"{features_file.name}, {len(cells):,} cells in {cells_file.name}",
            fix="export matrix and names together again",
            code=codes.MATRIX_SHAPE,
        )
    look = look_at(value)
    if not expression and not look.is_counts:
        raise no_counts(path, {path.name: look.words})
    csr = _to_rows(row, column, value, (len(cells), len(names)))
    indptr = csr.indptr.astype(np.int64)
    labels = Names(path, path.name, cells, np.array(names, dtype=object))
    return RawCounts(
        format=kind,
        where=path.name,
        whole=not expression,
        rows=CsrRows(csr.data, csr.indices, indptr, len(names), labels, not expression),
        cells=cells,
        names=names,
        symbols=symbols,
        types=types,
        notices=notices,
        stored_per_cell=np.diff(indptr),
    )


def _to_rows(
    row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[Any], shape: tuple[int, int]
) -> "sp.csr_array":
    """Cells as rows; repeated entries stay apart, so that they are found on reading."""
    import scipy.sparse as sp

    order = np.argsort(column, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=shape[0]))])
    return sp.csr_array((value[order], row[order].astype(np.int32), indptr), shape=shape)


def _triplets(
    path: Path, max_bytes: int
) -> tuple[tuple[int, int], NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """Rows and columns (from 0) and values of every entry, checked against the header."""
    with open_text(path, max_bytes=max_bytes) as handle:
        n_rows, n_columns, n_entries, first_line = _header(path, handle)
        if n_entries * 24 > max_bytes:
            raise DataError(
                f"{path} declares {n_entries:,} entries, more than memory allows",
                fix="convert it to .h5ad with CSR counts, which is read in pieces",
                code=codes.FILE_MEMORY,
            )
        parts = _entries(path, handle, first_line)
    row, column, value = (np.concatenate([p[k] for p in parts]) for k in range(3))
    if len(row) != n_entries:
        raise DataError(
            f"{path}: the number of entries is not what the header says",
            found=f"{len(row):,} entries, header says {n_entries:,}",
            fix="it is cut short or was edited: export it again",
            code=codes.MTX_ENTRIES,
        )
    for what, index, limit in (("row", row, n_rows), ("column", column, n_columns)):
        bad = np.flatnonzero((index < 1) | (index > limit))
        if bad.size:
            k = int(bad[0])
            zero = int(index[k]) == 0
            raise DataError(
                f"{path} counts from 0, not from 1"
                if zero
                else f"{path} points outside the matrix",
                found=f"{what} {index[k]} of {limit} in entry {k + 1}, {bad.size:,} such entries",
                fix="export it again; rows and columns count from 1",
                code=codes.MTX_ZERO_BASED if zero else codes.MTX_INDEX,
            )
    return (n_rows, n_columns), row - 1, column - 1, value


def _header(path: Path, handle: IO[bytes]) -> tuple[int, int, int, int]:
    """Read banner, comments and size line; return sizes and the number of lines read."""

    def refuse(found: str) -> DataError:
        return DataError(
            f"{path} has a wrong MatrixMarket header",
            found=found,
            fix="export the matrix again as `coordinate integer general`",
            code=codes.MTX_HEADER,
        )

    banner = handle.readline(4096).decode("utf-8", "replace").strip()
    words = banner.lower().split()
    if len(words) != 5 or words[0] != "%%matrixmarket" or words[1] != "matrix":
        raise refuse(f"first line {banner[:80]!r}")
    if words[2] != "coordinate" or words[3] not in ("integer", "real") or words[4] != "general":
        raise refuse(f"kind {' '.join(words[2:])!r}")
    n = 1
    while line := handle.readline(1 << 16):
        n += 1
        text = line.decode("utf-8", "replace").strip()
        if text and not text.startswith("%"):
            break
    sizes = text.split() if line else []
    if len(sizes) != 3 or not all(s.isdecimal() for s in sizes):
        raise refuse(f"size line {text[:80]!r}" if line else "no size line")
    rows, columns, entries = (int(s) for s in sizes)
    if max(rows, columns) > 2**31 - 1 or entries > rows * columns:
        raise refuse(f"{rows} x {columns} with {entries} entries")
    return rows, columns, entries, n


def _entries(
    path: Path, handle: IO[bytes], before: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]]:
    """Parse entries in pieces; the first line that is no entry is an error."""
    rest, out = b"", []
    line = before
    nothing = np.zeros(0, dtype=np.int64)
    while True:
        piece = handle.read(1 << 24)
        text, rest = _whole_lines(rest + piece, last=not piece)
        if text.strip():
            out.append(_parse(path, text, line))
            line += text.count(b"\n")
        if not piece:
            return out or [(nothing, nothing, nothing)]


def _whole_lines(text: bytes, *, last: bool) -> tuple[bytes, bytes]:
    if last:
        return text, b""
    cut = text.rfind(b"\n") + 1
    return text[:cut], text[cut:]


def _parse(
    path: Path, text: bytes, before: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    import io

    import pandas as pd

    try:
        frame = pd.read_csv(
            io.BytesIO(text),
            sep=r"\s+",
            header=None,
            names=["row", "column", "value"],
            dtype={"row": np.int64, "column": np.int64, "value": np.float64},
            index_col=False,
            na_filter=True,
            keep_default_na=False,
            na_values=["nan", "NaN", "NAN"],
            on_bad_lines="error",
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad_line(path, text, before) from error
    value = frame["value"].to_numpy()
    if len(text.split()) != 3 * len(frame):  # the parser forgives missing and extra fields
        raise _bad_line(path, text, before)
    return frame["row"].to_numpy(), frame["column"].to_numpy(), value


def _bad_line(path: Path, text: bytes, before: int) -> DataError:
    for k, line in enumerate(text.splitlines()):
        words = line.split()
        if not words:
            continue
        try:
            good = (
                len(words) == 3 and [int(words[0]), int(words[1])] and float(words[2]) is not None
            )
        except ValueError:
            good = False
        if not good:
            shown = line[:60].decode("utf-8", "replace")
            return DataError(
                f"{path}: a line is not `row column value`",
                found=f"line {before + k + 1}: {shown!r}",
                fix="export it again",
                code=codes.MTX_LINE,
            )
    return DataError(f"{path}: its entries cannot be read", code=codes.MTX_LINE)


def _prefix(path: Path) -> str:
    stem = path.name.removesuffix(".gz").removesuffix(".mtx")
    return stem.removesuffix("matrix") if stem.endswith("matrix") else f"{stem}_"


def _side(path: Path, prefix: str, words: tuple[str, ...]) -> Path:
    """Find the one names file of a kind beside the matrix."""
    ends = (".tsv", ".txt", ".csv")
    for start in dict.fromkeys((prefix, prefix.rstrip("_") + ".", "")):
        names = [f"{start}{w}{e}{z}" for w in words for e in ends for z in ("", ".gz")]
        there = [path.parent / n for n in names if (path.parent / n).is_file()]
        if len(there) > 1:
            raise DataError(
                f"{path.parent} holds several files that could name the same thing",
                found=first_few([p.name for p in there]),
                fix="keep one of them",
                code=codes.SIDE_AMBIGUOUS,
            )
        if there:
            return there[0]
    raise DataError(
        f"{path} has no names beside it",
        found=f"no {prefix}{words[0]}.tsv(.gz) in {path.parent}",
        fix=f"put {words[0]}.tsv there, one line per {'cell' if words is _CELLS else 'feature'}",
        code=codes.SIDE_MISSING,
    )


def _feature_names(
    path: Path, prefix: str, max_bytes: int
) -> tuple[list[str], list[str] | None, list[str] | None, Path]:
    """Ids, symbols and types of the features; a file of one column has names only."""
    side = _side(path, prefix, _FEATURES)
    lines = [_fields(line) for line in read_lines(side, max_bytes=max_bytes)]
    width = max((len(f) for f in lines), default=0)
    ragged = next((k for k, f in enumerate(lines) if len(f) != width or not f[0].strip()), None)
    if ragged is not None:
        raise DataError(
            f"{side}: a line is empty or has too few columns",
            found=f"line {ragged + 1} has {len(lines[ragged])} of {width} columns",
            fix="export it again",
            code=codes.SIDE_LINE,
        )
    names = [f[0] for f in lines]
    symbols = [f[1] for f in lines] if width > 1 else None
    return names, symbols, [f[2] for f in lines] if width > 2 else None, side


def _fields(line: str) -> list[str]:
    parts = line.split("\t") if "\t" in line else line.split(",")
    return [p.strip().strip('"') for p in parts]


def _first(line: str) -> str:
    return _fields(line)[0]
