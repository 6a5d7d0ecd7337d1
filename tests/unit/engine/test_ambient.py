import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.ambient import (
    _groups,
    estimate_ambient_from_empty,
    estimate_ambient_marker_free,
)
from imscope.simulate import CohortSettings, simulate_cohort


def library(ambient, within=5.0, cells=900):
    """One simulated library, its clusters and its soup in empty droplets."""
    settings = CohortSettings(
        **{"imsc_lots": 1, "primary_donors": 0, "cells": cells, "genes": 3000, "troubled_lot": 0},
        **{"ambient": ambient, "imsc_within": within, "doublets": 0.0, "damaged": 0.0},
    )
    sample = next(iter(simulate_cohort(settings).samples.values()))
    rng = np.random.default_rng(1)
    # the soup of the simulator is the mean of the cells; ambient RNA does not move that mean
    share = sample.counts.sum(axis=0) / sample.counts.sum()
    empties = sp.csr_array(rng.poisson(np.outer(rng.integers(5, 70, 1_500), share)))
    raw = sp.vstack([sample.counts, empties], format="csr")
    return MemoryBlocks.from_csr(sample.counts), MemoryBlocks.from_csr(raw)


@pytest.mark.parametrize("true", [0.03, 0.1])
def test_true_share_is_found_within_a_quarter(true):
    cells, raw = library(true)
    free = estimate_ambient_marker_free(cells, _groups(cells, 1))
    empty = estimate_ambient_from_empty(raw, cells)
    for result in (free, empty):
        assert 0.9 * true < result.fraction < 1.25 * true
        assert result.low < result.fraction < result.high
        assert result.high < 1.5 * true
        assert result.n_genes >= 10
        assert result.status.startswith("estimated from")


def test_without_soup_next_to_nothing_is_found():
    cells, raw = library(0.0)
    assert estimate_ambient_marker_free(cells, _groups(cells, 1)).fraction < 0.006
    assert estimate_ambient_from_empty(raw, cells).fraction < 0.006


@pytest.mark.parametrize("true", [0.0, 0.1])
def test_cells_alike_give_no_number(true):
    cells, raw = library(true, within=0.7)
    for result in (
        estimate_ambient_marker_free(cells, _groups(cells, 1)),
        estimate_ambient_from_empty(raw, cells),
    ):
        assert (result.fraction, result.low, result.high, result.n_genes) == (None, None, None, 0)
        assert result.status.startswith("not estimated: clusters do not differ enough")


def test_one_population_gives_no_number():
    rng = np.random.default_rng(0)
    profile = rng.dirichlet(np.full(800, 0.5))
    source = MemoryBlocks.from_csr(sp.csr_array(rng.multinomial(4000, profile, 300)))
    one = estimate_ambient_marker_free(source, np.zeros(300, int))
    assert one.status == "not estimated: one population only"
    # clusters of nothing but noise, and a second cluster too small to count
    drawn = estimate_ambient_marker_free(source, rng.integers(0, 4, 300))
    assert drawn.fraction is None
    small = estimate_ambient_marker_free(source, np.arange(300) < 19)
    assert small.status == "not estimated: one population only"


def test_threads_change_no_digit():
    cells, _ = library(0.1, cells=300)
    labels = _groups(cells, 1)
    np.testing.assert_array_equal(labels, _groups(cells, 2))
    one = estimate_ambient_marker_free(cells, labels, threads=1)
    assert one == estimate_ambient_marker_free(cells, labels, threads=2)


def test_a_given_profile_is_used():
    cells, _ = library(0.1)
    labels = _groups(cells, 1)
    own = estimate_ambient_marker_free(cells, labels)
    share = np.bincount(cells.indices, cells.data, minlength=cells.n_features)
    assert estimate_ambient_marker_free(cells, labels, profile=share) == own
    assert estimate_ambient_marker_free(cells, labels, profile=share**2) != own


def test_too_few_droplets_counts_or_genes_give_no_number():
    cells, raw = library(0.1, cells=100)
    few = MemoryBlocks.from_csr(sp.csr_array(np.eye(250, cells.n_features, dtype=int)))
    assert "fewer than 10,000" in estimate_ambient_from_empty(few, cells).status
    assert "0 empty droplets" in estimate_ambient_from_empty(cells, cells).status
    thin = MemoryBlocks.from_csr(sp.csr_array(np.ones((80, 40), dtype=int)))
    assert (
        "genes have enough counts" in estimate_ambient_marker_free(thin, np.arange(80) % 2).status
    )
    blank = MemoryBlocks.from_csr(sp.csr_array((80, 40), dtype=int))
    assert estimate_ambient_marker_free(blank, np.arange(80) % 2).fraction is None
    lone = MemoryBlocks(cells.indptr[:11], cells.indices, cells.data, cells.n_features)
    assert "10 cells" in estimate_ambient_from_empty(raw, lone).status


def test_wrong_use_is_named():
    source = MemoryBlocks.from_csr(sp.csr_array(np.ones((60, 5), dtype=int)))
    with pytest.raises(DataError, match="every cell needs a cluster"):
        estimate_ambient_marker_free(source, [0, 1])
    with pytest.raises(DataError, match="one share per feature"):
        estimate_ambient_marker_free(source, np.arange(60) % 2, profile=[1.0])
    other = MemoryBlocks.from_csr(sp.csr_array(np.ones((60, 6), dtype=int)))
    with pytest.raises(DataError, match="same features"):
        estimate_ambient_from_empty(other, source)
