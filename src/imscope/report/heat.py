"""Heat map: one row per thing, one column per sample, every row on its own scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imscope.report import svg
from imscope.report.palette import MUTED, RULE, SEQUENTIAL, ink_on

WIDTH = 860.0
LEFT = 220.0
HEIGHT = 19.0
MOST_WRITTEN = 12
"""Columns up to which the values are written into the cells."""


@dataclass(frozen=True)
class HeatRow:
    """One row: its values in the order of the columns, and a heading above it where one begins."""

    name: str
    values: Sequence[float]
    heading: str = ""


def heat(
    rows: Sequence[HeatRow],
    columns: Sequence[str],
    groups: Sequence[str],
    *,
    title: str,
    legend: str,
    simulated: bool,
) -> Markup:
    """Draw a heat map; colours run from the least to the largest value of each row.

    Parameters
    ----------
    rows
        Top to bottom.
    columns, groups
        Names of the columns, left to right, and the group each is in; a line parts the groups.
    title, legend
        Title, and what the colours mean.
    simulated
        Label the drawing as simulated.

    Returns
    -------
    picture
        The drawing.

    Examples
    --------
    >>> row = HeatRow("cycle", [0.1, 0.3, float("nan")])
    >>> picture = heat([row], ["a", "b", "c"], ["x", "x", "y"], title="t", legend="",
    ...                simulated=False)
    >>> str(picture).count("<rect"), "not scored" in picture
    (14, True)
    """
    n = max(len(columns), 1)
    step = min((WIDTH - LEFT - 10) / n, 60.0)
    turned = step < 55
    top = 44.0 + (min(max((len(c) for c in columns), default=0), 22) * 5.2 if turned else 16)
    parts: list[Markup] = list(_scale(legend))
    for j, name in enumerate(columns):
        x = LEFT + step * (j + 0.5)
        if step < 11:
            continue
        at = {"transform": f"rotate(-60 {x:.1f} {top - 6:.1f})"} if turned else {}
        anchor = "start" if turned else "middle"
        room = 22 if turned else 9
        parts.append(
            svg.fitted(name, x, top - 6, room=room, text_anchor=anchor, font_size=10, **at)
        )
    y = top
    for row in rows:
        if row.heading:
            parts.append(svg.text(row.heading, 8, y + 14, font_size=11, font_weight="bold"))
            y += HEIGHT
        parts.append(svg.fitted(row.name, LEFT - 8, y + 13, room=30, text_anchor="end",
                                font_size=11))  # fmt: skip
        parts += _cells(row, columns, step, y)
        y += HEIGHT
    for j in range(1, len(columns)):
        if groups[j] != groups[j - 1]:
            x = LEFT + step * j
            parts.append(svg.line(x, top - 4, x, y, stroke="#000000", stroke_width=1.5))
    return svg.drawing(parts, width=WIDTH, height=y + 12, title=title, simulated=simulated)


def _cells(row: HeatRow, columns: Sequence[str], step: float, y: float) -> list[Markup]:
    known = [v for v in row.values if math.isfinite(v)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    out = []
    for j, value in enumerate(row.values):
        x = LEFT + step * j
        if not math.isfinite(value):
            words = f"{row.name}, {columns[j]}: not scored"
            out.append(svg.tag("rect", svg.tag("title", words), x=x, y=y, width=step - 1,
                               height=HEIGHT - 1, fill="#ffffff", stroke=RULE))  # fmt: skip
            continue
        share = (value - low) / (high - low) if high > low else 0.0
        fill = SEQUENTIAL[min(int(share * len(SEQUENTIAL)), len(SEQUENTIAL) - 1)]
        words = f"{row.name}, {columns[j]}: {value:.3f}"
        out.append(svg.tag("rect", svg.tag("title", words), x=x, y=y, width=step - 1,
                           height=HEIGHT - 1, fill=fill))  # fmt: skip
        if len(columns) <= MOST_WRITTEN:
            out.append(svg.text(f"{value:.2f}", x + (step - 1) / 2, y + 13, text_anchor="middle",
                                font_size=10, fill=ink_on(fill)))  # fmt: skip
    return out


def _scale(legend: str) -> list[Markup]:
    width = 14.0
    out = [
        svg.tag("rect", x=10 + width * k, y=8, width=width, height=10, fill=c)
        for k, c in enumerate(SEQUENTIAL)
    ]
    return [*out, svg.text(legend, 18 + width * len(SEQUENTIAL), 17, font_size=11, fill=MUTED)]
