import numpy as np
import pytest

from imscope.analyses.gates.intervals import (
    donor_intervals,
    predict_donor,
    purity_interval,
    recall_interval,
)


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


@pytest.mark.parametrize("n_donors", [5, 8, 20])
def test_the_interval_speaks_of_a_new_donor_whatever_the_number_of_donors(n_donors):
    rng = np.random.default_rng(n_donors)
    hits = {"purity": 0, "recall": 0}
    for seed in range(150):
        share, keep = (
            1 / (1 + np.exp(-rng.normal(rng.normal(2, 0.8), rng.uniform(0.4, 1.5), n_donors + 1)))
            for _ in range(2)
        )
        n_target, inside = rng.integers(80, 500, n_donors), rng.integers(80, 500, n_donors)
        tp = rng.binomial(inside, share[:-1])
        purity = purity_interval(tp, inside - tp, n_target + inside, [900] * n_donors, seed=seed)
        recall = recall_interval(rng.binomial(n_target, keep[:-1]), n_target, seed=seed)
        assert purity.kind == recall.kind == "a new donor"
        hits["purity"] += purity.low <= share[-1] <= purity.high
        hits["recall"] += recall.low <= keep[-1] <= recall.high
    assert all(0.89 <= k / 150 <= 0.995 for k in hits.values()), hits


def test_more_cells_do_not_replace_donors():
    tp, fp = np.array([90, 80, 95, 60, 85]), np.array([10, 20, 5, 40, 15])
    i = purity_interval(tp, fp, [100] * 5, [900] * 5)
    assert i.low < tp.sum() / (tp + fp).sum() < i.high
    spread = purity_interval(tp * 10, fp * 10, [1000] * 5, [9000] * 5)
    assert spread.high - spread.low > 0.6 * (i.high - i.low)


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
