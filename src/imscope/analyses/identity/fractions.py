"""Shares of cells with an interval: over units where there are enough, else over cells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

LEAST_UNITS = 3
"""Units from which the interval is over units."""
UNITS = ("lot", "donor", "line", "clone", "batch", "sample")
"""Columns that name independent units, in order of preference."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Cells by group and unit.

    Attributes
    ----------
    names
        Groups, sorted.
    group
        Number of the group of every cell, shape ``(n_cells,)``.
    unit
        Name of the unit of every cell, shape ``(n_cells,)``.
    """

    names: list[str]
    group: NDArray[np.int64]
    unit: NDArray[np.object_]

    def n_units(self, g: int) -> int:
        """Units of a group."""
        return len(set(self.unit[self.group == g]))


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cells: value, 95 % interval, and what the interval is over."""

    frac: float
    low: float
    high: float
    basis: str


def group_cells(obs: "pd.DataFrame", by: str | None, unit: str | None) -> Groups:
    """Find groups and units of a cell table.

    Parameters
    ----------
    obs
        One row per cell.
    by
        Column of the groups; ``sample`` by default, else all cells are one group.
    unit
        Column of the units; the first of :data:`UNITS` that is there by default.

    Raises
    ------
    DataError
        A column does not exist or has gaps.

    Examples
    --------
    >>> import pandas as pd
    >>> group_cells(pd.DataFrame({"sample": ["b", "a", "b"]}), None, None).names
    ['a', 'b']
    """
    chosen = by or ("sample" if "sample" in obs.columns else None)
    units = unit or next((c for c in UNITS if c in obs.columns and not obs[c].isna().any()), None)
    group = _words(obs, chosen)
    names, number = np.unique(group, return_inverse=True)
    return Groups(
        [str(n) for n in names],
        number.astype(np.int64),
        _words(obs, units) if units is not None else group,
    )


def share_of(called: NDArray[np.bool_], unit: NDArray[np.object_]) -> Share:
    """Share of cells that are called, with its interval.

    Parameters
    ----------
    called
        Shape ``(n_cells,)``; at least one cell.
    unit
        Unit of every cell, shape ``(n_cells,)``.

    Notes
    -----
    With three units or more: Student's t over the units' shares. With fewer: Wilson's interval over
    cells, which says nothing about other units.

    References
    ----------
    .. [1] Wilson EB (1927). J Am Stat Assoc 22:209-212. doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> one = share_of(np.array([True] * 5 + [False] * 95), np.array(["a"] * 100, dtype=object))
    >>> one.frac, round(one.low, 3), round(one.high, 3), one.basis
    (0.05, 0.022, 0.112, 'cells of 1 unit')
    """
    names, where = np.unique(unit.astype(str), return_inverse=True)
    frac = float(called.mean())
    if len(names) >= LEAST_UNITS:
        each = np.bincount(where, called) / np.bincount(where)
        half = float(stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each)))
        middle = float(each.mean())
        return Share(middle, max(middle - half, 0.0), min(middle + half, 1.0), "units")
    found = stats.binomtest(int(called.sum()), len(called)).proportion_ci(method="wilson")
    words = f"cells of {len(names)} unit{'s' if len(names) > 1 else ''}"
    return Share(frac, float(found.low), float(found.high), words)


def _words(obs: "pd.DataFrame", name: str | None) -> NDArray[np.object_]:
    if name is None or (name == "all" and name not in obs.columns):
        return np.full(len(obs), "all", dtype=object)
    if name not in obs.columns or obs[name].isna().any():
        raise DataError(
            f"column {name!r} of the cells is missing or has gaps",
            found=f"columns: {', '.join(map(str, obs.columns)) or 'none'}",
            fix="name a column that is filled for every cell",
            code=codes.IDENTITY_COLUMN,
        )
    return obs[name].astype(str).to_numpy(dtype=object)
