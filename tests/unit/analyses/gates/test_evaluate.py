import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.gates.cells import open_gate_cells, target_mask
from imscope.analyses.gates.evaluate import (
    LabelledCells,
    evaluate_gate,
    gather_values,
    locate_markers,
)
from imscope.analyses.gates.gate import Gate, Literal, Scale, parse_gate
from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, UsageError

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
CITE = SHARED / "cite"
needs_shared = pytest.mark.skipif(
    not CITE.is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)"
)


def cohort(seed=0, depths=(1.0, 6.0), n=500):
    """Two donors counted at different depth; T cells carry CD3 and no CD14."""
    rng = np.random.default_rng(seed)
    parts = []
    for donor, depth in enumerate(depths):
        label = np.where(rng.random(n) < 0.4, "T", "mono")
        t = label == "T"
        parts.append(
            pd.DataFrame(
                {
                    "CD3": rng.poisson(np.where(t, 200, 6) * depth),
                    "CD14": rng.poisson(np.where(t, 5, 150) * depth),
                    "label": label,
                    "donor": f"d{donor}",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_depth_between_donors_does_not_matter():
    c = cohort()
    cells = LabelledCells(c[["CD3", "CD14"]], c["label"], c["donor"])
    e = evaluate_gate(parse_gate("CD3+ CD14-"), cells, "T")
    assert e.overall["purity"] > 0.99
    assert e.overall["recall"] > 0.98
    assert e.per_donor["donor"].tolist() == ["d0", "d1"]
    raw = Gate((Literal("CD3", "+", 40.0),), Scale("protein", "none"))
    wrong = evaluate_gate(raw, cells, "T", aligned=False)
    assert wrong.per_donor["purity"].min() < 0.9  # one raw threshold cannot serve both


def test_figures_are_the_textbook():
    frame = pd.DataFrame({"CD4": [0, 0, 3, 2, 1, 0, 0, 5]})
    label = ["T", "B", "T", "T", "B", "B", "unknown", "unknown"]
    cells = LabelledCells(frame, label, modality={"CD4": "rna"})
    e = evaluate_gate(parse_gate("CD4+"), cells, "T")
    # of six labelled cells three are inside, two of them T; three T in all
    assert e.overall["purity"] == pytest.approx(2 / 3)
    assert e.overall["recall"] == pytest.approx(2 / 3)
    assert e.overall["f1"] == pytest.approx(2 / 3)
    assert e.overall["enrichment"] == pytest.approx((2 / 3) / (3 / 6))
    assert e.contaminants["n_inside"].tolist() == [1]
    assert "2 cells without a label" in e.notes[0]
    assert str(e.status).startswith("NOT TESTABLE: 3 target cells")
    rare = evaluate_gate(parse_gate("CD4+"), cells, "T", prevalence=0.01)
    r, q = 2 / 3, 1 / 3
    assert rare.overall["purity"] == pytest.approx(0.01 * r / (0.01 * r + 0.99 * q))


def test_a_label_that_is_a_gate_is_called_circular():
    c = cohort()
    label = np.where(c["CD3"] > 90, "T", "other")
    one = c["donor"] == "d1"
    cells = LabelledCells(c.loc[one, ["CD3", "CD14"]], label[one])
    e = evaluate_gate(parse_gate("CD3+ CD14-"), cells, "T")
    assert e.status.code == "circular label"
    assert e.reasons[-1].code == "one donor"
    assert e.reasons[0].words.startswith("CD3 alone")
    noisy = LabelledCells(c[["CD14"]], np.random.default_rng(0).permutation(c["label"]), c["donor"])
    weak = evaluate_gate(parse_gate("CD14+"), noisy, "T").status
    assert weak.code == "weak"
    assert "of 100 sorted cells" in weak.words


def test_an_absent_target_is_named():
    cells = LabelledCells(pd.DataFrame({"CD4": [1, 0]}), ["B", "B"], modality={"CD4": "rna"})
    with pytest.raises(DataError, match="no cell carries") as error:
        evaluate_gate(parse_gate("CD4+"), cells, "T")
    assert error.value.code == "E-GATE-TARGET"


@pytest.mark.parametrize(
    ("markers", "proteins", "genes", "want"),
    [
        (["CD14", "CD9"], ["CD14", "CD9"], ["CD14", "CD9"], "CD14: protein CD14; CD9: protein CD9"),
        (["CD3D", "CD14"], ["CD3", "CD14"], ["CD3D", "CD14"], "CD3D: rna CD3D; CD14: rna CD14"),
        (["CD3D", "CD14"], ["CD3", "CD14"], ["CD14"], "CD3D: protein CD3; CD14: protein CD14"),
        (["CD105", "CD24"], [], ["ENG", "CD24"], "CD105: rna ENG; CD24: rna CD24"),
        (["PD-1"], ["CD279 (PD-1)"], [], "PD-1: protein CD279 (PD-1)"),
        (["CD45RA", "IL7R"], ["CD45RA"], ["IL7R"], "CD45RA: protein CD45RA; IL7R: rna IL7R"),
    ],
)  # fmt: skip
def test_where_markers_are_found(markers, proteins, genes, want):
    assert locate_markers(markers, proteins, genes).words() == want


def test_a_sugar_is_not_read_from_rna():
    with pytest.raises(DataError, match="only its protein") as error:
        locate_markers(["CD15"], ["CD14"], ["FUT4"])
    assert error.value.code == "E-GATE-MARKER"
    with pytest.raises(DataError):
        locate_markers(["CD14"], ["CD14"], ["CD3D"], modality="rna")


def test_values_are_gathered_from_both():
    counts = np.array([[0, 2, 1], [5, 0, 0]])
    import scipy.sparse as sp

    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    found = locate_markers(["CD45RA", "IL7R"], ["CD45RA"], ["A", "IL7R", "B"])
    got = gather_values(found, pd.DataFrame({"CD45RA": [7, 8]}), ["A", "IL7R", "B"], source)
    assert got.to_dict("list") == {"CD45RA": [7, 8], "IL7R": [2, 0]}


def test_targets_are_checked():
    obs = pd.DataFrame({"label": ["a", "b=c"]})
    assert target_mask(obs, "label=b=c") == ("label", "b=c")
    with pytest.raises(UsageError):
        target_mask(obs, "label")
    for wrong in ("cluster=a", "label=x"):
        with pytest.raises(DataError) as error:
            target_mask(obs, wrong)
        assert error.value.code == ("E-CELLS-COLUMN" if wrong == "cluster=a" else "E-GATE-TARGET")


@pytest.mark.shared
@needs_shared
def test_real_proteins_and_rna():
    with open_gate_cells(CITE / "pbmc_rna_adt" / "pbmc_pitt_1k.h5ad") as cells:
        found = locate_markers(["CD3", "CD4"], [*cells.proteins.columns], cells.genes)
        values = gather_values(found, cells.proteins, cells.genes, cells.source)
        labelled = LabelledCells(
            values, cells.obs["label"], cells.obs["donor"], None, found.modality
        )
        e = evaluate_gate(parse_gate("CD3+ CD4+"), labelled, "CD4+ T cells")
    assert (cells.donor, cells.lab) == ("donor", "lab")
    assert e.overall["f1"] > 0.97


@pytest.mark.shared
@needs_shared
def test_a_matrix_of_antibodies_is_read_as_protein():
    with open_gate_cells(CITE / "adt9_multistudy" / "adt9_dev.h5ad") as cells:
        assert list(cells.proteins.columns)[:3] == ["CD3", "CD4", "CD8"]
        assert cells.source is None
        assert (cells.donor, cells.lab) == ("sample", "study_name")
        assert "read as protein" in cells.notes[0]


def test_contested_markers_are_named():
    frame = pd.DataFrame({"CD105": [3, 0, 2, 0]})
    cells = LabelledCells(frame, ["T", "B", "T", "B"], modality={"CD105": "rna"})
    notes = " ".join(evaluate_gate(parse_gate("CD105+"), cells, "T").notes)
    assert "CD105 (conflict)" in notes
    assert "protease" in notes
