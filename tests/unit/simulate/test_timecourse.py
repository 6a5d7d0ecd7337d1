import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import UsageError
from imscope.evidence.gene_sets import load
from imscope.simulate import TimecourseSettings, simulate_timecourse, write_cohort
from imscope.simulate.timecourse_genes import ALSO_NAMED, STAGE_GENES
from imscope.simulate.timecourse_settings import angioblast_share

SMALL = {"lots": 2, "cells": 60, "genes": 1500, "empty_droplets": 40, "days": (0, 2, 14)}


@pytest.fixture(scope="module")
def made():
    return simulate_timecourse(TimecourseSettings(**SMALL, spike_frac=0.05))


def test_same_seed_same_counts_and_another_seed_others(made):
    again = simulate_timecourse(TimecourseSettings(**SMALL, spike_frac=0.05))
    other = simulate_timecourse(TimecourseSettings(**SMALL, spike_frac=0.05, seed=1))
    one = made.samples["d2_L1"].counts
    assert (one != again.samples["d2_L1"].counts).nnz == 0
    assert (one != other.samples["d2_L1"].counts).nnz > 0


def test_the_window_rises_peaks_falls_to_a_quarter_and_is_gone():
    s = TimecourseSettings(peak_frac=0.4)
    got = [angioblast_share(d, s) for d in (0, 1, 2, 3, 4, 9)]
    np.testing.assert_allclose(got, [0, 0.16, 0.4, 0.1, 0, 0])


def test_truth_tables_count_the_cells(made):
    facts = made.truth["samples"].set_index("sample")
    for name, sample in made.samples.items():
        good = sample.cells[sample.cells["state"] == "good"]
        assert facts.loc[name, "pluripotent"] == (good["stage"] == "pluripotent").mean()
        assert len(sample.droplets) == len(sample.cells) + 40
    assert facts.loc["d14_L1", "spike_cells"] == 3
    assert facts.loc["d0_L1", "pluripotent"] == 1.0
    assert facts.loc["d0_L1", "spike_cells"] == 0


def test_a_gain_is_in_one_lot_and_one_and_a_half_fold(made):
    facts = made.truth["samples"].set_index("lot")["gained_frac"]
    assert facts["L1"].unique().tolist() == [0.2]
    assert facts["L2"].unique().tolist() == [0.0]
    big = TimecourseSettings(days=(14,), lots=1, cells=300, genes=2500, gain_frac=0.5, doublets=0)
    series = simulate_timecourse(big)
    sample = series.samples["d14_L1"]
    arm = series.truth["genes"]["gained"].to_numpy()
    share = sample.counts[:, np.flatnonzero(arm)].sum(axis=1) / sample.counts.sum(axis=1)
    gained = sample.cells["gained"].to_numpy(dtype=bool)
    assert 1.3 < share[gained].mean() / share[~gained].mean() < 1.55


def test_only_mesenchymoangioblasts_have_all_three_genes():
    series = simulate_timecourse(
        TimecourseSettings(days=(2,), lots=1, cells=400, genes=1500, depth=40_000, ambient=0.0)
    )
    sample = series.samples["d2_L1"]
    at = series.features["symbol"].isin(["APLNR", "PDGFRA", "KDR"]).to_numpy()
    seen = (sample.counts[:, np.flatnonzero(at)].toarray() > 1).all(axis=1)
    good = (sample.cells["state"] == "good").to_numpy()
    angioblast = (sample.cells["stage"] == "mesenchymoangioblast").to_numpy()
    assert seen[good & angioblast].mean() > 0.8
    assert seen[good & ~angioblast].mean() < 0.02


def test_stage_genes_stand_in_the_bundled_sets():
    known = {g for s in load().values() for g in s.genes}
    named = set(ALSO_NAMED)  # late muscle genes, with their sources in the stage panel
    assert named <= set(STAGE_GENES["smooth_muscle"])
    assert {g for genes in STAGE_GENES.values() for g in genes} <= known | named


def test_late_genes_take_the_places_of_unnamed_ones(made):
    names = made.features.set_index("symbol")["feature_id"]
    assert names[list(ALSO_NAMED)].to_dict() == ALSO_NAMED
    assert names.index.is_unique


def test_files_are_written_with_a_sheet_that_names_the_days(made, tmp_path):
    sheet = pd.read_csv(write_cohort(made, tmp_path / "series"))
    assert sheet["day"].tolist() == [0, 0, 2, 2, 14, 14]
    assert {"lot", "clone", "passage", "population_doublings"} <= set(sheet.columns)
    assert (tmp_path / "series" / "truth" / "samples.tsv").exists()


@pytest.mark.parametrize(
    "wrong", [{"days": ()}, {"cells": 3}, {"ambient": 1.5}, {"days": (1, 1)}, {"gain_arm": "99q"}]
)
def test_impossible_series_are_refused(wrong):
    with pytest.raises(UsageError):
        simulate_timecourse(TimecourseSettings(**{**SMALL, **wrong}))


def test_another_arm_needs_a_mapping():
    arm = dict.fromkeys(["VIM", "ACTB", "GAPDH"], "1q")
    series = simulate_timecourse(TimecourseSettings(**SMALL, gain_arm="1q"), gene_arm=arm)
    assert series.truth["genes"].query("gained")["symbol"].isin(list(arm)).all()
