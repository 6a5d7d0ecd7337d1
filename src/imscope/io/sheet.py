"""The sample sheet: one row per sample, checked before anything else is opened."""

import csv
import difflib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.schema import SOURCE_CLASSES

MAX_BYTES = 50 * 2**20
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_PATHS = ("path", "raw_path", "sample_key", "select")

Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Name = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=200)]


class SheetRow(BaseModel):
    """One row of the sample sheet as it is written; further columns are kept as covariates."""

    model_config = ConfigDict(extra="allow", frozen=True)

    sample: Name = Field(description="Unique name of the sample, no spaces.")
    path: Text = Field(
        description="Counts: 10x .h5 or matrix folder, .h5ad, .h5mu, .zarr, .mtx, dense .csv or "
        ".tsv; relative to the sheet; environment variables as ${NAME}."
    )
    raw_path: Text | None = Field(
        None, description="Unfiltered matrix of the same library, with its empty droplets."
    )
    sample_key: Text | None = Field(
        None, description="Column of the file's cells that holds sample names."
    )
    select: Text | None = Field(
        None, description="Cells to take: `column=value`, joined by `;`, with `|` between values."
    )
    source_class: Literal[SOURCE_CLASSES] | None = Field(  # type: ignore[valid-type]
        None, description="Kind of source."
    )
    source_tissue: Text | None = Field(None, description="Tissue of origin.")
    donor: Text | None = Field(None, description="Person the cells come from.")
    line: Text | None = Field(None, description="iPSC line or cell line.")
    clone: Text | None = Field(None, description="Clone grown from one cell.")
    lot: Text | None = Field(None, description="Manufactured unit that is released or not.")
    batch: Text | None = Field(None, description="Technical run.")
    passage: int | None = Field(None, ge=0, le=200, description="Passage number.")
    population_doublings: float | None = Field(
        None, ge=0, le=500, description="Cumulative population doublings."
    )
    day: float | None = Field(None, description="Day of differentiation or culture.")
    condition: Text | None = Field(None, description="Culture condition or treatment.")
    platform: Text | None = Field(None, description="Platform and chemistry.")
    library: Text | None = Field(None, description="Sequencing library.")
    is_reference: bool | None = Field(None, description="Whether this is a reference sample.")
    pair: Text | None = Field(None, description="Name of the pair a sample belongs to.")
    sex: Text | None = Field(None, description="Sex of the donor.")
    donor_age: float | None = Field(None, ge=0, le=130, description="Age of the donor. Unit: y.")
    collected_at: Text | None = Field(None, description="When the cells were collected.")
    operator: Text | None = Field(None, description="Who did the work.")


@dataclass(frozen=True, slots=True)
class SampleRow:
    """Where one sample's cells are.

    Attributes
    ----------
    sample
        Name.
    path, raw_path
        Files, absolute.
    sample_key
        Column of the file's cells that holds sample names.
    conditions
        Column of the file's cells to the values to take.
    """

    sample: str
    path: Path
    raw_path: Path | None
    sample_key: str | None
    conditions: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SampleSheet:
    """A checked sample sheet.

    Attributes
    ----------
    path
        The sheet.
    rows
        Where each sample's cells are.
    frame
        Design: ``sample``, known factors with their types, further columns as text.
    """

    path: Path
    rows: tuple[SampleRow, ...]
    frame: pd.DataFrame


def sample_sheet_schema() -> dict[str, Any]:
    """JSON Schema of one row of the sample sheet.

    Examples
    --------
    >>> sample_sheet_schema()["required"]
    ['sample', 'path']
    """
    return SheetRow.model_json_schema()


