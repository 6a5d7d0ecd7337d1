"""From what the differences come: shares of the heterogeneity per level of the design."""

import math

import pandas as pd

from imscope.core.schema import HETEROGENEITY_LEVELS
from imscope.report import figures
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section
from imscope.report.views import view

PLACE = 70


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
                "replicate units; `status` says where there are too few.",
                columns=[c.name for c in HETEROGENEITY_LEVELS.columns],
                merge={"hi2": ("low", "high")},
            )
        },
        (_figure(frame, simulated=report.simulated),) if "share" in frame.columns else (),
    )


def _figure(frame: pd.DataFrame, *, simulated: bool) -> Figure:
    levels = [str(x) for x in dict.fromkeys(frame["level"])]
    by = frame["programme"] if "programme" in frame.columns else pd.Series("all genes", frame.index)
    rows = [
        _stack(str(name), part.set_index(part["level"].astype(str)), levels)
        for name, part in frame.groupby(by.astype(str), sort=False)
    ]
    title = f"Share of the heterogeneity per level of the design ({len(rows)} sets of genes)"
    note = "Components not above zero are drawn as zero and listed in the table."
    if any(ends is not None for row in rows for ends in row.ends):
        note += (
            " Below each bar, one line per level: the 95 % interval of its share, measured from the"
            " start of its block, with the dot where the block ends; a level without a line has no"
            " interval, and the table says why."
        )
    return Figure(
        "decomposition",
        title,
        figures.stacks(
            rows, levels, title=title, axis_title="share of total HI2 (%)", simulated=simulated
        ),
        frame,
        note=note,
    )


def _stack(name: str, part: pd.DataFrame, levels: list[str]) -> figures.Stack:
    """Shares of one gene set that add up to one, and the interval of each on the same scale."""
    part = part.reindex(levels)

    def column(key: str) -> list[float]:
        given = part[key] if key in part.columns else pd.Series(math.nan, part.index)
        return given.astype(float).tolist()

    shares = [max(v, 0.0) if math.isfinite(v) else 0.0 for v in column("share")]
    total = sum(shares) or 1.0
    scale = sum(v for v in column("hi2") if math.isfinite(v)) * total
    ends = [
        (low / scale, high / scale) if scale > 0 and math.isfinite(low + high) else None
        for low, high in zip(column("low"), column("high"), strict=True)
    ]
    return figures.Stack(name, "", tuple(v / total for v in shares), tuple(ends))
