import os
from pathlib import Path

import flowio
import numpy as np
import pytest

from imscope.analyses.gates.flow import (
    flow_values,
    gate_files,
    gates_of_gating_ml,
    gating_ml_of,
    predicted_share,
    raw_border,
)
from imscope.analyses.gates.gate import parse_gate
from imscope.analyses.gates.scales import Asinh
from imscope.core.errors import DataError
from imscope.io.fcs import compensate, read_fcs
from imscope.io.gating_ml import (
    Dimension,
    RectangleGate,
    Transform,
    read_gating_ml,
    write_gating_ml,
)

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
REAL = SHARED / "cite" / "flow_fcs"
SPILL = np.array([[1, 0.3], [0.1, 1]])


def stained(path, *, share=0.3, n=2000, seed=0, gain=1.0):
    """A file with known positive cells of CD3 (FITC) and CD14 (PE), spilled into one another."""
    rng = np.random.default_rng(seed)
    t = rng.random(n) < share
    m = ~t & (rng.random(n) < 0.4)
    light = np.column_stack(
        [np.where(t, rng.normal(9000, 1500, n), rng.normal(100, 80, n)),
         np.where(m, rng.normal(7000, 1200, n), rng.normal(80, 80, n))]
    )  # fmt: skip
    seen = light * gain @ SPILL
    events = np.column_stack([rng.normal(60000, 5000, n), seen])
    text = "2,FITC-A,PE-A,1,0.3,0.1,1"
    with path.open("wb") as handle:
        flowio.create_fcs(
            handle, events.ravel().tolist(), ["FSC-A", "FITC-A", "PE-A"],
            ["", "CD3 FITC", "CD14 PE"], {"spillover": text},
        )  # fmt: skip
    return t, m


def test_the_gate_finds_the_cells(tmp_path):
    path = tmp_path / "a.fcs"
    t, _ = stained(path)
    got = gate_files([path], parse_gate("CD3+ CD14-"))
    assert (got.inside["a.fcs"] == t).mean() > 0.99
    assert got.table["observed"].tolist() == pytest.approx([t.mean()], abs=0.01)
    assert "no labels" in got.status


def test_gain_of_the_detector_does_not_matter(tmp_path):
    for k, gain in enumerate([0.5, 1, 4]):
        stained(tmp_path / f"{k}.fcs", gain=gain)
    got = gate_files(sorted(tmp_path.glob("*.fcs")), parse_gate("CD3+"))
    assert np.ptp(got.table["observed"]) < 0.01


def test_predicted_against_observed(tmp_path):
    path = tmp_path / "a.fcs"
    stained(path, share=0.3)
    near = predicted_share([280, 300, 330], [1000, 1000, 1000])
    far = predicted_share([30, 31, 29], [1000, 1000, 1000])
    gate = parse_gate("CD3+ CD14-")
    assert gate_files([path], gate, predicted=near).table["status"].tolist() == ["agrees"]
    assert gate_files([path], gate, predicted=far).table["status"].tolist() == ["differs"]
    one = gate_files([path], gate, predicted=predicted_share([3], [10]))
    assert "one donor" in one.table["status"].iloc[0]


def test_new_donors_fall_inside_the_predicted_interval():
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(400):
        share = 1 / (1 + np.exp(-rng.normal(-1, 0.5, 7)))
        k = rng.binomial(2000, share)
        p = predicted_share(k[:6], [2000] * 6)
        hits.append(p.low <= k[6] / 2000 <= p.high)
    assert 0.92 <= np.mean(hits) <= 0.98


@pytest.mark.parametrize("scale", ["logicle", "asinh"])
def test_gating_ml_passes_the_same_events(tmp_path, scale):
    path, xml = tmp_path / "a.fcs", tmp_path / "gate.xml"
    stained(path)
    gate = parse_gate("CD3+ CD14-")
    ours = gate_files([path], gate).inside["a.fcs"]
    write_gating_ml(xml, [gating_ml_of(gate, read_fcs(path), scale=scale)])
    back = gates_of_gating_ml(read_gating_ml(xml))
    assert str(back[0]) == "FITC-A+ PE-A-"
    again = gate_files([path], back[0], aligned=False).inside["a.fcs"]
    np.testing.assert_array_equal(again, ours)


def test_scales_of_the_standard():
    # asinh with M = ln(10) / ln(10) and A = 0 is asinh of value over T / sinh(ln 10)
    shape = Transform("asinh", 150 * np.sinh(4.5 * np.log(10)), decades=4.5)
    position = Asinh(150).forward(3000.0) / (4.5 * np.log(10))
    assert raw_border(float(position), shape) == pytest.approx(3000)
    assert raw_border(1.0, Transform("linear", 1000.0, negative=50.0)) == pytest.approx(1000)
    assert raw_border(0.0, Transform("linear", 1000.0, negative=50.0)) == pytest.approx(-50)
    assert raw_border(0.5, Transform("log", 1e4, decades=4.0)) == pytest.approx(100)
    assert raw_border(7.0, None) == 7.0


def test_open_ends_are_not_borders():
    full = Dimension("CD3", 100.0, 262144.0)
    assert str(gates_of_gating_ml([RectangleGate("a", (full,))])[0]) == "CD3+"
    below = Dimension("CD3", -1000.0, 500.0)
    assert str(gates_of_gating_ml([RectangleGate("a", (below,))])[0]) == "CD3-"
    middle = Dimension("CD3", 100.0, 500.0)
    with pytest.raises(DataError, match="no gate") as error:
        gates_of_gating_ml([RectangleGate("a", (middle,))])
    assert error.value.code == "E-GATING-ML"


def test_unknown_and_doubled_channels(tmp_path):
    path = tmp_path / "a.fcs"
    stained(path)
    with pytest.raises(DataError) as error:
        gate_files([path], parse_gate("CD8+"))
    assert error.value.code == "E-GATE-MARKER"
    with path.open("wb") as handle:
        flowio.create_fcs(handle, [1.0, 2, 3, 4], ["A", "B"], ["CD3 PE", "CD3 FITC"])
    with pytest.raises(DataError, match="2 channels for CD3"):
        flow_values(read_fcs(path), ["CD3"])
    assert flow_values(read_fcs(path), ["B"])[1] == ("B",)


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)")
def test_two_real_donors():
    files = sorted(REAL.glob("omip021*.fcs"))
    four = gate_files(files, parse_gate("CD3+ CD4+ CD8a-"))
    eight = gate_files(files, parse_gate("CD3+ CD4- CD8a+"))
    for name in four.inside:
        assert not (four.inside[name] & eight.inside[name]).any()
    total = four.table["observed"] + eight.table["observed"]
    assert total.between(0.3, 1.0).all()
    data = read_fcs(files[0])
    values, channels = flow_values(data, ["CD8a"])
    at = data.channels["channel"].tolist().index(channels[0])
    np.testing.assert_array_equal(values["CD8a"], compensate(data)[:, at])
