import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.gates.discordance import (
    RnaModel,
    classify_markers,
    detection_table,
    fit_rna_models,
    forecast_protein,
    protein_masks,
    rna_statement,
)
from imscope.analyses.gates.gate import parse_gate
from imscope.core.errors import DataError


def donor(rng, *, mu, eps=0.02, n=600):
    """One donor: 40 % target cells of which 95 % carry the protein, others 3 %."""
    target = rng.random(n) < 0.4
    positive = rng.random(n) < np.where(target, 0.95, 0.03)
    depth = rng.lognormal(0, 0.3, n)
    mean = np.where(positive, mu, eps) * depth
    counts = np.where(positive, rng.negative_binomial(2, 2 / (2 + mean)), rng.poisson(mean))
    return target, positive, depth, counts


def test_detection_is_counted():
    rna = pd.DataFrame({"A": [1] * 30 + [0] * 10 + [0] * 36 + [2] * 4, "B": [0] * 80})
    state = pd.DataFrame({"A": [True] * 40 + [False] * 40, "B": [True] * 10 + [False] * 70})
    t = detection_table(rna, state, ["d"] * 80, depth=np.ones(80)).set_index("marker")
    assert t.loc["A", ["sensitivity", "false_rate"]].tolist() == [0.75, 0.1]
    assert np.isnan(t.loc["B", "sensitivity"])  # ten positive cells say nothing
    assert not t["reversed"].any()


def test_classes():
    rows = {
        "GOOD": [(0.9, 0.02, False), (0.8, 0.05, False)], "ONCE": [(0.9, 0.02, False)],
        "WEAK": [(0.3, 0.02, False), (0.4, 0.01, False)],
        "TURNED": [(0.9, 0.01, False), (0.14, 0.4, True)],
    }  # fmt: skip
    table = pd.DataFrame(
        [(m, s, f, r) for m, part in rows.items() for s, f, r in part],
        columns=["marker", "sensitivity", "false_rate", "reversed"],
    )
    names = [*rows, "NEW", "CD15", "CD45RA", "SELL"]
    got = classify_markers(names, table, measured=["NEW"])
    assert got["class"].tolist() == ["B", "C", "C", "D", "A", "D", "D", "D"]
    assert got["use"].tolist()[:4] == ["both", "positive only", "positive only", "none"]
    assert classify_markers(["ENG"])["class"].tolist() == ["C"]


def test_statements():
    classes = classify_markers(["CD4", "CD15"], measured=["CD4"])
    assert rna_statement(parse_gate("CD4-"), classes) == "protein was measured"
    assert "may not be used" in rna_statement(parse_gate("CD15+"), classes)
    assert "negative RNA" in rna_statement(parse_gate("CD56-"), classify_markers(["CD56"]))


def test_models_are_pooled_over_donors():
    rng = np.random.default_rng(1)
    parts = [donor(rng, mu=mu) for mu in (1.0, 2.0, 4.0, 2.0)]
    _, positive, depth, counts = (np.concatenate(v) for v in zip(*parts, strict=True))
    who = np.repeat(list("abcd"), 600)
    rna, state = pd.DataFrame({"CD4": counts}), pd.DataFrame({"CD4": positive})
    model = fit_rna_models(detection_table(rna, state, who, depth=depth), ["CD4", "ENG"])
    assert model["CD4"].mu == pytest.approx(2.0, rel=0.15)  # geometric mean of the donors
    assert model["CD4"].eps == pytest.approx(0.02, rel=0.5)
    assert model["CD4"].dispersion == pytest.approx(0.5, rel=0.4)
    assert model["CD4"].n_donors == 4
    assert model["ENG"].n_donors == 0
    assert model["ENG"].sd_mu > model["CD4"].sd_mu


