"""Small drawings written by the server: they read and print without any script.

Only presentation attributes are used, so that a strict content policy lets them through and a
saved drawing looks the same outside the page.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from imscope.report.palette import INK, MUTED, RULE

FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"


def tag(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """Write one element; names of attributes take ``_`` for ``-``; everything is escaped.

    Examples
    --------
    >>> str(tag("text", "a<b", x=1, text_anchor="end"))
    '<text x="1" text-anchor="end">a&lt;b</text>'
    """
    parts = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
    )
    body = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), parts, body)  # noqa: S704


def _plain(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def text(words: str, x: float, y: float, **attributes: object) -> Markup:
    """Write words at a place; dark, 12 units high unless told."""
    given = {"font_size": 12, "fill": INK, **attributes}
    return tag("text", words, x=float(x), y=float(y), **given)


def fitted(words: str, x: float, y: float, *, room: int, **attributes: object) -> Markup:
    """Write words cut to ``room`` characters, the whole in the tooltip."""
    if len(words) <= room:
        return text(words, x, y, **attributes)
    short = text(words[: room - 1] + "…", x, y, **attributes)
    return tag("g", tag("title", words), short)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> Markup:
    """Draw a straight line, one unit wide and dark unless told."""
    given = {"stroke": INK, "stroke_width": 1, **attributes}
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **given)


def drawing(
    parts: Sequence[Markup], *, width: float, height: float, title: str, simulated: bool
) -> Markup:
    """Put parts onto a white sheet with a title for screen readers, and a label if simulated."""
    body = [
        tag("title", title),
        tag("rect", x=0, y=0, width=float(width), height=float(height), fill="#ffffff"),
        *parts,
    ]
    if simulated:
        body.append(
            text(
                "SIMULATED DATA",
                width - 4,
                11,
                text_anchor="end",
                font_size=10,
                font_weight="bold",
                fill="#7A2E00",
            )
        )
    return tag(
        "svg",
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=float(width),
        height=float(height),
        role="img",
        font_family=FONT,
    )


@dataclass(frozen=True)
class Axis:
    """A horizontal axis from data values to places on the sheet; logarithmic (base 10) if asked."""

    low: float
    high: float
    left: float
    right: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Give the place of a value; values off the axis sit at its end."""
        low, high, v = (self._scale(u) for u in (self.low, self.high, value))
        share = (v - low) / (high - low) if high > low else 0.5
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def _scale(self, value: float) -> float:
        return math.log10(max(value, 1e-12)) if self.log else value

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            steps = (1, 2, 5) if last - first <= 3 else (1,)
            every = [m * 10.0**e for e in range(first, last + 1) for m in steps]
            return [t for t in every if self.low <= t <= self.high]
        return nice_ticks(self.low, self.high)

    def draw(self, *, top: float, bottom: float, title: str) -> list[Markup]:
        """Draw grid, tick labels and title; the title carries the unit."""
        out = []
        for tick in self.ticks():
            x = self(tick)
            out.append(line(x, top, x, bottom, stroke=RULE))
            out.append(
                text(f"{tick:,g}", x, bottom + 15, text_anchor="middle", font_size=11, fill=MUTED)
            )
        out.append(line(self.left, bottom, self.right, bottom, stroke=MUTED))
        middle = (self.left + self.right) / 2
        out.append(text(title, middle, bottom + 32, text_anchor="middle"))
        return out


def nice_ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Round numbers that cover a range.

    Examples
    --------
    >>> nice_ticks(0, 43)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    span = high - low
    if not span > 0:
        return [low]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + i) * step, 12) for i in range(count)]
