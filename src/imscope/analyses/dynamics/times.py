"""Times of a table: days, passages, or words in an order of their own."""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

TIME_COLUMNS = ("day", "passage", "time")
_LABEL = re.compile(r"^\s*([A-Za-z]*)[\s_.-]*([-+]?\d+(?:\.\d+)?)\s*$")
_KINDS = {"": "", "p": "passage", "passage": "passage", "d": "day", "day": "day"}


def find_time(columns: list[str], *, what: str = "counts") -> str:
    """Name of the column that holds time: ``day`` before ``passage`` before ``time``.

    Raises
    ------
    DataError
        There is none.
    """
    for name in TIME_COLUMNS:
        if name in columns:
            return name
    raise DataError(
        f"the {what} have no column of times",
        found=f"columns: {', '.join(columns)}",
        fix="add `day`, `passage` or `time`",
        code=codes.DYNAMICS_COLUMN,
    )


def numeric_times(column: "pd.Series", *, name: str) -> tuple[Floats, str]:
    """Times as numbers, and their unit.

    Parameters
    ----------
    column
        Numbers, or labels such as ``P3`` or ``d10``, all of one kind.
    name
        Name of the column: ``passage`` means passages, else days unless labels say otherwise.

    Returns
    -------
    times, unit
        ``unit`` is ``day`` or ``passage``.

    Raises
    ------
    DataError
        A value is no time, or days and passages are mixed.

    Examples
    --------
    >>> import pandas as pd
    >>> numeric_times(pd.Series(["P1", "P3"]), name="time")
    (array([1., 3.]), 'passage')
    """
    texts = ["" if v is None or v != v else str(v) for v in column.tolist()]
    found = [_LABEL.match(t) for t in texts]
    kinds = [_KINDS.get(m[1].lower()) if m else None for m in found]
    bad = [t for t, k in zip(texts, kinds, strict=True) if k is None]
    if bad:
        raise DataError(
            f"column {name!r} holds values that are no times",
            found=f"{len(bad)} of {len(texts)}, first {bad[0]!r}",
            fix="give days or passages as numbers; words such as early and late serve `compare`",
            code=codes.DYNAMICS_TIME,
        )
    said = sorted({k for k in kinds if k})
    own = "passage" if name == "passage" else "day" if name == "day" else ""
    mixed = len(said) > 1 or (said and "" in kinds) or (said and own and said != [own])
    if mixed:
        raise DataError(
            f"column {name!r} mixes days and passages",
            found=f"such as {', '.join(dict.fromkeys(texts))[:80]}",
            fix="keep days in `day` and passages in `passage`",
            code=codes.DYNAMICS_TIME,
        )
    times = np.array([float(m[2]) for m in found if m], dtype=np.float64)
    return times, said[0] if said else own or "day"
