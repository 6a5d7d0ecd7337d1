"""What a table is, how it is declared and checked."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "integer", "number", "boolean"]

DESIGN_FACTORS = (
    "source_class",
    "source_tissue",
    "donor",
    "line",
    "clone",
    "lot",
    "batch",
    "passage",
    "population_doublings",
    "day",
    "condition",
    "platform",
    "library",
    "is_reference",
    "pair",
    "sex",
    "donor_age",
    "collected_at",
    "operator",
)
"""Optional sample sheet columns the analyses know by name."""

SOURCE_CLASSES = ("iMSC", "primary_MSC", "iPSC", "intermediate", "reference_line", "other")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, kind, unit and meaning."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One declared table, and how a report shows it.

    Attributes
    ----------
    name, meaning, columns
        What it is.
    open_ended
        Whether further columns may follow.
    caption
        Head of the table in print, with ``{n}`` for its rows; the meaning by default.
    shown
        Columns in print, in order; all by default.
    labels
        Heads of columns that differ from their names.
    merge
        Value columns to the columns of their interval, printed behind the value.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    open_ended: bool = False
    caption: str = ""
    shown: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    merge: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the required columns, in order."""
        return [c.name for c in self.columns if not c.optional]

    def blank(self, **values: Any) -> dict[str, Any]:
        """Row in which nothing is known but what is given: no text, no number, no count.

        Examples
        --------
        >>> toy = Table("toy", "", (Column("lot", "text", "", ""), Column("x", "number", "", "")))
        >>> toy.blank(lot="L1")
        {'lot': 'L1', 'x': nan}
        """
        known = {c.name for c in self.columns}
        extra = sorted(set(values) - known)
        if extra and not self.open_ended:
            raise DataError(
                f"table {self.name!r} has no column {extra[0]!r}", found=f"not declared: {extra}"
            )
        filled = {c.name: _NOTHING[c.kind] for c in self.columns if not c.optional}
        optional = {c.name for c in self.columns if c.optional and c.name in values}
        order = [c.name for c in self.columns if c.name in filled or c.name in optional]
        return {n: values.get(n, filled.get(n)) for n in [*order, *extra]}

    def empty(self) -> "pd.DataFrame":
        """Give the table without rows, each column of its kind."""
        return self.frame(())

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
        """Make the table from rows that name only what is known; the rest is blank.

        Examples
        --------
        >>> toy = Table("toy", "", (Column("lot", "text", "", ""), Column("n", "integer", "", "")))
        >>> toy.frame([{"lot": "L1", "n": 3}, {"lot": "L2"}])["n"].tolist()
        [3, 0]
        """
        import pandas as pd

        given = [dict(row) for row in rows]
        optional = {n for row in given for n in row} & {c.name for c in self.columns if c.optional}
        full = [self.blank(**row) for row in given]
        wanted = [c for c in self.columns if not c.optional or c.name in optional]
        kinds = {c.name: _DTYPES[c.kind] for c in wanted}
        if not full:
            return pd.DataFrame({c.name: pd.Series(dtype=kinds[c.name]) for c in wanted})
        made = pd.DataFrame(full)
        made = made[[*kinds, *(n for n in made.columns if n not in kinds)]]
        gaps = {n for n in kinds if made[n].isna().any()}
        sound = {n: k for n, k in kinds.items() if n not in gaps or k in ("float64", "str")}
        return self.check(made.astype(sound))

    def check(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Return the frame with declared columns first, or say what is wrong with it.

        Raises
        ------
        DataError
            A declared column is missing, has the wrong kind, or an undeclared one is there.
        """
        missing = [n for n in self.names if n not in frame.columns]
        known = [c.name for c in self.columns]
        extra = [str(n) for n in frame.columns if n not in known]
        if missing or (extra and not self.open_ended):
            raise DataError(
                f"table {self.name!r} does not have its declared columns",
                found=f"missing: {missing}; not declared: {extra}",
                fix="see docs/reference/tables.md",
            )
        wrong = [
            f"{c.name} should be {c.kind}, is {frame[c.name].dtype}"
            for c in self.columns
            if c.name in frame.columns and len(frame) and not _fits(frame[c.name], c.kind)
        ]
        if wrong:
            raise DataError(
                f"table {self.name!r} has columns of the wrong kind", found="; ".join(wrong)
            )
        return frame[[n for n in known if n in frame.columns] + extra]


_NOTHING: dict[Kind, Any] = {"text": "", "integer": 0, "number": math.nan, "boolean": False}
_DTYPES: dict[Kind, str] = {
    "text": "str",
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
}

TABLES: dict[str, Table] = {}
"""Every declared table by name."""


def _fits(column: "pd.Series", kind: Kind) -> bool:
    from pandas.api import types

    if kind == "number":
        return bool(types.is_numeric_dtype(column)) and not types.is_bool_dtype(column)
    if kind == "integer":
        return bool(types.is_integer_dtype(column))
    if kind == "boolean":
        return bool(types.is_bool_dtype(column))
    return bool(
        types.is_string_dtype(column)
        or types.is_object_dtype(column)
        or isinstance(column.dtype, types.CategoricalDtype)
    )


def _columns(rows: Iterable[str]) -> tuple[Column, ...]:
    """Read ``name | kind | unit | meaning`` lines; a trailing ``?`` on the name means optional."""
    out = []
    for row in rows:
        name, kind, unit, meaning = (part.strip() for part in row.split("|"))
        optional = name.endswith("?")
        out.append(Column(name.rstrip("?"), kind, unit, meaning, optional))  # type: ignore[arg-type]
    return tuple(out)


def table(name: str, meaning: str, rows: str, **more: Any) -> Table:
    """Declare a table from its columns, one ``name | kind | unit | meaning`` line each.

    A ``?`` after the name marks an optional column; ``more`` is what :class:`Table` further takes.

    Raises
    ------
    RuntimeError
        A table of this name is declared already.
    """
    if name in TABLES:
        raise RuntimeError(f"table {name} is declared twice")
    lines = [line for line in rows.strip().splitlines() if line.strip()]
    TABLES[name] = Table(name, meaning, _columns(lines), **more)
    return TABLES[name]
