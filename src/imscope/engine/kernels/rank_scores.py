"""Rank sums of gene sets per cell, without sorting the zeros and mostly without sorting at all."""

import numpy as np

from imscope.core.jit import njit


@njit(
    "void(i8[::1], i4[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8, i8, f8[:, ::1])",
)
def add_rank_sums(indptr, indices, data, first, member, sizes, n_features, max_rank, out):  # type: ignore[no-untyped-def]
    """Write the sum of truncated ranks of each set in each row to ``out[row, set]``.

    Rank 1 is the highest value, ties share their mean rank, all features without a positive value
    are one tie, ranks above ``max_rank`` count as ``max_rank + 1``. Feature ``g`` is a member of
    the sets ``member[first[g]:first[g + 1]]``; ``sizes`` holds the number of features of each set.
    Values below the limit are ranked by counting; the few above it are sorted.
    """
    limit = 1024
    worst = max_rank + 1.0
    count = np.zeros(limit, dtype=np.int64)
    rank = np.zeros(limit, dtype=np.float64)
    large = np.empty(16, dtype=np.int32)
    for row in range(out.shape[0]):
        low, high = indptr[row], indptr[row + 1]
        top, n_positive, n_large = 0, 0, 0
        for k in range(low, high):
            value = data[k]
            if value <= 0:
                continue
            n_positive += 1
            if value < limit:
                count[value] += 1
                top = max(top, value)
            else:
                if n_large == large.shape[0]:
                    wider = np.empty(2 * n_large, dtype=np.int32)
                    wider[:n_large] = large
                    large = wider
                large[n_large] = value
                n_large += 1
        above = n_large
        for value in range(top, 0, -1):
            rank[value] = min(above + 0.5 * (count[value] + 1), worst)
            if rank[value] > max_rank:
                rank[value] = worst
            above += count[value]
            count[value] = 0
        ordered = np.sort(large[:n_large]) if n_large > 0 else large[:0]
        zero = n_positive + 0.5 * (n_features - n_positive + 1)
        if zero > max_rank:
            zero = worst
        for s in range(out.shape[1]):
            out[row, s] = sizes[s] * zero
        for k in range(low, high):
            gene = indices[k]
            begin, end = first[gene], first[gene + 1]
            value = data[k]
            if begin == end or value <= 0:
                continue
            if value < limit:
                mine = rank[value]
            else:
                left = np.searchsorted(ordered, value)
                right = np.searchsorted(ordered, value, side="right")
                mine = n_large - right + 0.5 * (right - left + 1)
                if mine > max_rank:
                    mine = worst
            for m in range(begin, end):
                out[row, member[m]] += mine - zero
