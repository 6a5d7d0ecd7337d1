import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from imscope.core.rng import spawn

KEYS = st.lists(
    st.one_of(st.integers(0, 10**6), st.text("abcxyz", min_size=1, max_size=8)), max_size=3
)


@given(st.integers(0, 2**63), KEYS)
def test_the_same_keys_give_the_same_stream(seed, keys):
    np.testing.assert_array_equal(spawn(seed, *keys).random(5), spawn(seed, *keys).random(5))


@given(st.integers(0, 1000), KEYS, KEYS)
def test_other_keys_give_another_stream(seed, one, two):
    same = np.array_equal(spawn(seed, *one).random(4), spawn(seed, *two).random(4))
    assert same == (one == two or _alike(one) == _alike(two))


def _alike(keys):
    """A text and the number of its bytes are one key; trailing zeros carry no entropy."""
    words = [int.from_bytes(k.encode(), "little") if isinstance(k, str) else k for k in keys]
    while words and words[-1] == 0:
        words.pop()
    return words


def test_known_numbers():
    assert spawn(7, "doctor", 3).integers(1 << 32, size=3).tolist() == [
        1130791511,
        1670557572,
        2457823078,
    ]


def test_first_draws_over_items_are_uniform():
    first = [spawn(1, "bootstrap", i).random() for i in range(3000)]
    assert kstest(first, "uniform").pvalue > 0.001
