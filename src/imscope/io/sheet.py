"""The sample sheet: one line per sample, typed, with paths resolved and design columns known."""

import csv
import difflib
import io
import os
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import SOURCE_CLASSES
from imscope.io.guard_text import read_lines, require_columns
from imscope.io.notice import first_few

if TYPE_CHECKING:
    import pandas as pd

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)")
_MAX_BYTES = 64 * 2**20
_NOT_FACTORS = ("path", "raw_path", "sample_key", "select")

Text = Annotated[str, Field(min_length=1)]


class SampleRow(BaseModel):
    """One sample. Further columns are kept as covariates.

    Attributes
    ----------
    sample
        Unique name without spaces.
    path
        Counts, relative to the sheet; ``${NAME}`` takes an environment variable, and
        ``${NAME:-folder}`` the folder where the variable is not set.
    raw_path
        The unfiltered matrix, for the ambient share.
    sample_key
        Column of the file's ``obs`` that names the sample, when one file holds many.
    select
        Cells to take, such as ``protocol=CEL-seq2;cell_line=H1975|H2228``.
    """

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)

    sample: Annotated[str, Field(pattern=r"^\S+$", description="Unique name without spaces.")]
    path: Annotated[Path, Field(description="Counts; relative to the sheet.")]
    raw_path: Annotated[Path | None, Field(description="Unfiltered matrix.")] = None
    sample_key: Annotated[Text | None, Field(description="Column of obs naming the sample.")] = None
    select: Annotated[Text | None, Field(description="column=value;column=a|b")] = None
    source_class: Literal[SOURCE_CLASSES] | None = None  # type: ignore[valid-type]
    source_tissue: Text | None = None
    donor: Text | None = None
    line: Text | None = None
    clone: Text | None = None
    lot: Text | None = None
    batch: Text | None = None
    passage: Annotated[int | None, Field(ge=0)] = None
    population_doublings: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    day: Annotated[float | None, Field(allow_inf_nan=False)] = None
    condition: Text | None = None
    platform: Text | None = None
    library: Text | None = None
    is_reference: bool | None = None
    pair: Text | None = None
    sex: Text | None = None
    donor_age: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    collected_at: date | None = None
    operator: Text | None = None

    @field_validator("passage", mode="before")
    @classmethod
    def _passage(cls, value: object) -> object:
        """Take `P5` as 5."""
        match = re.fullmatch(r"[pP](\d+)", value) if isinstance(value, str) else None
        return int(match[1]) if match else value

    def cells_of(self, obs: "pd.DataFrame") -> NDArray[np.int64]:
        """Row numbers of this sample's cells in the table of its file.

        Raises
        ------
        DataError
            A column named by ``sample_key`` or ``select`` is not there, or no cell is left.
        """
        keep = np.ones(len(obs), dtype=bool)
        wanted = [(self.sample_key, [self.sample])] if self.sample_key else []
        for column, values in [*wanted, *parse_select(self.select or "")]:
            if column not in obs.columns:
                near = difflib.get_close_matches(str(column), [str(c) for c in obs.columns], 1, 0.4)
                raise DataError(
                    f"{self.path} has no cell column {column!r} (sample {self.sample})",
                    found=first_few([str(c) for c in obs.columns], 12) or "no columns",
                    fix=f"did you mean {near[0]!r}?" if near else "name one of these columns",
                    code=codes.SHEET_SELECT,
                )
            code, found = _levels(obs[column])
            texts = np.array([_plain(v) for v in found], dtype=object)
            absent = [v for v in values if v not in set(texts)]
            if absent:
                raise DataError(
                    f"{self.path}: no cell has {column}={absent[0]} (sample {self.sample})",
                    found=first_few(sorted(set(texts)), 12),
                    fix="use one of these values",
                    code=codes.SHEET_SELECT,
                )
            keep &= np.isin(texts, values)[code]
        if not keep.any():
            raise DataError(
                f"no cell of {self.path} belongs to sample {self.sample}",
                found=f"{len(obs):,} cells, none meets {self.select or self.sample_key!r}",
                fix="check `sample_key` and `select`",
                code=codes.CELLS_NONE,
            )
        return np.flatnonzero(keep).astype(np.int64)


def _levels(column: "pd.Series") -> tuple[NDArray[np.int64], list[Any]]:
    """Number of each value among the different values; mixed types are all kept apart."""
    import pandas as pd

    if column.dtype == object:
        return np.arange(len(column), dtype=np.int64), column.tolist()
    code, found = pd.factorize(column, use_na_sentinel=False)
    return code.astype(np.int64), list(found)


