"""The sheet of a pooled screen: what every sample is."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import SCREEN_SHEET
from imscope.io.loose_table import read_loose_table

if TYPE_CHECKING:
    import pandas as pd

_TEXT = ("sample", "condition", "replicate", "pair", "bin")
_NUMBERS = ("time", "bin_low", "bin_high", "cells_sorted")


def read_screen_sheet(path: str | Path, *, samples: tuple[str, ...] = ()) -> "pd.DataFrame":
    r"""Read and check the sheet of a pooled screen.

    Parameters
    ----------
    path
        Text table with ``sample`` and ``condition``; ``replicate``, ``pair``, ``time``, ``bin``,
        ``bin_low``, ``bin_high`` and ``cells_sorted`` by name; further columns are kept as
        covariates of a design.
    samples
        Samples of the count table: a sample of the sheet that is not among them is an error.

    Raises
    ------
    DataError
        A column is missing, a sample stands twice or is not in the table, or a value is not what
        its column says.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sheet.csv"
    >>> _ = path.write_text("sample,condition\nT0,control\nT18,treatment\n")
    >>> read_screen_sheet(path, samples=("T0", "T18"))["condition"].tolist()
    ['control', 'treatment']
    """
    path = Path(path)
    table = read_loose_table(path)
    table.columns = table.columns.str.lower()
    missing = [c for c in ("sample", "condition") if c not in table.columns]
    if missing or not len(table):
        near = difflib.get_close_matches(missing[0], list(table.columns), 1) if missing else []
        raise DataError(
            f"{path}: " + (f"no column {missing[0]!r}" if missing else "no rows"),
            found=", ".join(table.columns),
            fix=f"rename {near[0]!r}" if near else "`sample` and `condition` are required",
            code=codes.SCREEN_SHEET,
        )
    for name in table.columns:
        if name in _NUMBERS:
            table[name] = _numbers(path, table, name)
        elif name in _TEXT or table[name].dtype == object or str(table[name].dtype) == "str":
            table[name] = [_word(v) for v in table[name].astype("object")]
    _check(path, table, samples)
    return SCREEN_SHEET.check(table)


def _word(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _numbers(path: Path, table: "pd.DataFrame", name: str) -> "pd.Series":
    import pandas as pd

    made = pd.to_numeric(table[name], errors="coerce")
    bad = made.isna() & table[name].notna()
    if bad.any():
        raise DataError(
            f"{path}: {name} is not a number",
            found=f"{table.loc[bad, name].iloc[0]!r} of sample {table.loc[bad, 'sample'].iloc[0]}",
            code=codes.SCREEN_SHEET,
        )
    return made.astype("float64")


def _check(path: Path, table: "pd.DataFrame", samples: tuple[str, ...]) -> None:
    twice = table.loc[table["sample"].duplicated(), "sample"].tolist()
    if twice:
        raise DataError(
            f"{path}: sample {twice[0]!r} stands twice",
            code=codes.SCREEN_SHEET,
            fix="one line per sample",
        )
    gone = [s for s in table["sample"] if s not in samples] if samples else []
    if gone:
        near = difflib.get_close_matches(gone[0], samples, 2, 0.4)
        raise DataError(
            f"{path}: {len(gone)} samples are not in the count table, first is {gone[0]!r}",
            found=", ".join(samples[:8]),
            fix=f"did you mean {' or '.join(map(repr, near))}?" if near else "use the same names",
            code=codes.SCREEN_SAMPLES,
        )
    if {"bin_low", "bin_high"} <= set(table.columns):
        low, high = table["bin_low"], table["bin_high"]
        known = low.notna() | high.notna()
        wrong = known & ~((low >= 0) & (high <= 1) & (low < high))
        if wrong.any():
            row = table[wrong].iloc[0]
            raise DataError(
                f"{path}: a bin is not a range of quantiles",
                found=f"{row['sample']}: {row['bin_low']} to {row['bin_high']}",
                fix="bin_low and bin_high are fractions of all cells, 0 to 1",
                code=codes.SCREEN_SHEET,
            )
