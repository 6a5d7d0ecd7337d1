import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.subsets import StageSettings, stage
from imscope.analyses.subsets.stage_calls import call_stages, stage_fractions
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError, UsageError
from imscope.core.views import concat_blocks
from imscope.simulate import TimecourseSettings, simulate_timecourse


def together(series):
    source = concat_blocks([MemoryBlocks.from_csr(s.counts) for s in series.samples.values()])
    cells = pd.concat(
        [s.cells.assign(sample=k) for k, s in series.samples.items()], ignore_index=True
    )
    return source, series.features, cells.merge(series.sheet, on="sample")


def balanced_accuracy(cells, called):
    good = (cells["state"] == "good").to_numpy()
    right = (cells["stage"].to_numpy() == called)[good]
    return pd.Series(right).groupby(cells["stage"].to_numpy()[good]).mean().mean()


@pytest.fixture(scope="module")
def data():
    settings = TimecourseSettings(
        cells=70, genes=1500, lots=1, empty_droplets=0, seed=901, depth=6_000, spike_frac=0.05
    )
    return together(simulate_timecourse(settings))


@pytest.fixture(scope="module")
def calls(data):
    return call_stages(Cells(*data))


def test_stages_of_a_simulated_series_are_told(data, calls):
    assert balanced_accuracy(data[2], calls.cells["stage"].to_numpy()) >= 0.95


def test_one_and_two_threads_agree(data, calls):
    other = call_stages(Cells(*data), threads=2)
    np.testing.assert_array_equal(other.posterior, calls.posterior)


def test_posteriors_are_shares_and_shares_add_up(calls):
    np.testing.assert_allclose(calls.posterior.sum(axis=1), 1.0)
    table = stage_fractions(calls, calls.cells["sample"].to_numpy())
    np.testing.assert_allclose(table.groupby("group")["frac"].sum(), 1.0)
    assert (table["low"] <= table["frac"]).all()
    assert (table["frac"] <= table["high"]).all()
    assert set(table["interval"]) == {"cells of one library"}


def test_empty_cells_and_random_genes_are_unknown(data):
    genes = data[1]["symbol"].tolist()
    rng = np.random.default_rng(3)
    quiet = np.zeros((30, len(genes)), dtype=int)
    quiet[:, genes.index("GAPDH")] = rng.integers(30, 60, 30)
    source = MemoryBlocks.from_csr(sp.csr_array(quiet))
    found = call_stages(Cells(source, data[1], pd.DataFrame(index=range(30))))
    assert (found.cells["stage"] == "unknown").mean() >= 0.9


def test_a_reduced_panel_scores_what_it_covers(data):
    source, features, cells = data
    symbols = features["symbol"]
    kept = symbols.isin(["POU5F1", "LIN28A", "L1TD1", "NANOG", "DPPA4", "DNMT3B", "KDR", "PDGFRA"])
    kept |= symbols.str.startswith(("COL", "NT5E", "THY1", "ENG", "LOX", "POSTN", "LUM"))
    table = pd.DataFrame({"symbol": symbols.where(kept, "OTHER" + symbols)})
    found = stage(Cells(source, table, cells))
    shares = found.tables["stage_fractions"].set_index(["group", "stage"])
    assert shares.loc[("d2_L1", "mesenchymoangioblast"), "status"] == "not scored"
    assert np.isnan(shares.loc[("d2_L1", "mesenchymoangioblast"), "frac"])
    assert shares.loc[("d0_L1", "pluripotent"), "frac"] > 0.9
    assert shares.loc[("d28_L1", "msc"), "frac"] > 0.7
    assert (found.tables["stage_window_checks"]["status"] == "not scored").all()


def test_no_marker_genes_and_wrong_lengths_are_refused_in_words(data):
    source, features, cells = data
    with pytest.raises(DataError, match="no stage can be scored"):
        call_stages(Cells(source, pd.DataFrame({"symbol": ["X"] * len(features)}), cells))
    with pytest.raises(DataError, match="no column 'colour'"):
        stage(Cells(source, features, cells), by="colour")
    with pytest.raises(UsageError, match="min_posterior"):
        StageSettings(min_posterior=2)


def test_missing_days_and_few_days_give_words(data):
    source, features, cells = data
    none = stage(Cells(source, features, cells.drop(columns="day")))
    assert "stage_window" not in none.tables
    assert "no column `day`" in none.why("stage_window")
    days = cells["day"].where(cells.index > 3)
    gap = stage(Cells(source, features, cells.assign(day=days)))
    assert "4 of" in gap.why("stage_window")
    one = stage(Cells(source, features, cells.assign(day=2)))
    assert one.why("stage_window") == "no window: 1 days, three are needed"


