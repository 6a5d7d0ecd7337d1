"""The headline index per sample, lot and group, with intervals and caveats."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.coordinated import Coordinated
from imscope.analyses.heterogeneity.groups import (
    Group,
    coordinated_of,
    groups_by,
    warnings_of,
    why_not,
)
from imscope.analyses.heterogeneity.plates import plates_apart
from imscope.analyses.heterogeneity.statistics import (
    Interval,
    Reduced,
    hi2,
    jackknife_interval,
    unit_interval,
)
from imscope.core import codes
from imscope.core.result import Notice, Result
from imscope.core.rng import spawn
from imscope.core.schema import HETEROGENEITY_INDEX
from imscope.engine.execute import thread_count

if TYPE_CHECKING:
    import pandas as pd

NO_FLOOR = "no technical floor: part of this index may be made by the technique"
MIN_UNITS = 3
"""Fewer replicate units in a group than this give no interval over units."""


def index_table(h: Heterogeneity, by: str, *, threads: int | None = None) -> "pd.DataFrame":
    """Table of the heterogeneity index by a design column.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    by
        ``sample``, any design column, or ``all`` for one group.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    table
        As ``heterogeneity_index`` in :mod:`imscope.core.schema`, one row per group. Where the
        index is not estimable or not comparable the numbers are empty and ``status`` says why.

    Raises
    ------
    DataError
        There is no such column.

    Notes
    -----
    A group of several samples holds the differences between them: compare ``hi2_within`` too.
    Ambient RNA lowers the index; such groups carry a warning.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.analyses.heterogeneity import compute_heterogeneity
    >>> from imscope.core.blocks import MemoryBlocks
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.multinomial(3000, np.full(200, 1 / 200), size=80)
    >>> genes = pd.DataFrame({"feature_id": [f"G{k}" for k in range(200)]})
    >>> cells = pd.DataFrame({"sample": ["s1"] * 40 + ["s2"] * 40, "platform": "3p-v3"})
    >>> h = compute_heterogeneity(MemoryBlocks.from_csr(sp.csr_array(counts)),
    ...     genes.assign(symbol=genes["feature_id"]), cells, classes={})
    >>> table = index_table(h, "sample")
    >>> table["status"].tolist(), bool((table["hi2_low"] < 0).all())
    (['ok', 'ok'], True)
    """
    return index_result(h, by, threads=threads).tables[HETEROGENEITY_INDEX.name]


def index_result(h: Heterogeneity, *by: str, threads: int | None = None) -> Result:
    """Index by one or more columns, with what must be told of each group as notices.

    A group that two columns share is computed once.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    by
        Columns of the groups; ``"all"`` for all cells together.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Table ``heterogeneity_index``, one row per column and group.
    """
    groups = [(level, group) for level in by for group in groups_by(h, level)]
    unique = {group.strata.tobytes() + group.name.encode(): group for _, group in groups}
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        rows = dict(zip(unique, pool.map(lambda g: _row(h, g), unique.values()), strict=True))
    made = [(level, *rows[g.strata.tobytes() + g.name.encode()]) for level, g in groups]
    table = HETEROGENEITY_INDEX.frame(
        {"level": level} | row | {"warnings": "; ".join(f"{n.code}: {n.message}" for n in notes)}
        for level, row, notes in made
    )
    notices = dict.fromkeys(n for _, _, notes in made for n in notes)
    return Result(
        {HETEROGENEITY_INDEX.name: table},
        notices=(*notices, *plates_apart(h)),
        settings=asdict(h.settings) | {"settings_hash": h.settings.digest},
    )


def _row(h: Heterogeneity, group: Group) -> tuple[dict[str, object], list[Notice]]:
    notes = warnings_of(h, group)
    names = unit_names(h, group)
    keys = sorted({h.keys[s] for s in group.strata})
    row: dict[str, object] = {
        "group": group.name,
        "n_cells": int(h.moments.n_cells[group.units].sum()),
        "n_units": len(set(names)),
        "median_umi": h.moments.median_depth(group.units),
        **dict.fromkeys(_NUMBERS, float("nan")),
        "interval": "",
        "comparability_key": "; ".join(keys),
        "status": why_not(h, group) or "ok",
    }
    if row["status"] == "ok":
        row |= _numbers(h, group, names, notes)
    return row, notes


_NUMBERS = (
    "hi2",
    "hi2_low",
    "hi2_high",
    "hi2_within",
    "bcv_percent",
    "bcv_low",
    "bcv_high",
    "hi_c",
    "hi_c_low",
    "hi_c_high",
    "programmes",
    "hi2_without_cycle",
    "hi2_above_floor",
)


def _numbers(
    h: Heterogeneity, group: Group, names: NDArray[np.object_], notes: list[Notice]
) -> dict[str, object]:
    own = h.all_genes.subset(group.units)
    value = float(hi2(own)[0])
    interval = group_interval(h, group, names)
    coordinated, n_all = coordinated_of(h, group)
    hi_c = _say_coordinated(coordinated, n_all, group.name, notes)
    tr = coordinated.tr_s2
    half = 1.96 * coordinated.standard_error
    floor = h.settings.technical_floor
    measured = h.floors[int(h.pool[group.strata[0]])] if h.floors else None
    if measured is not None:
        floor = measured.hi2
        notes.append(Notice(codes.W_FLOOR, measured.sentence, group.name))
    elif floor is None:
        notes.append(Notice(codes.W_NO_FLOOR, NO_FLOOR, group.name))
    return {
        "hi2": value,
        "hi2_low": interval.low,
        "hi2_high": interval.high,
        "hi2_within": _within(own, names),
        "bcv_percent": percent(value),
        "bcv_low": percent(interval.low),
        "bcv_high": percent(interval.high),
        "hi_c": hi_c,
        "hi_c_low": float(np.sqrt(max(tr - half, 0.0))) if tr > 0 else float("nan"),
        "hi_c_high": float(np.sqrt(tr + half)) if tr > 0 else float("nan"),
        "programmes": value * value / tr if tr > 0 and value > 0 else float("nan"),
        "hi2_without_cycle": float(hi2(h.without.subset(group.units))[0]),
        "hi2_above_floor": float("nan") if floor is None else value - floor,
        "interval": interval.method,
    }


def percent(value: float) -> float:
    """Biological coefficient of variation in percent; 0 where the index is not above zero."""
    return float("nan") if np.isnan(value) else 100.0 * float(np.sqrt(max(value, 0.0)))


def unit_names(h: Heterogeneity, group: Group) -> NDArray[np.object_]:
    """Replicate unit of every unit of a group; samples where the unit column is not stated."""
    return np.asarray(h.units_of()[h.stratum[group.units]])


def group_interval(h: Heterogeneity, group: Group, names: NDArray[np.object_]) -> Interval:
    """Interval of a group over its replicate units, or over blocks of cells when there are few."""
    own = h.all_genes.subset(group.units)
    confidence = h.settings.confidence
    levels, code = np.unique(names.astype(str), return_inverse=True)
    if len(levels) >= MIN_UNITS:
        merged = own.merge(code)
        return unit_interval(
            lambda times: hi2(merged, times),
            len(levels),
            rng=spawn(h.settings.seed, "bootstrap", group.name),
            replicates=h.settings.bootstrap,
            confidence=confidence,
            of=f"units ({h.replicate_column})",
        )
    blocks = own.merge(np.unique(h.block[group.units], return_inverse=True)[1])
    return jackknife_interval(
        lambda times: hi2(blocks, times),
        len(blocks.n),
        confidence=confidence,
        of="blocks of cells",
    )


def _within(own: Reduced, names: NDArray[np.object_]) -> float:
    """Mean of the units' own index, weighted by cells."""
    levels, code = np.unique(names.astype(str), return_inverse=True)
    merged = own.merge(code)
    values = hi2(merged, np.eye(len(levels)))
    ok = np.isfinite(values)
    return float((values[ok] * merged.n[ok]).sum() / merged.n[ok].sum()) if ok.any() else np.nan


def _say_coordinated(
    coordinated: Coordinated, n_all: int, group: str, notes: list[Notice]
) -> float:
    def say(words: str) -> None:
        notes.append(Notice(codes.W_COORDINATED, f"coordinated heterogeneity {words}", group))

    if not coordinated.tr_s2 > 0:
        say("is not estimable (negative trace)")
        return float("nan")
    relative = coordinated.standard_error / coordinated.tr_s2 / 2
    if coordinated.n_used < n_all:
        left = relative * np.sqrt(1 - coordinated.n_used / n_all)
        say(f"from {coordinated.n_used:,} of {n_all:,} cells, subsampling error {100 * left:.1f} %")
    if relative > 0.25:
        say(f"is uncertain (standard error {100 * relative:.0f} %)")
    return coordinated.hi_c
