"""Gates judged on donors left out: markers earn their place, signs keep their meaning."""

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.gates.circular import circular_markers
from imscope.analyses.gates.design import DesignSettings, design_gates
from imscope.analyses.gates.design_cells import DesignCells
from imscope.analyses.gates.evaluate import LabelledCells, evaluate_gate
from imscope.analyses.gates.fit import Cuts
from imscope.analyses.gates.gate import parse_gate, rates
from imscope.analyses.gates.left_out import Judge
from imscope.analyses.gates.nested import Problem, SearchSpace, allowed_signs

QUICK = DesignSettings(SearchSpace(3, (4,), ("blend",), top=20, polish=5), stability=3)


def t_cells(seed=0, n_donors=4, n=400):
    """CD4 T cells: CD3 without CD8; monocytes carry CD14; CD15 is noise on few cells."""
    rng = np.random.default_rng(seed)
    donor = np.repeat([f"d{k}" for k in range(n_donors)], n)
    kind = rng.choice(["CD4 T", "CD8 T", "mono"], len(donor), p=[0.4, 0.25, 0.35])
    some = (kind == "mono") & (rng.random(len(donor)) < 0.8)
    high = {"CD3": kind != "mono", "CD8": kind == "CD8 T", "CD14": some}
    raw = {
        m: rng.poisson(np.where(on, 120, 5) * rng.lognormal(0, 0.5, len(donor)))
        for m, on in high.items()
    }
    raw["CD15"] = rng.poisson(np.where(rng.random(len(donor)) < 0.2, 60, 4))
    return pd.DataFrame(raw), kind, donor


@pytest.fixture(scope="module")
def designed():
    raw, kind, donor = t_cells()
    return design_gates(DesignCells(raw, kind == "CD4 T", donor), settings=QUICK)


def test_no_marker_is_in_a_gate_for_nothing(designed):
    texts = [set(str(g).split()) for g in designed.gates]
    assert texts[0] == {"CD3+", "CD8-"}
    assert not any({"CD15+", "CD15-"} & t for t in texts)


def test_a_marker_the_target_lacks_is_never_asked_to_be_positive(designed):
    assert not any("CD14+" in str(g).split() for g in designed.gates)
    _, kind, donor = t_cells()
    x = np.column_stack([np.where(kind == "mono", 1.0, 0.0), np.where(kind == "CD4 T", 0.9, 0.1)])
    code = np.unique(donor, return_inverse=True)[1]
    free = np.zeros(2, dtype=bool)
    problem = Problem(x, kind == "CD4 T", code, code * 0, "protein", free)
    plus, minus = allowed_signs(problem)
    assert (plus.tolist(), minus.tolist()) == ([False, True], [True, False])


def test_columns_of_the_design_are_those_of_donors_left_out(designed):
    best = designed.tables["gate_designs"].iloc[0]
    assert best["interval"] == "a new donor"
    assert 0 < best["purity_low"] < best["purity_high"] <= 1
    assert 0 < best["recall_low"] < best["recall_high"] <= 1
    assert best["worst_f1"] <= best["left_out_f1"]
    p, r = best["worst_purity"], best["worst_recall"]
    assert best["worst_f1"] == pytest.approx(2 * p * r / (p + r))
    assert best["worst_donor"] in {"d0", "d1", "d2", "d3"}
    assert best["as_text"] == "survives"
    assert best["text_f1"] > 0.9


def test_left_out_counts_are_those_of_thresholds_set_without_the_donor():
    raw, kind, donor = t_cells(n_donors=3)
    x = np.log1p(raw[["CD3"]].to_numpy(dtype=float))
    code = np.unique(donor, return_inverse=True)[1]
    y = kind != "mono"
    problem = Problem(x, y, code, code * 0, "protein", np.zeros(1, bool), (np.ones(1, bool),) * 2)
    space = SearchSpace(1, (8,), ("pooled",))
    left = Judge(problem, space, "pooled").judge(Cuts((0,), (True,), (0.0,), 0.0))
    for d in range(3):
        train, test = code != d, code == d
        cuts = np.unique(x[train, 0])
        f = [2 * ((x[train, 0] > t) & y[train]).sum() / ((x[train, 0] > t).sum() + y[train].sum())
             for t in cuts]  # fmt: skip
        inside = x[test, 0] > cuts[int(np.argmax(f))]
        assert abs(left.tp[d] - (inside & y[test]).sum()) <= 2
        assert abs(left.fp[d] - (inside & ~y[test]).sum()) <= 2
    assert left.n_target.tolist() == [int(y[code == d].sum()) for d in range(3)]
    assert left.f1(space) == pytest.approx(
        rates(left.tp, left.fp, left.n_target, left.n_other)["f1"]
    )


