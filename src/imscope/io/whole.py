"""One pass that checks the usual block, whole counts as float32, and converts it."""

import numpy as np

from imscope.core.jit import njit


@njit("b1(i8[::1], i4[::1], f4[::1], i8, i4[::1])")
def convert_whole(indptr, indices, data, width, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with the counts; false as soon as one thing is not in order.

    In order: whole numbers from 1 to 2**31 - 128, features of every row ascending, none twice,
    none outside ``width``. What is wrong, and where, is for the caller to find out.
    """
    for row in range(indptr.shape[0] - 1):
        last = np.int32(-1)
        for i in range(indptr[row], indptr[row + 1]):
            x = data[i]
            if not 1 <= x <= 2147483520:
                return False
            k = np.int32(x)
            g = indices[i]
            if k != x or g <= last or g >= width:
                return False
            out[i] = k
            last = g
    return True
