"""A measured fraction over passages, read from plain tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from imscope.analyses.dynamics.count_table import need
from imscope.analyses.dynamics.times import numeric_times
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS = ("cells", "cells_counted", "n_cells", "cells_scored", "counted", "total", "n")
SENESCENT = ("senescent", "sabgal", "sa_b_gal", "sa-b-gal", "b_gal", "bgal")
SHARE_ENDS = ("fraction", "frac", "percent", "pct")
SMALLEST = 1e-3
"""Share that stands for 0 where the number of cells is not known (and 1 less it for 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One value per donor and passage, replicates brought together.

    Attributes
    ----------
    donors
        Names.
    donor
        Position in ``donors`` of each value, shape ``(n_values,)``.
    passage
        Time of each value, in passages or days.
    pdl
        Population doublings reached, not a number where unknown.
    days
        Days since the earliest value of any donor; from passages where unknown.
    fraction
        Measured fraction.
    logit, variance
        Log odds of it, and their variance from counting or replicates.
    time_unit
        ``passage`` or ``day``.
    value
        Name of what is measured.
    notes
        What was chosen or left out while reading.
    """

    donors: tuple[str, ...]
    donor: Ints
    passage: Floats
    pdl: Floats
    days: Floats
    fraction: Floats
    logit: Floats
    variance: Floats
    time_unit: str
    value: str
    notes: tuple[str, ...] = ()

    def before(self, last: float) -> "Series":
        """The part measured at ``last`` or earlier."""
        return self.part(self.passage <= last)

    def part(self, kept: NDArray[np.bool_]) -> "Series":
        """Some of the values; donors keep their positions."""
        return Series(
            self.donors,
            self.donor[kept],
            self.passage[kept],
            self.pdl[kept],
            self.days[kept],
            self.fraction[kept],
            self.logit[kept],
            self.variance[kept],
            self.time_unit,
            self.value,
            self.notes,
        )


def read_series(
    frame: "pd.DataFrame",
    *,
    value: str | None = None,
    growth: "pd.DataFrame | None" = None,
    days_per_passage: float = 4.0,
) -> Series:
    """Read a series of fractions, as counts or as shares with replicates.

    Parameters
    ----------
    frame
        ``passage`` (or ``day``), and ``positive`` with ``cells``, or ``fraction`` (0 to 1) or
        ``percent``; ``donor`` where there are several; ``pdl`` where known. A column such as
        ``sabgal_pct`` is found by its ending.
    value
        Column of the fraction, where several could be meant.
    growth
        ``passage`` with ``pd``, or seeded and harvested cells, and ``hours`` or ``days``: gives
        doublings and days.
    days_per_passage
        Taken where days are not known.

    Returns
    -------
    series
        Replicates of one passage brought together; their spread on the log odds scale, pooled over
        passages, is the error of a share without a number of cells.

    Raises
    ------
    DataError
        No fraction is found, several could be meant, or values lie outside their range.

    Examples
    --------
    >>> import pandas as pd
    >>> s = read_series(pd.DataFrame({"passage": [3, 4], "positive": [5, 9], "cells": [100, 90]}))
    >>> s.fraction.round(2).tolist(), s.value
    ([0.05, 0.1], 'positive')
    """
    import pandas as pd

    table = frame.rename(columns={c: str(c) for c in frame.columns})
    name = next((c for c in ("passage", "day", "time") if c in table.columns), None)
    if name is None or not len(table):
        raise DataError(
            "the series has no column `passage` or `day`" if name is None else "it has no rows",
            found=f"columns: {', '.join(table.columns)}",
            code=codes.DYNAMICS_SERIES,
        )
    need(table, (name,), what="series")
    when, unit = numeric_times(table[name], name=name)
    donor = (
        table["donor"].astype(str) if "donor" in table.columns else pd.Series("one", table.index)
    )
    notes: list[str] = []
    column, cells = _value_columns(table, value, notes)
    work = pd.DataFrame({"donor": donor.to_numpy(), "x": when})
    work["positive"], work["cells"] = _measured(table, column, cells)
    work["pdl"] = _doublings(table)
    values = _together(work)
    values = _with_growth(values, growth, unit, days_per_passage)
    names = tuple(dict.fromkeys(work["donor"]))
    order = values.sort_values(["donor", "x"], kind="stable")
    order = order.assign(at=[names.index(d) for d in order["donor"]]).sort_values(
        ["at", "x"], kind="stable"
    )
    return Series(
        names,
        order["at"].to_numpy(np.int64),
        *(order[c].to_numpy(np.float64) for c in ("x", "pdl", "days")),
        *(order[c].to_numpy(np.float64) for c in ("fraction", "logit", "variance")),
        unit,
        column,
        tuple(notes),
    )


def _value_columns(
    table: "pd.DataFrame", value: str | None, notes: list[str]
) -> tuple[str, str | None]:
    """Column of the value, and of the cells it was counted in."""
    cells = next((c for c in CELLS if c in table.columns), None)
    counted = [c for c in table.columns if c == "positive" or c.endswith("_positive")]
    shares = [c for c in table.columns if c.lower().rsplit("_", 1)[-1] in SHARE_ENDS]
    found = (counted if cells else []) or shares
    if value is not None:
        need(table, (value,), what="series")
        return value, cells if value in counted or value not in shares else None
    if len(found) > 1:
        likely = [c for c in found if any(w in c.lower() for w in SENESCENT)]
        if len(likely) == 1:
            notes.append(f"{likely[0]} was taken; not used: {', '.join(set(found) - set(likely))}")
            found = likely
    if len(found) != 1:
        raise DataError(
            "several columns could be the fraction" if found else "the series has no fraction",
            found=f"columns: {', '.join(table.columns)}",
            fix="name the column, or give `positive` and `cells`, `fraction`, or `percent`",
            code=codes.DYNAMICS_SERIES,
        )
    return found[0], cells if found[0] in counted else None


def _measured(
    table: "pd.DataFrame", column: str, cells: str | None
) -> tuple["pd.Series", "pd.Series"]:
    import pandas as pd

    y = pd.to_numeric(table[column], errors="coerce").reset_index(drop=True)
    end = column.lower().rsplit("_", 1)[-1]
    top = 100.0 if end in ("percent", "pct") else 1.0
    n = pd.Series(np.nan, index=y.index)
    if cells is not None:
        n = pd.to_numeric(table[cells], errors="coerce").reset_index(drop=True)
        bad = ~(n > 0) | ~(y >= 0) | (y > n) | (y % 1 != 0) | (n % 1 != 0)
        what = f"{column} of {cells} must be whole, 0 or more, and not above the cells"
    else:
        bad = ~((y >= 0) & (y <= top))
        what = f"{column} must lie between 0 and {top:g}"
    if bad.any():
        raise DataError(
            what,
            found=f"{int(bad.sum())} of {len(y)} rows, first row "
            f"{int(bad.to_numpy().argmax()) + 1}",
            fix="percent goes in a column that ends in _pct or _percent, fractions in _fraction",
            code=codes.DYNAMICS_SERIES,
        )
    return (y, n) if cells is not None else (y / top, n)


def _doublings(table: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    for name in ("pdl", "population_doublings", "cumulative_pd"):
        if name in table.columns:
            return pd.to_numeric(table[name], errors="coerce").reset_index(drop=True)
    return pd.Series(np.nan, index=range(len(table)))


def _together(work: "pd.DataFrame") -> "pd.DataFrame":
    """One row per donor and time."""
    import pandas as pd

    keys = ["donor", "x"]
    if work["cells"].notna().all():
        sums = work.groupby(keys, sort=False)[["positive", "cells"]].sum()
        k, n = sums["positive"] + 0.5, sums["cells"] - sums["positive"] + 0.5
        out = pd.DataFrame(
            {"fraction": sums["positive"] / sums["cells"], "logit": np.log(k / n),
             "variance": 1 / k + 1 / n}
        )  # fmt: skip
    else:
        odds = logit(np.clip(work["positive"], SMALLEST, 1 - SMALLEST))
        groups = work.assign(odds=odds).groupby(keys, sort=False)
        size = groups["odds"].size()
        rest = float((size - 1).sum())
        pooled = float((groups["odds"].var() * (size - 1)).sum() / rest) if rest else 0.0
        out = pd.DataFrame(
            {"fraction": groups["positive"].mean(), "logit": groups["odds"].mean(),
             "variance": pooled / size}
        )  # fmt: skip
    out["pdl"] = work.groupby(keys, sort=False)["pdl"].mean()
    return out.reset_index()


def _with_growth(
    values: "pd.DataFrame", growth: "pd.DataFrame | None", unit: str, days: float
) -> "pd.DataFrame":
    """Add days, and doublings where a table of growth was given."""
    unit_days = days if unit == "passage" else 1.0
    values["days"] = (values["x"] - values["x"].min()) * unit_days
    offset = (values.groupby("donor")["x"].transform("min") - values["x"].min()) * unit_days
    if growth is None:
        return values
    table = growth.rename(columns={c: str(c) for c in growth.columns})
    name = "passage" if unit == "passage" else "day"
    need(table, (name,), what="growth")
    table = table.assign(x=numeric_times(table[name], name=name)[0])
    table["gained"] = _gained(table)
    table["length"] = (
        table["hours"] / 24
        if "hours" in table.columns
        else table["days"]
        if "days" in table.columns
        else days
    )
    keys = ["donor", "x"] if "donor" in table.columns else ["x"]
    steps = table.groupby(keys)[["gained", "length"]].mean().sort_index()
    grouped = steps.groupby("donor") if "donor" in keys else steps
    sums = grouped.cumsum().rename(columns={"gained": "pdl", "length": "days"}).reset_index()
    if "donor" in keys:
        sums["donor"] = sums["donor"].astype(str)
    known = values.drop(columns=["pdl", "days"]).merge(sums, on=keys, how="left")
    missing = known[["pdl", "days"]].isna().any(axis=1)
    if missing.any():
        raise DataError(
            "growth is not known for every passage of the series",
            found=f"{int(missing.sum())} of {len(known)} values, first {name} "
            f"{known['x'][missing].iloc[0]:g}",
            fix="give a row of growth for each passage, or leave growth out",
            code=codes.DYNAMICS_SERIES,
        )
    begin = known.groupby("donor")["days"].transform("min")
    known["days"] = known["days"] - begin + offset.to_numpy()
    return known


def _gained(table: "pd.DataFrame") -> "pd.Series":
    """Doublings of each row of a table of growth."""
    import pandas as pd

    if "pd" in table.columns:
        return pd.to_numeric(table["pd"], errors="coerce")
    seeded = next((c for c in ("seeded", "cells_seeded") if c in table.columns), None)
    harvested = next((c for c in ("harvested", "cells_harvested") if c in table.columns), None)
    if seeded is None or harvested is None:
        raise DataError(
            "growth needs `pd`, or seeded and harvested cells",
            found=f"columns: {', '.join(table.columns)}",
            code=codes.DYNAMICS_SERIES,
        )
    return pd.Series(np.log2(table[harvested] / table[seeded]))