def read_sheet(path: Path | str) -> SampleSheet:
    r"""Read and check a sample sheet.

    Parameters
    ----------
    path
        CSV, TSV or XLSX. A byte order mark, Windows line ends and empty lines are accepted.

    Raises
    ------
    UsageError
        The file cannot be read, a required column is missing, a name is not unique, a value has
        the wrong type, an environment variable is not set or a path does not exist.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.h5ad").write_bytes(b"")
    >>> _ = (folder / "s.csv").write_text("sample,path,passage\na,a.h5ad,4\n")
    >>> read_sheet(folder / "s.csv").frame["passage"].tolist()
    [4]
    """
    sheet = Path(path)
    header, lines = _table(sheet)
    _check_header(sheet, header)
    if not lines:
        raise UsageError(
            f"{sheet} has no samples", fix="add one line per sample", code=codes.SHEET_ROWS
        )
    rows = [_row(sheet, header, line, number) for number, line in lines]
    names = [row.sample for row in rows]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UsageError(
            f"{sheet} uses a sample name more than once",
            found=", ".join(twice[:5]),
            fix="give each sample its own name",
            code=codes.SHEET_SAMPLE,
        )
    located = tuple(_locate(sheet, row) for row in rows)
    return SampleSheet(sheet, located, _frame(header, rows))


