import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import DataError, UsageError
from imscope.core.schema import DESIGN_FACTORS, SOURCE_CLASSES
from imscope.simulate import CohortSettings, simulate_cohort, true_index, true_indices
from imscope.simulate.genes import STATES, gene_model
from imscope.simulate.indices import MIN_SHARE
from imscope.simulate.latent import latent_cells
from imscope.simulate.settings import cohort_design

SMALL = CohortSettings(imsc_lots=2, primary_donors=2, cells=150, genes=1500, troubled_lot=2, seed=4)


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort(SMALL)


def estimate(sample, truth):
    """Noise-corrected inertia of the counts of the good cells: the estimator's textbook."""
    genes = truth["genes"]
    kept = genes["kept"].to_numpy()
    x = sample.counts.toarray()[(sample.cells["state"] == "good").to_numpy()][:, kept]
    total = x.sum(axis=1, keepdims=True)
    y = x / total
    bracket = y.var(axis=0, ddof=1) - (y * (1 - y) / (total - 1)).mean(axis=0)
    inside = genes["universe"].to_numpy()[kept]
    return (bracket / genes["reference"].to_numpy()[kept])[inside].sum()


def test_counts_estimate_the_true_value(cohort):
    for row in cohort.truth["samples"].itertuples():
        got = estimate(cohort.samples[row.sample], cohort.truth)
        assert got == pytest.approx(row.hi2_library, rel=0.12)


def test_more_counts_come_closer():
    settings = CohortSettings(
        imsc_lots=1, primary_donors=0, cells=120, genes=1000, depth=60_000, troubled_lot=0
    )
    deep = simulate_cohort(settings)
    want = deep.truth["samples"].loc[0, "hi2_library"]
    assert estimate(deep.samples["iMSC_L1"], deep.truth) == pytest.approx(want, rel=0.01)


def test_ambient_pulls_cells_together(cohort):
    truth = cohort.truth["samples"]
    clean = truth["hi2"] * (1 - truth["ambient_frac"]) ** 2
    np.testing.assert_allclose(truth["hi2_library"], clean, rtol=0.02)


def test_truth_is_recomputable_from_the_hidden_cells(cohort):
    design = cohort_design(SMALL)[1]
    genes = gene_model(SMALL.genes, SMALL.seed)
    y = latent_cells(design, genes, SMALL).fractions[:, genes.kept].astype(float)
    y /= y.sum(axis=1, keepdims=True)
    table = cohort.truth["genes"]
    reference = table["reference"].to_numpy()[genes.kept]
    inside = reference >= MIN_SHARE
    np.testing.assert_array_equal(inside, table["universe"].to_numpy()[genes.kept])
    want = cohort.truth["samples"].set_index("sample").loc[design.sample]
    got = true_index(y[:, inside], reference[inside]).hi2
    assert got == pytest.approx(want["hi2"], rel=1e-12)


def test_arms_with_equal_knobs_differ_only_by_chance_and_others_by_the_square():
    knobs = {"imsc_lots": 3, "primary_donors": 3, "cells": 100, "genes": 1000, "cycling": 0.0}
    ratios = []
    for within in (1.0, 0.5):
        settings = CohortSettings(
            **knobs, imsc_within=within, imsc_among=1.0, troubled_lot=0, unit_effect=0.0
        )
        table = simulate_cohort(settings).truth["samples"]
        mean = table.groupby("source_class")["hi2"].mean()
        ratios.append(mean["iMSC"] / mean["primary_MSC"])
    assert ratios[0] == pytest.approx(1.0, rel=0.35)
    assert ratios[1] < 0.35


