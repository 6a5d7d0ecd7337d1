"""Plain tables of counts and totals become cultures."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.count_table import long_counts, need
from imscope.analyses.dynamics.cultures import Culture, PassageData, Total
from imscope.analyses.dynamics.times import find_time, numeric_times
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
DOUBLINGS = "doublings"
"""Covariate made from the totals: population doublings before the interval."""


def read_passages(
    counts: "pd.DataFrame",
    totals: "pd.DataFrame | None" = None,
    *,
    subsets: "pd.DataFrame | None" = None,
    clones: "pd.DataFrame | None" = None,
    covariates: tuple[str, ...] = (),
) -> PassageData:
    """Bring plain tables to the form the population model reads.

    Parameters
    ----------
    counts
        ``donor``, one of ``day`` / ``passage`` / ``time``, ``subset``, ``count``; ``culture``
        where a donor has several. Wide tables (one column per subset) are read as well.
    totals
        ``donor``, ``from``, ``to``, ``seeded``, ``harvested`` (and ``culture``).
    subsets
        ``subset`` with ``plating`` (efficiency relative to the others) and ``cycling`` (fraction
        in S or G2/M), either of them.
    clones
        ``donor``, ``from``, ``to``, ``from_subset``, ``to_subset``, ``count``: cells of clones by
        the subset they started in.
    covariates
        Columns of ``totals`` (value of the interval), else of ``counts`` (value at its end), or
        ``doublings``.

    Returns
    -------
    data
        Cultures with what was noticed in ``warnings``.

    Raises
    ------
    DataError
        A column is missing or has gaps, counts are shares, times mix units or run backwards, a
        count is given twice, totals are not positive or belong to no culture.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"donor": "d", "day": [0, 4], "A": [5, 9], "B": [5, 1]})
    >>> data = read_passages(counts)
    >>> data.subsets, data.cultures[0].times.tolist()
    (('A', 'B'), [0.0, 4.0])
    """
    table = long_counts(counts, keep=covariates)
    name = find_time([str(c) for c in table.columns])
    need(table, ("donor", name), what="counts")
    when, unit = numeric_times(table[name], name=name)
    table = table.assign(time=when, **_keys(table))
    order = tuple(dict.fromkeys(table["subset"]))
    if len(order) < 2:
        raise DataError(
            "dynamics need two subsets or more",
            found=f"{len(order)}: {', '.join(order)}",
            code=codes.DYNAMICS_COUNTS,
        )
    warnings: list[str] = []
    flows = _totals(totals, table, warnings)
    cultures = []
    for (donor, culture), rows in table.groupby(["donor", "culture"], sort=False):
        mine = flows[(flows["donor"] == donor) & (flows["culture"] == culture)]
        cultures.append(_culture(rows, mine, order, covariates))
    if clones is not None:
        cultures += _clones(clones, order, len(covariates))
    plating, cycling = _traits(subsets, order)
    warnings += _noticed(table, order, cultures)
    return PassageData(order, tuple(cultures), unit, covariates, plating, cycling, tuple(warnings))


def _keys(table: "pd.DataFrame") -> dict[str, "pd.Series"]:
    donor = table["donor"].astype(str)
    if "culture" not in table.columns:
        return {"donor": donor, "culture": donor}
    need(table, ("culture",), what="table")
    return {"donor": donor, "culture": table["culture"].astype(str)}


def _totals(
    totals: "pd.DataFrame | None", counts: "pd.DataFrame", warnings: list[str]
) -> "pd.DataFrame":
    import pandas as pd

    if totals is None:
        return pd.DataFrame(columns=["donor", "culture", "from", "to", "fold"])
    need(totals, ("donor", "from", "to", "seeded", "harvested"), what="totals")
    flows = totals.assign(**_keys(totals))
    for name in ("from", "to"):
        flows[name] = numeric_times(totals[name], name=name)[0]
    for name in ("seeded", "harvested"):
        flows[name] = pd.to_numeric(totals[name], errors="coerce")
        bad = ~(np.isfinite(flows[name]) & (flows[name] > 0))
        if bad.any():
            raise DataError(
                f"{name} cells must be above 0",
                found=f"{int(bad.sum())} of {len(flows)} rows, first {totals[name][bad].iloc[0]}",
                fix="drop intervals whose cells were not counted",
                code=codes.DYNAMICS_TOTALS,
            )
    back = flows["to"] <= flows["from"]
    if back.any():
        raise DataError(
            "totals run backwards: `to` is not after `from`",
            found=f"{int(back.sum())} of {len(flows)} rows",
            code=codes.DYNAMICS_TIME,
        )
    known = set(zip(counts["donor"], counts["culture"], strict=True))
    alien = [k for k in zip(flows["donor"], flows["culture"], strict=True) if k not in known]
    if alien:
        raise DataError(
            "totals belong to a culture that was not counted",
            found=f"{len(alien)} of {len(flows)} rows, first donor {alien[0][0]}, "
            f"culture {alien[0][1]}",
            fix="use the same names of donors and cultures in both tables",
            code=codes.DYNAMICS_TOTALS,
        )
    fewer = int((flows["harvested"] < flows["seeded"]).sum())
    if fewer:
        warnings.append(
            f"{fewer} of {len(flows)} intervals were harvested below what was seeded: "
            "net loss of cells, kept as it is"
        )
    return flows.assign(fold=np.log(flows["harvested"] / flows["seeded"]))


def _culture(
    rows: "pd.DataFrame", flows: "pd.DataFrame", order: tuple[str, ...], names: tuple[str, ...]
) -> Culture:
    donor, culture = str(rows["donor"].iloc[0]), str(rows["culture"].iloc[0])
    twice = rows.duplicated(["time", "subset"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise DataError(
            "a subset of one culture is counted twice at one time",
            found=f"{int(twice.sum())} rows, first {culture}, time {first['time']:g}, "
            f"{first['subset']}",
            fix="add a column `culture` where a donor has several cultures, or add the counts up",
            code=codes.DYNAMICS_COLUMN,
        )
    wide = rows.pivot_table(index="time", columns="subset", values="count", aggfunc="sum")
    wide = wide.reindex(columns=list(order)).fillna(0)
    times = np.unique([*wide.index, *flows["from"], *flows["to"]]).astype(np.float64)
    counts = wide.reindex(times).fillna(0).to_numpy(dtype=np.float64)
    at = {t: n for n, t in enumerate(times.tolist())}
    totals = tuple(
        Total(at[a], at[b], float(f))
        for a, b, f in flows[["from", "to", "fold"]].itertuples(index=False)
    )
    values = [_covariate(n, times, rows, flows, culture) for n in names]
    covariates = np.array(values).T if names else np.zeros((len(times) - 1, 0))
    return Culture(
        culture, donor, times, counts, totals, covariates.reshape(len(times) - 1, len(names))
    )


def _covariate(
    name: str, times: Floats, rows: "pd.DataFrame", flows: "pd.DataFrame", culture: str
) -> Floats:
    """Value of a covariate in each interval of a culture."""
    if name == DOUBLINGS and name not in {*rows.columns, *flows.columns}:
        step = {(a, b): f for a, b, f in flows[["from", "to", "fold"]].itertuples(index=False)}
        gained = [step.get((a, b), np.nan) for a, b in pairwise(times.tolist())]
        before = np.cumsum([0.0, *gained[:-1]]) / np.log(2)
        return _complete(before[: len(times) - 1], name, culture)
    if name in flows.columns:
        spans = flows[["from", "to", name]].to_numpy(dtype=np.float64)
        middle = (times[:-1] + times[1:]) / 2
        inside = [spans[(spans[:, 0] <= m) & (m <= spans[:, 1]), 2] for m in middle]
        return _complete(np.array([v[0] if len(v) else np.nan for v in inside]), name, culture)
    need(rows, (name,), what="counts")
    by_time = rows.groupby("time")[name].first().reindex(times[1:])
    return _complete(by_time.to_numpy(dtype=np.float64), name, culture)


def _complete(values: Floats, name: str, culture: str) -> Floats:
    if not np.isfinite(values).all():
        raise DataError(
            f"covariate {name!r} is not known for every interval",
            found=f"{int((~np.isfinite(values)).sum())} of {len(values)} intervals of {culture}",
            fix="give it for every interval in the totals, or leave it out",
            code=codes.DYNAMICS_COLUMN,
        )
    return values


def _clones(frame: "pd.DataFrame", order: tuple[str, ...], n_covariates: int) -> list[Culture]:
    """Clones that started in one subset: a culture whose first composition is known."""
    need(frame, ("donor", "from", "to", "from_subset", "to_subset", "count"), what="clone pairs")
    table = frame.assign(subset=frame["to_subset"].astype(str))
    table = long_counts(table).assign(donor=frame["donor"].astype(str))
    for name in ("from", "to"):
        table[name] = numeric_times(frame[name], name=name)[0]
    unknown = (set(table["subset"]) | set(table["from_subset"].astype(str))) - set(order)
    if unknown:
        raise DataError(
            "clone pairs name subsets that were not counted",
            found=", ".join(sorted(unknown)),
            code=codes.DYNAMICS_COLUMN,
        )
    out = []
    keys = ["donor", "from", "to", "from_subset"]
    for (donor, start, end, origin), rows in table.groupby(keys, sort=False):
        seen = rows.groupby("subset")["count"].sum().reindex(list(order)).fillna(0)
        counts = np.vstack([np.zeros(len(order)), seen.to_numpy(dtype=np.float64)])
        first = np.array([float(n == str(origin)) for n in order])
        out.append(
            Culture(
                f"clones of {origin}, {donor}, {start:g} to {end:g}",
                str(donor),
                np.array([start, end], dtype=np.float64),
                counts,
                covariates=np.zeros((1, n_covariates)),
                start=first,
                assay="clones",
            )
        )
    return out


def _traits(
    frame: "pd.DataFrame | None", order: tuple[str, ...]
) -> tuple[Floats | None, Floats | None]:
    if frame is None:
        return None, None
    need(frame, ("subset",), what="traits of subsets")
    table = frame.assign(subset=frame["subset"].astype(str)).set_index("subset")
    out: list[Floats | None] = []
    for name in ("plating", "cycling"):
        if name not in table.columns:
            out.append(None)
            continue
        values = table[name].reindex(list(order)).to_numpy(dtype=np.float64)
        low = 0 if name == "cycling" else 1e-9
        if not ((values >= low) & (values <= 1)).all():
            raise DataError(
                f"{name} of every subset must lie between 0 and 1",
                found=", ".join(f"{n} {v:g}" for n, v in zip(order, values, strict=True)),
                code=codes.DYNAMICS_OPTION,
            )
        out.append(values)
    return out[0], out[1]


def _noticed(table: "pd.DataFrame", order: tuple[str, ...], cultures: list[Culture]) -> list[str]:
    out = []
    backwards = 0
    for _, rows in table.groupby(["donor", "culture"], sort=False):
        backwards += int((np.diff(rows["time"].drop_duplicates().to_numpy()) < 0).any())
    if backwards:
        out.append(f"times of {backwards} cultures were out of order and were sorted")
    seen = table[table["count"] > 0].groupby("subset")["time"].nunique()
    once = [n for n in order if seen.get(n, 0) <= 1]
    if once and table["time"].nunique() > 1:
        out.append(f"seen at one time only: {', '.join(once)}")
    empty = sum(int((c.counts.sum(axis=1) == 0).sum()) for c in cultures if c.start is None)
    if empty:
        out.append(f"{empty} times have totals and no counted cells: used for growth only")
    gaps = [c for c in cultures if len(c.times) > 2 and c.start is None]
    long = sum(int(np.diff(c.times).max() > 1.99 * np.median(np.diff(c.times))) for c in gaps)
    if long:
        out.append(f"{long} cultures have a gap of two intervals or more: passages are missing")
    return out
