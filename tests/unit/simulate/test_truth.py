import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.simulate import true_components, true_index


def some_fractions(seed, n_cells, n_genes):
    rng = np.random.default_rng(seed)
    base = rng.gamma(0.8, 1.0, n_genes) + 0.05
    y = base * np.exp(rng.normal(0, 0.4, (n_cells, 2)) @ rng.normal(0, 0.5, (2, n_genes)))
    return y / y.sum(axis=1, keepdims=True), base / base.sum()


def textbook_pairs(y, p):
    """Half the mean squared chi-square distance over all pairs of cells."""
    n = len(y)
    total = sum(((y[c] - y[d]) ** 2 / p).sum() for c in range(n) for d in range(c))
    return total / (n * (n - 1))


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(4, 12), st.integers(2, 9))
def test_hi2_is_the_mean_distance_of_pairs(seed, n_cells, n_genes):
    y, p = some_fractions(seed, n_cells, n_genes)
    np.testing.assert_allclose(true_index(y, p).hi2, textbook_pairs(y, p))


def test_hi_c_is_the_trace_of_the_squared_covariance():
    y, p = some_fractions(3, 40_000, 8)
    covariance = np.cov((y / np.sqrt(p)).T)
    chunk = [true_index(part, p).hi_c ** 2 for part in np.array_split(y, 40)]
    np.testing.assert_allclose(np.mean(chunk), (covariance**2).sum(), rtol=0.03)


def test_equal_cells_have_no_heterogeneity():
    index = true_index(np.tile([0.2, 0.3, 0.5], (6, 1)), np.array([0.2, 0.3, 0.5]))
    assert index.hi2 == pytest.approx(0, abs=1e-20)


def test_components_of_a_balanced_design_are_those_of_a_textbook_anova():
    rng = np.random.default_rng(5)
    unit, run, cell = 7, 4, 30
    x = (
        rng.normal(0, 2, (unit, 1, 1))
        + rng.normal(0, 1, (unit, run, 1))
        + rng.normal(0, 3, (unit, run, cell))
    )
    run_mean, unit_mean = x.mean(axis=2), x.mean(axis=(1, 2))
    ms_cell = ((x - run_mean[..., None]) ** 2).sum() / (unit * run * (cell - 1))
    ms_run = cell * ((run_mean - unit_mean[:, None]) ** 2).sum() / (unit * (run - 1))
    ms_unit = run * cell * ((unit_mean - x.mean()) ** 2).sum() / (unit - 1)
    want = [(ms_unit - ms_run) / (run * cell), (ms_run - ms_cell) / cell, ms_cell]
    flat = x.reshape(unit * run, cell)
    got = true_components(
        flat.sum(axis=1)[:, None],
        (flat**2).sum(axis=1),
        [cell] * (unit * run),
        nesting=[[f"u{i // run}" for i in range(unit * run)], list(range(unit * run))],
    )
    np.testing.assert_allclose(got, want)
