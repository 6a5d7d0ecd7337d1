"""MatrixMarket counts with their names beside them: a 10x folder or one bare file."""

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import open_text
from imscope.io.notice import Notice, first_few
from imscope.io.raw import RawCounts
from imscope.io.rows import CsrRows, Names
from imscope.io.side_files import (
    CELLS,
    FEATURES,
    cell_table,
    feature_parts,
    find_side,
    need_side,
    read_side,
    spliced_names,
    stem_of,
)
from imscope.io.tenx import no_counts
from imscope.io.values import look_at

if TYPE_CHECKING:
    import scipy.sparse as sp


def read_folder(folder: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Read a folder with one matrix and its names, as any of the usual programs writes it."""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    path, told = _chosen(folder, [p for p in files if _bare(p).endswith(".mtx")])
    if path is None:
        raise DataError(
            f"{folder} holds no matrix",
            found=first_few([p.name for p in files]) or "no files",
            fix="give a 10x matrix folder, or the file itself",
            code=codes.FILE_FORMAT,
        )
    raw = _read(path, "10x folder", expression=expression, max_bytes=max_bytes)
    raw.notices[:0] = told
    return raw


def _chosen(folder: Path, found: list[Path]) -> tuple[Path | None, list[Notice]]:
    """The matrix to take of several, where one is the usual choice."""
    if len(found) < 2:
        return (found[0] if found else None), []
    by_stem = {stem_of(p): p for p in found}
    for first in ("matrix", "cells_x_genes.total", "cells_x_genes.cell", "cells_x_genes.nucleus"):
        others = [p.name for s, p in by_stem.items() if s != first]
        beside = [s for s in by_stem if s != first and s.endswith("matrix")]
        if first in by_stem and not beside:
            told = f"{by_stem[first].name} is taken, not {first_few(others)}"
            return by_stem[first], [Notice(codes.W_DELIVERY_CHOSEN, told)]
    whole = [p for p in found if _bare(p).endswith("matrix.mtx")]
    if len(whole) == 1:
        others = [p.name for p in found if p is not whole[0]]
        told = f"{whole[0].name} is taken, not {first_few(others)}"
        return whole[0], [Notice(codes.W_DELIVERY_CHOSEN, told)]
    raise DataError(
        f"{folder} holds several matrices",
        found=first_few([p.name for p in found]),
        fix="keep one matrix with its names per folder, or give the file itself",
        code=codes.SIDE_AMBIGUOUS,
    )


def read_mtx(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Read one MatrixMarket file; names of features and cells stand in files beside it."""
    return _read(path, "mtx", expression=expression, max_bytes=max_bytes)


def _bare(path: Path) -> str:
    return path.name.removesuffix(".gz").lower()


def _read(path: Path, kind: str, *, expression: bool, max_bytes: int) -> RawCounts:
    features_file, cells_file = need_side(path, FEATURES), need_side(path, CELLS)
    shape, row, column, value = _triplets(path, max_bytes)
    table = read_side(features_file, shape, max_bytes=max_bytes)
    names, symbols, types, columns = feature_parts(table)
    second = find_side(path, FEATURES, more=True)
    if second is not None:
        symbols = read_side(second, shape, max_bytes=max_bytes).names
        symbols = symbols if len(symbols) == len(names) else None
    cell_side = read_side(cells_file, shape, max_bytes=max_bytes)
    cells = np.array(cell_side.names, dtype=object)
    notices = []
    own = (len(names), len(cells))
    if own[0] == own[1] and shape == own:
        by_rows = stem_of(path).startswith(("cells_x_genes", "quants_mat", "DGE", "count_matrix"))
        notices.append(
            Notice(
                codes.W_MATRIX_TRANSPOSED,
                f"{path.name} has as many cells as features; its "
                f"{'rows' if by_rows else 'columns'} are taken as cells, as its program writes it",
            )
        )
        if by_rows:
            row, column = column, row
    elif shape == own[::-1]:
        notices.append(
            Notice(
                codes.W_MATRIX_TRANSPOSED,
                f"{path.name} has cells as rows ({shape[0]:,} x {shape[1]:,}); turned by its names",
            )
        )
        row, column = column, row
    elif shape != own:
        raise DataError(
            f"{path} does not fit its names",
            found=f"matrix {shape[0]:,} x {shape[1]:,}; {len(names):,} features in "
            f"{features_file.name}, {len(cells):,} cells in {cells_file.name}",
            fix="export matrix and names together again",
            code=codes.MATRIX_SHAPE,
        )
    spliced = spliced_names(names)
    if spliced is not None:
        place, names, lost = spliced
        keep = place[row] >= 0
        notices.append(Notice(codes.W_FEATURES_DROPPED, lost))
        row, column, value = _added(place[row[keep]], column[keep], value[keep], len(names))
        symbols, types, columns = None, None, {}
    look = look_at(value, cells=column)
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
        columns=columns,
        obs=cell_table(cell_side),
        notices=notices,
        stored_per_cell=np.diff(indptr),
    )


def _added(
    row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[Any], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """Sum values of one gene in one cell."""
    where, inverse = np.unique(column * n + row, return_inverse=True)
    return where % n, where // n, np.bincount(inverse, weights=value, minlength=len(where))


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
