"""Change of composition over time, between groups, or of one along the other; donors replicate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.count_table import WORDS, long_counts, need
from imscope.analyses.dynamics.times import numeric_times
from imscope.core import codes
from imscope.core.cells import unit_column
from imscope.core.errors import DataError
from imscope.core.names import did_you_mean
from imscope.core.rng import spawn
from imscope.core.schema import COMPOSITION_CHANGES
from imscope.engine.abundance import (
    ShareTest,
    compare_shares,
    moderate_changes,
    share_design,
    transform_shares,
)
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.exact import relabel_p, sign_flip_p

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

LEAST_DONORS = 3
"""Donors below which a change over time is not tested."""
LEAST_ARM = 2
"""Units per group below which groups are not compared."""
LEAST_DF = 4
"""Units beyond groups below which unpaired groups are not compared: 3 against 3, or 2 of many."""
PRECISION = 200.0
"""Dirichlet precision that weighs times of a donor with unlike numbers of cells."""
ORDERS = (
    ("before", "after"), ("pre", "post"), ("start", "end"), ("first", "last"),
    ("baseline", "early", "mid", "middle", "late"), ("young", "old"),
)  # fmt: skip
"""Words of time in their order; other words go in the order of their letters."""


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """Which column says what.

    Attributes
    ----------
    group, time
        Column of groups, of times, or both: then the change over time is compared between groups.
    unit
        Column of the replicates; by default `lot`, `donor`, `clone`, `line`, else `sample`.
    reference
        Group or time the others are compared with.
    confidence
        Of the intervals.
    seed
        Of relabellings, used only where there are too many to try all.
    """

    group: str | None = None
    time: str | None = None
    unit: str | None = None
    reference: str | None = None
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.group is None and self.time is None) or not 0.5 <= self.confidence < 1:
            raise DataError(
                "a comparison needs a column of groups or of times",
                found=str(self),
                fix="name one with group or time; confidence from 0.5 to below 1",
                code=codes.DYNAMICS_OPTION,
            )


def compare_composition(
    counts: "pd.DataFrame",
    settings: CompareSettings,
    *,
    totals: "pd.DataFrame | None" = None,
) -> "pd.DataFrame":
    """Test every subset for a change relative to the unchanged bulk.

    Parameters
    ----------
    counts
        Cells per unit and subset, long or wide (see :func:`read_passages`).
    settings
        See :class:`CompareSettings`.
    totals
        ``donor``, ``from``, ``to``, ``seeded``, ``harvested``: adds the absolute change over time,
        which needs no unchanged bulk.

    Returns
    -------
    table
        ``composition_changes`` as declared in :mod:`imscope.core.schema`. Effects are log fold
        changes; of times in numbers from the first to the last along each donor's straight line.

    Raises
    ------
    DataError
        A column is missing or has gaps, or counts are not whole.

    Notes
    -----
    Each donor gives one change per subset; the median over subsets is taken off it, so that the
    growth of one subset is no loss of the others as long as fewer than half of them change. Means
    are tested by a moderated t with donors as replicates.

    References
    ----------
    .. [1] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027
    .. [2] Phipson B et al. (2022). Bioinformatics 38:4720-4726. doi:10.1093/bioinformatics/btac582

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"donor": ["a", "b", "c"] * 2, "time": ["early"] * 3 + ["late"] * 3,
    ...      "A": [50, 55, 60, 98, 112, 118], "B": 300, "C": 200, "D": 150})
    >>> found = compare_composition(table, CompareSettings(time="time"))
    >>> found["log_fold"].round(1).abs().tolist(), float(found["p_exact"].iloc[0])
    ([0.7, 0.0, 0.0, 0.0], 0.25)
    """
    table = _samples(counts, settings)
    subsets = [c for c in table.columns if c not in ("unit", "group", "time")]
    if len(subsets) < 2:
        raise DataError(
            "a composition needs two subsets or more",
            found=", ".join(subsets) or "none",
            code=codes.DYNAMICS_COUNTS,
        )
    if settings.time is None:
        return COMPOSITION_CHANGES.check(_groups(table, subsets, settings))
    return COMPOSITION_CHANGES.check(_times(table, subsets, settings, totals))


def _samples(counts: "pd.DataFrame", s: CompareSettings) -> "pd.DataFrame":
    """One row per unit, group and time, one column per subset."""
    frame = counts.rename(columns={c: str(c) for c in counts.columns})
    asked = tuple(c for c in (s.group, s.time, s.unit) if c is not None)
    for name in asked:
        if name not in frame.columns:
            raise DataError(
                f"the counts have no column {name!r}",
                found=f"columns: {', '.join(frame.columns)}",
                fix=did_you_mean(name, frame.columns, "name one of these columns"),
                code=codes.DYNAMICS_COLUMN,
            )
    need(frame, asked, what="counts")
    if "subset" not in frame.columns:
        frame = _with_sample(frame)
    long = long_counts(frame, keep=asked)
    unit = s.unit or unit_column(long)
    need(long, (unit,), what="counts")
    keys = long[[unit]].astype(str).set_axis(["unit"], axis=1)
    keys["group"] = long[s.group].astype(str) if s.group else ""
    keys["time"] = long[s.time] if s.time else ""
    keys[["subset", "count"]] = long[["subset", "count"]]
    order = list(dict.fromkeys(long["subset"]))
    wide = keys.pivot_table(
        index=["unit", "group", "time"], columns="subset", values="count", aggfunc="sum",
        fill_value=0, sort=False,
    )[order]  # fmt: skip
    empty = wide.sum(axis=1) == 0
    if empty.any():
        raise DataError(
            "a sample has no cells",
            found=f"{int(empty.sum())} of {len(wide)} samples, first {wide.index[empty][0][0]}",
            fix="drop it",
            code=codes.DYNAMICS_COUNTS,
        )
    return wide.reset_index().rename_axis(columns=None)


def _with_sample(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Name the rows of a wide table where no column does: by its first column of unique words."""
    from pandas.api.types import is_numeric_dtype

    if any(c in frame.columns for c in WORDS if c not in ("group", "time", "condition", "day")):
        return frame
    words = [c for c in frame.columns if not is_numeric_dtype(frame[c]) and frame[c].is_unique]
    return frame.assign(sample=frame[words[0]] if words else np.arange(1, len(frame) + 1))


