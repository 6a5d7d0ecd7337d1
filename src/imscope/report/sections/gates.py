"""Sort gates: the gate drawn in every donor, its trade-offs, and what stands against it."""

import math

import pandas as pd
from markupsafe import Markup

from imscope.core.schema import TABLES
from imscope.report import svg
from imscope.report.inputs import ReportInput
from imscope.report.palette import FEW, INK, LIMIT, MUTED, RULE
from imscope.report.section import Figure, Section, natural
from imscope.report.views import view

PLACE = 170

PANEL = 200.0
GAP = 56.0
PER_ROW = 3
MOST_DONORS = 12


def build(report: ReportInput) -> Section | None:
    """Draw and print what the design made; nothing at all when there was none."""
    designs, status = report.table("gate_designs"), report.table("gate_status")
    if designs is None:
        return None
    words = [] if status is None else status["words"].astype(str).tolist()
    shown = {
        "designs": ("gate_designs", "Gates, best first", _DESIGN, {"purity": _ENDS}),
        "unseen": ("gate_unseen", "Donors the gate never saw", _UNSEEN, {"purity": _ENDS}),
        "donors": ("gate_donors", "Every donor", _UNSEEN[1:], {"purity": _ENDS}),
        "contaminants": ("gate_contaminants", "What else passes the best gate", None, {}),
        "conflicts": ("gate_conflicts", "Contested markers", None, {}),
        "literals": ("gate_literals", "Thresholds", None, {}),
        "substitutes": ("gate_substitutes", "Substitutes", None, {}),
        "stability": ("gate_stability", "How often each marker is chosen", None, {}),
        "sorted": ("gate_sorted", "Before and after the gate", None, {"hi2": _HI2}),
    }
    context: dict[str, object] = {"words": words}
    for key, (name, caption, columns, merge) in shown.items():
        table = report.table(name)
        context[key] = None
        if table is not None and len(table):
            context[key] = view(
                table,
                TABLES[name],
                caption=f"{caption} ({len(table)} rows).",
                columns=columns,
                merge=merge,
            )
    return Section("gates", "Sort gates", context, _figures(report, designs))


_ENDS = ("purity_low", "purity_high")
_HI2 = ("hi2_low", "hi2_high")
_DESIGN = ["gate", "size", "purity", "purity_low", "purity_high", "recall", "f1", "worst_purity",
           "worst_donor", "class", "flags"]  # fmt: skip
_UNSEEN = ["by", "gate", "donor", "lab", "n_cells", "n_target", "purity", "purity_low",
           "purity_high", "recall", "f1"]  # fmt: skip


def _figures(report: ReportInput, designs: pd.DataFrame) -> tuple[Figure, ...]:
    out = []
    cells, literals = report.table("gate_cells"), report.table("gate_literals")
    if cells is not None and len(cells):
        out.append(
            Figure(
                "gates-cells",
                f"The gate {cells['gate'].iloc[0]} in every donor",
                draw_cells(cells, literals, simulated=report.simulated),
                cells,
                note="Cells drawn at random. Blue: target cells; grey: others. Orange lines: "
                "thresholds; the gate lies on the side its sign tells.",
            )
        )
    if len(designs):
        out.append(
            Figure(
                "gates-trade-off",
                "Purity against recall of every gate listed",
                draw_points(designs, "recall", "purity", simulated=report.simulated, names="gate"),
                designs[["gate", "size", "purity", "recall", "worst_purity"]],
            )
        )
    curve = report.table("gate_prevalence")
    if curve is not None and len(curve):
        out.append(
            Figure(
                "gates-prevalence",
                "Purity of the best gate over the share of targets in the tube to be sorted",
                draw_curve(curve, simulated=report.simulated),
                curve,
                note="The band is the 95 % interval. The share in an atlas is not the share in "
                "the tube: digestion and cell choice change it.",
            )
        )
    return tuple(out)


