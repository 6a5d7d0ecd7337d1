import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.analyses.safety import (
    cells_needed,
    corrected_share,
    limit_of_blank,
    limit_of_detection,
)
from imscope.core.errors import UsageError

SURE = {"sensitivity": (1.0, 1.0, 1.0), "false_positive": (0.0, 0.0, 0.0)}


@pytest.mark.parametrize(
    ("n", "percent"), [(1_000, 0.30), (10_000, 0.030), (20_000, 0.015), (100_000, 0.003)]
)
def test_upper_bounds_without_any_call(n, percent):
    got = corrected_share(0, n, **SURE)
    assert 100 * got.upper_95 == pytest.approx(100 * (1 - 0.05 ** (1 / n)), rel=1e-9)
    assert 100 * got.upper_95 == pytest.approx(percent, rel=0.02)
    assert got.frac == got.low == 0


@pytest.mark.parametrize(
    ("share", "full", "less"),
    [(0.01, 299, 332), (0.001, 2995, 3328), (1e-4, 29956, 33285), (1e-5, 299572, 332858)],
)
def test_cells_to_see_at_least_one(share, full, less):
    assert abs(cells_needed(share) - full) <= 1
    assert abs(cells_needed(share, sensitivity=0.9) - less) <= 1


@given(st.integers(0, 50), st.floats(0.3, 1.0), st.floats(0, 0.01))
def test_correction_is_that_of_rogan_and_gladen_and_stays_in_order(k, s, f):
    got = corrected_share(
        k, 1000, sensitivity=(s, 0.9 * s, min(1.0, 1.1 * s)), false_positive=(f, 0.0, 2 * f)
    )
    assert got.frac == pytest.approx(min(max((k / 1000 - f) / (s - f), 0), 1))
    assert 0 <= got.low <= got.frac + 1e-12
    assert got.frac <= got.high + 1e-12
    assert got.upper_95 <= got.high


def test_low_sensitivity_widens_the_bound():
    half = corrected_share(0, 10_000, sensitivity=(0.5, 0.5, 0.5), false_positive=(0, 0, 0))
    assert half.upper_95 == pytest.approx(2 * corrected_share(0, 10_000, **SURE).upper_95)


def test_blank_and_detection_limits():
    shares = np.array([0, 1, 0, 2, 0, 0, 1, 0, 0, 0]) * 1e-4
    blank = limit_of_blank(shares)
    assert blank == pytest.approx(shares.mean() + 1.645 * shares.std(ddof=1))
    assert np.isnan(limit_of_blank(shares[:9]))
    plain = limit_of_detection(10_000, sensitivity=0.5)
    assert plain == pytest.approx(2 * (1 - 0.05**1e-4))
    p = limit_of_detection(10_000, sensitivity=1.0, blank=blank)
    assert p - 1.645 * np.sqrt(p / 10_000) == pytest.approx(blank)


def test_a_rule_that_cannot_tell_is_refused():
    with pytest.raises(UsageError, match="finds no more than"):
        corrected_share(1, 10, sensitivity=(0.1, 0.05, 0.2), false_positive=(0.2, 0.2, 0.2))
    with pytest.raises(UsageError, match="cells needed"):
        cells_needed(0)
