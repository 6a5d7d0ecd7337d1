"""The three drawings of the report: intervals, boxes and stacked shares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imscope.report import svg
from imscope.report.palette import FEW, INK, LIMIT, MUTED, RULE, colour, ink_on
from imscope.report.typeset import number

WIDTH = 860.0
LEFT = 220.0


@dataclass(frozen=True)
class IntervalRow:
    """One line of an interval drawing; without a value it says why."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    words: str
    heading: str = ""


def intervals(
    rows: Sequence[IntervalRow], *, title: str, axis_title: str, simulated: bool
) -> Markup:
    """Draw dots with their intervals, one row each, from zero."""
    ends = [v for r in rows for v in (r.value, r.high) if v is not None and math.isfinite(v)]
    axis = svg.Axis(0.0, 1.08 * max(ends, default=1.0) or 1.0, LEFT, 600.0)
    parts: list[Markup] = []
    y, top = 22.0, 22.0
    body: list[Markup] = []
    for row in rows:
        if row.heading:
            y += 26
            body.append(svg.text(row.heading, 8, y, font_weight="bold"))
            y -= 2
        y += 22
        body.extend(_interval_row(row, axis, y))
    bottom = y + 16
    parts += axis.draw(top=top, bottom=bottom, title=axis_title)
    return svg.drawing(
        [*parts, *body], width=WIDTH, height=bottom + 44, title=title, simulated=simulated
    )


def _interval_row(row: IntervalRow, axis: svg.Axis, y: float) -> list[Markup]:
    out = [svg.fitted(row.name, LEFT - 12, y + 4, room=30, text_anchor="end")]
    if row.value is None:
        out.append(svg.fitted(row.words, LEFT + 8, y + 4, room=95, fill=MUTED, font_style="italic"))
        return out
    if row.low is not None and row.high is not None:
        a, b = axis(row.low), axis(row.high)
        out.append(svg.line(a, y, b, y, stroke=FEW[0], stroke_width=2))
        out += [svg.line(x, y - 5, x, y + 5, stroke=FEW[0], stroke_width=2) for x in (a, b)]
    out.append(svg.tag("circle", cx=axis(row.value), cy=y, r=4.5, fill=FEW[0]))
    out.append(svg.fitted(row.words, 612, y + 4, room=42, font_size=11, fill=INK))
    return out


@dataclass(frozen=True)
class Box:
    """Five points of a distribution (5, 25, 50, 75, 95 %), and the limits that cut it."""

    name: str
    n: int
    points: tuple[float, float, float, float, float] | None
    limits: tuple[float, ...] = ()


def boxes(
    rows: Sequence[Box], *, title: str, axis_title: str, log: bool, simulated: bool
) -> Markup:
    """Draw boxes from 25 to 75 %, whiskers from 5 to 95 %, limits as dashed lines."""
    seen = [v for r in rows if r.points for v in (*r.points, *r.limits) if math.isfinite(v)]
    seen = [v for v in seen if v > 0] if log else seen
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    pad = 0.04 * (high - low) or 0.5
    if log:
        low, high = low / 1.1, high * 1.1
    else:
        low, high = (max(low - pad, 0.0) if low >= 0 else low - pad), high + pad
    axis = svg.Axis(low, high, LEFT, WIDTH - 30, log)
    top, bottom = 20.0, 30.0 + 24 * len(rows)
    parts = axis.draw(top=top, bottom=bottom, title=axis_title)
    for i, row in enumerate(rows):
        y = top + 20 + 24 * i
        name = svg.fitted(row.name, LEFT - 70, y + 4, room=22, text_anchor="end")
        n = svg.text(f"n={row.n:,}", LEFT - 8, y + 4, text_anchor="end", font_size=10, fill=MUTED)
        parts += [name, n]
        if row.points is None:
            parts.append(svg.text("not measured", LEFT + 8, y + 4, fill=MUTED, font_style="italic"))
            continue
        p5, p25, p50, p75, p95 = (axis(v) for v in row.points)
        parts.append(svg.line(p5, y, p95, y, stroke=INK))
        parts.append(
            svg.tag("rect", x=p25, y=y - 7, width=max(p75 - p25, 1.0), height=14, fill="#9CC7E3",
                    stroke=INK, stroke_width=1)
        )  # fmt: skip
        parts.append(svg.line(p50, y - 7, p50, y + 7, stroke_width=2.5))
        parts += [
            svg.line(axis(v), y - 11, axis(v), y + 11, stroke=LIMIT, stroke_width=2,
                     stroke_dasharray="4 2")
            for v in row.limits
            if math.isfinite(v)
        ]  # fmt: skip
    return svg.drawing(parts, width=WIDTH, height=bottom + 44, title=title, simulated=simulated)