@pytest.mark.shared
def test_real_pseudobulks_are_told_apart():
    root = Path(os.environ.get("IMSCOPE_SHARED_DATA", "../shared/data"))
    path = root / "ipsc_to_imsc_to_osteogenic" / "pseudobulk_by_stage.h5ad"
    if not path.exists():
        pytest.skip("the shared data are not here")
    rows = ad.read_h5ad(path)
    found = call_stages(
        Cells(
            MemoryBlocks.from_csr(sp.csr_array(rows.X)),
            pd.DataFrame({"symbol": rows.var_names}),
            pd.DataFrame({"sample": rows.obs_names.astype(str)}),
        )
    )
    called = found.cells["stage"].to_numpy()
    is_ipsc = (rows.obs["stage"] == "iPSC").to_numpy()
    assert (called[is_ipsc] == "pluripotent").all()
    assert (called[~is_ipsc] != "pluripotent").all()
    msc = {"msc", "msc_contractile"}
    assert set(called[(rows.obs["stage"] == "iMSC").to_numpy()]) <= msc


ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", "../shared/data"))
TISSUES = ROOT / "msc_tissue_sources_multiomics" / "rnaseq_counts.h5ad"


@pytest.mark.shared
@pytest.mark.skipif(not TISSUES.exists(), reason="the shared data are not here")
def test_primary_stromal_cells_are_no_smooth_muscle():
    from imscope.io import open_cells

    rows = open_cells(TISSUES)
    assert rows.rows == "library"
    called = stage(rows, by="cell_source").cells["stage"].to_numpy()
    source = rows.obs["cell_source"].astype(str).to_numpy()
    stromal = np.isin(source, ["ADSC", "DPSC", "PDLSC"])
    like = np.array([w.startswith(("msc", "osteogenic")) for w in called])
    assert like[stromal].mean() >= 0.9
    for wrong in ("smooth_muscle", "pluripotent", "pericyte", "neural_crest", "cardiac"):
        assert not (called == wrong).any()


def one_cell(on, depth=6_000):
    from imscope.evidence.stage_panel import stage_panel

    genes = [*stage_panel().genes, "ACTB"]
    counts = [on.get(g, 0) for g in genes]
    counts[-1] = depth - sum(counts)
    features = pd.DataFrame({"symbol": genes})
    source = MemoryBlocks.from_csr(sp.csr_array([counts] * 30))
    return stage(Cells(source, features, pd.DataFrame({"sample": ["one"] * 30}))).cells["stage"]


MATRIX = dict.fromkeys(("COL1A1", "COL1A2", "COL3A1"), 20) | {"NT5E": 3, "THY1": 4, "ENG": 3}
FIBRES = dict.fromkeys(("ACTA2", "TAGLN", "CNN1", "MYL9", "TPM2"), 15)
LATE = dict.fromkeys(("MYH11", "MYOCD", "DES", "KCNMB1", "SMTN"), 4)


def test_contractile_genes_alone_are_no_smooth_muscle():
    assert set(one_cell(MATRIX | FIBRES)) <= {"msc_contractile", "msc or msc_contractile", "msc"}
    assert set(one_cell(MATRIX | FIBRES | {"MYH11": 6})) != {"smooth_muscle"}
    assert set(one_cell(MATRIX | FIBRES | LATE)) == {"smooth_muscle"}


def test_shared_surface_genes_make_no_pericyte():
    shared = dict.fromkeys(("PDGFRB", "MCAM", "CSPG4", "NES"), 4)
    mural = dict.fromkeys(("RGS5", "KCNJ8", "ABCC9", "HIGD1B"), 4)
    stromal = MATRIX | {"LOX": 4, "POSTN": 5, "LUM": 4, "COL5A1": 5}
    assert "pericyte" not in set(one_cell(stromal | shared))
    assert set(one_cell(MATRIX | shared | mural)) == {"pericyte"}


def test_two_names_that_share_a_cell_are_both_told():
    from imscope.analyses.subsets.stage_calls import _cell_table
    from imscope.evidence.stage_panel import stage_panel

    panel = stage_panel()
    chance = np.zeros((3, len(panel.stages)))
    at = [panel.stages.index(s) for s in ("msc", "pericyte", "unknown")]
    chance[0, at], chance[1, at], chance[2, at] = (0.45, 0.4, 0.15), (0.8, 0.1, 0.1), (0.4, 0, 0.6)
    made = _cell_table(
        pd.RangeIndex(3), np.array(["s"] * 3, dtype=object), chance,
        type("Counts", (), {"depth": np.ones(3)})(), panel, StageSettings(),
    )  # fmt: skip
    assert made["stage"].tolist() == ["msc or pericyte", "msc", "unknown"]
    assert made["kind"].tolist() == ["pair", "stage", "unknown"]
    assert made["posterior"].tolist() == pytest.approx([0.85, 0.8, 0.6])
