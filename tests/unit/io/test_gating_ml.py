import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.errors import DataError
from imscope.io.gating_ml import (
    Dimension,
    RectangleGate,
    Transform,
    read_gating_ml,
    write_gating_ml,
)

HEAD = (
    '<gating:Gating-ML xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating" '
    'xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations" '
    'xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">'
)
TAIL = "</gating:Gating-ML>"
BORDER = st.one_of(st.none(), st.floats(-1e6, 1e6))
ZERO, TOP = st.just(0.0), st.floats(1, 1e7)
SCALE = st.one_of(
    st.none(),
    st.builds(Transform, st.just("logicle"), TOP, st.just(0.5), st.just(4.5), ZERO),
    st.builds(Transform, st.just("asinh"), TOP, ZERO, st.just(4.5), st.just(1.0)),
    st.builds(Transform, st.just("log"), TOP, ZERO, st.just(4.0), ZERO),
    st.builds(Transform, st.just("linear"), TOP, ZERO, st.just(0.0), st.just(9.0)),
)  # fmt: skip
NAME = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)
SIDES = st.builds(Dimension, NAME, BORDER, BORDER, SCALE, st.sampled_from(["FCS", "uncompensated"]))
SIDES = SIDES.filter(
    lambda d: (
        (d.low is not None or d.high is not None)
        and (d.low is None or d.high is None or d.low < d.high)
    )
)


def box(name, sides, more=""):
    return f'<gating:RectangleGate gating:id="{name}"{more}>{sides}</gating:RectangleGate>'


def side(channel, words='gating:min="1.5"'):
    return (
        f'<gating:dimension gating:compensation-ref="FCS" {words}>'
        f'<data-type:fcs-dimension data-type:name="{channel}"/></gating:dimension>'
    )


def write(tmp_path, text):
    path = tmp_path / "gate.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(st.lists(SIDES, min_size=1, max_size=4, unique=True))
def test_there_and_back(tmp_path_factory, sides):
    path = tmp_path_factory.mktemp("g") / "gate.xml"
    gates = [RectangleGate("one", tuple(sides)), RectangleGate("two", tuple(sides[:1]))]
    write_gating_ml(path, gates)
    assert read_gating_ml(path) == gates


def test_parents_and_and(tmp_path):
    text = (
        HEAD
        + box("live", side("Dye", 'gating:max="3"'))
        + box("T", side("CD3"), ' gating:parent_id="live"')
        + box("four", side("CD4"))
        + '<gating:BooleanGate gating:id="both"><gating:and><gating:gateReference gating:ref="T"/>'
        '<gating:gateReference gating:ref="four"/></gating:and></gating:BooleanGate>' + TAIL
    )
    found = {g.name: [d.name for d in g.dimensions] for g in read_gating_ml(write(tmp_path, text))}
    assert found["T"] == ["Dye", "CD3"]
    assert found["both"] == ["Dye", "CD3", "CD4"]


BAD = {
    "empty": "",
    "no xml": "CD3+ CD4+",
    "cut short": HEAD + box("a", side("CD3")),
    "another root": "<gates/>",
    "version 1.5": HEAD.replace("v2.0", "v1.5") + TAIL,
    "no gate": HEAD + TAIL,
    "entities": '<!DOCTYPE x [<!ENTITY a "b">]>' + HEAD + box("&a;", side("CD3")) + TAIL,
    "billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>',
    "outside file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "deep": HEAD + "<a>" * 5000 + "</a>" * 5000 + TAIL,
    "polygon": HEAD + '<gating:PolygonGate gating:id="p"/>' + TAIL,
    "ellipsoid": HEAD + '<gating:EllipsoidGate gating:id="p"/>' + TAIL,
    "no id": HEAD + box("", side("CD3")) + TAIL,
    "id twice": HEAD + box("a", side("CD3")) * 2 + TAIL,
    "no channel": HEAD + box("a", side("")) + TAIL,
    "no border": HEAD + box("a", side("CD3", "")) + TAIL,
    "borders crossed": HEAD + box("a", side("CD3", 'gating:min="2" gating:max="1"')) + TAIL,
    "border of words": HEAD + box("a", side("CD3", 'gating:min="high"')) + TAIL,
    "border NaN": HEAD + box("a", side("CD3", 'gating:min="nan"')) + TAIL,
    "scale missing": HEAD + box("a", side("C", 'gating:transformation-ref="x"')) + TAIL,
    "parent missing": HEAD + box("a", side("CD3"), ' gating:parent_id="b"') + TAIL,
    "circle": HEAD + box("a", side("CD3"), ' gating:parent_id="a"') + TAIL,
    "or": HEAD + '<gating:BooleanGate gating:id="b"><gating:or/></gating:BooleanGate>' + TAIL,
    "scale of no kind": HEAD + '<transforms:transformation transforms:id="t"/>' + TAIL,
    "scale without T": HEAD
    + '<transforms:transformation transforms:id="t"><transforms:flog transforms:M="4"/>'
    + "</transforms:transformation>" + TAIL,
    "not UTF-8": HEAD.encode() + b"\xff\xfe" + TAIL.encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_refused(tmp_path, name):
    with pytest.raises(DataError) as error:
        read_gating_ml(write(tmp_path, BAD[name]))
    assert error.value.code == "E-GATING-ML"


def test_what_cannot_be_written(tmp_path):
    gate = RectangleGate("a", (Dimension("CD3", low=float("inf")),))
    for gates in ([], [gate], [RectangleGate("a", ())] * 2):
        with pytest.raises(DataError):
            write_gating_ml(tmp_path / "x.xml", gates)
    with pytest.raises(DataError) as error:
        read_gating_ml(tmp_path / "absent.xml")
    assert error.value.code == "E-FILE-MISSING"


def test_ids_hold_what_xml_allows(tmp_path):
    names = ["CD3+ CD4-", "CD3+ CD4- ", "7-AAD-", "HLA-DR+", "李"]
    gates = [RectangleGate(n, (Dimension("CD3", low=1.0),)) for n in names]
    write_gating_ml(tmp_path / "g.xml", gates)
    ids = [g.name for g in read_gating_ml(tmp_path / "g.xml")]
    assert ids == ["CD3pos_CD4neg", "CD3pos_CD4neg_2", "g_7-AADneg", "HLA-DRpos", "gate"]