@dataclass(frozen=True)
class Stack:
    """Shares of one sample or level that add up to one."""

    name: str
    note: str
    shares: tuple[float, ...]
    ends: tuple[tuple[float, float] | None, ...] = ()
    """Interval of each share, where there is one."""


def stacks(
    rows: Sequence[Stack], parts_named: Sequence[str], *, title: str, axis_title: str,
    simulated: bool,
) -> Markup:  # fmt: skip
    """Draw stacked shares with a legend; shares from 4 % on carry the name of their part.

    An interval of a share is a line below the bar, from the start of its block, with a dot where
    the block ends.
    """
    axis = svg.Axis(0.0, 100.0, LEFT, WIDTH - 30)
    per_line = 6
    lines = math.ceil(len(parts_named) / per_line)
    top = 22.0 + 20 * lines
    step = 28 + 8 * max((sum(e is not None for e in row.ends) for row in rows), default=0)
    bottom = top + 12 + step * len(rows)
    out = axis.draw(top=top, bottom=bottom, title=axis_title)
    cell = (WIDTH - 20) / per_line
    for i, name in enumerate(parts_named):
        x, y = 10 + cell * (i % per_line), 28.0 + 20 * (i // per_line)
        out.append(
            svg.tag("rect", x=x, y=y - 10, width=12, height=12, fill=colour(i), stroke=MUTED)
        )
        out.append(svg.fitted(name, x + 18, y, room=18, font_size=11))
    for i, row in enumerate(rows):
        y = top + 8 + step * i
        out += _whiskers(row, parts_named, axis, y + 28)
        out.append(svg.fitted(row.name, LEFT - 80, y + 15, room=20, text_anchor="end"))
        out.append(
            svg.text(row.note, LEFT - 8, y + 15, text_anchor="end", font_size=10, fill=MUTED)
        )
        start = 0.0
        for j, share in enumerate(row.shares):
            a, b = axis(100 * start), axis(100 * (start + share))
            start += share
            if b <= a:
                continue
            words = f"{row.name}, {parts_named[j]}: {number(100 * share)} %"
            block = svg.tag("rect", svg.tag("title", words), x=a, y=y, width=b - a, height=22,
                            fill=colour(j), stroke="#ffffff", stroke_width=0.8)  # fmt: skip
            out.append(block)
            if share >= 0.04 and len(parts_named[j]) * 7 < b - a:
                ink = ink_on(colour(j))
                out.append(
                    svg.text(parts_named[j], (a + b) / 2, y + 15, text_anchor="middle",
                             font_size=11, fill=ink)
                )  # fmt: skip
    out.append(svg.line(LEFT, top, LEFT, bottom, stroke=RULE))
    return svg.drawing(out, width=WIDTH, height=bottom + 44, title=title, simulated=simulated)


def _whiskers(row: Stack, parts_named: Sequence[str], axis: svg.Axis, y: float) -> list[Markup]:
    """Draw one line per share with an interval, in the colour of its part, cut at 0 and 100 %."""
    out: list[Markup] = []
    start = 0.0
    for j, (share, ends) in enumerate(zip(row.shares, row.ends, strict=False)):
        if ends is not None:
            low, high = (axis(100 * min(max(start + e, 0.0), 1.0)) for e in ends)
            words = f"{row.name}, {parts_named[j]}: {number(100 * share)} %"
            words += f" (95 % interval {number(100 * ends[0])} to {number(100 * ends[1])})"
            bar = svg.line(low, y, high, y, stroke=INK, stroke_width=2)
            dot = svg.tag("circle", cx=axis(100 * (start + share)), cy=y, r=3.5, fill=colour(j),
                          stroke=INK, stroke_width=1)  # fmt: skip
            out.append(svg.tag("g", svg.tag("title", words), bar, dot, class_="whisker"))
            y += 8
        start += share
    return out
