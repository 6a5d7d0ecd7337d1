"""Points in two dimensions with names on those that matter, and lines over them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imscope.report import svg
from imscope.report.palette import FEW, INK, LIMIT, MUTED, RULE

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860.0, 400.0, 70.0, 26.0, 350.0
RIGHT = 830.0


@dataclass(frozen=True)
class Point:
    """One point: its place, name, colour by position in the palette, size, and whether labelled."""

    x: float
    y: float
    name: str = ""
    colour: int = -1
    radius: float = 2.2
    label: bool = False


@dataclass(frozen=True)
class Curve:
    """A line through places; dashed for a reference."""

    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    dashed: bool = False


def scatter(
    points: Sequence[Point],
    *,
    title: str,
    x_title: str,
    y_title: str,
    simulated: bool,
    curves: Sequence[Curve] = (),
    log_x: bool = False,
    guides: Sequence[tuple[str, float]] = (),
) -> Markup:
    """Draw points and lines.

    Parameters
    ----------
    points
        Those without a colour are grey and lie below the others.
    title, x_title, y_title
        Words; the axes carry units.
    simulated
        Label the drawing as simulated.
    curves
        Lines.
    log_x
        Logarithmic horizontal axis.
    guides
        Straight lines at ``("x", value)`` or ``("y", value)``.

    Examples
    --------
    >>> drawn = scatter([Point(1, 2, "a", 0, label=True)], title="t", x_title="x", y_title="y",
    ...                 simulated=False)
    >>> str(drawn).count("<circle")
    1
    """
    xs = [v for p in points for v in (p.x,)] + [v for c in curves for v in c.x]
    ys = [p.y for p in points] + [v for c in curves for v in c.y]
    xs, ys = [v for v in xs if math.isfinite(v)], [v for v in ys if math.isfinite(v)]
    across = _axis(xs, LEFT, RIGHT, log_x)
    up = _axis(ys, BOTTOM, TOP, False)
    parts = across.draw(top=TOP, bottom=BOTTOM, title=x_title)
    for tick in up.ticks():
        parts.append(svg.line(LEFT, up(tick), RIGHT, up(tick), stroke=RULE))
        parts.append(
            svg.text(
                f"{tick:g}", LEFT - 8, up(tick) + 4, text_anchor="end", font_size=11, fill=MUTED
            )
        )
    middle = (TOP + BOTTOM) / 2
    parts.append(
        svg.text(
            y_title,
            18,
            middle,
            text_anchor="middle",
            transform=f"rotate(-90 18 {middle:g})",
            fill=INK,
        )
    )
    for way, value in guides:
        if way == "x":
            parts.append(
                svg.line(
                    across(value), TOP, across(value), BOTTOM, stroke=LIMIT, stroke_dasharray="4 3"
                )
            )
        else:
            parts.append(
                svg.line(LEFT, up(value), RIGHT, up(value), stroke=LIMIT, stroke_dasharray="4 3")
            )
    ordered = sorted(points, key=lambda p: (p.colour >= 0, p.label))
    for p in ordered:
        if not (math.isfinite(p.x) and math.isfinite(p.y)):
            continue
        fill = FEW[p.colour % len(FEW)] if p.colour >= 0 else "#b0b0b0"
        inner = [svg.tag("title", p.name)] if p.name else []
        parts.append(
            svg.tag(
                "circle",
                *inner,
                cx=across(p.x),
                cy=up(p.y),
                r=p.radius,
                fill=fill,
                fill_opacity=0.75,
            )
        )
    parts += _labels([p for p in ordered if p.label], across, up)
    for curve in curves:
        places = " ".join(
            f"{across(a):.1f},{up(b):.1f}"
            for a, b in zip(curve.x, curve.y, strict=True)
            if math.isfinite(a) and math.isfinite(b)
        )
        extra = {"stroke_dasharray": "5 4"} if curve.dashed else {}
        parts.append(
            svg.tag(
                "polyline",
                points=places,
                fill="none",
                stroke=FEW[curve.colour % len(FEW)],
                stroke_width=2,
                **extra,
            )
        )
    return svg.drawing(parts, width=WIDTH, height=HEIGHT, title=title, simulated=simulated)


def _axis(values: Sequence[float], a: float, b: float, log: bool) -> svg.Axis:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if log:
        low = max(low, 1e-9)
        return svg.Axis(low / 1.2, max(high, low * 10) * 1.2, a, b, True)
    pad = 0.05 * (high - low) or 0.5
    return svg.Axis(low - pad, high + pad, a, b)


def _labels(points: Sequence[Point], across: svg.Axis, up: svg.Axis) -> list[Markup]:
    """Names beside their points, from the top; one that would cover another is left out."""
    out: list[Markup] = []
    taken: list[tuple[float, float]] = []
    for p in sorted(points, key=lambda p: up(p.y)):
        x, y = across(p.x), up(p.y) + 4
        if any(abs(y - b) < 12 and abs(x - a) < 70 for a, b in taken):
            continue
        taken.append((x, y))
        right = x > RIGHT - 90
        out.append(
            svg.fitted(
                p.name.split(":")[0],
                x - 7 if right else x + 7,
                y,
                room=16,
                font_size=11,
                text_anchor="end" if right else "start",
            )
        )
    return out
