import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from imscope.core.errors import MethodError
from imscope.decisions.release.equivalence import (
    assurance,
    effect_size_critical,
    effect_size_test,
    equivalence_power,
    equivalence_tests,
    joint_power,
    sd_ratio,
    shift_still_called,
)
from imscope.decisions.release.plan import choose_variances

ARMS = arrays(np.float64, st.integers(3, 12), elements=st.floats(-50, 50, width=16), unique=True)
POWER = {  # n, m: margin -> power at 0, at .5, size at the margin, in percent
    (3, 3): {1: (3.0, 2.5, 1.5), 1.5: (15.4, 13.4, 3.7), 2: (38, 34, 4.8), 3: (82, 77, 5.1)},
    (6, 6): {1: (11, 7.7, 2.9), 1.5: (57, 43, 5.1), 2: (89, 77, 4.9), 3: (100, 99, 4.9)},
    (8, 8): {1: (24, 15, 3.8), 1.5: (77, 58, 5.2), 2: (97, 89, 5.0)},
    (10, 10): {1: (40, 23, 4.7), 1.5: (89, 69, 4.9), 2: (99, 94, 5.0)},
    (12, 12): {1: (54, 30, 4.9), 1.5: (95, 77, 4.9), 2: (100, 97, 5.0)},
    (20, 3): {1: (5.4, 3.9, 1.5), 1.5: (52, 40, 5.0), 2: (86, 75, 5.0), 3: (100, 99, 4.8)},
    (20, 6): {1: (34, 21, 4.5), 1.5: (87, 67, 5.0), 2: (99, 93, 5.0)},
}


@given(ARMS, ARMS, st.floats(0.5, 30))
def test_matches_statsmodels(x, y, margin):
    for ours, theirs in (("welch", "unequal"), ("pooled", "pooled")):
        found = equivalence_tests(x, y, margin, variances=ours)
        p, *_ = ttost_ind(y, x, -margin, margin, usevar=theirs)
        assert found.p_equivalence == pytest.approx(p, abs=1e-10)


@given(ARMS, st.integers(0, 100), st.floats(0.5, 30))
def test_pairs_match_statsmodels(x, seed, margin):
    y = x + np.random.default_rng(seed).normal(1, 2, len(x))
    found = equivalence_tests(x, y, margin, variances="paired")
    p, *_ = ttost_paired(y, x, -margin, margin)
    assert found.p_equivalence == pytest.approx(p, abs=1e-10)


@given(ARMS, ARMS, st.floats(0.5, 30))
def test_interval_and_p_value_say_the_same(x, y, margin):
    found = equivalence_tests(x, y, margin)
    inside = -margin < found.low and found.high < margin
    if abs(found.p_equivalence - 0.05) > 1e-9:
        assert inside == (found.p_equivalence < 0.05)


@pytest.mark.parametrize(("arms", "margin"), [(a, m) for a, row in POWER.items() for m in row])
def test_power_of_the_tables(arms, margin):
    got = 100 * equivalence_power(*arms, margin, shift_sd=[0, 0.5, margin], variances="pooled")
    np.testing.assert_allclose(got, POWER[arms][margin], atol=1.5)
    assert got[2] <= 5.5


@pytest.mark.parametrize(
    ("n", "m", "critical", "power"),
    [
        (3, 3, 0.200, (14.7, 12.4, 2.9)),
        (6, 6, 0.941, (63, 48, 4.9)),
        (10, 10, 1.670, (89, 69, 4.9)),
        (20, 6, 1.553, (87, 67, 5.1)),
    ],
)
def test_effect_size_test_of_the_tables(n, m, critical, power):
    assert effect_size_critical(n, m, 1.5) == pytest.approx(critical, abs=1e-3)
    got = 100 * equivalence_power(n, m, 1.5, shift_sd=[0, 0.5, 1.5], effect_size=True)
    np.testing.assert_allclose(got, power, atol=1.5)


