"""Manufacture: cells step by step, doses of a lot, levers, cost and weeks, plan by plan."""

import math

import pandas as pd
from markupsafe import Markup

from imscope.decisions.manufacture.tables import (
    MANUFACTURE_COMPARE,
    MANUFACTURE_INPUTS,
    MANUFACTURE_LEVERS,
)
from imscope.report import svg
from imscope.report.inputs import ReportInput
from imscope.report.palette import FEW, LIMIT, MUTED, colour
from imscope.report.section import Figure, Section
from imscope.report.views import view

PLACE = 300
LEFT, RIGHT, WIDTH = 250.0, 800.0, 860.0
TOP_LEVERS = 12


def build(report: ReportInput) -> Section | None:
    """Draw every process of the page; nothing where no plan was made."""
    steps = report.table("manufacture_steps")
    if steps is None:
        return None
    context: dict[str, object] = {}
    compared = report.table("manufacture_compare")
    if compared is not None:
        context["compare"] = view(
            compared,
            MANUFACTURE_COMPARE,
            caption=f"Processes side by side ({len(compared)}).",
            merge={"doses_p50": ("doses_p5", "doses_p95"), "cost_p50": ("cost_p5", "cost_p95")},
        )
    levers, inputs = report.table("manufacture_levers"), report.table("manufacture_inputs")
    if levers is not None:
        context["levers"] = view(
            levers,
            MANUFACTURE_LEVERS,
            caption=f"What moves the doses of a lot ({len(levers)} numbers).",
        )
    if inputs is not None:
        context["inputs"] = view(
            inputs, MANUFACTURE_INPUTS, caption=f"Every number and its source ({len(inputs)})."
        )
    figures = []
    for k, name in enumerate(dict.fromkeys(steps["process"]), 1):
        figures += _figures(report, str(name), k)
    return Section("manufacture", "Manufacture", context, tuple(figures))


def _figures(report: ReportInput, name: str, k: int) -> list[Figure]:
    def of(table: str) -> pd.DataFrame:
        frame = report.table(table)
        return pd.DataFrame() if frame is None else frame[frame["process"] == name]

    steps, doses, levers = (
        of("manufacture_steps"),
        of("manufacture_doses"),
        of("manufacture_levers"),
    )
    costs, schedule = of("manufacture_costs"), of("manufacture_schedule")
    out = [
        Figure(f"manufacture-cells-{k}", f"{name}: cells of a lot, step by step",
               draw_steps(steps, report.simulated), steps,
               note="Dot: median lot. Bar: 5 to 95 % of lots."),
        Figure(f"manufacture-doses-{k}", f"{name}: released doses of a lot",
               draw_doses(doses, report.simulated), doses,
               note="A lot that is not released gives no dose and stands at 0."),
    ]  # fmt: skip
    if len(levers):
        out.append(
            Figure(f"manufacture-levers-{k}", f"{name}: what moves the doses",
                   draw_levers(levers.head(TOP_LEVERS), report.simulated), levers,
                   note="Mean released doses of a lot with one number at its 10 and 90 % point and "
                   "all others as they vary; ordered by their share in the variance.")
        )  # fmt: skip
    if len(costs) and costs["cost"].sum() > 0:
        out.append(
            Figure(f"manufacture-costs-{k}", f"{name}: cost of a released dose by part",
                   draw_costs(costs, report.simulated), costs)
        )  # fmt: skip
    out.append(
        Figure(f"manufacture-weeks-{k}", f"{name}: from start to release",
               draw_schedule(schedule, report.simulated), schedule)
    )  # fmt: skip
    return out


def draw_steps(steps: pd.DataFrame, simulated: bool) -> Markup:
    """Median and 5 to 95 % of the cells after each step, on a logarithmic axis."""
    low = max(float(steps["cells_p5"].min()), 1.0)
    high = max(float(steps["cells_p95"].max()), 10 * low)
    axis = svg.Axis(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)),
                    LEFT, RIGHT, log=True)  # fmt: skip
    bottom = 26.0 * len(steps) + 26
    parts = axis.draw(top=14, bottom=bottom, title="cells")
    for i, row in enumerate(steps.to_dict("records")):
        y = 30.0 + 26 * i
        parts.append(svg.fitted(str(row["step"]), LEFT - 12, y + 4, room=34, text_anchor="end"))
        ends = axis(float(row["cells_p5"])), axis(float(row["cells_p95"]))
        parts.append(svg.line(ends[0], y, ends[1], y, stroke=FEW[4], stroke_width=8))
        parts.append(svg.tag("circle", cx=axis(float(row["cells_p50"])), cy=y, r=4.5, fill=FEW[0]))
    return svg.drawing(
        parts, width=WIDTH, height=bottom + 44, title="Cells by step", simulated=simulated
    )


