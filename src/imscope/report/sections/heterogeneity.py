"""How varied each lot, sample and group is, with intervals."""

import math
from typing import Any

import pandas as pd

from imscope.core.schema import (
    HETEROGENEITY_INDEX,
    HETEROGENEITY_PROGRAMMES,
    HETEROGENEITY_RELATIVE,
    Column,
    Table,
)
from imscope.report import figures, typeset
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section
from imscope.report.views import TableView, label, view

PLACE = 50

FIRST_LEVELS = ("lot", "sample")
TOP_GENES = 10
TOP_PROGRAMMES = 6
CARRIERS = Table(
    "heterogeneity_genes",
    "How few genes carry the heterogeneity of each group.",
    (
        Column("group", "text", "", "name of the group"),
        Column("top_genes", "text", "", "the genes that add most, the strongest first"),
        Column("top_10", "number", "fraction", "of hi2, held by the 10 genes that add most"),
        Column("top_100", "number", "fraction", "of hi2, held by the 100 genes that add most"),
    ),
)


def build(report: ReportInput) -> Section:
    """Draw biological CV with its interval per lot, sample and group; print the whole table."""
    frame = report.table("heterogeneity_index")
    if frame is None and report.results.get("headline"):
        frame = pd.DataFrame(list(report.results["headline"]))
    if frame is None:
        why = report.why_missing("heterogeneity_index")
        return Section("heterogeneity", "How varied the cells are", {"index": None, "why": why})
    frame = _ordered(frame)
    columns = [c.name for c in HETEROGENEITY_INDEX.columns if c.name in frame.columns]
    apart = {"hi2_within", "hi2_without_cycle", "hi2_above_floor", "interval"}
    idle = {"comparability_key", "warnings"}  # said by the figure's blocks and below the table
    more = ["level", "group", *(c for c in columns if c in apart and frame[c].notna().any())]
    columns = [c for c in columns if c not in idle | apart]
    return Section(
        "heterogeneity",
        "How varied the cells are",
        {
            "index": view(
                frame,
                HETEROGENEITY_INDEX,
                caption=f"Noise-corrected heterogeneity ({len(frame)} groups). Intervals are 95 %; "
                "the next table says what each is over.",
                columns=columns,
                merge={
                    "hi2": ("hi2_low", "hi2_high"),
                    "bcv_percent": ("bcv_low", "bcv_high"),
                    "hi_c": ("hi_c_low", "hi_c_high"),
                    "programmes": ("programmes_low", "programmes_high"),
                },
                notes=_notes(frame),
            ),
            "more": view(
                frame,
                HETEROGENEITY_INDEX,
                caption=f"The same {len(frame)} groups: heterogeneity inside units, without "
                "cell-cycle and dissociation genes, and what the intervals are over.",
                columns=[c for c in more if c in frame.columns],
            ),
            "keys": _keys(frame),
            "relative": _relative(report),
            "genes": _genes(report),
            "programmes": _programmes(report),
        },
        (_figure(frame, simulated=report.simulated),),
    )


def _relative(report: ReportInput) -> TableView | None:
    frame = report.table("heterogeneity_relative")
    if frame is None:
        return None
    return view(
        frame,
        HETEROGENEITY_RELATIVE,
        caption=f"Heterogeneity over that of the reference of the same run ({len(frame)} groups); "
        "95 % intervals over blocks of cells.",
        merge={"ratio": ("low", "high")},
    )


def _genes(report: ReportInput) -> TableView | None:
    frame = report.table("heterogeneity_genes")
    if frame is None:
        return None
    rows = []
    for group, part in frame.sort_values("rank", kind="stable").groupby("group", sort=False):
        so_far = part.set_index("rank")["share_so_far"]
        rows.append(
            {
                "group": str(group),
                "top_genes": ", ".join(part["symbol"].astype(str).head(TOP_GENES)),
                "top_10": float(so_far.get(10, math.nan)),
                "top_100": float(so_far.get(100, math.nan)),
            }
        )
    return view(
        pd.DataFrame(rows),
        CARRIERS,
        caption=f"Genes that carry the heterogeneity ({len(rows)} groups). The same cells rank the "
        "genes and give their shares, which flatters the first ones.",
        labels={"top_10": "held by 10 genes", "top_100": "held by 100 genes"},
    )


