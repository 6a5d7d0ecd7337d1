"""Dense tables of counts as text: cells by genes or genes by cells, told by the names."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.genes import gene_score
from imscope.io.guard_text import open_text
from imscope.io.notice import first_few
from imscope.io.raw import RawCounts
from imscope.io.rows import CsrRows, Names
from imscope.io.tenx import no_counts
from imscope.io.values import look_at

_MAX_COLUMNS = 500_000
_LONGEST_LINE = 64 * 2**20
_MAX_COMMENTS = 200
"""Lines that begin with a hash, as BD Rhapsody and featureCounts write them above the header."""
_COMMA_NUMBER = re.compile(r"^-?\d+,\d+$")
_CLEAR = 0.15  # difference in the share of gene-like names that settles the orientation


def read_table(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Read a dense table; zeros are dropped line by line, so memory follows the counts.

    Raises
    ------
    DataError
        Ragged lines, fields that are no numbers, decimal commas, an orientation that cannot be
        told, or no whole counts.
    """
    with open_text(path, max_bytes=max_bytes) as handle:
        header, separator = _header(path, handle)
        labels, columns, values, width = _body(path, handle, separator, len(header), max_bytes)
    names = _column_names(path, header, width)
    table = _assemble(columns, values, (len(labels), len(names)))
    genes_in_rows = _orientation(path, labels, names)
    cells, genes = (names, labels) if genes_in_rows else (labels, names)
    look = look_at(table.data)
    if not expression and not look.is_counts:
        raise no_counts(path, {"the table": look.words})
    csr = table.T.tocsr() if genes_in_rows else table
    indptr = csr.indptr.astype(np.int64)
    cell_array = np.array(cells, dtype=object)
    shown = Names(path, "the table", cell_array, np.array(genes, dtype=object))
    return RawCounts(
        format="table",
        where="table",
        whole=not expression,
        rows=CsrRows(csr.data, csr.indices, indptr, len(genes), shown, not expression),
        cells=cell_array,
        names=list(genes),
        stored_per_cell=np.diff(indptr),
    )


def _header(path: Path, handle: IO[bytes]) -> tuple[list[str], str]:
    line = handle.readline(_LONGEST_LINE).decode("utf-8", "replace").rstrip("\r\n")
    skipped = 0
    while line.startswith("#") and skipped < _MAX_COMMENTS:
        line = handle.readline(_LONGEST_LINE).decode("utf-8", "replace").rstrip("\r\n")
        skipped += 1
    counts = {s: line.count(s) for s in ("\t", ";", ",")}
    separator = max(counts, key=lambda s: counts[s])
    if not line.strip() or not counts[separator]:
        raise DataError(
            f"{path} has no usable header line",
            found=f"first line {line[:80]!r}",
            fix="give names to the columns, separated by comma, semicolon or tab",
            code=codes.CSV_HEADER,
        )
    if counts[separator] > _MAX_COLUMNS:
        raise DataError(
            f"{path} has {counts[separator] + 1:,} columns",
            fix="check the separator and the line ends",
            code=codes.CSV_WIDTH,
        )
    try:
        return next(csv.reader([line], delimiter=separator)), separator
    except csv.Error as error:
        raise DataError(
            f"{path}: the first line is not a line of a table",
            found=str(error),
            fix="check the quotes and the line ends",
            code=codes.CSV_RAGGED,
        ) from error


def _body(
    path: Path, handle: IO[bytes], separator: str, width: int, max_bytes: int
) -> tuple[list[str], list[NDArray[np.int32]], list[NDArray[np.float64]], int]:
    """Labels of the lines and the non-zero values of each."""
    labels: list[str] = []
    columns: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float64]] = []
    total, expected = 0, 0
    text = io.TextIOWrapper(handle, encoding="utf-8", newline="")
    try:
        reader = csv.reader(text, delimiter=separator)
        for fields in reader:
            if not fields or not any(f.strip() for f in fields):
                continue
            if not expected:
                expected = len(fields)
            if len(fields) != expected or expected not in (width, width + 1):
                raise _ragged(path, reader.line_num + 1, fields, separator, expected or width)
            numbers = _numbers(path, reader.line_num + 1, fields)
            where = np.flatnonzero(numbers)
            labels.append(fields[0].strip())
            columns.append(where.astype(np.int32))
            values.append(numbers[where])
            total += where.size
            if total * 20 > max_bytes:
                raise DataError(
                    f"{path} holds more counts than memory allows",
                    fix="convert it to .h5ad with CSR counts, which is read in pieces",
                    code=codes.FILE_MEMORY,
                )
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as a table", found=str(error), code=codes.CSV_RAGGED
        ) from error
    finally:
        text.detach()
    if not labels:
        raise DataError(f"{path} has a header and nothing else", code=codes.CELLS_NONE)
    return labels, columns, values, expected


