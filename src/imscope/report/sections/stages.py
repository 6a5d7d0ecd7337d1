"""Stages on the way from iPSC to MSC: the map over days, the window and the route."""

import math
from typing import Any

import pandas as pd

from imscope.core.schema import STAGE_FRACTIONS, STAGE_ROUTE, STAGE_WINDOW_CHECKS
from imscope.report import figures, typeset
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section
from imscope.report.views import view

PLACE = 120

SHOWN = 0.005
"""Stages below this share in every group are left out of the table."""


def build(report: ReportInput) -> Section | None:
    """Draw the stages of every group by day and the window; nothing when no stage was called."""
    shares = report.table("stage_fractions")
    if shares is None:
        return None
    window = report.table("stage_window")
    checks = report.table("stage_window_checks")
    route = report.table("stage_route")
    day = _days(report.cells, shares)
    drawn = [_map(shares, day, simulated=report.simulated)]
    if window is not None:
        drawn.append(_window(window, simulated=report.simulated))
    context: dict[str, object] = {
        "shares": view(
            _seen(shares),
            STAGE_FRACTIONS,
            caption=f"Share of cells called each stage ({shares['group'].nunique()} groups).",
            columns=["group", "stage", "frac", "low", "high", "n_cells", "n_called", "interval"],
            merge={"frac": ("low", "high")},
            notes=(
                f"Stages below {typeset.number(100 * SHOWN)} % in a group are left out; the saved "
                "table holds all.",
                "An interval over the cells of one library says nothing of other lots.",
                *_unscored(shares),
            ),
        ),
        "checks": None,
        "why_no_window": report.why_missing("stage_window_checks"),
        "route": None,
        "why_no_route": report.why_missing("stage_route"),
    }
    if checks is not None:
        context["checks"] = view(
            checks,
            STAGE_WINDOW_CHECKS,
            caption=f"The mesenchymoangioblast window ({len(checks)} series).",
            merge={"peak_day": ("low", "high")},
            notes=(
                "Rules: the peak is at day 2, and from day 4 on at most 10 % of the peak are left. "
                "They hold for the mesenchymoangioblast protocol.",
            ),
        )
    if route is not None:
        context["route"] = view(
            route,
            STAGE_ROUTE,
            caption=f"Mesoderm or neural crest, heart cells and trophoblast ({len(route)} groups).",
        )
    return Section("stages", "Stages", context, tuple(drawn))


def _seen(shares: pd.DataFrame) -> pd.DataFrame:
    kept = shares[(shares["frac"] >= SHOWN) | (shares["n_called"] > 1)]
    return kept.reset_index(drop=True)


def _unscored(shares: pd.DataFrame) -> list[str]:
    bad = shares.loc[shares["status"] != "ok", "stage"].drop_duplicates()
    if not len(bad):
        return []
    return [f"Not scored, too few of their genes are in the matrix: {', '.join(bad)}."]


def _days(cells: pd.DataFrame, shares: pd.DataFrame) -> dict[str, float]:
    """Day of each group, where the cells of the group are of one day."""
    if "day" not in cells.columns or "sample" not in cells.columns:
        return {}
    day = pd.to_numeric(cells["day"], errors="coerce").groupby(cells["sample"].astype(str))
    one = day.agg(["min", "max"])
    same = one[(one["min"] == one["max"])]["min"]
    return {str(g): float(same[g]) for g in shares["group"].unique() if g in same.index}


def _map(shares: pd.DataFrame, day: dict[str, float], *, simulated: bool) -> Figure:
    wide = shares.pivot_table(index="group", columns="stage", values="frac", sort=False)
    used = [s for s in wide.columns if (wide[s] >= SHOWN).any()]
    groups = sorted(wide.index, key=lambda g: day.get(str(g), math.inf))
    count = shares.drop_duplicates("group").set_index("group")["n_cells"]
    rows = []
    for group in groups:
        when = f"day {day[group]:g}, " if group in day else ""
        values = tuple(float(v) for v in wide.loc[group, used].fillna(0.0))
        rows.append(figures.Stack(str(group), f"{when}n={typeset.count(count[group])}", values))
    title = f"Stages of {len(rows)} groups" + (", by day" if day else "")
    picture = figures.stacks(
        rows,
        [s.replace("_", " ") for s in used],
        title=title,
        axis_title="share of cells (%)",
        simulated=simulated,
    )
    return Figure("stages", title, picture, shares)


def _window(window: pd.DataFrame, *, simulated: bool) -> Figure:
    rows, heading = [], ""
    for record in window.to_dict("records"):
        series = str(record["series"])
        title = "" if series == heading else f"series {series}"
        heading = series
        rows.append(_row(record, title))
    title = "Mesenchymoangioblasts by day, with 95 % intervals"
    picture = figures.intervals(
        rows, title=title, axis_title="share of cells called (%)", simulated=simulated
    )
    note = "Cells that express APLNR, PDGFRA and KDR at once. Dot: share; bar: 95 % interval."
    return Figure("stage_window", title, picture, window, note=note)


def _row(record: dict[Any, Any], heading: str) -> figures.IntervalRow:
    frac, low, high = (100 * float(record[k]) for k in ("frac", "low", "high"))
    words = f"{typeset.number(frac)} % ({typeset.interval(low, high)}), "
    words += f"n={typeset.count(record['n_cells'])}"
    return figures.IntervalRow(f"day {record['day']:g}", frac, low, high, words, heading)
