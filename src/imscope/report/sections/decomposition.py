"""From what the differences come: shares of the heterogeneity per level of the design."""

import pandas as pd

from imscope.core.schema import Column, Table
from imscope.report import figures
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section
from imscope.report.views import view

LEVELS = Table(
    "heterogeneity_levels",
    "Heterogeneity per level of the design, coarse to fine.",
    (
        Column("programme", "text", "", "gene programme, or all genes", optional=True),
        Column("level", "text", "", "level of the design"),
        Column("hi2", "number", "", "noise-corrected inertia of the level"),
        Column("low", "number", "", "lower end of the 95 % interval"),
        Column("high", "number", "", "upper end of the 95 % interval"),
        Column("share", "number", "fraction", "share of the total"),
        Column("n_groups", "integer", "groups", "groups at this level"),
        Column("status", "text", "", "ok, merged, not above zero, not estimable: with the reason"),
    ),
    open_ended=True,
)


def build(report: ReportInput) -> Section | None:
    """Draw the shares per programme; nothing at all when the run made no such table."""
    frame = report.table("heterogeneity_levels")
    if frame is None:
        return None
    return Section(
        "decomposition",
        "From what the differences come",
        {
            "levels": view(
                frame,
                LEVELS,
                caption=f"Heterogeneity per level ({len(frame)} rows), with 95 % intervals over "
                "the replicate units of the top level.",
                columns=[c.name for c in LEVELS.columns],
                merge={"hi2": ("low", "high")},
            )
        },
        (_figure(frame, simulated=report.simulated),) if "share" in frame.columns else (),
    )


def _figure(frame: pd.DataFrame, *, simulated: bool) -> Figure:
    levels = [str(x) for x in dict.fromkeys(frame["level"])]
    by = frame["programme"] if "programme" in frame.columns else pd.Series("all genes", frame.index)
    rows = []
    for name, part in frame.groupby(by.astype(str), sort=False):
        shares = dict(zip(part["level"].astype(str), part["share"].fillna(0), strict=True))
        positive = [max(float(shares.get(level, 0.0)), 0.0) for level in levels]
        total = sum(positive) or 1.0
        rows.append(figures.Stack(str(name), "", tuple(v / total for v in positive)))
    title = f"Share of the heterogeneity per level of the design ({len(rows)} sets of genes)"
    return Figure(
        "decomposition",
        title,
        figures.stacks(
            rows, levels, title=title, axis_title="share of total HI2 (%)", simulated=simulated
        ),
        frame,
        note="Components not above zero are drawn as zero and listed in the table.",
    )