def _table(sheet: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    if not sheet.is_file():
        raise UsageError(
            f"there is no sample sheet {sheet}", fix="check the path", code=codes.FILE_MISSING
        )
    if sheet.stat().st_size > MAX_BYTES:
        raise UsageError(
            f"{sheet} is too large for a sample sheet",
            found=f"{sheet.stat().st_size / 2**20:.0f} MB",
            fix="give the sheet, not a matrix",
            code=codes.SHEET_FORMAT,
        )
    raw = sheet.read_bytes()
    cells = _excel(sheet, raw) if sheet.suffix.lower() == ".xlsx" else _text(sheet, raw)
    filled = [(i, [c.strip() for c in row]) for i, row in enumerate(cells, start=1)]
    filled = [(i, row) for i, row in filled if any(row)]
    if not filled:
        raise UsageError(f"{sheet} is empty", code=codes.SHEET_ROWS)
    header = filled[0][1]
    while header and not header[-1]:
        header.pop()
    for number, row in filled[1:]:
        if len(row) > len(header) and any(row[len(header) :]):
            raise UsageError(
                f"{sheet}, line {number} has more fields than the header",
                found=f"{len(row)} fields, {len(header)} columns",
                fix="quote fields that hold the separator",
                code=codes.SHEET_RAGGED,
            )
    width = len(header)
    return header, [(i, (row + [""] * width)[:width]) for i, row in filled[1:]]


def _text(sheet: Path, raw: bytes) -> list[list[str]]:
    if b"\0" in raw:
        raise _unreadable(sheet, "it holds NUL bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(sheet, f"not UTF-8 at byte {error.start}") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",\t;", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise _unreadable(sheet, str(error)) from None


def _excel(sheet: Path, raw: bytes) -> list[list[str]]:
    import zipfile

    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > 4 * MAX_BYTES:
            raise _unreadable(sheet, f"{unpacked / 2**20:.0f} MB when unpacked")
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        values = list(book.worksheets[0].iter_rows(values_only=True))
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  the parser raises many kinds on damaged files
        raise _unreadable(sheet, f"{type(error).__name__}: {error}") from None
    return [[_cell(v) for v in row] for row in values]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _unreadable(sheet: Path, why: str) -> UsageError:
    return UsageError(
        f"{sheet} cannot be read as a table",
        found=why[:200],
        fix="save it as CSV (UTF-8), TSV or XLSX",
        code=codes.SHEET_FORMAT,
    )


def _check_header(sheet: Path, header: list[str]) -> None:
    missing = [name for name in ("sample", "path") if name not in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    if not missing and not twice and all(header):
        return
    near = {m: difflib.get_close_matches(m, [h.lower() for h in header], n=1) for m in missing}
    guess = "; ".join(f"is {v[0]!r} the {k!r} column?" for k, v in near.items() if v)
    problem = (
        f"has no column {missing[0]!r}"
        if missing
        else f"has the column {twice[0]!r} twice"
        if twice
        else "has a column without a name"
    )
    raise UsageError(
        f"{sheet} {problem}",
        found=", ".join(header) or "an empty header",
        fix=guess or "`sample` and `path` are required, every column has one name",
        code=codes.SHEET_COLUMN,
    )


def _row(sheet: Path, header: list[str], line: list[str], number: int) -> SheetRow:
    values = {name: value for name, value in zip(header, line, strict=True) if value != ""}
    for name in ("sample", "path"):
        if name not in values:
            raise UsageError(
                f"{sheet}, line {number} has no {name}",
                code=codes.SHEET_SAMPLE if name == "sample" else codes.SHEET_PATH,
            )
    try:
        return SheetRow.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise _wrong_value(sheet, number, name, values[name], first["msg"]) from None


def _wrong_value(sheet: Path, number: int, name: str, value: str, why: str) -> UsageError:
    if name == "sample":
        return UsageError(
            f"{sheet}, line {number}: a sample name may not hold spaces",
            found=repr(value),
            fix=f"write {'_'.join(value.split())!r}",
            code=codes.SHEET_SAMPLE,
        )
    if name == "source_class":
        near = difflib.get_close_matches(value, SOURCE_CLASSES, n=1, cutoff=0.4)
        return UsageError(
            f"{sheet}, line {number}: {value!r} is not a source_class",
            found=value,
            fix=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(SOURCE_CLASSES)}",
            code=codes.SHEET_WORD,
        )
    return UsageError(
        f"{sheet}, line {number}: column {name!r} has a wrong value",
        found=repr(value),
        fix=why,
        code=codes.SHEET_VALUE,
    )


def _locate(sheet: Path, row: SheetRow) -> SampleRow:
    return SampleRow(
        sample=row.sample,
        path=_path(sheet, row.path, row.sample),
        raw_path=None if row.raw_path is None else _path(sheet, row.raw_path, row.sample),
        sample_key=row.sample_key,
        conditions={} if row.select is None else _conditions(sheet, row),
    )


def _path(sheet: Path, written: str, sample: str) -> Path:
    for match in _VARIABLE.finditer(written):
        name = match[1] or match[2]
        if name not in os.environ:
            raise UsageError(
                f"sample {sample!r}: the environment variable {name} is not set",
                found=written,
                fix=f"export {name}=/path/to/data, or write the path out",
                code=codes.SHEET_VARIABLE,
            )
    path = Path(_VARIABLE.sub(lambda m: os.environ[m[1] or m[2]], written)).expanduser()
    path = path if path.is_absolute() else sheet.parent.absolute() / path
    if not path.exists():
        raise UsageError(
            f"sample {sample!r}: there is no file {path}",
            fix="correct the path; relative paths start at the sheet's folder",
            code=codes.SHEET_PATH,
        )
    return path


def _conditions(sheet: Path, row: SheetRow) -> dict[str, list[str]]:
    conditions: dict[str, list[str]] = {}
    for part in filter(None, (p.strip() for p in str(row.select).split(";"))):
        column, equals, values = (p.strip() for p in part.partition("="))
        wanted = [v.strip() for v in values.split("|") if v.strip()]
        if not (column and equals and wanted) or column in conditions:
            raise UsageError(
                f"{sheet}, sample {row.sample!r}: `select` cannot be read",
                found=str(row.select),
                fix="write column=value, joined by `;`, with `|` between values",
                code=codes.SHEET_SELECT,
            )
        conditions[column] = wanted
    return conditions


def _frame(header: list[str], rows: list[SheetRow]) -> pd.DataFrame:
    """Design columns with their types; an empty known column is left out."""
    columns: dict[str, Any] = {}
    for name in header:
        if name in _PATHS and name != "sample":
            continue
        values = [getattr(row, name, None) for row in rows]
        if all(v is None for v in values) and name != "sample":
            continue
        kind = _KINDS.get(name, "str")
        columns[name] = pd.Series(values, dtype=kind)
    if any(row.raw_path for row in rows):
        columns["raw_path"] = pd.Series([row.raw_path for row in rows], dtype="str")
    return pd.DataFrame(columns)


_KINDS = {
    "passage": "Int64",
    "population_doublings": "Float64",
    "day": "Float64",
    "donor_age": "Float64",
    "is_reference": "boolean",
}
