"""Plates as they lie on the bench: one square per well."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from imscope.report import svg
from imscope.report.palette import MUTED, SEQUENTIAL

LEFT, TOP, SIDE, GAP = 34.0, 40.0, 15.0, 46.0


def plate_maps(
    plates: Sequence[tuple[str, Sequence[tuple[int, int, float, str]]]],
    *,
    title: str,
    simulated: bool,
) -> Markup:
    """Draw plates, two in a row, each on its own scale from the 2nd to the 98th percentile.

    Parameters
    ----------
    plates
        Name and wells (row, column, value, words) of each plate.
    title
        Words for readers of the screen.
    simulated
        Label the drawing as simulated.

    Examples
    --------
    >>> drawn = plate_maps([("p", [(1, 1, 2.0, "A01"), (1, 2, 3.0, "A02")])], title="t",
    ...                    simulated=False)
    >>> str(drawn).count("<rect")
    3
    """
    rows = max((r for _, wells in plates for r, *_ in wells), default=1)
    columns = max((c for _, wells in plates for _, c, *_ in wells), default=1)
    side = min(SIDE, 380.0 / columns)
    parts: list[Markup] = []
    high = 0.0
    for k, (name, wells) in enumerate(plates):
        x0, y0 = LEFT + (k % 2) * 420, TOP + (k // 2) * (rows * side + GAP)
        parts.append(svg.fitted(name, x0, y0 - 18, room=50, font_weight="bold"))
        values = sorted(v for *_, v, _ in wells if math.isfinite(v))
        low = values[int(0.02 * (len(values) - 1))] if values else 0.0
        top = values[int(0.98 * (len(values) - 1))] if values else 1.0
        for r in range(1, rows + 1, 2):
            letter = chr(64 + r) if r <= 26 else "A" + chr(38 + r)
            parts.append(
                svg.text(
                    letter,
                    x0 - 5,
                    y0 + (r - 0.25) * side,
                    text_anchor="end",
                    font_size=8,
                    fill=MUTED,
                )
            )
        for c in range(1, columns + 1, 4 if columns <= 24 else 8):
            parts.append(
                svg.text(
                    str(c),
                    x0 + (c - 0.5) * side,
                    y0 - 4,
                    text_anchor="middle",
                    font_size=8,
                    fill=MUTED,
                )
            )
        for r, c, v, words in wells:
            share = (v - low) / (top - low) if top > low else 0.5
            fill = "#ffffff"
            if math.isfinite(v):
                fill = SEQUENTIAL[int(min(max(share, 0.0), 1.0) * (len(SEQUENTIAL) - 1))]
            parts.append(
                svg.tag(
                    "rect",
                    svg.tag("title", words),
                    x=x0 + (c - 1) * side,
                    y=y0 + (r - 1) * side,
                    width=side - 1,
                    height=side - 1,
                    fill=fill,
                )
            )
        high = max(high, y0 + rows * side)
    return svg.drawing(parts, width=860, height=high + 20, title=title, simulated=simulated)