def _programmes(report: ReportInput) -> TableView | None:
    frame = report.table("heterogeneity_programmes")
    if frame is None:
        return None
    ranked = frame.sort_values(["group", "share"], ascending=[True, False], kind="stable")
    shown = ranked.groupby("group", sort=False).head(TOP_PROGRAMMES)
    return view(
        shown,
        HETEROGENEITY_PROGRAMMES,
        caption=f"Heterogeneity of gene programmes: the {TOP_PROGRAMMES} with the largest share in "
        f"each group ({len(shown)} of {len(frame)} rows; all in "
        "tables/heterogeneity_programmes). 95 % intervals over blocks of cells.",
        merge={"hi2": ("low", "high")},
        notes=["Gene sets overlap, so shares do not add up."],
    )


def _notes(frame: pd.DataFrame) -> list[str]:
    """Caveats, each with the groups it is about."""
    about: dict[str, list[str]] = {}
    if "warnings" in frame.columns:
        for group, words in zip(frame["group"], frame["warnings"].fillna(""), strict=True):
            if str(words).strip():
                about.setdefault(str(words).strip(), []).append(str(group))
    return [f"{', '.join(groups)}: {words}." for words, groups in about.items()]


def _keys(frame: pd.DataFrame) -> list[str]:
    if "comparability_key" not in frame.columns:
        return []
    return [str(k) for k in dict.fromkeys(frame["comparability_key"].dropna())]


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Lots first, then samples, then other groups; order within a level as given."""
    if "level" not in frame.columns:
        return frame
    levels = list(dict.fromkeys(frame["level"].astype(str)))
    wanted = [x for x in FIRST_LEVELS if x in levels]
    wanted += [x for x in levels if x not in FIRST_LEVELS]
    rank = frame["level"].astype(str).map({name: i for i, name in enumerate(wanted)})
    order = rank.argsort(kind="stable")
    return frame.iloc[order.to_numpy()].reset_index(drop=True)


def _figure(frame: pd.DataFrame, *, simulated: bool) -> Figure:
    keys = _keys(frame)
    rows, heading = [], ""
    for record in frame.to_dict("records"):
        level = str(record.get("level", "group"))
        key = record.get("comparability_key")
        title = f"by {label(level)}" + (f", {key}" if len(keys) > 1 and key else "")
        rows.append(_row(record, title if title != heading else ""))
        heading = title
    title = f"Biological CV with 95 % intervals ({len(frame)} groups)"
    axis = "biological CV (%): RMS spread of a transcript's true share between cells"
    note = "Dot: estimate; bar: 95 % interval. n counts cells; u replicate units."
    if len(keys) > 1:
        note += " Blocks with different comparability keys must not be compared with each other."
    return Figure(
        "heterogeneity",
        title,
        figures.intervals(rows, title=title, axis_title=axis, simulated=simulated),
        frame,
        chart="intervals",
        note=note,
        options={"axis": axis},
    )


def _row(record: dict[Any, Any], heading: str) -> figures.IntervalRow:
    def value(name: str) -> float | None:
        x = record.get(name)
        return None if typeset.is_missing(x) or not math.isfinite(float(x)) else float(x)  # type: ignore[arg-type]

    def end(name: str) -> float | None:
        if value(f"bcv_{name}") is not None:
            return value(f"bcv_{name}")
        hi2 = value(f"hi2_{name}")
        return None if hi2 is None else 100 * math.sqrt(max(hi2, 0.0))

    name, bcv, low, high = str(record["group"]), value("bcv_percent"), end("low"), end("high")
    status = str(record.get("status", "ok"))
    if bcv is None:
        return figures.IntervalRow(name, None, None, None, status, heading)
    words = f"{typeset.number(bcv)} %"
    if low is not None and high is not None:
        words += f" ({typeset.interval(low, high)})"
    words += f", n={typeset.count(record['n_cells'])}, u={typeset.count(record['n_units'])}"
    if not status.startswith("ok"):
        words += f"; {status}"
    return figures.IntervalRow(name, bcv, low, high, words, heading)
