import numpy as np
import pytest
from scipy import integrate, stats

from imscope.core.errors import MethodError
from imscope.decisions.release.tolerance import (
    all_inside,
    nested_tolerance,
    prediction_factor,
    prediction_interval,
    shift_missed_half,
    tolerance_factor,
    tolerance_interval,
)

LOTS = (3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100)
TWO = (9.789, 6.341, 5.077, 4.422, 3.746, 3.393, 3.175, 2.965, 2.760, 2.555, 2.382, 2.234)
NINETY_NINE = (12.647, 8.221, 6.598, 5.758, 4.889, 4.437, 4.156, 3.885, 3.621, 3.355, 3.129, 2.936)
ONE = (7.656, 5.144, 4.203, 3.708, 3.187, 2.911, 2.736, 2.566, 2.396, 2.220, 2.065, 1.927)


def textbook(n, k, content):
    """Confidence of ``mean +- k s`` by adaptive quadrature, no code shared with the package."""

    def given(u):
        r = np.sqrt(stats.ncx2.ppf(content, 1, u * u / n))
        return stats.chi2.sf((n - 1) * r * r / k**2, n - 1) * stats.norm.pdf(u)

    return integrate.quad(given, -8, 8, points=[0], limit=200)[0]


@pytest.mark.parametrize(
    ("n", "k", "k99", "one"), list(zip(LOTS, TWO, NINETY_NINE, ONE, strict=True))
)
def test_factors_are_those_of_the_tables(n, k, k99, one):
    assert tolerance_factor(n) == pytest.approx(k, abs=1e-3)
    assert tolerance_factor(n, 0.99) == pytest.approx(k99, abs=1e-3)
    assert tolerance_factor(n, side="upper") == pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize(
    ("n", "content", "confidence"), [(3, 0.9, 0.9), (7, 0.95, 0.99), (40, 0.8, 0.5)]
)
def test_factor_solves_the_textbook_integral(n, content, confidence):
    k = tolerance_factor(n, content, confidence)
    assert textbook(n, k, content) == pytest.approx(confidence, abs=2e-6)


def test_one_new_lot_is_student():
    for n in (3, 6, 20):
        want = stats.t.ppf(0.975, n - 1) * np.sqrt(1 + 1 / n)
        assert prediction_factor(n) == pytest.approx(want)
        assert all_inside(n, 1, want) == pytest.approx(0.95, abs=1e-9)


@pytest.mark.parametrize(("n", "new"), [(3, 3), (6, 3), (10, 5), (20, 6)])
def test_prediction_intervals_cover_at_their_level(n, new):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((40_000, n))
    y = rng.standard_normal((40_000, new))
    far = np.abs(y - x.mean(axis=1, keepdims=True)).max(axis=1)
    inside = far <= prediction_factor(n, new) * x.std(axis=1, ddof=1)
    assert 0.945 <= inside.mean() <= 0.955
    bonferroni = stats.t.ppf(1 - 0.025 / new, n - 1) * np.sqrt(1 + 1 / n)
    assert prediction_factor(n, new) < bonferroni


@pytest.mark.parametrize(
    ("n", "new", "shifts", "doubled"),
    [
        (3, 3, (76, 66, 43, 23), 47),
        (6, 1, (96, 90, 72, 46), 80),
        (10, 3, (95, 84, 53, 19), 59),
        (20, 3, (98, 89, 56, 17), 62),
        (20, 6, (95, 80, 37, 5), 40),
    ],
)
def test_a_range_of_three_sd_passes_shifted_lots_this_often(n, new, shifts, doubled):
    for shift, want in enumerate(shifts):
        assert 100 * all_inside(n, new, 3.0, shift=shift) == pytest.approx(want, abs=1.2)
    assert 100 * all_inside(n, new, 3.0, spread=2.0) == pytest.approx(doubled, abs=1.2)


def test_the_missed_shift_is_missed_half_of_the_time():
    shift = shift_missed_half(6, 3, 4.422)
    assert all_inside(6, 3, 4.422, shift=shift) == pytest.approx(0.5, abs=1e-8)


@pytest.mark.parametrize(
    ("donors", "lots", "share", "confidence", "half"),
    [
        (3, 4, 0.0, 0.986, 4.3),
        (3, 4, 0.8, 0.942, 7.5),
        (5, 4, 0.5, 0.958, 3.8),
        (10, 3, 0.5, 0.956, 2.9),
    ],
)
def test_nested_intervals_keep_their_promise(donors, lots, share, confidence, half):
    rng = np.random.default_rng(17)
    names = np.repeat([f"D{i}" for i in range(donors)], lots).tolist()
    kept, halves = 0, []
    for _ in range(700):
        x = np.repeat(rng.standard_normal(donors), lots) * np.sqrt(share)
        x = x + rng.standard_normal(donors * lots) * np.sqrt(1 - share)
        found = nested_tolerance(x, names)
        kept += stats.norm.cdf(found.high) - stats.norm.cdf(found.low) >= 0.95
        halves.append((found.high - found.low) / 2)
    assert kept / 700 == pytest.approx(confidence, abs=0.03)
    assert kept / 700 > 0.92
    assert np.median(halves) == pytest.approx(half, rel=0.06)


def test_shared_donors_take_the_nested_interval_and_unequal_ones_none():
    x, names = [9, 11, 10, 12, 8, 9, 11, 13], list("aabbccdd")
    assert tolerance_interval(x, names).half_width_sd > tolerance_factor(8)
    with pytest.raises(MethodError, match="same number of lots"):
        tolerance_interval(x, list("aabbcccd"))
    with pytest.raises(MethodError, match="at least 3 donors"):
        tolerance_interval(x, list("aaaabbbb"))


def test_sides_and_units():
    x = np.array([9.8, 10.4, 10.1, 9.9, 10.6, 10.2])
    up = tolerance_interval(x, side="upper")
    assert up.low == -np.inf
    assert up.high == pytest.approx(x.mean() + 3.708 * x.std(ddof=1), abs=1e-3)
    scaled = prediction_interval(1000 * x + 5)
    assert scaled.high == pytest.approx(1000 * prediction_interval(x).high + 5)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, float("nan"), 2.0], [1.0, 2.0]])
def test_values_that_cannot_answer(values):
    with pytest.raises(MethodError):
        tolerance_interval(values)
