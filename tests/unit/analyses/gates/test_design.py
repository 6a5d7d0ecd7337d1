import numpy as np
import pandas as pd
import pytest

from imscope.analyses.gates.candidates import candidate_markers
from imscope.analyses.gates.design import DesignSettings, design_gates
from imscope.analyses.gates.design_cells import DesignCells
from imscope.analyses.gates.fit import FitSettings, fit_gates
from imscope.analyses.gates.gate import apply_gate
from imscope.analyses.gates.grid import hull_grid
from imscope.analyses.gates.nested import SearchSpace
from imscope.analyses.gates.search import Objective
from imscope.analyses.gates.sorting import sort_in_silico
from imscope.core.errors import DataError

QUICK = DesignSettings(
    space=SearchSpace(max_size=3, per_sign=(4,), kinds=("blend",), top=20, polish=5), stability=6
)


def cohort(seed=0, n_donors=3, n=500, labels=True):
    """Targets are CD73+ CD45-; CD73 alone is impure; donors differ in gain."""
    rng = np.random.default_rng(seed)
    donor = np.repeat([f"d{k}" for k in range(n_donors)], n)
    gain = np.repeat(np.exp(rng.normal(0, 0.6, n_donors)), n)
    kind = rng.choice(["target", "immune", "other"], len(donor), p=[0.3, 0.3, 0.4])
    cd73 = np.where(kind != "other", 90, 6) * rng.lognormal(0, 0.4, len(donor))
    cd45 = np.where(kind == "immune", 120, 5) * rng.lognormal(0, 0.4, len(donor))
    raw = pd.DataFrame(
        {
            "CD73": rng.poisson(cd73 * gain),
            "CD45": rng.poisson(cd45 * gain),
            "CD9": rng.poisson(20 * gain),
        }
    )
    y = kind == "target"
    if not labels:
        y = rng.permutation(y)
    return raw, y, donor, kind


@pytest.fixture(scope="module")
def designed():
    raw, y, donor, kind = cohort()
    return design_gates(DesignCells(raw, y, donor, label=kind), settings=QUICK)


def test_finds_the_gate_that_made_the_target(designed):
    assert str(designed.gates[0]) == "CD73+ CD45-"
    assert designed.status.code == "ok"
    assert designed.gap == 0
    best = designed.tables["gate_designs"].iloc[0]
    assert best["f1"] > 0.93
    assert best["purity_low"] <= best["purity"] <= best["purity_high"]
    assert best["interval"] == "a new donor"
    assert set(designed.tables["gate_unseen"]["donor"]) == {"d0", "d1", "d2"}
    assert designed.tables["gate_unseen"]["f1"].min() > 0.9
    assert designed.tables["gate_stability"].head(2)["share"].min() > 0.9


def test_table_counts_are_those_of_the_gate(designed):
    raw, y, donor, _ = cohort()
    inside = apply_gate(raw, designed.gates[0], donor)
    best = designed.tables["gate_designs"].iloc[0]
    assert best["purity"] == pytest.approx(y[inside].mean())
    assert best["recall"] == pytest.approx(inside[y].mean())
    of = designed.tables["gate_contaminants"].set_index("label")
    assert of["n_inside"].sum() == (inside & ~y).sum()


def test_pareto_front_holds_no_beaten_gate(designed):
    z = designed.tables["gate_pareto"][["size", "purity", "recall", "worst_purity"]].to_numpy(
        dtype=float
    )
    z[:, 0] *= -1
    for i in range(len(z)):
        assert not ((z >= z[i] + 1e-9).any(axis=1) & (z >= z[i]).all(axis=1)).any()


def test_permuted_labels_are_not_adequate():
    for seed in range(3):
        raw, y, donor, _ = cohort(seed, labels=False)
        out = design_gates(DesignCells(raw, y, donor), settings=QUICK)
        assert out.status.code in ("no adequate gate", "no gate")


def test_circular_label_and_one_donor_are_named():
    raw, _, donor, _ = cohort()
    one = donor == "d0"
    y = (raw["CD73"].to_numpy() > 25) & one
    out = design_gates(DesignCells(raw[one], y[one], donor[one]), settings=QUICK)
    assert [s.code for s in out.reasons] == ["circular label", "one donor"]
    assert "one cut on CD73" in out.status.words


def test_what_cannot_be_tested_is_said():
    raw, y, donor, _ = cohort()
    few = y & (np.cumsum(y) <= 19)
    assert "19 cells, 20 are needed" in design_gates(DesignCells(raw, few, donor)).status.words
    everything = design_gates(DesignCells(raw, np.ones(len(y)), donor))
    assert "nothing to sort from" in everything.status.words
    part = raw.astype(float)
    part.loc[donor == "d0", ["CD73", "CD9"]] = np.nan
    part.loc[donor == "d1", "CD45"] = np.nan
    assert (
        "no candidate marker was measured" in design_gates(DesignCells(part, y, donor)).status.words
    )
    with pytest.raises(DataError, match="no cell"):
        design_gates(DesignCells(raw, np.zeros(len(y)), donor))
    with pytest.raises(DataError, match="do not fit"):
        design_gates(DesignCells(raw, y[:-1], donor))


