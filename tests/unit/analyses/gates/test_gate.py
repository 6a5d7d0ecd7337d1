import json
from math import expm1

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.analyses.gates.gate import (
    Gate,
    Landmarks,
    Literal,
    Scale,
    apply_gate,
    count_gate,
    format_gate,
    parse_gate,
    parse_literals,
    rates,
)
from imscope.analyses.gates.gate_file import read_gates, write_gates
from imscope.core.errors import DataError, UsageError

NAMES = st.text(st.sampled_from('ABc1+-/ .,&"'), min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.lists(st.tuples(NAMES, st.sampled_from("+-")), min_size=1, max_size=4))
def test_text_reads_back(parts):
    literals = tuple(Literal(name, sign) for name, sign in parts)
    assert parse_literals(format_gate(literals)) == literals


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("CD3D+ CD14-", [("CD3D", "+"), ("CD14", "-")]),
        ("CD3D+, CD14−", [("CD3D", "+"), ("CD14", "-")]),
        ("CD3D+ AND CD14-", [("CD3D", "+"), ("CD14", "-")]),
        ("CD3D+&CD14-", [("CD3D", "+"), ("CD14", "-")]),
        ("HLA-DR+ TNFRSF-A/B-", [("HLA-DR", "+"), ("TNFRSF-A/B", "-")]),
        ("HLA DR+ CD14-", [("HLA DR", "+"), ("CD14", "-")]),
    ],
)
def test_usual_ways_to_write_a_gate(text, want):
    assert [(x.marker, x.sign) for x in parse_gate(text).literals] == want


@pytest.mark.parametrize("text", ["", "CD3D", "CD3D+ CD14", "+", "CD3+ CD3-", "a+ b+ c+ d+ e+"])
def test_text_that_is_no_gate(text):
    with pytest.raises(UsageError) as error:
        parse_gate(text)
    assert error.value.code == "E-GATE-TEXT"


def test_apply_uses_the_batch_threshold_and_leaves_out_cells_without_a_value():
    scale = Scale(landmarks={"CD3": {"b": Landmarks(1.0, 3.0)}})
    gate = Gate((Literal("CD3", "+", 0.5, raw_cuts={"a": 10.0}), Literal("CD4", "-", 0.5)), scale)
    gate = Gate((gate.literals[0],), scale)
    cells = pd.DataFrame({"CD3": [10.0, 11.0, expm1(2) * 0.99, expm1(2) * 1.01, np.nan]})
    got = apply_gate(cells, gate, ["a", "a", "b", "b", "b"])
    assert got.tolist() == [False, True, False, True, False]
    aligned = pd.DataFrame({"CD3": [0.5, 0.51, np.nan]})
    assert apply_gate(aligned, gate).tolist() == [False, True, False]
    minus = Gate((Literal("CD3", "-", 0.5),))
    assert apply_gate(aligned, minus).tolist() == [True, False, False]
    with pytest.raises(DataError, match="no raw threshold of CD3 for batch 'new'"):
        apply_gate(cells, gate, ["new"] * 5)
    with pytest.raises(DataError, match="was not measured"):
        apply_gate(cells.rename(columns={"CD3": "CD3E"}), gate)


@given(st.data())
def test_counts_equal_a_plain_count(data):
    n = data.draw(st.integers(1, 60))
    inside, y = (np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) for _ in "ab")
    donors = np.array(data.draw(st.lists(st.sampled_from("xyz"), min_size=n, max_size=n)))
    table = count_gate(inside, y, donors).set_index("donor")
    for name in set(donors.tolist()):
        of = donors == name
        tp, fp, p = (inside & y & of).sum(), (inside & ~y & of).sum(), (y & of).sum()
        row = table.loc[name]
        assert (row["tp"], row["fp"], row["n_target"]) == (tp, fp, p)
        if tp + fp and p:
            assert row["purity"] == pytest.approx(tp / (tp + fp))
            assert row["f1"] == pytest.approx(2 * tp / (tp + fp + p))


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.001, 0.9), st.data())
def test_purity_at_another_prevalence_is_bayes(p, q, pi, data):
    tp, fp = data.draw(st.integers(1, p)), data.draw(st.integers(0, q))
    r = rates(tp, fp, p, q, prevalence=pi)
    assert float(r["purity"]) == pytest.approx(pi * tp / p / (pi * tp / p + (1 - pi) * fp / q))


def test_gate_file_reads_back(tmp_path):
    scale = Scale("protein", "asinh", 150.0, 0.4, {"CD3": {"a": Landmarks(0.1, 3.0, "shrunk")}})
    gates = [
        Gate((Literal("CD3", "+", 0.4, 97.5, {"a": 12.5}), Literal("CD/4 -x", "-", 0.1)), scale),
        Gate((Literal("CD3", "-", None),), scale),
    ]
    write_gates(tmp_path / "g.json", gates, target="T", notes=[{"purity": 0.9}, {}])
    assert read_gates(tmp_path / "g.json") == gates


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"gates": []},
        {"extra": 1},
        {"gates": [{"literals": [{"marker": "A", "sign": "*"}]}]},
        {"gates": [{"literals": [{"marker": "A", "sign": "+"}] * 2}]},
        {"gates": [{"literals": [{"marker": "A", "sign": "+", "cut": float("nan")}]}]},
        {"scale": {"cofactor": 0}},
    ],
)
def test_damaged_gate_file(tmp_path, change):
    path = tmp_path / "g.json"
    write_gates(path, [parse_gate("CD3+")])
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError) as error:
        read_gates(path)
    assert error.value.code == "E-GATE-FILE"
    for content in (b"", b"{", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is not a gate file"):
            read_gates(path)
