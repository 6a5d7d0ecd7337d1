"""A simulated cohort goes through the readers and quality control like a real one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from imscope.core.blocks import MemoryBlocks
from imscope.engine.ambient import estimate_ambient_from_empty
from imscope.engine.qc import apply_qc, compute_qc, suggest_qc
from imscope.io.counts import read_counts
from imscope.io.genes import gene_classes
from imscope.simulate import CohortSettings, simulate_cohort, write_cohort

SETTINGS = CohortSettings(imsc_lots=1, primary_donors=1, cells=250, genes=1500, troubled_lot=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    cohort = simulate_cohort(SETTINGS)
    return cohort, write_cohort(cohort, tmp_path_factory.mktemp("made") / "cohort")


def test_the_guard_lets_simulated_files_through_unchanged(made):
    cohort, sheet = made
    for row in pd.read_csv(sheet).itertuples():
        sample = cohort.samples[row.sample]
        with read_counts(sheet.parent / row.path) as data:
            assert data.kind == "counts"
            assert data.obs.index.tolist() == sample.cells["cell"].tolist()
            assert set(data.features["feature_id"]) == set(cohort.features["feature_id"])
            block = data.source.read(0, data.source.n_cells)
            totals = np.add.reduceat(block.data, block.indptr[:-1])
            np.testing.assert_array_equal(totals, sample.counts.sum(axis=1))


def test_every_simulated_gene_is_known_under_its_symbol(made):
    _, sheet = made
    with read_counts(sheet.parent / pd.read_csv(sheet).loc[0, "path"]) as data:
        want = pd.read_csv(sheet.parent / "truth" / "genes.tsv", sep="\t").set_index("feature_id")
        got = data.features.set_index("feature_id")["symbol"]
        same = got == want.loc[got.index, "symbol"]
        assert same.mean() > 0.98, got[~same].tolist()[:5]


def test_quality_control_removes_the_damaged_cells_and_keeps_the_good(made):
    cohort, sheet = made
    for row in pd.read_csv(sheet).itertuples():
        with read_counts(sheet.parent / row.path) as data:
            metrics = compute_qc(data.source, gene_classes(data.features))
        samples = [row.sample] * len(metrics)
        kept = apply_qc(metrics, samples, suggest_qc(metrics, samples)).keep
        state = cohort.samples[row.sample].cells["state"].to_numpy()
        assert kept[state == "good"].mean() > 0.95
        assert kept[state == "damaged"].mean() < 0.2


AMBIENT = CohortSettings(imsc_lots=2, primary_donors=1, cells=400, genes=2000, troubled_lot=2)


@pytest.mark.parametrize("seed", [7, 8])
def test_ambient_share_is_the_true_one_within_15_percent(seed):
    """True shares are 0.03, and 0.10 in the troubled lot; tolerance 15 % of the share."""
    cohort = simulate_cohort(replace(AMBIENT, seed=seed))
    for row in cohort.truth["samples"].itertuples():
        made = cohort.samples[row.sample]
        raw, cells = (MemoryBlocks.from_csr(m) for m in (made.droplet_counts, made.counts))
        subset = made.cells["subset"].to_numpy(str)
        for clusters in (subset, None):
            found = estimate_ambient_from_empty(raw, cells, clusters=clusters)
            assert found.fraction == pytest.approx(row.ambient_frac, rel=0.15), row.sample
            assert found.low < found.fraction < found.high < 1.25 * row.ambient_frac


def test_without_a_gene_foreign_to_the_cells_no_ambient_share_is_invented():
    cohort = simulate_cohort(replace(AMBIENT, ambient_blood=0.0))
    for made in cohort.samples.values():
        raw, cells = (MemoryBlocks.from_csr(m) for m in (made.droplet_counts, made.counts))
        subset = made.cells["subset"].to_numpy(str)
        for clusters in (subset, None):
            found = estimate_ambient_from_empty(raw, cells, clusters=clusters)
            assert np.isnan(found.fraction)
            assert found.status.startswith("not estimated")
