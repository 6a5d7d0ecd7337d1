import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from imscope.stats.adjust import benjamini_hochberg, holm, in_sequence

many = st.lists(st.floats(0, 1), min_size=1, max_size=50)


@given(many)
@settings(deadline=None)
def test_false_discovery_as_in_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)


@given(many)
@settings(deadline=None)
def test_holm_as_in_statsmodels(p):
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


@given(many)
@settings(deadline=None)
def test_a_sequence_never_shows_a_claim_behind_one_that_is_not_shown(p):
    adjusted = in_sequence(p)
    assert adjusted[0] == p[0]
    assert (np.diff(adjusted) >= 0).all()
    assert (adjusted >= p).all()


def test_a_claim_that_cannot_be_tested_is_passed_over():
    nan = float("nan")
    np.testing.assert_array_equal(in_sequence([nan, 0.02, nan, 0.01]), [nan, 0.02, nan, 0.02])
    np.testing.assert_array_equal(holm([nan, 0.02]), [nan, 0.02])
    np.testing.assert_array_equal(benjamini_hochberg([nan, 0.02]), [nan, 0.02])
