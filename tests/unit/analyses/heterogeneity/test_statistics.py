import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.analyses.heterogeneity.statistics import hi2, jackknife_interval, unit_interval


def textbook(counts, reference, genes):
    """The formula of the index, cell by cell."""
    depth = counts.sum(1, keepdims=True).astype(float)
    y = counts / depth
    v = y.var(0, ddof=1) - (y * (1 - y) / (depth - 1)).mean(0)
    return (v[genes] / reference[genes]).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_hi2_of_any_units_is_the_textbook(sim_module, seed):
    sim = sim_module
    rng = np.random.default_rng(seed)
    p = sim.profile(rng, 80)
    sizes = rng.integers(20, 40, 3)
    counts = sim.draw(rng, sim.vary(rng, p, sizes.sum(), 0.3), rng.integers(200, 900, sizes.sum()))
    samples = np.repeat(["a", "b", "c"], sizes)
    h = sim.cohort(counts, {"sample": samples})
    ref, genes = h.universes[0].reference, h.universes[0].genes
    means = [
        (counts[samples == s] / counts[samples == s].sum(1, keepdims=True)).mean(0) for s in "abc"
    ]
    np.testing.assert_allclose(ref, np.mean(means, 0), rtol=1e-12)
    for wanted in (["a"], ["b", "c"], ["a", "b", "c"]):
        strata = np.flatnonzero(h.strata["sample"].isin(wanted))
        units = np.isin(h.stratum, strata)
        got = hi2(h.all_genes, units.astype(float))[0]
        want = textbook(counts[np.isin(samples, wanted)], ref, genes)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_weights_are_copies_of_units(sim):
    rng = np.random.default_rng(0)
    p = sim.profile(rng, 60)
    counts = sim.draw(rng, sim.vary(rng, p, 60, 0.3), 500)
    samples = np.repeat(["a", "b"], 30)
    h = sim.cohort(counts, {"sample": samples})
    times = np.where(h.strata["sample"].to_numpy()[h.stratum] == "a", 2.0, 1.0)
    twice = np.vstack([counts[:30], counts])
    want = textbook(twice, h.universes[0].reference, h.universes[0].genes)
    np.testing.assert_allclose(hi2(h.all_genes, times)[0], want, rtol=1e-9)


def test_jackknife_of_a_mean_is_the_t_interval():
    from scipy.stats import t

    x = np.array([3.1, 4.0, 2.2, 5.5, 3.9])
    got = jackknife_interval(lambda w: -(w @ x) / w.sum(1), 5)  # negative: no log scale
    half = t.ppf(0.975, 4) * x.std(ddof=1) / np.sqrt(5)
    np.testing.assert_allclose([got.low, got.high], [-x.mean() - half, -x.mean() + half])
    assert got.method == "5 units, jackknife"


@pytest.mark.parametrize(("n", "word"), [(5, "jackknife"), (6, "bootstrap")])
def test_six_units_make_a_bootstrap(n, word):
    x = np.arange(1.0, n + 1)
    rng = np.random.default_rng(0)
    got = unit_interval(lambda w: (w @ x) / w.sum(1), n, rng=rng, replicates=200)
    assert word in got.method
    assert got.low < x.mean() < got.high


def test_two_units_give_no_interval():
    got = jackknife_interval(lambda w: w.sum(1), 2)
    assert np.isnan(got.low)
    assert got.method == "none: 2 units"
