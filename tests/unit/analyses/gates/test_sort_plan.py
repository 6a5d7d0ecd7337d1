import math

import pytest

from imscope.analyses.gates.gate import Literal, parse_gate
from imscope.analyses.gates.sort_plan import SortAim, cells_to_load, plan_sort
from imscope.core.errors import UsageError


@pytest.mark.parametrize(
    "bad", [(0, 0.1, 0.5), (10, 0.0, 0.5), (10, 0.1, 1.5), (10, math.nan, 0.5)]
)
def test_impossible_figures(bad):
    with pytest.raises(UsageError) as error:
        cells_to_load(*bad)
    assert error.value.code == "E-GATE-SORT"


def test_cells_to_load_is_the_formula():
    assert cells_to_load(1000, 0.05, 0.4, efficiency=0.5) == 100_000


def test_every_marker_has_its_controls():
    plan = plan_sort(parse_gate("CD73+ CD45- CD31-"))
    controls = plan.steps[plan.steps["kind"] == "control"]
    for marker in ("CD73", "CD45", "CD31"):
        assert (controls["marker"] == marker).sum() == 2
    assert controls["what"].str.startswith("FMO").sum() == 3
    assert plan.load is None
    assert plan.steps["step"].tolist() == list(range(1, len(plan.steps) + 1))


def test_the_strictest_gate_comes_first():
    gate = parse_gate("CD73+ CD45- CD31-")
    plan = plan_sort(gate, fractions={"CD73": 0.02, "CD45": 0.9, "CD31": 0.5})
    gates = plan.steps[(plan.steps["kind"] == "gate") & (plan.steps["marker"] != "")]
    assert gates["marker"].tolist() == ["CD73", "CD31", "CD45"]


def test_load_has_a_range():
    aim = SortAim(1000, (0.1, 0.05, 0.2), (0.8, 0.7, 0.9), 0.5)
    load = plan_sort(parse_gate("CD73+"), aim=aim).load
    assert load == (
        25_000,
        math.ceil(1000 / (0.2 * 0.9 * 0.5)),
        math.ceil(1000 / (0.05 * 0.7 * 0.5)),
    )


def test_contested_and_fragile_markers_are_named():
    warnings = " ".join(plan_sort(parse_gate("CD105+ CD45-")).warnings)
    assert "protease" in warnings
    assert "only positive" in warnings
    assert "only positive" not in " ".join(plan_sort(parse_gate("CD105+ CD73+")).warnings)


def test_thresholds_and_clones_are_carried():
    gate = parse_gate("CD73+")
    gate = type(gate)((Literal("CD73", "+", 0.4, 99.5, {"donor 1": 812.0}),), gate.scale)
    plan = plan_sort(gate, channels={"CD73": "PE-A"}, clones={"CD73": "AD2"})
    row = plan.steps[plan.steps["marker"] == "CD73"].iloc[-1]
    assert "0.4" in row["threshold"]
    assert "donor 1: 812" in row["threshold"]
    assert row["channel"] == "PE-A"
    assert "AD2" in row["what"]