def _groups(table: "pd.DataFrame", subsets: list[str], s: CompareSettings) -> "pd.DataFrame":
    pair = "unit" if table["unit"].duplicated().any() else None
    if pair is not None and table["group"].nunique() == 2:
        both = table.groupby("unit")["group"].transform("nunique") == 2
        if both.any():
            table = table[both]
        if not both.all() and not both.any():
            pair = None
    made = share_design(table, "group", pair=pair, least=LEAST_ARM, reference=s.reference)
    y = table[subsets].to_numpy(dtype=np.float64)
    if not isinstance(made, str) and pair is None and len(y) - made.full.shape[1] < LEAST_DF:
        made = f"{len(y)} units in {table['group'].nunique()} groups are too few"
    if isinstance(made, str):
        return _refused(subsets, s.group or "", made)
    test = compare_shares(transform_shares(y, "log_ratio"), made, confidence=s.confidence)
    frames = []
    words = table["group"].to_numpy()
    for c, name in enumerate(made.contrasts):
        rng = spawn(s.seed, "compare", c)
        if made.paired_arms:
            p, floor = sign_flip_p(test.responses, rng)
            n = len(test.responses)
        else:
            arm, rest = name.split(" against ")
            mine = np.isin(words, [arm, rest])
            p, floor = relabel_p(test.responses[mine], words[mine] == arm, rng)
            n = int(mine.sum())
        frames.append(_rows(subsets, name, test, c, (p, floor, n), y.sum(axis=0) > 0))
    return _joined(frames)


def _times(
    table: "pd.DataFrame",
    subsets: list[str],
    s: CompareSettings,
    totals: "pd.DataFrame | None",
) -> "pd.DataFrame":
    contrasts = _contrasts(table, s)
    folds = _log_totals(totals) if totals is not None else None
    frames = []
    for c, (name, part) in enumerate(contrasts):
        change, absolute, groups = _changes(part, subsets, folds)
        frames.append(_over_time(change, absolute, groups, (subsets, name, s, c)))
    return _joined(frames)


def _over_time(
    change: Floats,
    absolute: Floats,
    groups: "NDArray[np.object_]",
    about: tuple[list[str], str, CompareSettings, int],
) -> "pd.DataFrame":
    subsets, name, s, number = about
    rng = spawn(s.seed, "compare", number)
    shifted = change - np.median(change, axis=1, keepdims=True)
    seen = np.ones(len(subsets), dtype=bool)
    if s.group is not None:
        import pandas as pd

        design = pd.DataFrame({"group": groups})
        made = share_design(design, "group", least=LEAST_ARM, reference=s.reference)
        if isinstance(made, str):
            return _refused(subsets, name, made)
        test = compare_shares(shifted, made, shift=False, confidence=s.confidence)
        frames = []
        for c, which in enumerate(made.contrasts):
            arm, rest = which.split(" against ")
            mine = np.isin(groups, [arm, rest])
            p, floor = relabel_p(shifted[mine], groups[mine] == arm, rng)
            label = f"{name}: {which}"
            frames.append(_rows(subsets, label, test, c, (p, floor, int(mine.sum())), seen))
        return _joined(frames)
    n = len(change)
    if n < LEAST_DONORS:
        why = f"{n} donors were seen at both ends, {LEAST_DONORS} are needed"
        return _refused(subsets, name, why)
    ones = np.ones((n, 1))
    test = moderate_changes(shifted, ones, [0], s.confidence)
    p, floor = sign_flip_p(shifted, rng)
    rows = _rows(subsets, name, test, 0, (p, floor, n), seen)
    if np.isfinite(absolute).all():
        own = moderate_changes(absolute, ones, [0], s.confidence)
        rows["absolute_log_fold"] = own.effect[0]
        rows["absolute_low"], rows["absolute_high"] = own.low[0], own.high[0]
    return rows


