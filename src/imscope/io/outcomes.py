"""Outcomes of lots: assays, animals and patients, one measurement a row."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.result import Notice
from imscope.io.loose_table import read_loose_table

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("lot", "outcome", "value", "unit", "direction")
OPTIONAL = (
    *("assay", "model", "species", "indication", "run", "animal", "patient", "operator", "date"),
    *("dose", "passage", "limit"),
)
HIGHER = frozenset({"higher", "up", "high", "+", "increase", "higher is better", "more"})
LOWER = frozenset({"lower", "down", "low", "-", "decrease", "lower is better", "less"})
_LIMIT = re.compile(r"^\s*(<=?|>=?|\u2264|\u2265)\s*(.+)$")
_YES = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "responder": 1.0, "non-responder": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Measurements, each with its outcome, unit, direction and limit.

    Attributes
    ----------
    table
        Columns ``lot``, ``outcome``, ``value`` (number), ``limit`` (``<``, ``>`` or empty),
        ``unit``, ``direction`` (``higher`` or ``lower`` is better), ``yes_no`` and whatever else
        the file has.
    notices
        What was left out, and why.
    """

    table: "pd.DataFrame"
    notices: tuple[Notice, ...]


def read_outcomes(path: Path | str) -> Outcomes:
    r"""Read ``outcomes.tsv``.

    Parameters
    ----------
    path
        Text table with the columns ``lot``, ``outcome``, ``value``, ``unit``, ``direction`` and
        perhaps ``assay``, ``model``, ``species``, ``indication``, ``run``, ``animal``,
        ``patient``, ``dose``, ``passage``, ``operator``, ``date``. ``value`` may be a number, a
        limit such as ``<0.5``, or yes and no.

    Raises
    ------
    DataError
        A column is missing or has gaps, an outcome has no or two units or directions, or a row
        stands twice.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "outcomes.tsv"
    >>> head = "lot\toutcome\tvalue\tunit\tdirection\n"
    >>> _ = path.write_text(head + "L1\tIDO\t<0.5\tuM\thigher\nL2\tIDO\t3\tuM\thigher\n")
    >>> read_outcomes(path).table[["lot", "value", "limit"]].values.tolist()
    [['L1', 0.5, '<'], ['L2', 3.0, '']]
    """
    return check_outcomes(read_loose_table(Path(path)))


def check_outcomes(table: "pd.DataFrame") -> Outcomes:
    """Check a table of outcomes; see :func:`read_outcomes`.

    Raises
    ------
    DataError
        As there.
    """
    import pandas as pd

    frame = table.rename(columns={c: str(c).strip().lower() for c in table.columns}).copy()
    missing = [c for c in NEEDED if c not in frame.columns]
    if missing:
        code = codes.OUTCOME_UNIT if missing[0] in ("unit", "direction") else codes.POTENCY_COLUMN
        raise DataError(
            f"the outcome table has no column {missing[0]!r}",
            found=", ".join(map(str, table.columns)),
            fix=codes.CODES[code].fix,
            code=code,
        )
    lost = frame["value"].isna() | (frame["value"].astype(str).str.strip() == "")
    notices = []
    if lost.any():
        told = f"{int(lost.sum())} of {len(frame)} outcomes have no value and are left out"
        notices.append(Notice(codes.POTENCY_LOST, told))
        frame = frame[~lost]
    for column in ("lot", "outcome"):
        _no_gaps(frame, column, codes.POTENCY_COLUMN)
    for column in ("unit", "direction"):
        _no_gaps(frame, column, codes.OUTCOME_UNIT)
    frame = frame.reset_index(drop=True)
    frame["direction"] = [
        _direction(w, o) for w, o in zip(frame["direction"], frame["outcome"], strict=True)
    ]
    for outcome, part in frame.groupby("outcome"):
        for column in ("unit", "direction"):
            found = sorted(set(part[column].astype(str)))
            if len(found) > 1:
                raise DataError(
                    f"outcome {outcome!r} has more than one {column}",
                    found=", ".join(found),
                    fix="convert to one unit, or name two outcomes",
                    code=codes.OUTCOME_UNIT,
                )
    parsed = [_value(w, k) for k, w in enumerate(frame["value"])]
    frame["value"], frame["limit"], frame["yes_no"] = (list(c) for c in zip(*parsed, strict=True))
    twice = frame.duplicated()
    if twice.any() and {"run", "animal", "patient"} & set(frame.columns):
        first = frame[twice].iloc[0]
        raise DataError(
            "a row of the outcome table stands twice",
            found=f"{int(twice.sum())} rows, first is lot {first['lot']}, {first['outcome']}",
            fix="leave the copy out, or give each measurement its own run, animal or patient",
            code=codes.POTENCY_TWICE,
        )
    frame["lot"], frame["outcome"] = frame["lot"].astype(str), frame["outcome"].astype(str)
    return Outcomes(pd.DataFrame(frame), tuple(notices))


def _no_gaps(frame: "pd.DataFrame", column: str, code: str) -> None:
    gaps = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
    if gaps.any():
        who = frame.loc[gaps].iloc[0]
        raise DataError(
            f"column {column!r} of the outcome table has gaps",
            found=f"{int(gaps.sum())} rows, first is lot {who['lot']}, outcome {who['outcome']}",
            fix=codes.CODES[code].fix,
            code=code,
        )


def _direction(word: object, outcome: object) -> str:
    plain = str(word).strip().casefold()
    if plain in HIGHER | LOWER:
        return "higher" if plain in HIGHER else "lower"
    raise DataError(
        f"the direction of outcome {outcome!r} is not known",
        found=repr(word),
        fix="write `higher` where more is better, `lower` where less is",
        code=codes.OUTCOME_UNIT,
    )


def _value(word: object, row: int) -> tuple[float, str, bool]:
    """Number, limit, and whether it was a yes or no."""
    text = str(word).strip()
    if text.casefold() in _YES:
        return _YES[text.casefold()], "", True
    limit = _LIMIT.match(text)
    try:
        value = float(limit[2] if limit else text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DataError(
            "column 'value' of the outcome table holds what is no number",
            found=f"{word!r} in row {row + 1}",
            fix="write numbers with a point, limits as <0.5, or yes and no",
            code=codes.POTENCY_COLUMN,
        )
    return (
        value,
        "" if limit is None else limit[1][0].replace("\u2264", "<").replace("\u2265", ">"),
        False,
    )