@dataclass(frozen=True)
class SampleSheet:
    """A checked sample sheet.

    Attributes
    ----------
    path
        The sheet.
    rows
        One per sample, in the order of the sheet.
    frame
        The same as a table, indexed by ``sample``: every column of the sheet but paths and
        selections, columns without any value left out.
    """

    path: Path
    rows: tuple[SampleRow, ...]
    frame: "pd.DataFrame"


def read_sheet(path: str | Path, *, check_paths: bool = True) -> SampleSheet:
    r"""Read a sample sheet (CSV, TSV or XLSX).

    Parameters
    ----------
    path
        The sheet. Byte order mark, CRLF, semicolons and blank lines at the end are accepted.
    check_paths
        Every file must exist.

    Raises
    ------
    DataError
        The first thing wrong, with line and column; every case has its own code.

    Examples
    --------
    >>> import tempfile
    >>> sheet = Path(tempfile.mkdtemp()) / "samples.csv"
    >>> _ = sheet.write_text("sample,path,passage\nA,a.h5ad,P3\nB,b.h5ad,5\n")
    >>> read_sheet(sheet, check_paths=False).frame["passage"].tolist()
    [3, 5]
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no sample sheet {path}", code=codes.FILE_MISSING)
    header, lines = _table_of(path)
    require_columns(path, header)
    header = _checked_header(path, header)
    rows = [_row(path, number, header, fields, check_paths) for number, fields in lines]
    if not rows:
        raise DataError(
            f"{path} has no samples", fix="add one line per sample", code=codes.SHEET_ROWS
        )
    seen: set[str] = set()
    for (number, _), row in zip(lines, rows, strict=True):
        if row.sample in seen:
            raise DataError(
                f"{path}: sample {row.sample!r} stands twice",
                found=f"again in line {number}",
                fix="give each sample its own name",
                code=codes.SHEET_SAMPLE,
            )
        seen.add(row.sample)
    return SampleSheet(path, tuple(rows), _frame(header, rows))


def sample_sheet_schema() -> dict[str, Any]:
    """JSON Schema of one line of the sample sheet."""
    schema = SampleRow.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "imscope sample sheet, one line"
    return schema


def parse_select(text: str) -> list[tuple[str, list[str]]]:
    """Read ``column=value;column=a|b``.

    Raises
    ------
    DataError
        A part is not ``column=value``.

    Examples
    --------
    >>> parse_select("protocol=CEL-seq2; cell_line=H1975|H2228")
    [('protocol', ['CEL-seq2']), ('cell_line', ['H1975', 'H2228'])]
    """
    out = []
    for part in (p.strip() for p in text.split(";")):
        column, mark, values = part.partition("=")
        options = [v.strip() for v in values.split("|")]
        if part and not (mark and column.strip() and all(options)):
            raise DataError(
                f"a selection is not `column=value`: {part!r}",
                fix="write `column=value`, joined by `;`, with `|` between values",
                code=codes.SHEET_SELECT,
            )
        if part:
            out.append((column.strip(), options))
    return out


def _table_of(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and numbered lines with any content."""
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        lines = _xlsx(path)
    elif path.suffix.lower() in (".csv", ".tsv", ".txt", ".tab"):
        text = read_lines(path, max_bytes=_MAX_BYTES)
        first = text[0] if text else ""
        separator = max(("\t", ";", ","), key=first.count)
        try:
            reader = csv.reader(io.StringIO("\n".join(text)), delimiter=separator, strict=True)
            lines = [(reader.line_num, fields) for fields in reader]
        except csv.Error as error:
            raise DataError(
                f"{path} cannot be read as a table", found=str(error), code=codes.SHEET_FORMAT
            ) from error
    else:
        raise DataError(
            f"{path} is not a sample sheet",
            found=f"the name ends in {path.suffix!r}",
            fix="save it as .csv, .tsv or .xlsx",
            code=codes.SHEET_FORMAT,
        )
    full = [(n, [f.strip() for f in fields]) for n, fields in lines]
    full = [(n, fields) for n, fields in full if any(fields)]
    if not full:
        raise DataError(f"{path} is empty", code=codes.SHEET_ROWS)
    return full[0][1], full[1:]


