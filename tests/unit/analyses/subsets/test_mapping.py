import json
import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

from imscope.analyses.subsets.calibration import steps
from imscope.analyses.subsets.mapping import UNLIKE, MapSettings, map_cells
from imscope.cli.main import app
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError, UsageError

GENES = 400
KINDS = ("stroma", "pericyte", "muscle")
SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
DONORS = SHARED / "cite" / "pbmc_rna_adt"


def profiles():
    rng = np.random.default_rng(1)
    base = rng.gamma(0.6, 1.0, GENES) + 0.05
    fold = {
        k: np.exp(rng.normal(0, 1.2, GENES) * (rng.random(GENES) < 0.2)) for k in (*KINDS, "odd")
    }
    return {k: base * v for k, v in fold.items()}


def lot(seed, sizes, units=1, chemistry=0.0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(list(sizes), list(sizes.values()))
    unit = np.arange(len(truth)) % units
    rate = np.array([profiles()[k] for k in truth])
    lab = rng.normal(0, 0.1 + chemistry, (units, GENES))
    rate = rate * np.exp(lab[unit]) * rng.gamma(8, 1 / 8, rate.shape)
    rate /= rate.sum(axis=1, keepdims=True)
    counts = rng.poisson(rate * rng.gamma(9, 3000 / 9, (len(truth), 1)))
    obs = pd.DataFrame(
        {"label": truth, "sample": [f"s{u}" for u in unit]},
        index=[f"{seed}-{k}" for k in range(len(truth))],
    )
    features = pd.DataFrame({"symbol": [f"G{k}" for k in range(GENES)]})
    return Cells(MemoryBlocks.from_csr(sp.csr_array(counts)), features, obs)


@pytest.fixture(scope="module")
def reference():
    return lot(2, dict.fromkeys(KINDS, 150), units=3)


def test_labels_probabilities_and_the_unknown(reference):
    query = lot(3, {"stroma": 150, "pericyte": 60, "odd": 60}, chemistry=0.03)
    result = map_cells(query, reference, label="label", unit="sample", by="sample")
    truth, called = query.obs["label"].to_numpy(), result.tables["mapped_cells"]["label"].to_numpy()
    known = truth != "odd"
    assert (called[known] == truth[known]).mean() > 0.9
    assert (called[~known] == UNLIKE).mean() > 0.9
    assert result.facts["basis"].startswith("3 reference units")
    mapped = known & (called != UNLIKE)
    hit = (called == truth)[mapped].mean()
    assert abs(result.tables["mapped_cells"]["probability"].to_numpy()[mapped].mean() - hit) < 0.05


def test_composition_adds_up_and_holds_the_truth(reference):
    query = lot(4, {"stroma": 160, "pericyte": 40})
    table = map_cells(query, reference, label="label", unit="sample").tables["mapped_composition"]
    assert table["frac"].sum() == pytest.approx(1)
    row = table.set_index("label").loc["pericyte"]
    assert row["low"] < 0.2 < row["high"]
    assert table.set_index("label").loc["muscle"]["high"] >= 1 - 0.05 ** (1 / 200)


def test_features_in_another_order_give_the_same_labels(reference):
    query = lot(5, {"stroma": 60, "muscle": 60})
    order = np.random.default_rng(0).permutation(GENES)
    counts = sp.csr_array(
        (query.source.data, query.source.indices, query.source.indptr), (120, GENES)
    )
    other = Cells(MemoryBlocks.from_csr(counts[:, order]), query.features.iloc[order], query.obs)
    one, two = (
        map_cells(q, reference, label="label", unit="sample").tables["mapped_cells"]
        for q in (query, other)
    )
    assert one["label"].tolist() == two["label"].tolist()
    np.testing.assert_allclose(one["probability"], two["probability"], atol=1e-4)


def test_threads_change_no_digit(reference):
    query = lot(6, {"stroma": 80, "odd": 30})
    one, two = (
        map_cells(query, reference, label="label", unit="sample", threads=t) for t in (1, 2)
    )
    pd.testing.assert_frame_equal(*(r.tables["mapped_cells"] for r in (one, two)))
    pd.testing.assert_frame_equal(*(r.tables["mapped_composition"] for r in (one, two)))


def test_a_step_of_the_whole_lot_is_taken_back_in_part():
    rng = np.random.default_rng(7)
    points = np.vstack([rng.normal(0, 1, (200, 3)), rng.normal(6, 1, (200, 3))])
    placed = np.vstack([rng.normal(0, 1, (200, 3)), rng.normal(6, 1, (50, 3))])
    every, own = steps(placed + np.array([0.7, 0.0, -0.4]), points)
    back = np.array([-0.7, 0.0, 0.4])
    assert np.linalg.norm(back - every) < 0.8 * np.linalg.norm(back)
    assert np.linalg.norm(back - own[:200].mean(axis=0)) < 0.7 * np.linalg.norm(back)
    none, _ = steps(points, points)
    np.testing.assert_allclose(none, 0, atol=0.02)


def test_one_unit_is_called_optimistic_and_bad_input_refused(reference):
    query = lot(8, {"stroma": 60})
    alone = map_cells(query, reference.with_obs(sample=["s"] * 450), label="label")
    assert "optimistic" in alone.facts["basis"]
    with pytest.raises(DataError, match="no column 'kind'"):
        map_cells(query, reference, label="kind")
    few = Cells(query.source, query.features.assign(symbol=lambda f: "X" + f["symbol"]), query.obs)
    with pytest.raises(DataError, match="share too few genes"):
        map_cells(few, reference, label="label")
    with pytest.raises(UsageError):
        MapSettings(k=1)


def test_command(reference, tmp_path):
    query = lot(9, {"stroma": 60, "pericyte": 40})
    for name, cells in (("query", query), ("reference", reference)):
        s = cells.source
        matrix = sp.csr_matrix((s.data, s.indices, s.indptr), (s.n_cells, GENES))
        var = pd.DataFrame(index=cells.features["symbol"].to_numpy())
        ad.AnnData(matrix, obs=cells.obs, var=var).write_h5ad(tmp_path / f"{name}.h5ad")
    words = ["subsets", "map", str(tmp_path / "query.h5ad"), "--by", "sample", "--json"]
    words += ["--reference", str(tmp_path / "reference.h5ad"), "--out", str(tmp_path / "c.tsv")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert {r["group"] for r in shown["records"]} == {"s0"}
    stroma = next(r for r in shown["records"] if r["label"] == "stroma")
    assert stroma["low"] < 0.6 < stroma["high"]
    assert len(pd.read_csv(tmp_path / "c.tsv", sep="\t")) == 100
    assert shown["calibration"]["basis"].startswith("3 reference units")


@pytest.mark.skipif(not DONORS.exists(), reason="the shared data of two donors are not there")
@pytest.mark.parametrize(("dropped", "least"), [((), 0.0), (("B cells",), 0.9)])
def test_labels_pass_from_one_donor_to_another(dropped, least):
    from imscope.io.counts import read_counts

    lots = []
    for name, drop in (("pbmc_10x_10k", dropped), ("pbmc_pitt_1k", ())):
        counts = read_counts(DONORS / f"{name}.h5ad")
        label = counts.obs["label"].astype(str)
        rows = np.flatnonzero((label != "unknown") & ~label.isin(drop))
        lots.append(counts.take(rows))
    result = map_cells(lots[1], lots[0], label="label")
    truth, called = (
        lots[1].obs["label"].astype(str).to_numpy(),
        result.tables["mapped_cells"]["label"].to_numpy(),
    )
    known, mapped = ~np.isin(truth, dropped), called != UNLIKE
    hit = (called == truth)[mapped & known]
    assert hit.mean() > 0.93
    assert (mapped & known).sum() / known.sum() > 0.8
    assert (
        abs(
            result.tables["mapped_cells"]["probability"].to_numpy()[mapped & known].mean()
            - hit.mean()
        )
        < 0.03
    )
    if dropped:
        assert (~mapped & ~known).sum() / (~known).sum() > least


def test_a_label_with_few_cells_is_named_and_its_cells_become_unlike():
    """Seen before: 15 cells of a label vanished and query cells of it were called another's."""
    held = lot(12, {"stroma": 60, "pericyte": 60, "odd": 15}, units=3)
    query = lot(13, {"odd": 3, "stroma": 3})
    query = query.with_obs(sample=[f"q{k}" for k in range(6)])
    result = map_cells(query, held, label="label", by="sample")
    called = result.tables["mapped_cells"]["label"].tolist()
    assert called == [UNLIKE] * 3 + ["stroma"] * 3
    assert "odd (15 cells)" in result.notices[-1].message
    table = result.tables["mapped_composition"]
    lost = table[table["label"] == "odd"]
    assert set(lost["status"]) == {"not mapped"}
    assert lost["reason"].str.contains("15 reference cells, 20 are needed").all()
    assert lost["frac"].isna().all()
    kept = table[table["status"] == "ok"]
    assert (kept["low"] <= kept["frac"]).all()
    assert (kept["frac"] <= kept["high"]).all()
    assert (kept["high"] - kept["low"] > 0.9).all()  # one cell each: nearly nothing is known


def test_the_interval_is_the_exact_one_of_the_mean_probability():
    from statsmodels.stats.proportion import proportion_confint

    from imscope.analyses.subsets.mapping import _composition

    chance = np.tile([[0.8, 0.2]], (50, 1))
    names, lots = np.array(["a", "b"]), np.full(50, "q")
    table = _composition(lots, np.full(50, "a"), chance, names, {}, MapSettings())
    row = table.set_index("label").loc["a"]
    assert row["frac"] == pytest.approx(0.8)
    assert (row["low"], row["high"]) == pytest.approx(proportion_confint(40, 50, method="beta"))