def test_different_panels_and_markers_that_are_no_candidates_are_named():
    raw, y, donor, _ = cohort()
    raw = raw.astype(float).assign(GAPDH=1.0)
    raw.loc[donor == "d2", "CD9"] = np.nan
    table = candidate_markers([], list(raw.columns))
    table.loc[table["feature"] == "GAPDH", "status"] = "excluded"
    out = design_gates(DesignCells(raw, y, donor), candidates=table, settings=QUICK)
    assert any(n.startswith("GAPDH is not used") for n in out.notes)
    assert any("not measured in every donor, not used: CD9" in n for n in out.notes)
    assert str(out.gates[0]) == "CD73+ CD45-"


def test_a_contested_marker_is_never_the_only_positive_one():
    raw, y, donor, _ = cohort()
    raw = raw.rename(columns={"CD73": "CD105"})
    table = candidate_markers([], list(raw.columns))
    assert bool(table.set_index("feature").loc["CD105", "never_alone"])
    out = design_gates(DesignCells(raw, y, donor), candidates=table, settings=QUICK)
    for gate in out.gates:
        plus = [x.marker for x in gate.literals if x.sign == "+"]
        assert plus != ["CD105"]


def test_rna_of_unknown_class_is_only_asked_to_be_positive():
    raw, y, donor, _ = cohort()
    cells = DesignCells(raw, y, donor, modality="rna")
    strict = design_gates(cells, settings=QUICK)
    assert all(x.sign == "+" for g in strict.gates for x in g.literals)
    free = design_gates(cells, classes={"CD45": "B", "CD73": "B"}, settings=QUICK)
    assert any(x.sign == "-" for g in free.gates for x in g.literals)
    assert strict.tables["gate_designs"]["class"].iloc[0] == "C"


def test_a_one_marker_optimum_lies_on_the_hull_grid():
    rng = np.random.default_rng(4)
    for _ in range(30):
        y = rng.random(300) < 0.3
        x = np.round(rng.normal(size=(300, 1)) + y[:, None] * rng.uniform(-2, 2), 1)
        grid = hull_grid(x, y, per_sign=1000, beta=1.0)
        cuts = np.concatenate([[-9], np.unique(x)])
        best = max(
            2 * (m & y).sum() / (m.sum() + y.sum())
            for t in cuts
            for m in (x[:, 0] > t, x[:, 0] <= t)
        )
        found = max(
            (
                2 * (m & y).sum() / (m.sum() + y.sum())
                for k in range(len(grid.cut))
                for m in [x[:, 0] > grid.cut[k] if grid.above[k] else x[:, 0] <= grid.cut[k]]
            ),
            default=0,
        )
        everything = 2 * y.sum() / (len(y) + y.sum())
        assert max(found, everything) == pytest.approx(best)


def test_polish_only_improves_and_reports_its_own_counts():
    raw, y, donor, _ = cohort()
    code = np.unique(donor, return_inverse=True)[1]
    x = np.log1p(raw.to_numpy(dtype=float))
    o = Objective("pooled", beta=1.0)
    plain = fit_gates(x, y, code, settings=FitSettings(o, per_sign=3, max_size=2, polish=0))
    better = fit_gates(x, y, code, settings=FitSettings(o, per_sign=3, max_size=2, polish=10))
    assert better.by_size[1][0].value >= plain.by_size[1][0].value
    gate = better.by_size[1][0]
    m = gate.inside(x)
    assert gate.value == pytest.approx(2 * (m & y).sum() / (m.sum() + y.sum()))


def test_sort_in_silico_measures_before_and_after():
    _, y, donor, kind = cohort()

    def measure(cells, groups):
        names = np.unique(groups)
        value = [float((kind[cells][groups == g] == "target").var()) for g in names]
        return pd.DataFrame({"group": names, "hi2": value, "hi2_low": value, "hi2_high": value})

    passages = np.where(np.arange(len(y)) % 2, "p2", "p5")
    table = sort_in_silico(y, y, donor, measure=measure, passages=passages)
    assert set(table["by"]) == {"unit", "passage"}
    after = table[table["state"] == "after"]
    assert (after["purity"] == 1).all()
    assert (after["hi2"] == 0).all()
    few = sort_in_silico(y & (np.cumsum(y) < 9), y, donor, measure=measure)
    assert few[few["state"] == "after"]["status"].str.startswith("NOT TESTABLE").all()