def _numbers(path: Path, line: int, fields: list[str]) -> NDArray[np.float64]:
    try:
        return np.array(fields[1:], dtype=np.float64)
    except ValueError:
        pass  # find the field below
    for k, field in enumerate(fields[1:], start=2):
        text = field.strip()
        if _COMMA_NUMBER.match(text):
            raise DataError(
                f"{path} seems to use a comma as decimal sign",
                found=f"line {line}, column {k}: {text!r}",
                fix="export it with a point as decimal sign",
                code=codes.CSV_DECIMAL,
            )
        if text.lower() in ("", "na", "n/a", "null", "none"):
            raise DataError(
                f"{path} has a missing value",
                found=f"line {line} ({fields[0]}), column {k}: {text!r}",
                fix="find out why; do not replace it by 0",
                code=codes.MATRIX_NAN,
            )
        try:
            float(text)
        except ValueError as error:
            raise DataError(
                f"{path} has a field that is not a number",
                found=f"line {line} ({fields[0]}), column {k}: {text[:60]!r}",
                fix="remove the column, or correct the field",
                code=codes.CSV_NUMBER,
            ) from error
    return np.array([float(f) for f in fields[1:]], dtype=np.float64)


def _ragged(path: Path, line: int, fields: list[str], separator: str, expected: int) -> DataError:
    halves = sum(f.strip().isdecimal() for f in fields[1:])
    if separator == "," and len(fields) - 1 == 2 * (expected - 1) and halves == len(fields) - 1:
        return DataError(
            f"{path} seems to use a comma both as separator and as decimal sign",
            found=f"line {line} has {len(fields)} fields, the header {expected}",
            fix="export it with a point as decimal sign",
            code=codes.CSV_DECIMAL,
        )
    return DataError(
        f"{path}: lines differ in their number of columns",
        found=f"line {line} has {len(fields)}, expected {expected}",
        fix="export it again",
        code=codes.CSV_RAGGED,
    )


def _column_names(path: Path, header: list[str], width: int) -> list[str]:
    """Names of the value columns; a header one shorter than the lines has no corner."""
    names = [h.strip() for h in (header if width == len(header) + 1 else header[1:])]
    blank = [k for k, n in enumerate(names) if not n]
    if blank:
        raise DataError(
            f"{path}: {len(blank)} columns have no name",
            found=f"first is column {blank[0] + 2}",
            code=codes.CSV_HEADER,
        )
    return names


def _assemble(
    columns: list[NDArray[np.int32]], values: list[NDArray[np.float64]], shape: tuple[int, int]
) -> Any:
    import scipy.sparse as sp

    indptr = np.concatenate([[0], np.cumsum([c.size for c in columns])]).astype(np.int64)
    data = np.concatenate(values)
    return sp.csr_array((data, np.concatenate(columns), indptr), shape=shape)


def _orientation(path: Path, labels: list[str], names: list[str]) -> bool:
    """Tell whether the rows are genes, by the share of names that are known genes."""
    in_rows, in_columns = gene_score(labels), gene_score(names)
    if abs(in_rows - in_columns) >= _CLEAR:
        return in_rows > in_columns
    twice = [n for n, k in Counter(labels).items() if k > 1]
    raise DataError(
        f"{path}: it cannot be told whether rows or columns are genes",
        found=f"{in_rows:.0%} of the rows and {in_columns:.0%} of the columns have names of genes; "
        f"rows {first_few(labels, 2)}, columns {first_few(names, 2)}"
        + (f"; repeated rows {first_few(twice, 2)}" if twice else ""),
        fix="use gene symbols or Ensembl ids as names of the genes",
        code=codes.CSV_ORIENTATION,
    )
