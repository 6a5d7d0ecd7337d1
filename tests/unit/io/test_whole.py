import numpy as np
import pytest

from imscope.io.whole import convert_whole


@pytest.fixture(params=["compiled", "python"])
def convert(request):
    return convert_whole if request.param == "compiled" else convert_whole.py_func


def block(indptr=(0, 2, 3), indices=(0, 4, 1), data=(1, 7, 2_147_483_520)):
    kinds = (np.int64, np.int32, np.float32)
    return [np.array(a, dtype=t) for a, t in zip((indptr, indices, data), kinds, strict=True)]


def test_whole_counts_are_converted(convert):
    out = np.zeros(3, dtype=np.int32)
    assert convert(*block(), 5, out)
    np.testing.assert_array_equal(out, [1, 7, 2_147_483_520])


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": (1, 7, 0.5)},
        {"data": (1, 7, 0)},
        {"data": (1, -7, 1)},
        {"data": (np.nan, 7, 1)},
        {"data": (1, np.inf, 1)},
        {"data": (1, 7, 2_147_483_648)},
        {"indices": (4, 0, 1)},
        {"indices": (4, 4, 1)},
        {"indices": (0, 5, 1)},
        {"indices": (-1, 4, 1)},
    ],
)
def test_what_is_not_in_order_is_left_to_the_slow_check(convert, wrong):
    assert not convert(*block(**wrong), 5, np.zeros(3, dtype=np.int32))
