import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.analyses.subsets.valley import (
    FEWEST,
    NULL_SIZES,
    NULL_TABLE,
    NULL_TAILS,
    find_valley,
    steepest,
    valley_p,
)


def slope(low, high, inside):
    return np.sqrt(3 / len(inside)) * sum(2 * (v - low) / (high - low) - 1 for v in inside)


def penalty(m, n):
    return np.sqrt(2 * np.log(np.e * (n + 2) / (m + 1)))


def textbook(values):
    """The definition, interval by interval."""
    x = sorted(values)
    n = len(x)
    rise = {}
    for j in range(n):
        for k in range(j + 2, n):
            rise[j, k] = slope(x[j], x[k], x[j + 1 : k]), penalty(k - j - 1, n)
    best = -np.inf
    for t in range(n - 1):
        middle = (x[t] + x[t + 1]) / 2
        fall = [-a - g for (_, k), (a, g) in rise.items() if k <= t]
        fall += [-slope(x[j], middle, x[j + 1 : t + 1] ) - g for j in range(t)
                 for g in [penalty(t - j, n)]]  # fmt: skip
        up = [a - g for (j, _), (a, g) in rise.items() if j > t]
        up += [slope(middle, x[k], x[t + 1 : k]) - penalty(k - t - 1, n)
               for k in range(t + 2, n)]  # fmt: skip
        best = max(best, min(max(fall, default=-np.inf), max(up, default=-np.inf)))
    return best, max(abs(t) - g for t, g in rise.values())


@given(st.integers(0, 500))
def test_matches_the_textbook(seed):
    values = np.random.default_rng(seed).normal(size=FEWEST + seed % 9) ** (1 + seed % 3)
    valley, most = textbook(values)
    assert find_valley(values).statistic == pytest.approx(valley, abs=1e-9)
    assert steepest(values) == pytest.approx(most, abs=1e-9)


@given(st.integers(0, 200), st.floats(-50, 50), st.floats(0.01, 100))
def test_scale_and_direction_do_not_matter(seed, shift, scale):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(size=30), rng.normal(6, 1, 20)])
    one = find_valley(values)
    assert find_valley(values * scale + shift).statistic == pytest.approx(one.statistic, abs=1e-6)
    assert find_valley(-values).statistic == pytest.approx(one.statistic, abs=1e-6)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.random(100),
        lambda rng: rng.normal(size=100),
        lambda rng: rng.exponential(size=100),
        lambda rng: np.where(rng.random(100) < 0.7, rng.exponential(0.02, 100), rng.random(100)),
    ],
    ids=["flat", "normal", "exponential", "spike and flat tail"],
)
def test_one_mode_is_called_two_no_more_often_than_said(draw):
    rng = np.random.default_rng(3)
    p = np.array([find_valley(draw(rng)).p_value for _ in range(400)])
    assert (p <= 0.05).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize(("n", "share"), [(150, 0.5), (150, 0.3), (500, 0.1)])
def test_two_modes_are_found_where_they_part(n, share):
    rng = np.random.default_rng(4)
    small = int(n * share)
    found = 0
    for _ in range(20):
        values = np.concatenate([rng.normal(size=n - small), rng.normal(8, 1, small)])
        valley = find_valley(values)
        found += valley.p_value <= 0.05 and 1.5 < valley.position < 8.5
    assert found >= 18


def test_the_table_is_that_of_a_flat_density():
    rng = np.random.default_rng(6)
    for n in (40, 110):
        drawn = np.array([steepest(rng.random(n)) for _ in range(2000)])
        p = np.array([valley_p(s, n) for s in drawn])
        for alpha in (0.2, 0.05):
            assert (p <= alpha).mean() == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 2000))


def test_the_tail_goes_on_beyond_the_table():
    last = NULL_TABLE[2][-1]
    assert valley_p(last, NULL_SIZES[2]) == pytest.approx(NULL_TAILS[-1])
    assert valley_p(last + 1, NULL_SIZES[2]) < valley_p(last + 0.5, NULL_SIZES[2]) < NULL_TAILS[-1]


def test_too_few_or_equal_values_have_no_valley():
    assert find_valley(np.repeat([0.0, 9.0], 9)).p_value == 1
    assert find_valley(np.zeros(50)).p_value == 1
