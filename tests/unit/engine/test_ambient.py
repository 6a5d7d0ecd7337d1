import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.ambient import estimate_ambient_from_empty, estimate_ambient_marker_free


def soup(fraction, n_types=3, n=600, seed=0):
    """Cells of types with private genes, a known share of each replaced by the mean profile."""
    rng = np.random.default_rng(seed)
    rates = np.tile(rng.lognormal(0, 1, 300), (n_types, 1))
    if n_types > 1:
        for t in range(n_types):
            for other in range(n_types):
                if other != t:
                    rates[t, other * 30 : (other + 1) * 30] = 0
    rates /= rates.sum(axis=1, keepdims=True)
    kind = np.arange(n) % n_types
    profile = rates.mean(axis=0)
    counts = rng.poisson(2_000 * ((1 - fraction) * rates[kind] + fraction * profile))
    empty = rng.poisson(30 * np.tile(profile, (2_000, 1)))
    return sp.csr_array(counts), kind, sp.csr_array(empty), profile


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.25])
def test_known_share_is_found_without_and_with_empty_droplets(fraction):
    counts, kind, empty, profile = soup(fraction)
    cells = MemoryBlocks.from_csr(counts)
    raw = MemoryBlocks.from_csr(sp.vstack([counts, empty]))
    for result in (
        estimate_ambient_marker_free(cells, kind),
        estimate_ambient_from_empty(raw, cells, clusters=kind),
    ):
        assert result.fraction == pytest.approx(fraction, rel=0.12)
        assert result.low < result.fraction < result.high
        np.testing.assert_allclose(result.profile, profile, atol=3e-3)


def test_a_clean_library_is_near_zero():
    counts, kind, _, _ = soup(0.0)
    result = estimate_ambient_marker_free(MemoryBlocks.from_csr(counts), kind)
    assert result.fraction == 0
    assert 0 < result.high < 0.002


def test_one_population_is_not_estimated():
    counts, _, empty, _ = soup(0.1, n_types=1)
    cells = MemoryBlocks.from_csr(counts)
    rng = np.random.default_rng(2)
    for clusters in (None, np.zeros(600), rng.integers(0, 3, 600)):
        result = estimate_ambient_marker_free(cells, clusters)
        assert np.isnan(result.fraction)
        assert result.status.startswith("not estimated")
    raw = MemoryBlocks.from_csr(sp.vstack([counts, empty]))
    assert np.isnan(estimate_ambient_from_empty(raw, cells).fraction)


def test_too_few_empty_droplets_are_not_used():
    counts, kind, empty, _ = soup(0.1)
    raw = MemoryBlocks.from_csr(sp.vstack([counts, empty[:50]]))
    result = estimate_ambient_from_empty(raw, MemoryBlocks.from_csr(counts), clusters=kind)
    assert "10000 are needed" in result.status


def test_lengths_must_agree():
    counts, kind, _, _ = soup(0.1)
    with pytest.raises(DataError, match="one cluster"):
        estimate_ambient_marker_free(MemoryBlocks.from_csr(counts), kind[:-1])


def graded(ambient, within=5.0):
    """A simulated lot whose subsets differ by degrees, not by genes that are on or off."""
    from imscope.simulate import CohortSettings, simulate_cohort

    settings = CohortSettings(
        **{"imsc_lots": 1, "primary_donors": 0, "cells": 900, "genes": 3000, "troubled_lot": 0},
        **{"ambient": ambient, "imsc_within": within, "doublets": 0.0, "damaged": 0.0},
    )
    sample = next(iter(simulate_cohort(settings).samples.values()))
    cells = sample.cells[["subset", "phase", "senescent"]].astype(str).agg(" ".join, axis=1)
    return MemoryBlocks.from_csr(sample.counts), cells.to_numpy()


@pytest.mark.parametrize("true", [0.03, 0.1])
def test_share_is_found_within_two_fifths_where_subsets_differ_by_degrees(true):
    source, groups = graded(true)
    result = estimate_ambient_marker_free(source, groups)
    assert 0.95 * true < result.fraction < 1.4 * true
    assert result.n_genes >= 10


def test_without_soup_next_to_nothing_is_found_where_subsets_differ_by_degrees():
    source, groups = graded(0.0)
    assert estimate_ambient_marker_free(source, groups).fraction < 0.01


@pytest.mark.parametrize("true", [0.0, 0.1])
def test_subsets_too_alike_give_no_number(true):
    source, groups = graded(true, within=0.7)
    result = estimate_ambient_marker_free(source, groups)
    assert np.isnan(result.fraction)
    assert result.status.startswith("not estimated")
