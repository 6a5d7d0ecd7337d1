"""Gene programmes: heat map by sample, units of the groups, and the tests between groups."""

import math
from typing import cast

import pandas as pd

from imscope.core.schema import PROGRAMME_SCORES
from imscope.report.dots import DotRow, dots
from imscope.report.heat import HeatRow, heat
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section, natural
from imscope.report.views import view

PLACE = 100

MOST_DRAWN = 8
"""Programmes whose units are drawn, those with the smallest q first."""


def build(report: ReportInput) -> Section | None:
    """Draw and print the scores; nothing at all when the run made none."""
    frame = report.table("programme_scores")
    if frame is None:
        return None
    if "by" not in frame.columns:
        frame = frame.assign(by="sample")
    group = str((report.results.get("design") or {}).get("group") or "")
    by_sample = frame[frame["by"] == "sample"]
    tests = frame[frame["by"] == group] if group and group != "sample" else by_sample
    figures = [f for f in (_heat(report, by_sample, group), _units(report, tests, group)) if f]
    context: dict[str, object] = {"tests": _tests(tests, group), "absent": _absent(frame)}
    return Section("programmes", "Gene programmes", context, tuple(figures))


def _scored(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["score"].notna()]


def _heat(report: ReportInput, frame: pd.DataFrame, group: str) -> Figure | None:
    shown = _scored(frame)
    if not len(shown):
        return None
    wide = shown.pivot_table(index="programme", columns="group", values="score", sort=False)
    group_of = _group_of(report, group)
    order = sorted(
        natural(wide.columns), key=lambda s: (group_of.get(s, ""), natural(wide.columns).index(s))
    )
    family = dict(zip(shown["programme"], shown["family"], strict=True))
    families = list(dict.fromkeys(family.values()))
    names = sorted(wide.index, key=lambda p: families.index(family[p]))
    rows, before = [], ""
    for name in names:
        values = [float(cast("float", wide.loc[name, s])) for s in order]
        rows.append(HeatRow(str(name), values, family[name] if family[name] != before else ""))
        before = family[name]
    title = f"Gene programmes by sample ({len(rows)} programmes, {len(order)} samples)"
    return Figure(
        "programmes",
        title,
        heat(
            rows,
            order,
            [group_of.get(s, "") for s in order],
            title=title,
            legend="least to largest mean score of the row",
            simulated=report.simulated,
        ),
        shown[["group", "programme", "family", "direction", "score", "score_sd", "n_cells"]],
        note="Mean rank score of the cells, 0 to 1. Scores of different programmes are not on one "
        "scale, so every row has its own colours. For a set of genes that should be silent, high "
        "means silent.",
    )


def _units(report: ReportInput, tests: pd.DataFrame, group: str) -> Figure | None:
    """Dots of units for the programmes that differ most between the groups."""
    samples = report.table("samples")
    frame = report.table("programme_scores")
    unit = str((report.results.get("design") or {}).get("unit") or "sample")
    if samples is None or frame is None or not group or not {group, unit} <= set(samples):
        return None
    ordered = _scored(tests).sort_values(["q_value", "rank"], kind="stable", na_position="last")
    names = list(dict.fromkeys(ordered.loc[ordered["rank"] > 0, "programme"]))[:MOST_DRAWN]
    by = frame["by"] if "by" in frame.columns else pd.Series("sample", index=frame.index)
    cells = frame[(by == "sample") & frame["programme"].isin(names)]
    facts = samples.astype({"sample": str}).set_index("sample")[list({group, unit} - {"sample"})]
    merged = cells.merge(facts, left_on="group", right_index=True, suffixes=("", "_of"))
    if unit == "sample":
        merged = merged.assign(sample=merged["group"])
    if not names or merged[unit].nunique() < 2 or group not in merged:
        return None
    merged = merged.assign(total=merged["score"] * merged["n_cells"])
    keys = list(dict.fromkeys(["programme", group, unit]))  # the group may be the unit itself
    sums = merged.groupby(keys, sort=True)[["total", "n_cells"]].sum()
    each = (sums["total"] / sums["n_cells"]).rename("score").reset_index()
    groups = natural(each[group].unique())
    rows = []
    for name in names:
        mine = each[each["programme"] == name]
        values = {
            g: [
                (str(u), float(s))
                for u, s in zip(
                    mine.loc[mine[group].astype(str) == g, unit],
                    mine.loc[mine[group].astype(str) == g, "score"],
                    strict=True,
                )
            ]
            for g in groups
        }
        rows.append(DotRow(name, values))
    title = (
        f"Programmes that differ most between groups ({each[unit].nunique()} units of {unit}, "
        f"{len(groups)} groups of {group})"
    )
    return Figure(
        "programme-units",
        title,
        dots(rows, groups, title=title, axis_title="mean score of the unit",
             simulated=report.simulated),
        each,
        note=f"One dot per replicate unit; the bar is their mean. {_found(tests)}",
    )  # fmt: skip


def _found(tests: pd.DataFrame) -> str:
    q = tests["q_value"].dropna()
    if not len(q):
        return "Nothing was tested; the largest effects against random genes are drawn."
    n = tests.loc[tests["q_value"] < 0.05, "programme"].nunique()
    return f"{n} differ at q < 0.05." if n else "None of them differs at q < 0.05."


def _tests(tests: pd.DataFrame, group: str) -> object:
    shown = _scored(tests)
    if shown["group"].nunique() == 2:  # the other comparison is the same with signs turned
        shown = shown[shown["group"] == shown["group"].iloc[0]]
    shown = shown[shown["contrast"] != ""].sort_values(
        ["group", "p_value", "rank"], kind="stable", na_position="last"
    )
    if not len(shown):
        return None
    return view(
        shown,
        PROGRAMME_SCORES,
        caption=f"Programmes between groups of {group or 'sample'} ({len(shown)} rows).",
        columns=[
            *("programme", "contrast", "n_units", "score", "coverage", "effect", "z_set"),
            *("p_unit", "p_set", "p_value", "q_value", "status", "reason"),
        ],
        labels={"z_set": "z against random genes", "p_unit": "p, units", "p_set": "p, genes"},
        notes=(
            "Units are the replicates. p is the larger of two: moderated t over units, and chance "
            "among random gene sets of like expression. Without two units on each side there is "
            "no p.",
        ),
    )


def _absent(frame: pd.DataFrame) -> list[str]:
    """Programmes without a score, each with its reason."""
    missing = frame[frame["score"].isna()].drop_duplicates("programme")
    return [
        f"{name}: {why}" for name, why in zip(missing["programme"], missing["reason"], strict=True)
    ]


def _group_of(report: ReportInput, group: str) -> dict[str, str]:
    samples = report.table("samples")
    if samples is None or not group or group not in samples:
        return {}
    pairs = zip(samples["sample"].astype(str), samples[group], strict=True)
    return {s: str(g) for s, g in pairs if not (isinstance(g, float) and math.isnan(g))}
