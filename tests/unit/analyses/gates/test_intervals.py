import numpy as np
import pytest

from imscope.analyses.gates.intervals import donor_intervals, predict_donor, purity_interval


@pytest.mark.parametrize("n_donors", [2, 3, 4])
def test_predictive_interval_covers_a_new_donor(n_donors):
    rng = np.random.default_rng(n_donors)
    hit = 0
    for _ in range(200):
        sd = rng.uniform(0.3, 1.2)
        truth = 1 / (1 + np.exp(-rng.normal(rng.normal(1.5, 0.8), sd, n_donors + 1)))
        n = rng.integers(80, 500, n_donors)
        k = rng.binomial(n, truth[:-1])
        low, high = np.quantile(predict_donor(k, n, 500, rng), [0.025, 0.975])
        hit += low <= truth[-1] <= high
    assert 0.89 <= hit / 200 <= 0.995


def test_five_donors_resample_donors():
    tp, fp = np.array([90, 80, 95, 60, 85]), np.array([10, 20, 5, 40, 15])
    i = purity_interval(tp, fp, [100] * 5, [900] * 5)
    assert i.kind == "donors resampled"
    assert i.low < tp.sum() / (tp + fp).sum() < i.high
    spread = purity_interval(tp * 10, fp * 10, [1000] * 5, [9000] * 5)
    assert spread.high - spread.low > 0.6 * (i.high - i.low)  # more cells do not replace donors


def test_one_donor_and_nothing_inside():
    one = purity_interval([90], [10], [100], [900])
    assert one.kind == "one donor: no claim about others"
    assert one.low < 0.9 < one.high
    assert np.isnan(purity_interval([0, 0], [0, 0], [9, 9], [9, 9]).low)


def test_purity_interval_moves_with_prevalence():
    at = [
        purity_interval([90, 85], [20, 30], [100, 100], [900, 900], prevalence=p)
        for p in (0.01, 0.5)
    ]
    assert at[0].high < at[1].high
    assert at[0].low < at[1].low


def test_jeffreys_interval_of_a_donor():
    from scipy.stats import beta

    low, high = donor_intervals([7, 0, 10], [10, 10, 10])
    assert low[0] == pytest.approx(beta.ppf(0.025, 7.5, 3.5))
    assert (low[1], high[2]) == (0, 1)
