import numpy as np
import pytest

from imscope.core.errors import MethodError
from imscope.decisions.release.charts import self_starting_cusum
from imscope.decisions.release.run_length import (
    CUSUM_LIMIT,
    c4,
    cusum_run_length,
    ewma_limit,
    ewma_promise,
    ewma_run_length,
    ewma_signal_within,
    individuals_limit,
    individuals_promise,
    individuals_run_length,
    next_lot_limit,
    t2_limit,
)


@pytest.mark.parametrize(("shift", "want"), [(0, 370.4), (1, 43.89), (2, 6.30), (3, 2.00)])
def test_single_lots(shift, want):
    assert individuals_run_length(3.0, shift) == pytest.approx(want, rel=0.005)


@pytest.mark.parametrize(
    ("limit", "weight", "want"),
    [
        (2.962, 0.2, (499.7, 10.54, 3.74, 2.38)),
        (2.86, 0.2, (371, 9.80, 3.59, 2.31)),
        (2.814, 0.1, (499.5, 10.33, 4.36)),
    ],
)
def test_moving_average(limit, weight, want):
    for shift, length in enumerate(want):
        assert ewma_run_length(limit, shift, weight=weight) == pytest.approx(length, rel=0.005)


@pytest.mark.parametrize(
    ("limit", "want"),
    [(4.77, (368.6, 9.92, 3.86, 2.48)), (4, (167.7, 8.38, 3.34)), (5, (465.4, 10.38, 4.01))],
)
def test_cumulative_sum(limit, want):
    for shift, length in enumerate(want):
        assert cusum_run_length(limit, shift) == pytest.approx(length, rel=0.005)


def test_moving_average_by_simulation():
    rng = np.random.default_rng(2)
    h = 2.0 * np.sqrt(0.2 / 1.8)
    average, lengths = np.zeros(20_000), np.zeros(20_000, int)
    for k in range(1, 1500):
        average = 0.8 * average + 0.2 * rng.normal(0.5, 1, 20_000)
        lengths[(np.abs(average) > h) & (lengths == 0)] = k
    assert lengths.min() > 0
    assert lengths.mean() == pytest.approx(ewma_run_length(2.0, 0.5), rel=0.02)
    assert (lengths <= 10).mean() == pytest.approx(ewma_signal_within(2.0, 10, 0.5), abs=0.01)


@pytest.mark.parametrize(
    ("m", "limit"),
    [(5, 5.51), (6, 5.03), (8, 4.48), (10, 4.18), (15, 3.82), (20, 3.62), (30, 3.42), (50, 3.26)],
)
def test_guaranteed_limits_of_single_lots(m, limit):
    assert individuals_limit(m) == pytest.approx(limit, abs=0.02)


@pytest.mark.parametrize(
    ("m", "limit"),
    [(10, 4.72), (15, 4.16), (20, 3.84), (25, 3.67), (30, 3.54), (50, 3.27), (100, 3.04)],
)
def test_guaranteed_limits_of_the_moving_average(m, limit):
    assert ewma_limit(m) == pytest.approx(limit, abs=0.06)


@pytest.mark.parametrize(
    ("m", "median", "worst", "alarm"),
    [
        (5, 161, 7.4, 22),
        (6, 181, 10, 19),
        (8, 216, 16, 15),
        (10, 236, 22, 12),
        (15, 269, 36, 8.8),
        (20, 291, 49, 7.1),
        (30, 313, 72, 5.4),
        (50, 333, 103, 4.2),
    ],
)
def test_three_sd_limits_from_few_lots(m, median, worst, alarm):
    found = individuals_promise(m, 3.0)
    assert found.arl == pytest.approx(median, rel=0.02)
    assert found.arl_worst_tenth == pytest.approx(worst, rel=0.04)
    assert 100 * found.false_alarm_10 == pytest.approx(alarm, abs=0.6)


@pytest.mark.parametrize("m", [10, 20, 50])
def test_guaranteed_limits_hold_in_nine_laboratories_of_ten(m):
    rng = np.random.default_rng(m)
    x = rng.standard_normal((10_000, m))
    half = individuals_limit(m) * x.std(axis=1, ddof=1) / c4(m)
    mean = x.mean(axis=1)
    from scipy.special import ndtr

    out = 1 - ndtr(mean + half) + ndtr(mean - half)
    assert 0.88 <= (1 / out >= 200).mean() <= 0.92
    assert ewma_promise(m, ewma_limit(m)).arl_worst_tenth == pytest.approx(200, rel=0.02)


@pytest.mark.parametrize(
    ("m", "plain", "worst", "one", "two"),
    [(10, 113, 19, 63, 7.4), (20, 169, 41, 22, 5.3), (50, 241, 89, 13.5, 4.2)],
)
def test_price_of_estimated_limits(m, plain, worst, one, two):
    found = ewma_promise(m, 2.86)
    assert found.arl == pytest.approx(plain, rel=0.04)
    assert found.arl_worst_tenth == pytest.approx(worst, rel=0.05)
    assert ewma_promise(m, ewma_limit(m), 1.0).arl == pytest.approx(one, rel=0.05)
    assert ewma_promise(m, ewma_limit(m), 2.0).arl == pytest.approx(two, rel=0.05)


def test_next_lot_and_joint_limits():
    for m, want in ((5, 7.25), (10, 4.29), (20, 3.53), (50, 3.19)):
        assert next_lot_limit(m) == pytest.approx(want, abs=0.01)
    assert t2_limit(25, 2) == pytest.approx(16.8, abs=0.05)
    assert t2_limit(25, 4) == pytest.approx(27.4, abs=0.05)
    with pytest.raises(MethodError, match="5 baseline lots"):
        t2_limit(9, 2)


def test_self_starting_sums_find_a_shift_as_often_as_stated():
    rng = np.random.default_rng(4)
    for history, want in ((10, 0.43), (20, 0.69)):
        x = rng.standard_normal((250, history + 5))
        x[:, history:] += 2
        kept = hit = 0
        for row in x:
            sums = np.abs(self_starting_cusum(row))
            if np.nanmax(sums[:history]) <= CUSUM_LIMIT:
                kept += 1
                hit += np.nanmax(sums[history:]) > CUSUM_LIMIT
        assert hit / kept == pytest.approx(want, abs=0.09)


def test_a_lot_with_a_signal_is_not_learned_until_a_person_restarts():
    x = np.concatenate([np.tile([5.0, 6, 4, 5.5, 4.5], 4), [12, 13, 12, 5, 5]])
    sums = self_starting_cusum(x)
    first = int(np.flatnonzero(np.abs(sums) > CUSUM_LIMIT)[0])
    assert (sums[first:] == sums[first]).all()
    restart = np.arange(len(x)) == len(x) - 2
    assert abs(self_starting_cusum(x, restart)[-1]) < 1
