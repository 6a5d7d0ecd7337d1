"""Lots of the cells, and which of them are the reference."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_TRUE = {"true", "yes", "1", "1.0", "y"}


@dataclass(frozen=True, slots=True)
class Lots:
    """Lots in sorted order, the lot of each cell, and which lots are the reference."""

    names: tuple[str, ...]
    code: NDArray[np.int64]
    reference: NDArray[np.bool_]

    def sizes(self, depth: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cells per lot that have any counts."""
        used = (self.code >= 0) & (depth >= 2)
        return np.bincount(self.code[used], minlength=len(self.names))


def read_lots(obs: "pd.DataFrame", column: str | None, reference: tuple[str, ...]) -> Lots:
    """Read lots and reference from a table of cells.

    Parameters
    ----------
    obs
        One row per cell.
    column
        Column of the lots; by default the first of ``lot``, ``sample``.
    reference
        Names of reference lots; without them, lots all of whose cells have ``is_reference``.

    Raises
    ------
    DataError
        The column is missing or has gaps, or a named lot is not there.

    Examples
    --------
    >>> import pandas as pd
    >>> read_lots(pd.DataFrame({"lot": ["a", "b", "a"]}), None, ("b",)).reference
    array([False,  True])
    """
    name = column or next((c for c in ("lot", "sample") if c in obs.columns), "lot")
    gaps = int(obs[name].isna().sum()) if name in obs.columns else -1
    if gaps:
        raise DataError(
            f"there is no column {name!r}" if gaps < 0 else f"column {name!r} has gaps",
            found=f"columns: {', '.join(map(str, obs.columns)) or 'none'}"
            if gaps < 0
            else f"{gaps} of {len(obs)} cells",
            fix="name the column of the lots",
            code=codes.SAFETY_COLUMN,
        )
    values = obs[name].astype(str).to_numpy(dtype=object)
    names = sorted(set(values.tolist()))
    number = {n: k for k, n in enumerate(names)}
    code = np.array([number[v] for v in values], dtype=np.int64)
    if unknown := sorted(set(reference) - set(names)):
        raise DataError(
            "reference lots are not among the lots",
            found=", ".join(unknown),
            fix=f"lots: {', '.join(names[:20])}",
            code=codes.SAFETY_REFERENCE,
        )
    if reference:
        chosen = np.array([n in reference for n in names])
    elif "is_reference" in obs.columns:
        flag = obs["is_reference"].astype(str).str.lower().isin(_TRUE).to_numpy()
        chosen = np.array([bool(flag[code == k].all()) for k in range(len(names))])
    else:
        chosen = np.zeros(len(names), dtype=bool)
    return Lots(tuple(names), code, chosen)
