"""Sample sheets as tables of text: CSV and TSV in any usual dress, and spreadsheets."""

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import read_lines
from imscope.io.notice import Notice, first_few
from imscope.io.sheet_names import Fault
from imscope.io.sheet_values import as_day, cleaned

_MAX_BYTES = 64 * 2**20


@dataclass
class SheetTable:
    """A sheet as text.

    Attributes
    ----------
    header
        Names of the columns as written.
    lines
        Number of the line in the file, and its cells.
    comma
        The sheet separates fields by semicolon or tab, so that a comma may be a decimal sign.
    notices, faults
        What must be told, and what is wrong.
    """

    header: list[str]
    lines: list[tuple[int, list[str]]]
    comma: bool = False
    notices: list[Notice] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_table_of(path: Path) -> SheetTable:
    """Read the cells of a sheet as text.

    Raises
    ------
    DataError
        It is no table, or has no line at all.
    """
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        table = _xlsx(path)
    elif path.suffix.lower() in (".csv", ".tsv", ".txt", ".tab"):
        table = _text(path)
    else:
        raise DataError(
            f"{path} is not a sample sheet",
            found=f"the name ends in {path.suffix!r}",
            fix="save it as .csv, .tsv or .xlsx",
            code=codes.SHEET_FORMAT,
        )
    rows = [(n, [cleaned(f) for f in fields]) for n, fields in table.lines]
    odd = sum(
        a.strip(" \t\r\n") != b
        for (_, x), (_, y) in zip(table.lines, rows, strict=True)
        for a, b in zip(x, y, strict=True)
    )
    if odd:
        table.notices.append(
            Notice(
                codes.W_SHEET_CHARACTERS,
                f"{odd} cells held blanks of another kind or characters nobody sees; taken out",
            )
        )
    rows = [(n, fields) for n, fields in rows if any(fields)]
    if not rows:
        raise DataError(f"{path} is empty", code=codes.SHEET_ROWS)
    table.header, table.lines = rows[0][1], rows[1:]
    _drop_empty_columns(table)
    return table


def _drop_empty_columns(table: SheetTable) -> None:
    """Leave out columns without a name and without a value; others without a name are a fault."""
    width = max([len(table.header), *(len(f) for _, f in table.lines)])
    header = table.header + [""] * (width - len(table.header))
    named = len(header)
    while named and not header[named - 1]:
        named -= 1
    used = [any(k < len(f) and f[k] for _, f in table.lines) for k in range(width)]
    keep = [k for k in range(named) if header[k] or used[k]]
    for k in keep:
        if not header[k]:
            table.faults.append(
                Fault(
                    codes.SHEET_COLUMN,
                    f"column {k + 1} has no name",
                    ", ".join(header[:named]),
                    "give every column that holds values a name",
                )
            )
    for number, fields in table.lines:
        if any(fields[named:]):
            table.faults.append(
                Fault(
                    codes.SHEET_RAGGED,
                    f"line {number} has more fields than the header",
                    f"{len(fields)} fields, {named} columns",
                    "quote fields that hold the separator",
                )
            )
    table.header = [header[k] for k in keep]
    table.lines = [(n, [f[k] if k < len(f) else "" for k in keep]) for n, f in table.lines]


def _text(path: Path) -> SheetTable:
    text = read_lines(path, max_bytes=_MAX_BYTES)
    while text and (not text[0].strip(" \t;,") or re.match(r"sep=.$", text[0])):
        text = text[1:]
    first = text[0] if text else ""
    separator = max(("\t", ";", ","), key=first.count)
    try:
        reader = csv.reader(io.StringIO("\n".join(text)), delimiter=separator, strict=True)
        lines = [(reader.line_num, fields) for fields in reader]
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as a table", found=str(error), code=codes.SHEET_FORMAT
        ) from error
    return SheetTable([], lines, comma=separator != ",")


def _xlsx(path: Path) -> SheetTable:
    import zipfile

    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _MAX_BYTES:
            raise DataError(f"{path} unpacks to {size:,} bytes", code=codes.GZ_BOMB)
        values = load_workbook(path, data_only=True)
        formulas = load_workbook(path, data_only=False)
        table = _worksheet(values, formulas)
        values.close()
        formulas.close()
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as an XLSX table",
            found=f"{type(error).__name__}: {error}",
            fix="save it again, or as .csv",
            code=codes.SHEET_FORMAT,
        ) from error
    return table


def _worksheet(values: Any, formulas: Any) -> SheetTable:
    filled = [s for s in values.worksheets if s.max_row > 1 or s.max_column > 1]
    sheet = (filled or values.worksheets)[0]
    lines = [[_cell(c) for c in row] for row in sheet.iter_rows()]
    table = SheetTable([], list(enumerate(lines, start=1)), comma=True)
    if len(filled) > 1:
        others = [s.title for s in filled if s is not sheet]
        table.notices.append(
            Notice(
                codes.W_SHEET_SPREADSHEET,
                f"only the worksheet {sheet.title!r} is read, not {first_few(others)}",
            )
        )
    hidden = [k for k, d in sheet.row_dimensions.items() if d.hidden]
    hidden_columns = [k for k, d in sheet.column_dimensions.items() if d.hidden]
    if hidden or hidden_columns:
        table.notices.append(
            Notice(
                codes.W_SHEET_SPREADSHEET,
                f"{len(hidden)} hidden rows and {len(hidden_columns)} hidden columns are read "
                "like all others",
            )
        )
    for area in sorted(str(r) for r in sheet.merged_cells.ranges):
        table.faults.append(
            Fault(
                codes.SHEET_MERGED,
                f"the cells {area} are merged",
                "only the first of them holds a value",
                "take the merging back and write the value into every line",
            )
        )
    _formulas(table, sheet, formulas[sheet.title])
    return table


def _formulas(table: SheetTable, sheet: Any, written: Any) -> None:
    made = [c for row in written.iter_rows() for c in row if c.data_type == "f"]
    lost = [c.coordinate for c in made if sheet[c.coordinate].value is None]
    if lost:
        table.faults.append(
            Fault(
                codes.SHEET_FORMULA,
                f"{len(lost)} cells hold a formula without a computed value",
                first_few(lost),
                "open and save the file in a spreadsheet program, or paste the values",
            )
        )
    elif made:
        table.notices.append(
            Notice(
                codes.W_SHEET_SPREADSHEET,
                f"{len(made)} cells are formulas, first {made[0].coordinate}; their last "
                "computed values are used",
            )
        )


def _cell(cell: Any) -> str:
    """Text of a cell as it is shown: dates, and numbers with their leading zeros."""
    value, shown = cell.value, str(cell.number_format or "")
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return as_day(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and re.fullmatch(r"0+", shown):
        return str(round(value)).zfill(len(shown))
    if isinstance(value, int | float) and re.fullmatch(r"0(?:\.0+)?%", shown):
        return f"{100 * value:.10g}%"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)