def draw_cells(cells: pd.DataFrame, literals: pd.DataFrame | None, *, simulated: bool) -> Markup:
    """One small two-dimensional plot per donor and pair of markers."""
    donors = natural(cells["donor"])[:MOST_DONORS]
    pairs = list(dict.fromkeys(zip(cells["marker_x"], cells["marker_y"], strict=True)))
    parts: list[Markup] = []
    cuts = {}
    if literals is not None:
        of = literals[literals["gate"] == cells["gate"].iloc[0]]
        cuts = dict(zip(of["marker"], of["cut"], strict=True))
    k = 0
    for a, b in pairs:
        here = cells[(cells["marker_x"] == a) & (cells["marker_y"] == b)]
        ends = _ends(here["x"]), _ends(here["y"])
        for donor in donors:
            left = 50 + (k % PER_ROW) * (PANEL + GAP)
            top = 30 + (k // PER_ROW) * (PANEL + GAP + 14)
            parts += _panel(here[here["donor"] == donor], (left, top), ends, (a, b), cuts)
            parts.append(svg.fitted(donor, left, top - 8, room=30, font_weight="bold"))
            k += 1
    rows = -(-k // PER_ROW)
    return svg.drawing(
        parts,
        width=50 + PER_ROW * (PANEL + GAP),
        height=30 + rows * (PANEL + GAP + 14),
        title="The gate in two dimensions, one plot per donor",
        simulated=simulated,
    )


def _panel(
    cells: pd.DataFrame,
    corner: tuple[float, float],
    ends: tuple[tuple[float, float], tuple[float, float]],
    markers: tuple[str, str],
    cuts: dict[str, float],
) -> list[Markup]:
    left, top = corner
    across = svg.Axis(*ends[0], left, left + PANEL)
    up = svg.Axis(*ends[1], top + PANEL, top)
    out = [svg.tag("rect", x=left, y=top, width=PANEL, height=PANEL, fill="none", stroke=RULE)]
    for target, fill in ((False, "#9a9a9a"), (True, FEW[0])):
        some = cells[cells["target"] == target].dropna(subset=["x", "y"])
        out += [
            svg.tag("circle", cx=across(x), cy=up(y), r=1.8, fill=fill, fill_opacity=0.7)
            for x, y in zip(some["x"].tolist(), some["y"].tolist(), strict=True)
        ]
    if markers[0] in cuts:
        at = across(cuts[markers[0]])
        out.append(svg.line(at, top, at, top + PANEL, stroke=LIMIT, stroke_width=1.5))
    if markers[1] in cuts:
        at = up(cuts[markers[1]])
        out.append(svg.line(left, at, left + PANEL, at, stroke=LIMIT, stroke_width=1.5))
    middle = left + PANEL / 2
    out.append(svg.fitted(markers[0], middle, top + PANEL + 16, room=24, text_anchor="middle"))
    place = f"rotate(-90 {left - 8:g} {top + PANEL / 2:g})"
    out.append(
        svg.text(
            markers[1] or "(spread at random)",
            left - 8,
            top + PANEL / 2,
            text_anchor="middle",
            transform=place,
        )
    )
    return out


def draw_points(table: pd.DataFrame, x: str, y: str, *, simulated: bool, names: str) -> Markup:
    """Points of two shares, the best one marked; names in tooltips."""
    across, up = svg.Axis(0, 1, 70, 560), svg.Axis(0, 1, 330, 30)
    parts = across.draw(top=30, bottom=330, title=x)
    parts += _left_ticks(up, y)
    for k, row in enumerate(table.dropna(subset=[x, y]).to_dict(orient="records")):
        dot = svg.tag(
            "circle",
            svg.tag("title", str(row[names])),
            cx=across(float(row[x])),
            cy=up(float(row[y])),
            r=6.0 if k == 0 else 4.0,
            fill=FEW[5] if k == 0 else FEW[0],
        )
        parts.append(dot)
        if k == 0:
            parts.append(
                svg.fitted(
                    str(row[names]),
                    min(across(float(row[x])) + 10, 575),
                    up(float(row[y])) + 4,
                    room=40,
                )
            )
    return svg.drawing(parts, width=860, height=380, title=f"{y} against {x}", simulated=simulated)


def draw_curve(curve: pd.DataFrame, *, simulated: bool) -> Markup:
    """Purity over prevalence with its band."""
    pi = curve["prevalence"].tolist()
    across, up = svg.Axis(min(pi), max(pi), 70, 560, log=True), svg.Axis(0, 1, 330, 30)
    parts = across.draw(top=30, bottom=330, title="share of targets in the tube")
    parts += _left_ticks(up, "purity")
    ok = curve.dropna(subset=["purity_low", "purity_high"])
    if len(ok):
        low = [
            f"{across(p):.1f},{up(v):.1f}"
            for p, v in zip(ok["prevalence"], ok["purity_low"], strict=True)
        ]
        high = [
            f"{across(p):.1f},{up(v):.1f}"
            for p, v in zip(ok["prevalence"], ok["purity_high"], strict=True)
        ]
        parts.append(
            svg.tag("polygon", points=" ".join(low + high[::-1]), fill=FEW[4], fill_opacity=0.3)
        )
    line = [
        f"{across(p):.1f},{up(v):.1f}"
        for p, v in zip(pi, curve["purity"].tolist(), strict=True)
        if math.isfinite(v)
    ]
    parts.append(
        svg.tag("polyline", points=" ".join(line), fill="none", stroke=FEW[0], stroke_width=2)
    )
    return svg.drawing(
        parts, width=860, height=380, title="Purity over prevalence", simulated=simulated
    )


def _left_ticks(up: svg.Axis, title: str) -> list[Markup]:
    out = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        out.append(svg.line(70, up(tick), 560, up(tick), stroke=RULE))
        out.append(
            svg.text(f"{tick:g}", 62, up(tick) + 4, text_anchor="end", font_size=11, fill=MUTED)
        )
    out.append(
        svg.text(title, 20, 180, text_anchor="middle", transform="rotate(-90 20 180)", fill=INK)
    )
    return out


def _ends(values: pd.Series) -> tuple[float, float]:
    v = values.dropna()
    if not len(v):
        return 0.0, 1.0
    low, high = float(v.quantile(0.002)), float(v.quantile(0.998))
    return (low, high) if high > low else (low - 0.5, low + 0.5)