def _contrasts(table: "pd.DataFrame", s: CompareSettings) -> list[tuple[str, "pd.DataFrame"]]:
    """Comparisons over time: numbers make one trend, words one contrast against the first."""
    try:
        when, unit = numeric_times(table["time"], name=s.time or "time")
    except DataError:
        words = table["time"].astype(str)
        levels = _in_order(words.unique().tolist(), s.reference)
        return [
            (
                f"{later} against {levels[0]}",
                table[words.isin([levels[0], later])].assign(at=(words == later).astype(float)),
            )
            for later in levels[1:]
        ]
    span = float(when.max() - when.min())
    if span == 0:
        return []
    label = f"{unit} {when.max():g} against {unit} {when.min():g}"
    return [(label, table.assign(at=(when - when.min()) / span, when=when))]


def _in_order(levels: list[str], reference: str | None) -> list[str]:
    known = next((o for o in ORDERS if {v.casefold() for v in levels} <= set(o)), None)
    ranked = sorted(levels, key=lambda v: known.index(v.casefold()) if known else v)  # type: ignore[arg-type,return-value]
    return sorted(ranked, key=lambda v: v != reference)


def _changes(
    table: "pd.DataFrame", subsets: list[str], folds: dict[str, tuple[Floats, Floats]] | None
) -> tuple[Floats, Floats, "NDArray[np.object_]"]:
    """Change of log shares of each donor over the whole time, without and with its total."""
    change, absolute, groups = [], [], []
    for unit, rows in table.groupby("unit", sort=False):
        at = rows["at"].to_numpy(dtype=np.float64)
        if len(np.unique(at)) < 2:
            continue
        y = rows[subsets].to_numpy(dtype=np.float64)
        weight = 1 / (1 / y.sum(axis=1) + 1 / PRECISION)
        x = at - np.average(at, weights=weight)
        line = weight * x / (weight * x**2).sum()
        change.append(line @ transform_shares(y, "log_ratio"))
        total = np.nan
        if folds is not None and str(unit) in folds and "when" in rows.columns:
            times, cumulative = folds[str(unit)]
            when = rows["when"].to_numpy(dtype=np.float64)
            if np.isin(when, times).all():
                total = float(line @ np.interp(when, times, cumulative))
        absolute.append(change[-1] + total)
        groups.append(str(rows["group"].iloc[0]))
    k = len(subsets)
    return (
        np.array(change).reshape(-1, k),
        np.array(absolute).reshape(-1, k),
        np.array(groups, dtype=object),
    )


def _log_totals(totals: "pd.DataFrame") -> dict[str, tuple[Floats, Floats]]:
    """Log of cells over time of each donor, from harvested over seeded of intervals in a chain."""
    need(totals, ("donor", "from", "to", "seeded", "harvested"), what="totals")
    out = {}
    for donor, rows in totals.groupby("donor", sort=False):
        start = numeric_times(rows["from"], name="from")[0]
        end = numeric_times(rows["to"], name="to")[0]
        order = np.argsort(start)
        start, end = start[order], end[order]
        fold = np.log((rows["harvested"] / rows["seeded"]).to_numpy(dtype=np.float64))[order]
        if (start[1:] == end[:-1]).all() and np.isfinite(fold).all():
            out[str(donor)] = (np.r_[start[0], end], np.r_[0.0, np.cumsum(fold)])
    return out


def _rows(
    subsets: list[str],
    contrast: str,
    test: ShareTest,
    c: int,
    exact: tuple[Floats, float, int],
    seen: NDArray[np.bool_],
) -> "pd.DataFrame":
    import pandas as pd

    p_exact, floor, n = exact
    p = np.where(seen, test.p_each[c], np.nan)
    status = "ok" if floor < 0.05 else f"ok; with {n} units no exact p below {floor:.3g} exists"
    return pd.DataFrame(
        {
            "subset": subsets,
            "contrast": contrast,
            "log_fold": np.where(seen, test.effect[c], np.nan),
            "low": np.where(seen, test.low[c], np.nan),
            "high": np.where(seen, test.high[c], np.nan),
            "p_value": p,
            "q_value": benjamini_hochberg(p),
            "p_exact": np.where(seen, p_exact, np.nan),
            "n_units": n,
            "absolute_log_fold": np.nan,
            "absolute_low": np.nan,
            "absolute_high": np.nan,
            "status": [status if k else "not estimable: no cell of this subset" for k in seen],
        }
    )


def _refused(subsets: list[str], contrast: str, why: str) -> "pd.DataFrame":
    import pandas as pd

    numbers = [c.name for c in COMPOSITION_CHANGES.columns if c.kind == "number"]
    return pd.DataFrame(
        {
            "subset": subsets,
            "contrast": contrast,
            **dict.fromkeys(numbers, np.nan),
            "n_units": 0,
            "status": f"NOT TESTABLE: {why}",
        }
    )


def _joined(frames: list["pd.DataFrame"]) -> "pd.DataFrame":
    import pandas as pd

    if not frames:
        raise DataError(
            "there is nothing to compare: one time only",
            found="one value in the column of times",
            fix="give two times or more",
            code=codes.DYNAMICS_TIME,
        )
    return pd.concat(frames, ignore_index=True)
