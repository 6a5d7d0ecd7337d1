import numpy as np
import pandas as pd
import pytest

from imscope.analyses.gates.design import DesignSettings, design_gates
from imscope.analyses.gates.design_cells import DesignCells
from imscope.analyses.gates.draw_cells import cells_to_draw
from imscope.analyses.gates.gate import apply_gate
from imscope.analyses.gates.nested import SearchSpace
from imscope.core.schema import CELLS
from imscope.report.inputs import ReportInput
from imscope.report.payload import render
from imscope.report.sections import gates


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    donor = np.repeat(["d1", "d2"], 400)
    kind = rng.choice(["target", "immune", "other"], 800)
    raw = pd.DataFrame(
        {
            "CD73": rng.poisson(np.where(kind != "other", 90, 5)),
            "CD45": rng.poisson(np.where(kind == "immune", 90, 5)),
        }
    )
    y = kind == "target"
    quick = DesignSettings(SearchSpace(2, (4,), ("blend",), top=10, polish=3), stability=2)
    design = design_gates(DesignCells(raw, y, donor, label=kind), settings=quick)
    drawn = cells_to_draw(design.gates[0], design.aligned, y, donor)
    inside = apply_gate(design.aligned, design.gates[0])
    assert len(drawn) == 600
    assert abs(drawn["inside"].mean() - inside.mean()) < 0.1
    return dict(design.tables) | {"gate_cells": drawn}


def report_of(tables):
    cells = pd.DataFrame({c.name: [] for c in CELLS.columns})
    return ReportInput({}, tables, cells)


def test_the_gate_is_drawn_in_every_donor_with_its_thresholds(tables):
    section = gates.build(report_of(tables))
    cells, trade, curve = section.figures
    assert str(cells.picture).count("<circle") == 600
    assert all(d in str(cells.picture) for d in ("d1", "d2", "CD73", "CD45"))
    assert str(trade.picture).count("<circle") == len(tables["gate_designs"])
    assert "<polygon" in str(curve.picture)
    html = render(report_of(tables))
    assert 'id="gates"' in html
    assert "Donors the gate never saw" in html


def test_one_marker_and_no_design(tables):
    one = dict(tables)
    one["gate_cells"] = tables["gate_cells"].assign(marker_y="", y=0.5)
    assert "(spread at random)" in str(gates.build(report_of(one)).figures[0].picture)
    assert gates.build(report_of({})) is None
