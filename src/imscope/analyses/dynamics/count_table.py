"""Tables of cells per subset, long or wide, brought to one checked form."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import DESIGN_FACTORS

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("sample", "culture", "replicate", "group", "time", "unit", *DESIGN_FACTORS)
"""Columns that describe a sample and are never subsets of a wide table."""


def long_counts(frame: "pd.DataFrame", *, keep: tuple[str, ...] = ()) -> "pd.DataFrame":
    """Bring counts to one row per sample and subset: columns ``subset`` and ``count``.

    Parameters
    ----------
    frame
        Long (``subset``, ``count``), or wide: every column of numbers that does not describe the
        sample is a subset.
    keep
        Further columns that describe the sample.

    Returns
    -------
    long
        Whole counts; other columns as given.

    Raises
    ------
    DataError
        Neither form is found, a count is not whole, negative or missing, or shares were given.

    Examples
    --------
    >>> import pandas as pd
    >>> long_counts(pd.DataFrame({"donor": ["d"], "A": [3], "B": [4]}))["count"].tolist()
    [3, 4]
    """
    frame = frame.rename(columns={c: str(c) for c in frame.columns})
    if not {"subset", "count"} <= set(frame.columns):
        frame = _melted(frame, keep)
    if not len(frame):
        raise DataError("the table of counts has no rows", code=codes.DYNAMICS_COUNTS)
    if frame["subset"].isna().any():
        raise DataError(
            "a row of the counts names no subset",
            found=f"{int(frame['subset'].isna().sum())} of {len(frame)} rows",
            code=codes.DYNAMICS_COLUMN,
        )
    return frame.assign(subset=frame["subset"].astype(str), count=_whole(frame["count"]))


def _melted(frame: "pd.DataFrame", keep: tuple[str, ...]) -> "pd.DataFrame":
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    known = {*WORDS, *keep}
    subsets = [
        c
        for c in frame.columns
        if c.lower() not in known
        and c not in known
        and is_numeric_dtype(frame[c])
        and not is_bool_dtype(frame[c])
    ]
    if len(subsets) < 2:
        raise DataError(
            "the counts need columns `subset` and `count`, or one column of numbers per subset",
            found=f"columns: {', '.join(frame.columns)}",
            fix="see the page on dynamics for both forms",
            code=codes.DYNAMICS_COLUMN,
        )
    rest = [c for c in frame.columns if c not in subsets]
    return frame.melt(id_vars=rest, value_vars=subsets, var_name="subset", value_name="count")


def _whole(column: "pd.Series") -> "pd.Series":
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values) | (values < 0) | (values % 1 != 0)
    if bad.any():
        inside = values[np.isfinite(values)]
        shares = bool(len(inside) and inside.max() <= 100 and (inside % 1 != 0).any())
        raise DataError(
            "shares were given where counts are needed"
            if shares
            else "counts must be whole numbers of cells, 0 or more",
            found=f"{int(bad.sum())} of {len(values)} rows, first {column.iloc[int(bad.argmax())]}",
            fix="give the number of cells counted per subset; a share alone does not say how "
            "many cells it rests on",
            code=codes.DYNAMICS_COUNTS,
        )
    return pd.Series(values.astype(np.int64), index=column.index)


def need(frame: "pd.DataFrame", names: tuple[str, ...], *, what: str) -> None:
    """Check that columns are there and without gaps.

    Raises
    ------
    DataError
        One is missing or has gaps.
    """
    for name in names:
        if name not in frame.columns:
            raise DataError(
                f"the {what} have no column {name!r}",
                found=f"columns: {', '.join(map(str, frame.columns))}",
                fix="name it, or see the page on dynamics for the columns expected",
                code=codes.DYNAMICS_COLUMN,
            )
        gaps = int(frame[name].isna().sum())
        if gaps:
            raise DataError(
                f"column {name!r} of the {what} has gaps",
                found=f"{gaps} of {len(frame)} rows",
                fix="fill every row or drop it",
                code=codes.DYNAMICS_COLUMN,
            )
