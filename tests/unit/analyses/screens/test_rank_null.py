import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc

from imscope.analyses.screens import aggregate_ranks, rank_p_values


def textbook(u, alpha):
    u = sorted(u)
    n = len(u)
    return min(betainc(k, n - k + 1, v) for k, v in enumerate(u, 1) if k == 1 or v <= alpha)


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=9), st.floats(0.05, 0.9))
def test_the_score_is_the_textbook_one(u, alpha):
    got = aggregate_ranks(np.array(u), np.zeros(len(u), dtype=int), alpha)
    np.testing.assert_allclose(got.rho, textbook(u, alpha), rtol=1e-12)
    assert got.good[0] == sum(v <= alpha for v in u)


@pytest.mark.parametrize(("n", "alpha"), [(1, 0.25), (3, 0.25), (4, 0.6), (10, 0.33)])
def test_the_null_is_that_of_random_draws(n, alpha):
    rng = np.random.default_rng(n)
    draws = 60_000
    got = aggregate_ranks(rng.random(draws * n), np.repeat(np.arange(draws), n), alpha)
    for level in (0.5, 0.05, 0.01):
        error = np.sqrt(level * (1 - level) / draws)
        assert abs((got.p_value <= level).mean() - level) < 4 * error


def test_small_p_values_keep_their_digits_and_their_order():
    p = rank_p_values(np.geomspace(1e-40, 1, 30), 8, 0.3)
    assert (np.diff(p) > 0).all()
    assert 0 < p[0] < 1e-38
    np.testing.assert_allclose(p[-1], 1.0)


def test_many_guides_are_read_off_a_grid_that_is_close():
    rho = np.geomspace(1e-9, 0.9, 300)
    table = rank_p_values(rho, 45, 0.3)
    exact = np.array([rank_p_values(np.array([r]), 45, 0.3)[0] for r in rho[::60]])
    np.testing.assert_allclose(table[::60], exact, rtol=1e-3)


def test_controls_make_the_null():
    rng = np.random.default_rng(0)
    control = rng.beta(0.5, 1, 300)  # controls that rank high by themselves
    draws = rng.choice(control, (20_000, 3))
    got = aggregate_ranks(draws.ravel(), np.repeat(np.arange(20_000), 3), 0.3, control=control)
    assert 0.045 < (got.p_value <= 0.05).mean() < 0.055
    far = aggregate_ranks(np.full(3, 1e-6), np.zeros(3, dtype=int), 0.3, control=control)
    assert 0 < far.p_value[0] < 1e-6