def _xlsx(path: Path) -> list[tuple[int, list[str]]]:
    import zipfile

    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > 4 * _MAX_BYTES:
            raise DataError(f"{path} unpacks to {size:,} bytes", code=codes.GZ_BOMB)
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = [[_cell(v) for v in row] for row in sheet.iter_rows(values_only=True)]
        book.close()
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as an XLSX table",
            found=f"{type(error).__name__}: {error}",
            fix="save it again, or as .csv",
            code=codes.SHEET_FORMAT,
        ) from error
    return list(enumerate(rows, start=1))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _checked_header(path: Path, header: list[str]) -> list[str]:
    while header and not header[-1]:
        header = header[:-1]
    twice = [h for k, h in enumerate(header) if h in header[:k]]
    missing = [c for c in ("sample", "path") if c not in header]
    blank = [k + 1 for k, h in enumerate(header) if not h]
    if twice or missing or blank:
        near = [difflib.get_close_matches(m, header, 1, 0.5) for m in missing]
        hints = [f"rename {n[0]!r} to {m!r}" for m, n in zip(missing, near, strict=True) if n]
        raise DataError(
            f"{path}: "
            + (f"no column {missing[0]!r}" if missing else "")
            + (f"column {twice[0]!r} stands twice" if twice and not missing else "")
            + (f"column {blank[0]} has no name" if blank and not missing and not twice else ""),
            found=", ".join(header),
            fix="; ".join(hints) or "`sample` and `path` are required, each name once",
            code=codes.SHEET_COLUMN,
        )
    return header


def _row(
    path: Path, number: int, header: list[str], fields: list[str], check_paths: bool
) -> SampleRow:
    if len(fields) > len(header) and any(fields[len(header) :]):
        raise DataError(
            f"{path}: line {number} has more fields than the header",
            found=f"{len(fields)} fields, {len(header)} columns",
            fix="quote fields that hold commas",
            code=codes.SHEET_RAGGED,
        )
    values: dict[str, Any] = {h: f for h, f in zip(header, fields, strict=False) if f}
    for name in ("path", "raw_path"):
        if name in values:
            values[name] = _resolved(path, number, name, values[name], check=check_paths)
    values.setdefault("sample", "")
    try:
        row = SampleRow.model_validate(values)
    except ValidationError as error:
        raise _value_error(path, number, error) from error
    parse_select(row.select or "")
    return row


def _resolved(sheet: Path, number: int, column: str, text: str, *, check: bool) -> Path:
    def replace(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        if not os.environ.get(name):
            if match[2] is not None:
                return match[2]
            raise DataError(
                f"{sheet}: the environment variable {name} is not set",
                found=f"line {number}, column {column}: {text}",
                fix=f"export {name}=/folder/of/the/data, or write the path out",
                code=codes.SHEET_VARIABLE,
            )
        return os.environ[name]

    full = Path(_VARIABLE.sub(replace, text)).expanduser()
    full = full if full.is_absolute() else sheet.parent / full
    if "\0" in text or (check and not full.exists()):
        raise DataError(
            f"{sheet}: there is no file {full}",
            found=f"line {number}, column {column}: {text!r}",
            fix="correct the path; relative paths start at the folder of the sheet",
            code=codes.SHEET_PATH,
        )
    return full


def _value_error(path: Path, number: int, error: ValidationError) -> DataError:
    first = error.errors()[0]
    column = str(first["loc"][0])
    value = first.get("input")
    place = f"line {number}, column {column}: {value!r}"
    if column == "sample":
        return DataError(
            f"{path}: a sample name is empty or has a space",
            found=place,
            fix="give each sample one short name without spaces",
            code=codes.SHEET_SAMPLE,
        )
    if column == "path" and first["type"] == "missing":
        return DataError(f"{path}: line {number} has no path", code=codes.SHEET_PATH)
    if column == "source_class":
        near = difflib.get_close_matches(str(value), SOURCE_CLASSES, 1, 0.3)
        return DataError(
            f"{path}: {column} is not one of {', '.join(SOURCE_CLASSES)}",
            found=place,
            fix=f"did you mean {near[0]!r}?" if near else "use one of these words",
            code=codes.SHEET_WORD,
        )
    return DataError(
        f"{path}: {column} has a wrong value",
        found=f"{place} ({first['msg'].lower()})",
        fix="correct the cell, or leave it empty",
        code=codes.SHEET_VALUE,
    )


def _frame(header: list[str], rows: list[SampleRow]) -> "pd.DataFrame":
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in header:
        values = [getattr(row, name, None) for row in rows]
        if name in (*_NOT_FACTORS, "sample") or all(v is None for v in values):
            continue
        if name == "passage":
            columns[name] = pd.array(values, dtype="Int64" if None in values else "int64")
        elif name in ("population_doublings", "day", "donor_age"):
            columns[name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        elif name == "is_reference":
            columns[name] = pd.array(values, dtype="boolean" if None in values else "bool")
        elif name in SampleRow.model_fields:
            columns[name] = pd.array([None if v is None else str(v) for v in values], dtype="str")
        else:
            columns[name] = _covariate(values)
    return pd.DataFrame(
        columns, index=pd.Index([r.sample for r in rows], dtype="str", name="sample")
    )


def _covariate(values: list[Any]) -> Any:
    """Numbers where all given values are numbers, else text."""
    import pandas as pd

    try:
        return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    except ValueError:
        return pd.array([None if v is None else str(v) for v in values], dtype="str")


def _plain(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
