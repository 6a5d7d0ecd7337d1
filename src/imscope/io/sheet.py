"""The sample sheet: one line per sample, typed, with paths resolved and design columns known."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.names import did_you_mean, level_name
from imscope.core.schema import SOURCE_CLASSES
from imscope.io.guard_text import require_columns
from imscope.io.notice import Notice, first_few
from imscope.io.sheet_check import Faulty, check_lines
from imscope.io.sheet_names import PATHS, Fault, covariate_notice, read_header
from imscope.io.sheet_table import read_table_of
from imscope.io.sheet_values import WrongValueError, read_covariate, read_passage

if TYPE_CHECKING:
    import pandas as pd

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
        if not isinstance(value, str):
            return value
        try:
            return read_passage(value)[0]
        except WrongValueError:
            return value

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
                names = [str(c) for c in obs.columns]
                raise DataError(
                    f"{self.path} has no cell column {column!r} (sample {self.sample})",
                    found=first_few(names, 12) or "no columns",
                    fix=did_you_mean(column, names, "name one of these columns"),
                    code=codes.SHEET_SELECT,
                )
            code, found = _levels(obs[column])
            texts = np.array([level_name(v) for v in found], dtype=object)
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
    notices
        How headers and values were understood, and what looks wrong but may be meant.
    """

    path: Path
    rows: tuple[SampleRow, ...]
    frame: "pd.DataFrame"
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class SheetCheck:
    """Everything that can be said of a sample sheet without reading its matrices.

    Attributes
    ----------
    path
        The sheet.
    faults
        What is wrong, all of it.
    notices
        How headers and values were understood.
    sheet
        The sheet, where nothing is wrong.
    """

    path: Path
    faults: tuple[Fault, ...]
    notices: tuple[Notice, ...]
    sheet: SampleSheet | None


def read_sheet(path: str | Path, *, check_paths: bool = True) -> SampleSheet:
    r"""Read a sample sheet (CSV, TSV or XLSX).

    Parameters
    ----------
    path
        The sheet. Byte order mark, CRLF, semicolons, decimal commas, blank lines and the usual
        other names of the columns are accepted; what was understood stands in the notices.
    check_paths
        Every file must exist.

    Raises
    ------
    DataError
        Everything wrong at once, with lines and columns; the code is that of the first fault.

    Examples
    --------
    >>> import tempfile
    >>> sheet = Path(tempfile.mkdtemp()) / "samples.csv"
    >>> _ = sheet.write_text("sample,path,passage\nA,a.h5ad,P3\nB,b.h5ad,5\n")
    >>> read_sheet(sheet, check_paths=False).frame["passage"].tolist()
    [3, 5]
    """
    checked = check_sheet(path, check_paths=check_paths)
    if checked.sheet is None:
        raise _error(checked.path, checked.faults)
    return checked.sheet


def check_sheet(path: str | Path, *, check_paths: bool = True) -> SheetCheck:
    r"""Find everything that is wrong with a sample sheet.

    Parameters
    ----------
    path
        The sheet.
    check_paths
        Every file must exist.

    Raises
    ------
    DataError
        It is no table at all.

    Examples
    --------
    >>> import tempfile
    >>> sheet = Path(tempfile.mkdtemp()) / "samples.csv"
    >>> _ = sheet.write_text("sample,path,passage\nA,a.h5ad,early\nA,b.h5ad,5\n")
    >>> [f.problem for f in check_sheet(sheet, check_paths=False).faults]
    ['passage has a wrong value', "sample 'A' stands twice"]
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no sample sheet {path}", code=codes.FILE_MISSING)
    table = read_table_of(path)
    require_columns(path, table.header)
    header = read_header(table.header)
    faults = [*table.faults, *header.faults]
    if not table.lines:
        faults.append(Fault(codes.SHEET_ROWS, "it has no samples", "", "add one line per sample"))
    result = Faulty(faults, [*table.notices, *header.notices])
    values = check_lines(path, header.names, table, result, check_paths=check_paths)
    rows: list[SampleRow] = []
    if not result.faults:
        rows = [SampleRow.model_validate(v) for v in values]
    told = covariate_notice(header.names)
    notices = (*result.notices, *([told] if told else []))
    sheet = None
    if not result.faults:
        frame = _frame(header.names, rows, comma=table.comma)
        sheet = SampleSheet(path, tuple(rows), frame, notices)
    return SheetCheck(path, tuple(result.faults), notices, sheet)


def _error(path: Path, faults: tuple[Fault, ...]) -> DataError:
    """All faults as one error."""
    first = faults[0]
    if len(faults) == 1:
        return DataError(
            f"{path}: {first.problem}", found=first.found, fix=first.fix, code=first.code
        )
    lines = [
        f"{k}. {f.problem}" + (f" ({f.found})" if f.found else "") + (f": {f.fix}" if f.fix else "")
        for k, f in enumerate(faults[:50], start=1)
    ]
    more = [f"and {len(faults) - 50} more"] if len(faults) > 50 else []
    return DataError(
        f"{path}: {len(faults)} things are wrong",
        found="\n    " + "\n    ".join([*lines, *more]),
        fix="mend all of them; `imscope sheet --check SHEET` looks again without a run",
        code=first.code,
    )


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


def _frame(header: list[str], rows: list[SampleRow], *, comma: bool) -> "pd.DataFrame":
    import pandas as pd

    columns: dict[str, Any] = {}
    order = [*header, *(["source_tissue"] if "source_tissue" not in header else [])]
    for name in order:
        values = [getattr(row, name, None) for row in rows]
        if name in (*PATHS, "sample") or all(v is None for v in values):
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
            columns[name] = _covariate(values, comma=comma)
    return pd.DataFrame(
        columns, index=pd.Index([r.sample for r in rows], dtype="str", name="sample")
    )


def _covariate(values: list[Any], *, comma: bool) -> Any:
    """Numbers where all given values are numbers, else text."""
    import pandas as pd

    read, _ = read_covariate(values, comma=comma)
    if any(isinstance(v, float) for v in read):
        return np.array([np.nan if v is None else v for v in read], dtype=np.float64)
    return pd.array([None if v is None else str(v) for v in read], dtype="str")
