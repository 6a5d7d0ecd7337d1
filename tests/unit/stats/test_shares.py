import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from imscope.core.errors import DataError
from imscope.stats.shares import clopper_pearson, pooled_share


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_matches_statsmodels(pair):
    k, n = pair
    want = proportion_confint(k, n, method="beta")
    np.testing.assert_allclose(np.array(clopper_pearson(k, n)), want, atol=1e-9)


def test_samples_that_differ_widen_the_interval_and_few_calls_do_not():
    alike, unlike = pooled_share([50, 50, 50], [500] * 3), pooled_share([5, 45, 100], [500] * 3)
    assert unlike.high - unlike.low > 3 * (alike.high - alike.low)
    assert unlike.basis == "3 samples"
    few = pooled_share([1, 0], [250, 250])
    assert few.high < 0.02
    assert few.basis == "cells of 2 samples"


def test_more_called_than_there_are_is_refused():
    with pytest.raises(DataError, match="0 to n cells"):
        clopper_pearson(5, 4)