def draw_doses(doses: pd.DataFrame, simulated: bool) -> Markup:
    """Share of lots by released doses."""
    top = float(doses["high"].max())
    across, up = (
        svg.Axis(0.0, top, 70, RIGHT),
        svg.Axis(0.0, float(doses["frac"].max()) or 1.0, 220, 20),
    )
    parts = across.draw(top=20, bottom=220, title="released doses of a lot")
    for row in doses.to_dict("records"):
        a, b, y = across(float(row["low"])), across(float(row["high"])), up(float(row["frac"]))
        parts.append(
            svg.tag("rect", x=a, y=y, width=max(b - a - 1, 0.5), height=220 - y, fill=FEW[0])
        )
    for tick in svg.nice_ticks(0.0, float(doses["frac"].max()), about=4):
        place = {"text_anchor": "end", "font_size": 11, "fill": MUTED}
        parts.append(svg.text(f"{100 * tick:g} %", 62, up(tick) + 4, **place))
    return svg.drawing(parts, width=WIDTH, height=264, title="Doses of a lot", simulated=simulated)


def draw_levers(levers: pd.DataFrame, simulated: bool) -> Markup:
    """Tornado: mean doses with one number low and high."""
    ends = [*levers["low"], *levers["high"]]
    axis = svg.Axis(0.95 * min(ends), 1.05 * max(ends), LEFT + 60, RIGHT)
    bottom = 24.0 * len(levers) + 26
    parts = axis.draw(top=14, bottom=bottom, title="mean released doses of a lot")
    for i, row in enumerate(levers.to_dict("records")):
        y = 30.0 + 24 * i
        name = str(row["parameter"]).removeprefix("process.")
        parts.append(svg.fitted(name, LEFT + 48, y + 4, room=42, text_anchor="end"))
        a, b = sorted((axis(float(row["low"])), axis(float(row["high"]))))
        rising = float(row["high"]) >= float(row["low"])
        parts.append(svg.tag("rect", x=a, y=y - 7, width=max(b - a, 1.0), height=14,
                             fill=FEW[0] if rising else FEW[1]))  # fmt: skip
    words = "blue: more of it gives more doses; orange: fewer"
    parts.append(svg.text(words, LEFT + 60, bottom + 46, font_size=11, fill=MUTED))
    return svg.drawing(parts, width=WIDTH, height=bottom + 56, title="Levers", simulated=simulated)


def draw_costs(costs: pd.DataFrame, simulated: bool) -> Markup:
    """One bar of the cost of a dose, by part."""
    shown = costs[costs["per_dose"] > 0]
    total = float(shown["per_dose"].sum())
    axis = svg.Axis(0.0, total, 20, RIGHT)
    parts = axis.draw(top=10, bottom=60, title="mean cost of a released dose")
    start = 0.0
    for i, row in enumerate(shown.to_dict("records")):
        a, b = axis(start), axis(start + float(row["per_dose"]))
        parts.append(
            svg.tag("rect", x=a, y=18, width=max(b - a - 1, 0.5), height=36, fill=colour(i))
        )
        x, y = 24 + 270 * (i % 3), 122 + 20 * (i // 3)
        parts.append(svg.tag("rect", x=x, y=y - 10, width=12, height=12, fill=colour(i)))
        share = 100 * float(row["per_dose"]) / total
        parts.append(svg.text(f"{row['part']}: {row['per_dose']:,.0f} ({share:.0f} %)", x + 18, y))
        start += float(row["per_dose"])
    return svg.drawing(parts, width=WIDTH, height=150 + 20 * (len(shown) // 3), title="Cost",
                       simulated=simulated)  # fmt: skip


def draw_schedule(schedule: pd.DataFrame, simulated: bool) -> Markup:
    """Steps as bars over weeks."""
    axis = svg.Axis(0.0, max(float(schedule["end_d"].max()) / 7, 1.0), LEFT, RIGHT)
    bottom = 24.0 * len(schedule) + 26
    parts = axis.draw(top=14, bottom=bottom, title="weeks from start")
    for i, row in enumerate(schedule.to_dict("records")):
        y = 30.0 + 24 * i
        parts.append(svg.fitted(str(row["step"]), LEFT - 12, y + 4, room=34, text_anchor="end"))
        a, b = axis(float(row["start_d"]) / 7), axis(float(row["end_d"]) / 7)
        waits = str(row["step"]) == "tests"
        parts.append(svg.tag("rect", x=a, y=y - 7, width=max(b - a, 1.0), height=14,
                             fill=LIMIT if waits else FEW[2]))  # fmt: skip
    return svg.drawing(
        parts, width=WIDTH, height=bottom + 44, title="Schedule", simulated=simulated
    )