def test_masks_know_silent_positives():
    """Half of the positive cells show no RNA; the masks still hold them at the right share."""
    rng = np.random.default_rng(2)
    target, positive, depth, counts = donor(rng, mu=1.0)
    model = RnaModel(1.0, 0.02, 0.5, 0.05, 0.3, 5)
    masks = protein_masks(counts, depth, target, model=model, n_masks=16)
    assert (counts[positive] == 0).mean() > 0.3
    assert masks[:, target].mean() == pytest.approx(positive[target].mean(), abs=0.08)
    assert masks[:, ~target].mean() < 0.1
    again = protein_masks(counts, depth, target, model=model, n_masks=16)
    np.testing.assert_array_equal(masks, again)


def test_new_donors_fall_inside_the_forecast():
    """Between donors expression varies by a factor; what protein shows lies in the interval."""
    rng = np.random.default_rng(3)
    model = RnaModel(1.0, 0.02, 0.5, 0.6, 0.6, 4)
    hits, width = [], []
    for _ in range(40):
        mu = np.exp(0.6 * rng.standard_normal())
        target, positive, depth, counts = donor(
            rng, mu=mu, eps=0.02 * np.exp(0.6 * rng.standard_normal()), n=300
        )
        f = forecast_protein(
            parse_gate("CD4+"), pd.DataFrame({"CD4": counts}), target, types=target,
            depth=depth, models={"CD4": model}, n_draws=60,
        )  # fmt: skip
        seen = target[positive].mean()
        hits.append(f.purity[1] - 0.005 <= seen <= f.purity[2] + 0.005)
        width.append(f.purity[2] - f.purity[1])
    assert np.mean(hits) >= 0.85
    assert np.median(width) < 0.4  # not so wide that it says nothing


def test_what_is_missing_is_named():
    with pytest.raises(DataError) as error:
        forecast_protein(
            parse_gate("CD4+"),
            pd.DataFrame({"CD8": [1]}),
            [True],
            types=["a"],
            depth=[1.0],
            models={},
        )
    assert error.value.code == "E-GATE-MARKER"


SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
CITE = SHARED / "cite" / "pbmc_rna_adt"


def both_kinds(name, n):
    """RNA, protein state, label and relative depth of labelled cells."""
    from imscope.analyses.gates.align import align_batches
    from imscope.analyses.gates.cells import open_gate_cells
    from imscope.analyses.gates.evaluate import gather_values, locate_markers

    with open_gate_cells(CITE / name) as cells:
        markers = ["CD4", "CD8a", "CD14", "CD16", "CD56", "CD19", "CD127"]
        found = locate_markers(markers, [], cells.genes, modality="rna")
        rna = gather_values(found, cells.proteins, cells.genes, cells.source)
        block = cells.source.read(0, cells.source.n_cells)
        depth = np.add.reduceat(block.data, block.indptr[:-1]).astype(float)
        raw = cells.proteins[markers]
        state = align_batches(raw, np.full(len(raw), "one")).values > 0.5
        label = cells.obs["label"].astype(str).to_numpy()
    rows = np.random.default_rng(0).permutation(np.flatnonzero(label != "unknown"))[:n]
    return rna.iloc[rows], state.iloc[rows], label[rows], depth[rows] / np.median(depth[rows])


@pytest.mark.shared
@pytest.mark.skipif(not CITE.is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)")
def test_real_donors_forecast_from_one_another():
    one, two = both_kinds("pbmc_10x_10k.h5ad", 1200), both_kinds("pbmc_pitt_1k.h5ad", 1200)
    hits = []
    for known, new in ((one, two), (two, one)):
        detection = detection_table(known[0], known[1], np.full(len(known[2]), "d"), depth=known[3])
        models = fit_rna_models(detection, list(known[0].columns))
        rna, state, label, depth = (part[:400] for part in new)
        for kind, marker in itertools.product(np.unique(label), rna.columns):
            seen, inside = rna[marker].to_numpy() > 0, state[marker].to_numpy()
            target = label == kind
            if seen.sum() < 15 or inside.sum() < 15 or target[seen].mean() < 0.5:
                continue
            f = forecast_protein(
                parse_gate(f"{marker}+"),
                rna,
                target,
                types=label,
                depth=depth,
                models=models,
                n_draws=80,
            )
            hits.append(f.purity[1] <= target[inside].mean() <= f.purity[2])
    assert len(hits) >= 8
    assert np.mean(hits) >= 0.85
