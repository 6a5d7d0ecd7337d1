"""Results: tables with declared columns, what could not be said and why, and what must be told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imscope.core.errors import ImscopeError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Notice:
    """One observation that does not stop the work but must be told; warnings are rows of these.

    Attributes
    ----------
    code
        A ``W-`` code of :mod:`imscope.core.codes`.
    message
        What was seen, with a count and the first example.
    subject
        Sample, lot or group it is about; empty when it is about all.
    """

    code: str
    message: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What may be said of an answer: a code that programs compare, and words for people.

    Attributes
    ----------
    code
        One of a fixed set, such as ``"ok"``, ``"NOT TESTABLE"``, ``"not estimated"``.
    words
        The reason, for people; no program may read it.

    Examples
    --------
    >>> str(Status("not estimated", "too few cells")), str(Status("ok"))
    ('not estimated: too few cells', 'ok')
    """

    code: str
    words: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.words}" if self.words else self.code

    @property
    def ok(self) -> bool:
        """Whether the answer may be used."""
        return self.code == "ok"


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What an analysis found.

    Attributes
    ----------
    tables
        Tables by name; those declared in :data:`imscope.core.schema.TABLES` are published, others
        serve later steps only.
    cells
        Columns for every cell in its order, or nothing.
    arrays
        Arrays by name, for later steps.
    facts
        Single values, as JSON holds them, by name.
    skipped
        Table that could not be made to its reasons; a table may have several.
    notices
        What must be told.
    settings
        Choices the result rests on, with the seed.

    Examples
    --------
    >>> Result(skipped={"claims": (Status("NOT TESTABLE", "one lot"),)}).why("claims")
    'one lot'
    """

    tables: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)
    cells: "pd.DataFrame | None" = None
    arrays: "Mapping[str, NDArray[np.generic]]" = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    skipped: Mapping[str, tuple[Status, ...]] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def why(self, table: str) -> str:
        """Reasons in words why a table was not made; empty when it was."""
        return "; ".join(s.words or s.code for s in self.skipped.get(table, ()))


def skip(tables: Iterable[str], reason: ImscopeError | str, code: str = "NOT TESTABLE") -> Result:
    """Make the result of an analysis that could not answer: the same reason for each table.

    Examples
    --------
    >>> skip(["p53_screen"], "the screen needs UMI counts").why("p53_screen")
    'the screen needs UMI counts'
    """
    words = reason
    if isinstance(reason, ImscopeError):
        words = f"{reason.problem} ({reason.found})" if reason.found else reason.problem
    return Result(skipped={name: (Status(code, str(words)),) for name in tables})
