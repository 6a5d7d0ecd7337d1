"""From what the differences come: shares of the heterogeneity per level of the design."""

import pandas as pd

from imscope.core.schema import HETEROGENEITY_LEVELS
from imscope.report import figures
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section
from imscope.report.views import view


def build(report: ReportInput) -> Section:
    """Draw the shares per programme, or say why the run made no such table."""
    frame = report.table("heterogeneity_levels")
    title = "From what the differences come"
    if frame is None:
        why = report.why_missing("heterogeneity_levels")
        return Section("decomposition", title, {"levels": None, "why": why})
    return Section(
        "decomposition",
        title,
        {
            "levels": view(
                frame,
                HETEROGENEITY_LEVELS,
                caption=f"Heterogeneity per level ({len(frame)} rows), with 95 % intervals over "
                "the replicate units of the top level.",
                columns=[c.name for c in HETEROGENEITY_LEVELS.columns],
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
