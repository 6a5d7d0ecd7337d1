"""What a table is, how it is declared and checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
    """One declared table. Columns beyond those declared are allowed only if ``open_ended``."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    open_ended: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the required columns, in order."""
        return [c.name for c in self.columns if not c.optional]

    def blank(self, **values: object) -> dict[str, object]:
        """Make a row in which nothing is known but what is given."""
        nothing = {"text": "", "integer": 0, "number": float("nan"), "boolean": False}
        return {c.name: nothing[c.kind] for c in self.columns if not c.optional} | values

    def empty(self) -> "pd.DataFrame":
        """Make the table without a row, with the declared kinds."""
        import pandas as pd

        kinds = {"text": "str", "integer": "int64", "number": "float64", "boolean": "bool"}
        return pd.DataFrame(
            {c.name: pd.Series(dtype=kinds[c.kind]) for c in self.columns if not c.optional}
        )

    def frame(self, rows: "Iterable[Mapping[str, object]]") -> "pd.DataFrame":
        """Make the table of rows, and check it."""
        import pandas as pd

        made = list(rows)
        return self.check(pd.DataFrame(made)) if made else self.empty()

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


def table(name: str, meaning: str, rows: str, *, open_ended: bool = False) -> Table:
    """Declare a table from its columns, one ``name | kind | unit | meaning`` line each.

    A ``?`` after the name marks an optional column.

    Raises
    ------
    RuntimeError
        A table of this name is declared already.
    """
    if name in TABLES:
        raise RuntimeError(f"table {name} is declared twice")
    lines = [line for line in rows.strip().splitlines() if line.strip()]
    TABLES[name] = Table(name, meaning, _columns(lines), open_ended)
    return TABLES[name]
