"""Dots of replicate units, one row per thing and group: the spread between units is the message."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imscope.report import svg
from imscope.report.palette import INK, MUTED, RULE, colour

WIDTH = 860.0
LEFT = 220.0
STEP = 20.0


@dataclass(frozen=True)
class DotRow:
    """One thing, such as a subset: the values of its units by group, in the order of the groups.

    ``values[group]`` holds ``(name of the unit, value)`` pairs.
    """

    name: str
    values: Mapping[str, Sequence[tuple[str, float]]]
    note: str = ""


def dots(rows: Sequence[DotRow], groups: Sequence[str], *, title: str, axis_title: str,
         simulated: bool) -> Markup:  # fmt: skip
    """Draw one dot per replicate unit and a bar at the mean of each group.

    Parameters
    ----------
    rows
        What is drawn, top to bottom.
    groups
        Names of the groups; each has its colour and its own line within every row.
    title, axis_title
        Title and axis; the axis carries the unit.
    simulated
        Label the drawing as simulated.

    Returns
    -------
    picture
        The drawing.

    Examples
    --------
    >>> row = DotRow("proliferating", {"iMSC": [("L1", 20.0), ("L2", 22.0)]})
    >>> picture = dots(
    ...     [row], ["iMSC"], title="t", axis_title="share of the lot (%)", simulated=False
    ... )
    >>> str(picture).count("<circle")
    3
    """
    seen = [v for r in rows for pairs in r.values.values() for _, v in pairs if math.isfinite(v)]
    axis = svg.Axis(min(0.0, *seen, 0.0), 1.05 * max(seen, default=1.0) or 1.0, LEFT, WIDTH - 30)
    lines = math.ceil(len(groups) / 5)
    top = 24.0 + 20 * lines
    height = STEP * max(len(groups), 1) + 10
    bottom = top + height * len(rows)
    parts = axis.draw(top=top, bottom=bottom, title=axis_title)
    for i, name in enumerate(groups):
        x, y = 10 + 165 * (i % 5), 28.0 + 20 * (i // 5)
        parts.append(svg.tag("circle", cx=x + 6, cy=y - 4, r=5.0, fill=colour(i)))
        parts.append(svg.fitted(name, x + 18, y, room=20, font_size=11))
    for i, row in enumerate(rows):
        y = top + height * i
        parts.append(svg.line(8, y, WIDTH - 30, y, stroke=RULE))
        parts.append(
            svg.fitted(row.name, LEFT - 12, y + height / 2 + 4, room=30, text_anchor="end")
        )
        if row.note:
            parts.append(svg.fitted(row.note, LEFT + 8, y + height / 2 + 4, room=90, fill=MUTED))
        for j, group in enumerate(groups):
            parts += _line(row, group, colour(j), axis, y + 5 + STEP * (j + 0.5))
    return svg.drawing(parts, width=WIDTH, height=bottom + 44, title=title, simulated=simulated)


def _line(row: DotRow, group: str, fill: str, axis: svg.Axis, y: float) -> list[Markup]:
    pairs = [(name, v) for name, v in row.values.get(group, ()) if math.isfinite(v)]
    if not pairs:
        return []
    mean = sum(v for _, v in pairs) / len(pairs)
    out = [svg.line(axis(mean), y - 8, axis(mean), y + 8, stroke=INK, stroke_width=2.5)]
    for name, value in pairs:
        words = f"{name} ({group}), {row.name}: {value:.3g}"
        out.append(
            svg.tag("circle", svg.tag("title", words), cx=axis(value), cy=y, r=4.5, fill=fill,
                    fill_opacity=0.8, stroke="#ffffff", stroke_width=0.8)
        )  # fmt: skip
    return out
