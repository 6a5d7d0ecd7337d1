import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, UsageError
from imscope.engine.doublets import score_doublets, suggest_threshold
from imscope.simulate import CohortSettings, simulate_cohort


def pooled(unit_effect, n_doublets=50, seed=3):
    """Cells of three donors in one library, with doublets of known parents."""
    settings = CohortSettings(
        **{"imsc_lots": 0, "primary_donors": 3, "cells": 220, "genes": 1500, "seed": seed},
        **{"unit_effect": unit_effect, "doublets": 0.0, "damaged": 0.0},
    )
    samples = simulate_cohort(settings).samples.values()
    counts = sp.vstack([s.counts for s in samples], format="csr")
    donor = np.repeat(np.arange(3), [s.counts.shape[0] for s in samples])
    a, b = np.random.default_rng(seed).integers(0, len(donor), (2, n_doublets))
    both = sp.vstack([counts, counts[a] + counts[b]], format="csr")
    none = np.zeros(len(donor), dtype=bool)
    is_doublet = np.concatenate([none, np.ones(n_doublets, dtype=bool)])
    unlike = np.concatenate([none, donor[a] != donor[b]])
    return MemoryBlocks.from_csr(both), is_doublet, unlike


@pytest.fixture(scope="module")
def distinct():
    return pooled(0.8)


def test_doublets_of_unlike_cells_are_called_and_single_cells_are_not(distinct):
    source, is_doublet, unlike = distinct
    result = score_doublets(source, ["x"] * source.n_cells)
    assert result.called[unlike].mean() > 0.9
    assert result.called[~is_doublet].mean() < 0.01
    assert roc_auc_score(unlike, result.score) > 0.97
    row = result.table.iloc[0]
    assert row["status"].startswith("called")
    assert row["rate"] == pytest.approx(result.called.mean())
    assert (result.score[result.called] > row["threshold"]).all()


def test_in_a_uniform_library_no_cell_is_called():
    source, is_doublet, _ = pooled(0.0)
    result = score_doublets(source, ["x"] * source.n_cells)
    assert not result.called.any()
    assert result.table["status"].item().startswith("none called")
    assert roc_auc_score(is_doublet, result.score) > 0.75


def test_without_doublets_next_to_none_is_called():
    source, is_doublet, _ = pooled(0.8, n_doublets=1)
    result = score_doublets(source, ["x"] * source.n_cells)
    assert result.called[~is_doublet].mean() < 0.01


def test_threads_and_other_samples_change_no_digit(distinct):
    source, _, _ = distinct
    n = source.n_cells
    alone = score_doublets(source, ["x"] * n, seed=4, threads=1)
    two = score_doublets(source, ["x"] * n, seed=4, threads=2)
    np.testing.assert_array_equal(alone.score, two.score)
    rng = np.random.default_rng(0)
    other = sp.csr_array(rng.poisson(1.0, (60, source.n_features)))
    own = sp.csr_array((source.data, source.indices, source.indptr), (n, source.n_features))
    joined = MemoryBlocks.from_csr(sp.vstack([other, own], format="csr"))
    both = score_doublets(joined, ["y"] * 60 + ["x"] * n, seed=4)
    np.testing.assert_array_equal(both.score[60:], alone.score)
    assert not np.array_equal(alone.score, score_doublets(source, ["x"] * n, seed=5).score)


def test_a_higher_expected_rate_moves_scores_and_threshold_alike(distinct):
    source, _, _ = distinct
    low, high = (
        score_doublets(source, ["x"] * source.n_cells, expected_rate=r) for r in (0.01, 0.1)
    )
    assert (high.score > low.score).all()
    np.testing.assert_array_equal(high.called, low.called)
    odds = [r.score / (1 - r.score) for r in (low, high)]
    np.testing.assert_allclose(odds[1] / odds[0], (0.1 / 0.9) / (0.01 / 0.99))


def test_expected_rate_by_default_is_eight_per_thousand_per_thousand_cells(distinct):
    source, _, _ = distinct
    table = score_doublets(source, ["x"] * source.n_cells).table
    assert table["rate_expected"].item() == pytest.approx(0.008 * source.n_cells / 1000)


def test_small_samples_are_not_estimated_and_the_others_are(distinct):
    source, _, _ = distinct
    names = ["small"] * 49 + ["x"] * (source.n_cells - 49)
    result = score_doublets(source, names)
    status = result.table.set_index("sample")["status"]
    assert status["small"] == "not estimated: 49 cells, fewer than 50"
    assert np.isnan(result.score[:49]).all()
    assert not result.called[:49].any()
    assert np.isfinite(result.score[49:]).all()


def test_cells_without_any_difference_are_not_estimated():
    source = MemoryBlocks.from_csr(sp.csr_array(np.full((60, 8), 2)))
    result = score_doublets(source, ["x"] * 60)
    assert result.table["status"].item().startswith("not estimated: no gene varies")
    assert np.isnan(result.score).all()


def test_large_samples_are_scored_in_parts(distinct, monkeypatch):
    source, is_doublet, unlike = distinct
    monkeypatch.setattr("imscope.engine.doublets.PART", 400)
    result = score_doublets(source, ["x"] * source.n_cells)
    assert roc_auc_score(unlike, result.score) > 0.95
    assert result.called[~is_doublet].mean() < 0.02


def test_a_threshold_needs_two_humps():
    rng = np.random.default_rng(1)
    logits = np.concatenate([rng.normal(-3, 0.4, 800), rng.normal(0, 0.4, 200)])
    threshold, status = suggest_threshold(1 / (1 + np.exp(-logits)))
    assert -2.2 < np.log(threshold / (1 - threshold)) < -0.8
    assert status.startswith("called: 20 %")
    for flat in (np.full(10, 0.2), 1 / (1 + np.exp(-rng.normal(-3, 1, 1000)))):
        threshold, status = suggest_threshold(flat)
        assert np.isnan(threshold)
        assert status.startswith("none called")


def test_wrong_use_is_named(distinct):
    source, _, _ = distinct
    with pytest.raises(DataError, match="every cell needs a sample"):
        score_doublets(source, ["x"])
    with pytest.raises(UsageError, match="expected doublet rate"):
        score_doublets(source, ["x"] * source.n_cells, expected_rate=0.5)
