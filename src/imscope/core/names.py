"""Words in tables: which mean yes, which mean no value, and which known name was meant."""

import math
from collections.abc import Hashable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "1.0"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0", "0.0"})
MISSING_WORDS = frozenset(
    {"", "na", "n/a", "nan", "none", "null", "<na>", "-", "--", ".", "?", "missing"}
    | {"#ref!", "#n/a", "#name?", "#value!", "#div/0!", "#null!", "#num!", "unknown", "nat"}
)
"""Words that stand for no value at all; compared without case and outer blanks."""


def near_names(wanted: object, known: Iterable[object], n: int = 3) -> list[str]:
    """Known names that a wrong one may have been meant for, nearest first.

    Examples
    --------
    >>> near_names("doner", ["donor", "lot"])
    ['donor']
    """
    by_fold: dict[str, str] = {}
    for name in known:
        by_fold.setdefault(str(name).casefold(), str(name))
    found = get_close_matches(str(wanted).casefold(), list(by_fold), n=n, cutoff=0.5)
    return [by_fold[f] for f in found]


def did_you_mean(wanted: object, known: Iterable[object], otherwise: str = "") -> str:
    """Advice for a name that is not known.

    Examples
    --------
    >>> did_you_mean("doner", ["donor", "lot"])
    'did you mean donor?'
    """
    near = near_names(wanted, known)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def is_missing(value: object) -> bool:
    """Whether a cell of a table holds no value, as a gap or as a word for one.

    Examples
    --------
    >>> [is_missing(v) for v in (None, float("nan"), " N/A ", "0", 0)]
    [True, True, True, False, False]
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, str) and value.strip().casefold() in MISSING_WORDS


def read_truth(values: "pd.Series | Sequence[object]", name: str) -> NDArray[np.bool_]:
    """Read a column of yes and no, in any of the usual words; no value means no.

    Parameters
    ----------
    values
        Any words of :data:`TRUE_WORDS` and :data:`FALSE_WORDS`, flags, or 0 and 1.
    name
        Of the column, for the message.

    Raises
    ------
    DataError
        A word that is neither.

    Examples
    --------
    >>> read_truth(["y", "No", 1.0, True, None], "is_reference").tolist()
    [True, False, True, True, False]
    """
    words = ["" if is_missing(v) else str(v).strip().casefold() for v in values]
    wrong = sorted({w for w in words if w and w not in TRUE_WORDS | FALSE_WORDS})
    if wrong:
        raise DataError(
            f"column {name!r} holds words that are neither yes nor no",
            found=", ".join(repr(w) for w in wrong[:5]),
            fix="write yes or no, true or false, 1 or 0; leave it empty for no",
            code=codes.CELLS_TRUTH,
        )
    return np.array([w in TRUE_WORDS for w in words], dtype=bool)


def natural_key(value: object) -> tuple[int, float, str]:
    """Order numbers by size, before words in the order of their letters.

    Examples
    --------
    >>> sorted([10, 2, "b", "a"], key=natural_key)
    [2, 10, 'a', 'b']
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return (0, float(value), "") if number else (1, 0.0, str(value))  # type: ignore[arg-type]


def level_name(value: Hashable) -> str:
    """Name of a level as text: whole numbers without a decimal point.

    Examples
    --------
    >>> level_name(3.0), level_name("P3")
    ('3', 'P3')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
