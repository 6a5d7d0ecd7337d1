import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imscope.engine.on_off import (
    gamma_poisson_log,
    on_off_log_likelihood,
    pooled_rates,
    update_rates,
)


@given(st.integers(0, 2000), st.floats(1e-4, 500), st.floats(0.05, 50))
def test_matches_the_negative_binomial_of_scipy(x, m, a):
    want = stats.nbinom.logpmf(x, a, a / (a + m))
    got = gamma_poisson_log(np.array([float(x)]), np.array([m]), a)[0]
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)


def test_ambient_of_a_silent_gene_is_nearly_poisson():
    counts = np.arange(8.0)[:, None]
    depth = np.full(8, 10_000.0)
    _, off = on_off_log_likelihood(counts, depth, pooled_rates(1, off=1e-6), ambient=2.0)
    np.testing.assert_allclose(off[:, 0], stats.poisson.logpmf(np.arange(8), 2.0), atol=1e-4)


def test_evidence_grows_with_counts_and_with_depth_at_zero():
    counts = np.array([[0.0], [1.0], [5.0]])
    on, off = on_off_log_likelihood(counts, np.full(3, 5000.0), pooled_rates(1))
    assert (np.diff((on - off)[:, 0]) > 0).all()
    on, off = on_off_log_likelihood(np.zeros((3, 1)), np.array([100, 1e3, 1e4]), pooled_rates(1))
    assert (np.diff((on - off)[:, 0]) < 0).all()


def test_rates_move_to_what_many_cells_show_and_stay_for_few():
    start = pooled_rates(1)
    for n, low, high in ((5_000, 7.9, 8.0), (1, 3.0, 3.3)):
        counts, depth = np.full((n, 1), 8.0), np.full(n, 10_000.0)
        assert low <= update_rates(start, counts, depth, np.ones((n, 1))).on[0] <= high
