"""A control chart as one drawing: points, limits with their kind, signals with their rule."""

from html import escape

from imscope.decisions.release.charts import Chart, Limits

_W, _H, _LEFT, _TOP, _BOTTOM = 900, 380, 70, 50, 70
_STYLES = {
    "next lot": ("#8a5a00", "6 3"),
    "EWMA": ("#0b5c8a", "2 3"),
    "individuals": ("#7a1f4b", ""),
    "plug-in 3 s": ("#999999", "1 4"),
}


def draw_chart(chart: Chart) -> str:
    """Draw a chart as SVG; everything that is drawn stands in its JSON.

    Parameters
    ----------
    chart
        A chart on the identity scale is drawn in its unit, others on their scale.

    Returns
    -------
    svg
        One file without script or outside reference.
    """
    from imscope.decisions.release.plan import to_scale

    scale = chart.scale if chart.scale in ("log", "logit") else "identity"
    values = to_scale([p.value for p in chart.points], scale)  # type: ignore[arg-type]
    shown = [p for p in chart.phases if p.kind in _STYLES]
    ends = [x for p in shown for x in (p.centre - p.limit, p.centre + p.limit)]
    low, high = min([*values, *ends]), max([*values, *ends])
    pad = (high - low or 1.0) * 0.06
    low, high = low - pad, high + pad
    step = (_W - _LEFT - 150) / max(1, len(values) - 1)

    def x(k: float) -> float:
        return _LEFT + 15 + k * step

    def y(v: float) -> float:
        return float(_TOP + (high - v) / (high - low) * (_H - _TOP - _BOTTOM))

    parts = [
        _text(_LEFT, 20, f"{chart.attribute} {chart.group}", 15),
        _text(_LEFT, 38, f"{chart.status}: {chart.words}", 11),
    ]
    for limits in shown:
        parts += _limit_lines(chart, limits, x, y)
    line = " ".join(f"{x(k):.1f},{y(v):.1f}" for k, v in enumerate(values))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#555" stroke-width="1"/>')
    for k, (p, v) in enumerate(zip(chart.points, values, strict=True)):
        parts.append(_point(x(k), y(v), p.signal, f"{p.lot}: {p.value:g} {p.rule}"))
        parts.append(
            f'<text x="{x(k):.1f}" y="{_H - _BOTTOM + 14}" font-size="9" text-anchor="end" '
            f'transform="rotate(-55 {x(k):.1f} {_H - _BOTTOM + 14})">{escape(p.lot)}</text>'
        )
        if p.signal:
            parts.append(_text(x(k) - 30, y(v) - 9, p.rule.split(";")[0], 9, "#a40000"))
    for v in (low + pad, (low + high) / 2, high - pad):
        parts.append(_text(4, y(v) + 4, f"{v:.4g}", 10))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_W} {_H}" role="img" '
        f'font-family="sans-serif"><title>{escape(chart.attribute)}</title>'
        f'<rect width="{_W}" height="{_H}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _limit_lines(chart: Chart, p: Limits, x: object, y: object) -> list[str]:
    places = [k for k, point in enumerate(chart.points) if point.phase == p.baseline]
    if not places or not callable(x) or not callable(y):
        return []
    colour, dash = _STYLES[p.kind]
    out = []
    for v, text in ((p.centre, "centre"), (p.centre + p.limit, p.kind), (p.centre - p.limit, "")):
        style = (
            'stroke="#222"' if text == "centre" else f'stroke="{colour}" stroke-dasharray="{dash}"'
        )
        out.append(
            f'<line x1="{x(places[0]) - 8:.1f}" x2="{x(places[-1]) + 8:.1f}" y1="{y(v):.1f}" '
            f'y2="{y(v):.1f}" {style}/>'
        )
        if text:
            out.append(_text(x(places[-1]) + 12, y(v) + 4, text, 10, colour))
    return out


def _point(x: float, y: float, signal: bool, words: str) -> str:
    title = f"<title>{escape(words)}</title>"
    if signal:  # another shape as well as another colour
        corners = f"M{x - 6:.1f} {y + 5:.1f}L{x + 6:.1f} {y + 5:.1f}L{x:.1f} {y - 6:.1f}Z"
        return f'<path d="{corners}" fill="#a40000">{title}</path>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#222">{title}</circle>'


def _text(x: float, y: float, words: str, size: int, colour: str = "#222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}">{escape(words)}</text>'
    )
