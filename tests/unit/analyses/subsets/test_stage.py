import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.subsets import call_stages, compare_priming, describe_stages, stage_fractions
from imscope.analyses.subsets.stage_settings import StageSettings
from imscope.core.blocks import MemoryBlocks
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
    return call_stages(*data)


def test_stages_of_a_simulated_series_are_told(data, calls):
    assert balanced_accuracy(data[2], calls.cells["stage"].to_numpy()) >= 0.95


def test_one_and_two_threads_agree(data, calls):
    other = call_stages(*data, threads=2)
    np.testing.assert_array_equal(other.posterior, calls.posterior)


def test_posteriors_are_shares_and_shares_add_up(calls):
    np.testing.assert_allclose(calls.posterior.sum(axis=1), 1.0)
    table = stage_fractions(calls)
    np.testing.assert_allclose(table.groupby("group")["frac"].sum(), 1.0)
    assert (table["low"] <= table["frac"]).all()
    assert (table["frac"] <= table["high"]).all()
    assert set(table["interval"]) == {"cells of one library"}


def test_empty_cells_and_random_genes_are_unknown(data):
    genes = data[1]["symbol"].tolist()
    rng = np.random.default_rng(3)
    quiet = np.zeros((30, len(genes)), dtype=int)
    quiet[:, genes.index("GAPDH")] = rng.integers(30, 60, 30)
    found = call_stages(
        MemoryBlocks.from_csr(sp.csr_array(quiet)), data[1], pd.DataFrame(index=range(30))
    )
    assert (found.cells["stage"] == "unknown").mean() >= 0.9


def test_a_reduced_panel_scores_what_it_covers(data):
    source, features, cells = data
    symbols = features["symbol"]
    kept = symbols.isin(["POU5F1", "LIN28A", "L1TD1", "NANOG", "DPPA4", "DNMT3B", "KDR", "PDGFRA"])
    kept |= symbols.str.startswith(("COL", "NT5E", "THY1", "ENG", "LOX", "POSTN", "LUM"))
    table = pd.DataFrame({"symbol": symbols.where(kept, "OTHER" + symbols)})
    found = describe_stages(source, table, cells)
    shares = found.fractions.set_index(["group", "stage"])
    assert shares.loc[("d2_L1", "mesenchymoangioblast"), "status"].startswith("not scored")
    assert np.isnan(shares.loc[("d2_L1", "mesenchymoangioblast"), "frac"])
    assert shares.loc[("d0_L1", "pluripotent"), "frac"] > 0.9
    assert shares.loc[("d28_L1", "msc"), "frac"] > 0.7
    assert found.window.checks["status"].str.startswith("not scored").all()


def test_no_marker_genes_and_wrong_lengths_are_refused_in_words(data):
    source, features, cells = data
    with pytest.raises(DataError, match="no stage can be scored"):
        call_stages(source, pd.DataFrame({"symbol": ["X"] * len(features)}), cells)
    with pytest.raises(DataError, match="one row of the cell table"):
        call_stages(source, features, cells.head(3))
    with pytest.raises(DataError, match="no column 'colour'"):
        describe_stages(source, features, cells, by="colour")
    with pytest.raises(UsageError, match="min_posterior"):
        StageSettings(min_posterior=2)


def test_missing_days_and_few_days_give_words(data):
    source, features, cells = data
    none = describe_stages(source, features, cells.drop(columns="day"))
    assert none.window is None
    assert "no column `day`" in none.why_no_window
    gap = describe_stages(source, features, cells.assign(day=cells["day"].where(cells.index > 3)))
    assert "4 of" in gap.why_no_window
    one = describe_stages(source, features, cells.assign(day=2))
    assert one.why_no_window == "no window: 1 days, three are needed"


@pytest.mark.shared
def test_real_pseudobulks_are_told_apart():
    root = Path(os.environ.get("IMSCOPE_SHARED_DATA", "../shared/data"))
    path = root / "ipsc_to_imsc_to_osteogenic" / "pseudobulk_by_stage.h5ad"
    if not path.exists():
        pytest.skip("the shared data are not here")
    rows = ad.read_h5ad(path)
    found = call_stages(
        MemoryBlocks.from_csr(sp.csr_array(rows.X)),
        pd.DataFrame({"symbol": rows.var_names}),
        pd.DataFrame({"sample": rows.obs_names.astype(str)}),
    )
    stage = found.cells["stage"].to_numpy()
    is_ipsc = (rows.obs["stage"] == "iPSC").to_numpy()
    assert (stage[is_ipsc] == "pluripotent").all()
    assert (stage[~is_ipsc] != "pluripotent").all()
    assert (stage[(rows.obs["stage"] == "iMSC").to_numpy()] == "msc").all()
    further = compare_priming(
        MemoryBlocks.from_csr(sp.csr_array(rows.X)),
        pd.DataFrame({"symbol": rows.var_names}),
        rows.obs,
        pair="batch",
        baseline={"stage": "iMSC"},
    ).set_index("group")["verdict"]
    assert (further["osteogenic"] == "further").all()
    assert (further["iPSC"] == "not told apart").all()