def test_a_donor_in_which_the_gate_fails_is_in_the_status():
    raw, kind, donor = t_cells()
    odd = donor == "d3"
    raw[odd] = np.random.default_rng(1).permuted(raw[odd].to_numpy(), axis=0)
    out = design_gates(DesignCells(raw, kind == "CD4 T", donor), settings=QUICK)
    assert out.status.code == "no adequate gate"
    assert "d3" in out.status.words
    assert out.tables["gate_designs"]["worst_donor"].iloc[0] == "d3"
    codes = out.tables["gate_status"].set_index("kind")["code"]
    assert codes["status"] == "no adequate gate"


def test_a_gate_that_text_cannot_carry_says_so():
    rng = np.random.default_rng(0)
    donor = np.repeat(["a", "b", "c"], 500)
    dim = rng.random(1500) < 0.4
    bright = ~dim & (rng.random(1500) < 0.3)
    mean = np.select([bright, dim], [600, 45], 3)
    raw = pd.DataFrame({"CD45RA": rng.poisson(mean * rng.lognormal(0, 0.25, 1500))})
    out = design_gates(DesignCells(raw, dim | bright, donor), settings=QUICK)
    row = out.tables["gate_designs"].iloc[0]
    text = evaluate_gate(
        parse_gate(row["gate"]), LabelledCells(raw, np.where(dim | bright, "y", "n"), donor), "y"
    )
    assert row["text_f1"] == pytest.approx(text.per_donor["f1"].mean(), abs=1e-6)
    assert (row["as_text"] == "survives") == (row["text_f1"] >= row["f1"] - 0.06)


def test_more_budget_gives_the_same_gate_on_any_machine():
    raw, kind, donor = t_cells(n_donors=3, n=200)
    cells = DesignCells(raw, kind == "CD4 T", donor)
    one, two = (design_gates(cells, settings=QUICK) for _ in range(2))
    pd.testing.assert_frame_equal(one.tables["gate_designs"], two.tables["gate_designs"])


def test_one_population_gives_no_threshold():
    rng = np.random.default_rng(0)
    raw = pd.DataFrame({"CD73": rng.poisson(80, 600)})
    label = np.where(rng.random(600) < 0.3, "x", "y")
    cells = LabelledCells(raw, label, np.repeat(["a", "b"], 300))
    e = evaluate_gate(parse_gate("CD73+"), cells, "x")
    assert e.status.code == "NOT TESTABLE"
    assert "one population in every donor" in e.status.words
    assert sum("left out" in n and "% of its cells" in n for n in e.notes) == 2
    assert np.isnan(e.overall["purity"])


def test_a_donor_without_the_population_borrows_from_its_study_or_is_left_out_by_name():
    rng = np.random.default_rng(0)
    two = np.where(rng.random(600) < 0.4, 150, 4)
    raw = pd.DataFrame({"CD3": np.append(rng.poisson(two), rng.poisson(4, 300))})
    label = np.append(np.where(two > 10, "T", "B"), ["B"] * 300)
    donor = np.append(np.repeat(["a", "b"], 300), ["c"] * 300)
    same = evaluate_gate(parse_gate("CD3+"), LabelledCells(raw, label, donor, ["s"] * 900), "T")
    assert same.overall["purity"] > 0.98
    apart = LabelledCells(raw, label, donor, np.where(donor == "c", "other", "s"))
    left = evaluate_gate(parse_gate("CD3+"), apart, "T")
    assert left.per_donor["donor"].tolist() == ["a", "b"]
    assert any(n.startswith("c is left out: CD3 shows one population") for n in left.notes)


def test_circular_needs_every_donor_and_a_clean_cut():
    rng = np.random.default_rng(0)
    donor = np.repeat(["a", "b"], 200)
    v = rng.normal(size=400)
    y = v > 0.5
    assert circular_markers({"CD19": v}, y, donor) == ["CD19"]
    mixed = y.copy()
    mixed[:200] = rng.permutation(y[:200])
    assert circular_markers({"CD19": v}, mixed, donor) == []
    assert circular_markers({"CD19": -v}, y, donor) == ["CD19"]
    assert circular_markers({"CD19": v[:30]}, y[:30], donor[:30]) == []