def test_states_and_shares_are_as_asked(cohort):
    truth = cohort.truth["samples"].set_index("sample")
    for name, sample in cohort.samples.items():
        good = sample.cells[sample.cells["state"] == "good"]
        assert len(good) == SMALL.cells
        share = good["subset"].value_counts(normalize=True)
        for state in STATES:
            assert truth.loc[name, f"subset_{state}"] == pytest.approx(share.get(state, 0.0))
        assert sample.counts.shape == (len(sample.cells), SMALL.genes)
        assert sample.cells["cell"].is_unique
        assert sample.counts.data.min() > 0
    assert truth.loc["iMSC_L2", "doublet_frac"] > 2 * truth.loc["iMSC_L1", "doublet_frac"]
    assert truth.loc["iMSC_L2", "ambient_frac"] == SMALL.troubled_ambient


def test_damaged_cells_are_small_and_mitochondrial(cohort):
    sample = cohort.samples["MSC_D1"]
    mito = cohort.features["symbol"].str.startswith("MT-").to_numpy()
    total = sample.counts.sum(axis=1)
    share = sample.counts[:, np.flatnonzero(mito)].sum(axis=1) / total
    damaged = (sample.cells["state"] == "damaged").to_numpy()
    good = (sample.cells["state"] == "good").to_numpy()
    assert np.median(share[damaged]) > 3 * np.median(share[good])
    assert np.median(total[damaged]) < np.median(total[good]) / 2


def test_same_seed_same_cohort_other_seed_other_cohort(cohort):
    again = simulate_cohort(SMALL)
    for name, sample in cohort.samples.items():
        assert (sample.counts != again.samples[name].counts).nnz == 0
    for name, table in cohort.truth.items():
        pd.testing.assert_frame_equal(table, again.truth[name])
    other = simulate_cohort(CohortSettings(**{**SMALL.__dict__, "seed": 5}))
    first = next(iter(cohort.samples))
    assert (cohort.samples[first].counts != other.samples[first].counts).nnz > 0


def test_sheet_uses_declared_factors_and_classes(cohort):
    known = {"sample", "simulated", *DESIGN_FACTORS}
    assert set(cohort.sheet.columns) <= known
    assert set(cohort.sheet["source_class"]) <= set(SOURCE_CLASSES)
    one_clone = cohort.sheet.loc[cohort.sheet["source_class"] == "iMSC", "clone"]
    assert one_clone.nunique() == 1
    assert cohort.sheet.groupby("source_class")["batch"].nunique().eq(2).all()


def test_runs_give_a_nested_level():
    settings = CohortSettings(
        imsc_lots=2, primary_donors=0, runs=2, cells=40, genes=1000, troubled_lot=0
    )
    cohort = simulate_cohort(settings)
    assert cohort.truth["components"]["level"].tolist() == ["unit", "run", "cell"]
    assert list(cohort.samples) == ["iMSC_L1_r1", "iMSC_L1_r2", "iMSC_L2_r1", "iMSC_L2_r2"]


@pytest.mark.parametrize(
    "knobs", [{"cells": 1}, {"ambient": 1.0}, {"imsc_lots": 0, "primary_donors": 0}, {"genes": 10}]
)
def test_impossible_settings_are_refused(knobs):
    with pytest.raises(UsageError):
        simulate_cohort(CohortSettings(**knobs))


def test_truth_on_the_terms_of_a_run(cohort):
    genes = cohort.truth["genes"]
    same = true_indices(
        SMALL,
        kept=genes["kept"].to_numpy(),
        reference=genes["reference"].to_numpy(),
        universe=genes["universe"].to_numpy(),
    )
    pd.testing.assert_series_equal(same["samples"]["hi2"], cohort.truth["samples"]["hi2"])
    half = genes["universe"].to_numpy() & (np.arange(SMALL.genes) % 2 == 0)
    rest = genes["universe"].to_numpy() & ~half
    parts = [true_indices(SMALL, universe=part)["samples"]["hi2"] for part in (half, rest)]
    np.testing.assert_allclose(parts[0] + parts[1], cohort.truth["samples"]["hi2"])


def test_genes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="3 entries for 1500 genes"):
        true_indices(SMALL, kept=np.ones(3, dtype=bool))
    with pytest.raises(DataError, match="not kept"):
        true_indices(SMALL, universe=np.ones(SMALL.genes, dtype=bool))
