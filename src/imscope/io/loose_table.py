"""Text tables as users have them: any separator and line end, names kept as they are written."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import open_text

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 2 * 2**30
MISSING = ("", "NA", "N/A", "NaN", "nan", "na", "n/a", "null", "NULL", "#N/A", "None")
"""Words for a missing value in a column of numbers."""


def read_text(path: Path) -> str:
    """Text of a file, packed or not, with Unix line ends whatever was written."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}", fix="check the path", code=codes.FILE_MISSING)
    with open_text(path, max_bytes=MAX_BYTES) as handle:
        text = handle.read().decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_loose_table(path: Path, *, header: bool = True) -> "pd.DataFrame":
    r"""Read a text table; every column is text unless all of it are numbers.

    Parameters
    ----------
    path
        ``.tsv``, ``.csv`` or plain text, also ``.gz``. The separator is the most frequent of tab,
        comma and semicolon in the first line; blanks part columns only when none of these is there.
        Line ends may be LF, CRLF or CR.
    header
        Whether the first line holds names.

    Returns
    -------
    table
        Names without surrounding blanks. Words for "missing" become NaN in columns of numbers.

    Raises
    ------
    DataError
        The file is missing, empty, not UTF-8, or its lines differ in their number of columns.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "odd.txt"
    >>> _ = path.write_text("sgRNA\tGene\tT0\rA 1\tTP53\t7\rA 2\tTP53\tNA\r")
    >>> read_loose_table(path).values.tolist()
    [['A 1', 'TP53', 7.0], ['A 2', 'TP53', nan]]
    """
    import pandas as pd

    text = read_text(path)
    first = text.split("\n", 1)[0]
    separator = max(("\t", ",", ";"), key=first.count)
    blank = separator not in first
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=r"\s+" if blank else separator,
            header=0 if header else None,
            dtype=None,
            na_values=list(MISSING),
            keep_default_na=False,
            index_col=False,
            low_memory=False,
            skip_blank_lines=True,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(
            f"{path} cannot be read as a table",
            found=str(error),
            fix="every line needs the same number of columns",
            code=codes.CSV_RAGGED,
        ) from error
    if header:
        names = [str(c).strip().lstrip("\ufeff") for c in table.columns]
        twice = sorted({n for k, n in enumerate(names) if n in names[:k]})
        if twice:
            raise DataError(f"{path}: a column stands twice", found=twice[0], code=codes.CSV_HEADER)
        table.columns = pd.Index(names)
    return table


def numbers_of(path: Path, table: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    """Columns as numbers; the first value that is none of them is named.

    Raises
    ------
    DataError
        A value is not a number.
    """
    import pandas as pd

    out = {}
    for name in names:
        column = table[name]
        if not pd.api.types.is_numeric_dtype(column):
            made = pd.to_numeric(column, errors="coerce")
            bad = made.isna() & column.notna()
            if bad.any():
                first = int(bad.to_numpy().argmax())
                raise DataError(
                    f"{path}: column {name!r} is not numbers",
                    found=f"{int(bad.sum())} values, first is {column.iloc[first]!r} in line "
                    f"{first + 2}",
                    fix="leave missing values empty; write decimals with a point",
                    code=codes.SCREEN_VALUES,
                )
            column = made
        out[name] = column.astype("float64")
    return pd.DataFrame(out)
