"""Plates written as blocks: a line of column numbers, then one line per row letter."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.loose_table import MISSING, read_text

if TYPE_CHECKING:
    import pandas as pd

_ROW = re.compile(r"^[A-Za-z]{1,2}$")


def read_blocks(paths: list[Path]) -> "pd.DataFrame | None":
    r"""Read matrix blocks of some files, or nothing when the first file holds none.

    Parameters
    ----------
    paths
        Text files. A line before a block names its plate; otherwise the file does.

    Raises
    ------
    DataError
        A value in a block is not a number.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "p1.csv"
    >>> _ = path.write_text("plate one\n,1,2,3\nA,5,6,7\nB,8,,9\n")
    >>> read_blocks([path])[["plate", "well", "value"]].values.tolist()[:2]
    [['plate one', 'A01', 5.0], ['plate one', 'A02', 6.0]]
    """
    import pandas as pd

    rows: list[tuple[str, str, float]] = []
    for path in paths:
        found = _blocks_of(path)
        if not found and not rows:
            return None
        rows += found
    return pd.DataFrame(rows, columns=["plate", "well", "value"])


def _blocks_of(path: Path) -> list[tuple[str, str, float]]:
    text = read_text(path)
    separator = max(("\t", ",", ";"), key=text[:4000].count)
    columns: list[int] = []
    name, title, count = path.name.split(".")[0], "", 0
    out: list[tuple[str, str, float]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        fields = [f.strip() for f in line.split(separator)]
        body = [f for f in fields[1:] if f]
        if fields[0] == "" and len(body) >= 3 and body == [str(k + 1) for k in range(len(body))]:
            columns, count = [int(f) for f in body], count + 1
            plate = title or (name if count == 1 else f"{name}_{count}")
            title = ""
        elif columns and _ROW.match(fields[0]):
            for column, value in zip(columns, fields[1:], strict=False):
                out.append((plate, f"{fields[0].upper()}{column:02d}", _value(path, number, value)))
        elif line.strip():
            columns, title = [], fields[0]
    return out


def _value(path: Path, line: int, text: str) -> float:
    if text in MISSING:
        return float("nan")
    try:
        return float(text)
    except ValueError as error:
        raise DataError(
            f"{path}: a well is not a number",
            found=f"{text!r} in line {line}",
            code=codes.SCREEN_VALUES,
        ) from error
