"""A simulated cohort goes through the readers and quality control like a real one."""

import numpy as np
import pandas as pd
import pytest

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
