"""Gating-ML 2.0 in full: the published compliance set, textbook scales, and what is refused."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from flowio import create_fcs
from hypothesis import given
from hypothesis import strategies as st

from imscope.analyses.gates.scheme import (
    apply_scheme,
    gate_scheme_files,
    inside_polygon,
    on_scale,
    per_file,
)
from imscope.core.errors import DataError
from imscope.io.fcs import read_fcs
from imscope.io.gating_scheme import ScaleRule, read_gating_scheme

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", "/nonexistent")) / "gating_ml_compliance"
NAMES = {"ParRectangle1": "ParQuadRect"}
HEAD = (
    '<gating:Gating-ML xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating" '
    'xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations" '
    'xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">'
)
RNG = np.random.default_rng(4)
EVENTS = np.column_stack(
    [RNG.uniform(100, 900, 500), RNG.normal(50, 80, 500), RNG.lognormal(4, 1, 500)]
)
SPILL = np.array([[1.0, 0.25], [0.05, 1.0]])


def tube(tmp_path, spill="2,FITC-A,PE-A,1,0.25,0.05,1"):
    path = tmp_path / "tube.fcs"
    words = {"SPILLOVER": spill} if spill else {}
    with path.open("wb") as handle:
        create_fcs(handle, EVENTS.ravel().tolist(), ["FSC-A", "FITC-A", "PE-A"],
                   metadata_dict=words)  # fmt: skip
    return path


def axis(name, words="", inside=None):
    inside = inside or f'<data-type:fcs-dimension data-type:name="{name}"/>'
    return f"<gating:dimension {words}>{inside}</gating:dimension>"


def rectangle(name, *axes, parent=""):
    parent = f'gating:parent_id="{parent}"' if parent else ""
    return (
        f'<gating:RectangleGate gating:id="{name}" {parent}>{"".join(axes)}</gating:RectangleGate>'
    )


def boolean(name, kind, *parts):
    inner = "".join(f'<gating:gateReference gating:ref="{p}" {w}/>' for p, w in parts)
    return (
        f'<gating:BooleanGate gating:id="{name}"><gating:{kind}>{inner}</gating:{kind}>'
        "</gating:BooleanGate>"
    )


def scheme(tmp_path, *parts):
    path = tmp_path / "gates.xml"
    path.write_text(HEAD + "".join(parts) + "</gating:Gating-ML>")
    return read_gating_scheme(path)


def low(value, compensation="uncompensated"):
    return f'gating:min="{value}" gating:compensation-ref="{compensation}"'


# ---- the compliance set ----------------------------------------------------------------------
@pytest.mark.shared
def test_every_event_of_the_compliance_set():
    if not SHARED.is_dir():
        pytest.skip("the compliance set is not on this machine")
    data = read_fcs(SHARED / "data1.fcs")
    seen = set()
    for file in sorted((SHARED / "gates").glob("*.xml")):
        for name, inside in apply_scheme(read_gating_scheme(file), data).items():
            truth = SHARED / "truth" / f"Results_{NAMES.get(name, name)}.txt"
            if truth.exists():
                np.testing.assert_array_equal(inside, np.loadtxt(truth).astype(bool), name)
                seen.add(truth.name)
    assert seen == {p.name for p in (SHARED / "truth").iterdir()}


# ---- gates -----------------------------------------------------------------------------------
def test_compensation_is_what_the_gate_asks_for(tmp_path):
    made = scheme(
        tmp_path,
        rectangle("raw", axis("PE-A", low(60))),
        rectangle("own", axis("PE-A", low(60, "FCS"))),
    )
    data = read_fcs(tube(tmp_path))
    found = apply_scheme(made, data)
    stored = EVENTS.astype(np.float32).astype(np.float64)
    undone = stored[:, 1:] @ np.linalg.inv(SPILL)
    np.testing.assert_array_equal(found["raw"], stored[:, 2] >= 60)
    np.testing.assert_array_equal(found["own"], undone[:, 1] >= 60)
    assert (found["raw"] != found["own"]).any()
    plain = apply_scheme(made, data, compensation=False)
    np.testing.assert_array_equal(plain["own"], found["raw"])


def test_a_matrix_of_the_gates_names_fluorochromes(tmp_path):
    matrix = (
        '<transforms:spectrumMatrix transforms:id="M"><transforms:fluorochromes>'
        '<data-type:fcs-dimension data-type:name="FITC"/><data-type:fcs-dimension '
        'data-type:name="PE"/></transforms:fluorochromes><transforms:detectors>'
        '<data-type:fcs-dimension data-type:name="FITC-A"/><data-type:fcs-dimension '
        'data-type:name="PE-A"/></transforms:detectors>'
        + "".join(
            "<transforms:spectrum>"
            + "".join(f'<transforms:coefficient transforms:value="{v}"/>' for v in row)
            + "</transforms:spectrum>"
            for row in SPILL
        )
        + "</transforms:spectrumMatrix>"
    )
    made = scheme(
        tmp_path,
        matrix,
        rectangle("named", axis("PE", low(60, "M"))),
        rectangle("own", axis("PE-A", low(60, "FCS"))),
    )
    found = apply_scheme(made, read_fcs(tube(tmp_path)))
    np.testing.assert_array_equal(found["named"], found["own"])


def test_parents_booleans_and_quadrants_agree_with_sets(tmp_path):
    quadrant = (
        '<gating:QuadrantGate gating:id="Q"><gating:divider gating:id="a" '
        'gating:compensation-ref="uncompensated"><data-type:fcs-dimension data-type:name="FITC-A"/>'
        "<gating:value>20</gating:value><gating:value>90</gating:value></gating:divider>"
        '<gating:Quadrant gating:id="middle"><gating:position gating:divider_ref="a" '
        'gating:location="50"/></gating:Quadrant></gating:QuadrantGate>'
    )
    made = scheme(
        tmp_path,
        rectangle("A", axis("FSC-A", 'gating:min="200" gating:max="700"')),
        rectangle("B", axis("PE-A", low(50)), parent="A"),
        boolean("not", "not", ("A", "")),
        boolean("or", "or", ("B", ""), ("not", "")),
        boolean("and", "and", ("A", 'gating:use-as-complement="true"'), ("middle", "")),
        quadrant,
    )
    x = EVENTS.astype(np.float32).astype(np.float64)
    a = (x[:, 0] >= 200) & (x[:, 0] < 700)
    b = a & (x[:, 2] >= 50)
    middle = (x[:, 1] >= 20) & (x[:, 1] < 90)
    found = apply_scheme(made, read_fcs(tube(tmp_path)))
    want = {"A": a, "B": b, "not": ~a, "or": b | ~a, "and": ~a & middle, "middle": middle}
    assert list(found) == ["A", "B", "not", "or", "and", "middle"]
    for name, inside in want.items():
        np.testing.assert_array_equal(found[name], inside, name)


def test_the_tables_have_a_row_for_every_gate(tmp_path):
    made = scheme(
        tmp_path,
        rectangle("A", axis("FSC-A", low(200, "FCS"))),
        rectangle("B", axis("PE-A", low(50)), parent="A"),
        rectangle("none", axis("PE-A", low(1e9))),
        rectangle("in none", axis("PE-A", low(1)), parent="none"),
    )
    result = gate_scheme_files([tube(tmp_path, spill="")], made)
    assert result.table["gate"].tolist() == ["A", "B", "none", "in none"]
    rows = result.table.set_index("gate")
    assert rows.loc["B", "n_parent"] == rows.loc["A", "n_inside"]
    assert rows.loc["B", "of_parent"] == rows.loc["B", "n_inside"] / rows.loc["A", "n_inside"]
    assert np.isnan(rows.loc["in none", "of_parent"])
    assert any("which has none" in note for note in result.notes)
    one = per_file(result.table, "B", None)
    assert one["n_inside"].tolist() == [rows.loc["B", "n_inside"]]


# ---- scales ----------------------------------------------------------------------------------
def inverse(y, r):
    """The definition of each scale, from scale to value."""
    ten = np.log(10)
    t, w, m, a = r.top, r.linear, r.decades, r.negative
    if r.kind == "flin":
        return y * (t + a) - a
    if r.kind == "flog":
        return t * 10 ** ((y - 1) * m)
    if r.kind == "fasinh":
        return np.sinh(y * (m + a) * ten - a * ten) * t / np.sinh(m * ten)
    b, width, x2 = (m + a) * ten, w / (m + a), a / (m + a)
    x1, x0 = x2 + width, x2 + 2 * width
    ca = np.exp(b * x0) / width
    fa = np.exp(b * x1) + ca * x1
    top = t / (np.exp(b) + ca - fa)
    mirror = np.where(y < x1, 2 * x1 - y, y)
    value = top * (np.exp(b * mirror) + ca * mirror - fa)
    return np.where(y < x1, -value, value)


RULES = [
    ScaleRule("flin", 1000, negative=100),
    ScaleRule("flog", 10000, decades=5),
    ScaleRule("fasinh", 1000, decades=4, negative=1),
    ScaleRule("hyperlog", 10000, 1, 4.5, 0),
    ScaleRule("hyperlog", 10000, 0.01, 4.5, 1),
    ScaleRule("hyperlog", 1000, 1, 4, 1),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.kind}{r.linear}")
def test_scales_undo_their_definition(rule):
    y = np.linspace(-0.5, 1.4, 400)
    np.testing.assert_allclose(on_scale(inverse(y, rule), rule), y, atol=1e-9)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.kind}{r.linear}")
def test_scales_rise_and_end_at_one(rule):
    x = np.concatenate([np.linspace(-rule.top, rule.top, 2001)])
    if rule.kind == "flog":
        x = x[x > 0]
    y = on_scale(x, rule)
    assert (np.diff(y) > 0).all()
    assert y[-1] == pytest.approx(1)


def test_bounds_of_a_scale_hold():
    rule = ScaleRule("flog", 100, decades=2, low=0.2, high=0.8)
    assert on_scale([1, 10, 100], rule).tolist() == [0.2, 0.5, 0.8]


# ---- polygons --------------------------------------------------------------------------------
@given(
    st.lists(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), min_size=3, max_size=7, unique=True)
)
def test_polygons_agree_with_counting_crossings_one_by_one(corners):
    vertices = np.array(corners, dtype=float)
    points = np.array(list(itertools.product(np.arange(-6.5, 7), np.arange(-6.25, 7))))
    got = inside_polygon(points, vertices)
    for (x, y), inside in zip(points.tolist(), got.tolist(), strict=True):
        crossings = 0
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            if min(y1, y2) <= y < max(y1, y2):
                crossings += x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        on = any(
            (x - a) * (d - b) == (y - b) * (c - a)
            and min(a, c) <= x <= max(a, c)
            and min(b, d) <= y <= max(b, d)
            for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True)
        )
        assert inside == (on or crossings % 2 == 1)


# ---- refused ---------------------------------------------------------------------------------
RATIO = '<data-type:new-dimension data-type:transformation-ref="r"/>'
ROW = axis("PE-A", low(1))
REFUSED = {
    "matrix not defined": [rectangle("A", axis("PE-A", low(1, "Nowhere")))],
    "scale not defined": [rectangle("A", axis("PE-A", low(1) + ' gating:transformation-ref="x"'))],
    "no gate": [],
    "id twice": [rectangle("A", ROW), rectangle("A", ROW)],
    "no id": [rectangle("", ROW)],
    "no border": [rectangle("A", axis("PE-A"))],
    "borders swapped": [rectangle("A", axis("PE-A", 'gating:min="3" gating:max="2"'))],
    "border not a number": [rectangle("A", axis("PE-A", 'gating:min="x"'))],
    "parent missing": [rectangle("A", ROW, parent="B")],
    "own parent": [rectangle("A", ROW, parent="A")],
    "circle": [rectangle("A", ROW, parent="N"), boolean("N", "not", ("A", ""))],
    "and of one": [rectangle("A", ROW), boolean("N", "and", ("A", ""))],
    "not of two": [rectangle("A", ROW), boolean("N", "not", ("A", ""), ("A", ""))],
    "gate of another kind": ['<gating:StarGate gating:id="S"/>'],
    "polygon of two corners": [
        '<gating:PolygonGate gating:id="P">' + ROW + ROW + "</gating:PolygonGate>"
    ],
    "hyperlog without width": [
        '<transforms:transformation transforms:id="h"><transforms:hyperlog transforms:T="1000" '
        'transforms:W="0" transforms:M="4" transforms:A="0"/></transforms:transformation>',
        rectangle("A", ROW),
    ],
    "ratio not defined": [
        rectangle("A", axis("", low(1), RATIO))
    ],
}  # fmt: skip


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED)
def test_what_is_not_well_formed_is_refused(tmp_path, parts):
    with pytest.raises(DataError) as caught:
        scheme(tmp_path, *parts)
    assert caught.value.code == "E-GATING-ML"


def test_a_channel_that_is_not_there_is_named(tmp_path):
    made = scheme(tmp_path, rectangle("A", axis("APC-A", low(1))))
    with pytest.raises(DataError, match="APC-A") as caught:
        apply_scheme(made, read_fcs(tube(tmp_path)))
    assert caught.value.code == "E-GATE-MARKER"