@pytest.mark.parametrize(
    ("share", "want"),
    [
        (0, (15, 23, 35, 48, 71, 85)),
        (0.5, (33, 54, 73, 87, 97, 99)),
        (0.8, (71, 94, 99, 100, 100, 100)),
    ],
)
def test_pairs_gain_from_the_donor(share, want):
    sd = np.sqrt(2 * (1 - share))
    got = [
        100 * equivalence_power(n, n, 1.5 / sd, variances="paired")[0] for n in (3, 4, 5, 6, 8, 10)
    ]
    np.testing.assert_allclose(got, want, atol=1.5)


def test_joint_power_and_assurance_of_the_tables():
    single = {n: equivalence_power(n, n, 1.5, variances="pooled")[0] for n in (8, 10, 12, 16)}
    for p, want in ((3, (46, 70, 84, 96)), (5, (27, 55, 75, 94)), (8, (13, 38, 64, 91))):
        got = [100 * joint_power(single[n], p) for n in (8, 10, 12, 16)]
        np.testing.assert_allclose(got, want, atol=2)
    got = [100 * assurance(n, n, 1.5) for n in (3, 6, 8, 10)]
    np.testing.assert_allclose(got, (13, 46, 62, 72), atol=1.5)
    assert 100 * assurance(20, 6, 1.5) == pytest.approx(69, abs=1.5)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (6, 6), (20, 3), (20, 6), (12, 6), (30, 6), (10, 4)])
def test_error_rate_at_the_margin_is_kept_whatever_the_arms(n, m):
    for margin in (1.0, 1.5, 2.0, 3.0):
        rate = equivalence_power(n, m, margin, shift_sd=margin, variances=choose_variances(n, m))[0]
        assert rate <= 0.055


def test_printed_power_is_that_of_simulation():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(800):
        hits += equivalence_tests(rng.normal(size=6), rng.normal(size=8), 1.5).p_equivalence <= 0.05
    assert hits / 800 == pytest.approx(equivalence_power(6, 8, 1.5)[0], abs=0.05)


def test_the_shift_still_called_is_called_half_of_the_time():
    shift = shift_still_called(12, 12, 1.5)
    assert equivalence_power(12, 12, 1.5, shift_sd=shift)[0] == pytest.approx(0.5, abs=5e-3)
    assert shift_still_called(3, 3, 1.5) == 0.0


def test_effect_size_p_value_turns_at_the_critical_value():
    rng = np.random.default_rng(1)
    for _ in range(50):
        x, y = rng.normal(size=6), rng.normal(0.4, 1, size=6)
        found = effect_size_test(x, y, 1.5)
        t = abs(found.estimate) / (found.sd * np.sqrt(1 / 6 + 1 / 6))
        assert (found.p_equivalence < 0.05) == (t < effect_size_critical(6, 6, 1.5))


@pytest.mark.parametrize(("n", "m", "typical"), [(3, 3, 4.3), (6, 6, 2.2), (30, 10, 1.65)])
def test_upper_bound_of_the_spread_is_as_wide_as_it_is(n, m, typical):
    rng = np.random.default_rng(9)
    high = [sd_ratio(rng.normal(size=n), rng.normal(size=m))[1] for _ in range(1500)]
    assert np.median(high) == pytest.approx(typical, rel=0.06)
    assert np.mean(np.array(high) > 1) == pytest.approx(0.95, abs=0.02)


def test_bad_margins_and_arms_are_refused():
    with pytest.raises(MethodError, match="above zero"):
        equivalence_tests([1, 2, 3], [1, 2, 3], 0)
    with pytest.raises(MethodError):
        equivalence_tests([1, 2, 3, 4], [5], 1)
    with pytest.raises(MethodError, match="same"):
        equivalence_tests([2, 2, 2], [2, 2, 2], 1)
    with pytest.raises(MethodError, match="pairs"):
        equivalence_tests([1, 2, 3], [1, 2], 1, variances="paired")
