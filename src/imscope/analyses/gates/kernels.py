"""Compiled loops of the exact search: count bits, bound, branch.

Cells of a donor are bits of 64-bit words and donors start on word borders, so the cells inside an
AND of literals are counted by AND and popcount. ``starts`` gives the first word of each donor and
the end.
"""

import numpy as np

from imscope.core.jit import njit, popcount


@njit("f8(i8[::1], i8[::1], f8[::1], f8[::1], f8[::1], f8[::1])")
def value_of(tp, fp, weight, positives, need, rule):  # type: ignore[no-untyped-def]
    """Objective of counts per donor; -1 when a donor is under its recall floor.

    ``rule``: beta squared, 1 for pooled, share of the mean against the minimum.
    """
    b2 = rule[0]
    top = 0.0
    bottom = 0.0
    total = 0.0
    least = 2.0
    n = tp.shape[0]
    for d in range(n):
        if tp[d] < need[d]:
            return -1.0
        up = (1 + b2) * tp[d]
        down = tp[d] + weight[d] * fp[d] + b2 * positives[d]
        top += up
        bottom += down
        f = up / down
        total += f
        if f < least:
            least = f
    if rule[1] > 0:
        return top / bottom
    return rule[2] * (total / n) + (1 - rule[2]) * least


@njit("void(u8[:, ::1], i8[::1], i4[:, :, ::1])")
def count_pairs(bits, starts, out):  # type: ignore[no-untyped-def]
    """Cells of every donor inside every two literals, ``out[donor, a, b]``."""
    n = bits.shape[0]
    for low in range(0, n, 16):
        high = min(low + 16, n)
        for b in range(low, n):
            for a in range(low, min(high, b + 1)):
                for d in range(starts.shape[0] - 1):
                    total = 0
                    for w in range(starts[d], starts[d + 1]):
                        total += popcount(bits[a, w] & bits[b, w])
                    out[d, a, b] = total
                    out[d, b, a] = total


@njit("void(u8[::1], u8[:, ::1], i8[::1], i8[:, ::1])")
def count_with(words, bits, starts, out):  # type: ignore[no-untyped-def]
    """Cells of every donor inside ``words`` and each literal, ``out[literal, donor]``."""
    for a in range(bits.shape[0]):
        for d in range(starts.shape[0] - 1):
            total = 0
            for w in range(starts[d], starts[d + 1]):
                total += popcount(words[w] & bits[a, w])
            out[a, d] = total


@njit("void(u8[::1], u8[::1], i8[::1], i8[::1])")
def count_both(x, y, starts, out):  # type: ignore[no-untyped-def]
    """Bits set in both, per donor."""
    for d in range(starts.shape[0] - 1):
        total = 0
        for w in range(starts[d], starts[d + 1]):
            total += popcount(x[w] & y[w])
        out[d] = total


@njit(
    "i8(i8, i8, i8, f8, i4[:, :, ::1], i4[:, :, ::1], i4[::1],"
    " f8[::1], f8[::1], f8[::1], f8[::1], i8[::1], i8[:, ::1], i8[:, ::1], f8[::1])"
)
def live_thirds(  # type: ignore[no-untyped-def]
    a, b, size, floor, tp2, fp2, marker, weight, positives, need, rule, live, tp3, fp3, best
):
    """Third literals that may still lead above ``floor``; their bounds; how many there are.

    From the pair tables: targets of a triple are at most those of its worst pair, and what a third
    literal removes from a pair is at most what it removes from one of its members. With a fourth
    literal to come, at most the largest removal of any other is taken off as well. ``best[0]`` is
    the largest bound.
    """
    n_donors = weight.shape[0]
    n = marker.shape[0]
    zero = np.zeros(n_donors, dtype=np.int64)
    least = np.empty(n_donors, dtype=np.int64)
    count = 0
    for d in range(n_donors):
        least[d] = fp2[d, a, b]
    for c in range(b + 1, n):
        if marker[c] == marker[a] or marker[c] == marker[b]:
            continue
        for d in range(n_donors):
            t = tp2[d, a, b]
            if tp2[d, a, c] < t:
                t = tp2[d, a, c]
            if tp2[d, b, c] < t:
                t = tp2[d, b, c]
            tp3[count, d] = t
        if value_of(tp3[count], zero, weight, positives, need, rule) <= floor:
            continue
        for d in range(n_donors):
            ab = fp2[d, a, b]
            ac = fp2[d, a, c]
            bc = fp2[d, b, c]
            f = ab + ac - fp2[d, a, a]
            if ab + bc - fp2[d, b, b] > f:
                f = ab + bc - fp2[d, b, b]
            if ac + bc - fp2[d, c, c] > f:
                f = ac + bc - fp2[d, c, c]
            if f < 0:
                f = 0
            fp3[count, d] = f
            if f < least[d]:
                least[d] = f
        live[count] = c
        count += 1
    best[0] = -1.0
    if size == 4 and count < 2:
        return 0
    kept = 0
    low = np.empty(n_donors, dtype=np.int64)
    for i in range(count):
        for d in range(n_donors):
            low[d] = fp3[i, d]
            if size == 4:
                low[d] += least[d] - fp2[d, a, b]
                if low[d] < 0:
                    low[d] = 0
        v = value_of(tp3[i], low, weight, positives, need, rule)
        if v > floor:
            if v > best[0]:
                best[0] = v
            live[kept] = live[i]
            for d in range(n_donors):
                tp3[kept, d] = tp3[i, d]
                fp3[kept, d] = fp3[i, d]
            kept += 1
    return kept


@njit(
    "void(i8, f8, i4[:, :, ::1], i4[:, :, ::1], i4[::1],"
    " f8[::1], f8[::1], f8[::1], f8[::1], f8[:, ::1])"
)
def bound_pairs(  # type: ignore[no-untyped-def]
    size, floor, tp2, fp2, marker, weight, positives, need, rule, out
):
    """Upper bound of every gate of ``size`` whose first two literals are a and b, else -1."""
    n_donors = weight.shape[0]
    n = marker.shape[0]
    live = np.empty(n, dtype=np.int64)
    tp3 = np.empty((n, n_donors), dtype=np.int64)
    fp3 = np.empty((n, n_donors), dtype=np.int64)
    best = np.empty(1)
    tp = np.empty(n_donors, dtype=np.int64)
    fp = np.empty(n_donors, dtype=np.int64)
    for a in range(n):
        for b in range(a + 1, n):
            out[a, b] = -1.0
            if marker[a] == marker[b]:
                continue
            for d in range(n_donors):
                tp[d] = tp2[d, a, b]
                fp[d] = fp2[d, a, b] if size == 2 else 0
            v = value_of(tp, fp, weight, positives, need, rule)
            if v <= floor:
                continue
            if size > 2:
                live_thirds(
                    a, b, size, floor, tp2, fp2, marker,
                    weight, positives, need, rule, live, tp3, fp3, best,
                )  # fmt: skip
                v = best[0]
            out[a, b] = v


@njit("f8(f8, i8, i8, i8, i8, f8[::1], i4[:, ::1])")
def keep_gate(value, a, b, c, e, values, gates):  # type: ignore[no-untyped-def]
    """Put a gate in place of the worst kept one if it is better; the new worst value."""
    worst = 0
    for k in range(values.shape[0]):
        if values[k] < values[worst]:
            worst = k
    if value > values[worst]:
        values[worst] = value
        gates[worst, 0] = a
        gates[worst, 1] = b
        gates[worst, 2] = c
        gates[worst, 3] = e
    least = values[0]
    for k in range(values.shape[0]):
        if values[k] < least:
            least = values[k]
    return least


@njit(
    "i8(i8, i8, i8, f8, u8[:, ::1], u8[:, ::1], i8[::1], i8[::1], i4[:, :, ::1],"
    " i4[:, :, ::1], i4[::1], i4[:, ::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1],"
    " f8[::1], i4[:, ::1], i8[::1])"
)
def search_pairs(  # type: ignore[no-untyped-def]
    first, size, budget, tie, bits_t, bits_n, starts_t, starts_n, tp2, fp2, marker, pairs,
    bounds, weight, positives, need, rule, values, gates, counted,
):  # fmt: skip
    """Search pairs from ``first`` on, highest bound first; the pair to go on with.

    Returns after ``budget`` words or when no pair can beat the worst gate kept by more than ``tie``
    (then the number of pairs). ``counted`` adds up triples and quads whose cells were counted.
    """
    n_donors = weight.shape[0]
    n = marker.shape[0]
    live = np.empty(n, dtype=np.int64)
    tp3 = np.empty((n, n_donors), dtype=np.int64)
    fp3 = np.empty((n, n_donors), dtype=np.int64)
    most_tp = np.empty((n + 1, n_donors), dtype=np.int64)
    least_fp = np.empty((n + 1, n_donors), dtype=np.int64)
    weighted = np.empty(n)
    best = np.empty(1)
    tp = np.empty(n_donors, dtype=np.int64)
    fp = np.empty(n_donors, dtype=np.int64)
    ab_t = np.empty(bits_t.shape[1], dtype=np.uint64)
    ab_n = np.empty(bits_n.shape[1], dtype=np.uint64)
    abc_t = np.empty(bits_t.shape[1], dtype=np.uint64)
    abc_n = np.empty(bits_n.shape[1], dtype=np.uint64)
    work = 0
    floor = values.min() + tie
    for p in range(first, pairs.shape[0]):
        if bounds[p] <= floor:
            return pairs.shape[0]
        if work > budget:
            return p
        a = pairs[p, 0]
        b = pairs[p, 1]
        n_live = live_thirds(
            a, b, size, floor, tp2, fp2, marker,
            weight, positives, need, rule, live, tp3, fp3, best,
        )  # fmt: skip
        work += n
        if n_live == 0:
            continue
        for w in range(ab_t.shape[0]):
            ab_t[w] = bits_t[a, w] & bits_t[b, w]
        for w in range(ab_n.shape[0]):
            ab_n[w] = bits_n[a, w] & bits_n[b, w]
        kept = 0
        for d in range(n_donors):
            least_fp[0, d] = fp2[d, a, b]
        for i in range(n_live):
            c = live[i]
            count_both(ab_t, bits_t[c], starts_t, tp)
            count_both(ab_n, bits_n[c], starts_n, fp)
            work += ab_t.shape[0] + ab_n.shape[0]
            counted[0] += 1
            if size == 3:
                v = value_of(tp, fp, weight, positives, need, rule)
                if v > floor:
                    floor = keep_gate(v, a, b, c, -1, values, gates) + tie
                continue
            live[kept] = c
            weighted[kept] = 0.0
            for d in range(n_donors):
                tp3[kept, d] = tp[d]
                fp3[kept, d] = fp[d]
                weighted[kept] += weight[d] * fp[d]
                if fp[d] < least_fp[0, d]:
                    least_fp[0, d] = fp[d]
            kept += 1
        if size == 3:
            continue
        left = 0
        for i in range(kept):  # once more with exact triples
            for d in range(n_donors):
                fp[d] = max(0, fp3[i, d] + least_fp[0, d] - fp2[d, a, b])
            if value_of(tp3[i], fp, weight, positives, need, rule) > floor:
                live[left] = live[i]
                weighted[left] = weighted[i]
                for d in range(n_donors):
                    tp3[left, d] = tp3[i, d]
                    fp3[left, d] = fp3[i, d]
                left += 1
        if left < 2:
            continue
        order = np.argsort(weighted[:left], kind="mergesort")
        for d in range(n_donors):
            most_tp[left, d] = 0
            least_fp[left, d] = fp2[d, a, b]
            for i in range(left - 1, -1, -1):
                most_tp[i, d] = max(most_tp[i + 1, d], tp3[order[i], d])
                least_fp[i, d] = min(least_fp[i + 1, d], fp3[order[i], d])
        for i in range(left - 1):
            oi = order[i]
            c = live[oi]
            filled = False
            for j in range(i + 1, left):
                for d in range(n_donors):
                    tp[d] = min(tp3[oi, d], most_tp[j, d])
                    fp[d] = max(0, fp3[oi, d] + least_fp[j, d] - fp2[d, a, b])
                if value_of(tp, fp, weight, positives, need, rule) <= floor:
                    break
                oj = order[j]
                e = live[oj]
                if marker[c] == marker[e]:
                    continue
                work += 1
                for d in range(n_donors):
                    tp[d] = min(tp3[oi, d], tp3[oj, d], tp2[d, c, e])
                    fp[d] = max(0, fp3[oi, d] + fp3[oj, d] - fp2[d, a, b])
                if value_of(tp, fp, weight, positives, need, rule) <= floor:
                    continue
                if not filled:
                    for w in range(ab_t.shape[0]):
                        abc_t[w] = ab_t[w] & bits_t[c, w]
                    for w in range(ab_n.shape[0]):
                        abc_n[w] = ab_n[w] & bits_n[c, w]
                    filled = True
                count_both(abc_t, bits_t[e], starts_t, tp)
                work += ab_t.shape[0]
                if value_of(tp, fp, weight, positives, need, rule) <= floor:
                    continue
                count_both(abc_n, bits_n[e], starts_n, fp)
                work += ab_n.shape[0]
                counted[1] += 1
                v = value_of(tp, fp, weight, positives, need, rule)
                if v > floor:
                    floor = keep_gate(v, a, b, c, e, values, gates) + tie
    return pairs.shape[0]


@njit(
    "f8(f8[::1], i8[::1], b1[::1], b1[::1], i8[::1], b1, b1,"
    " f8[::1], f8[::1], f8[::1], f8[::1], f8[::1])"
)
def best_cut(  # type: ignore[no-untyped-def]
    x, order, keep, target, donor, above, between, weight, positives, need, rule, cut
):
    """Best threshold of one marker among the cells kept by the other literals.

    ``order`` sorts ``x``. ``cut[0]`` gets the threshold (in the middle of a gap when ``between``),
    the result is its value; -1 when there is none.
    """
    n_donors = weight.shape[0]
    tp = np.zeros(n_donors, dtype=np.int64)
    fp = np.zeros(n_donors, dtype=np.int64)
    if above:
        for i in range(x.shape[0]):
            if keep[i]:
                if target[i]:
                    tp[donor[i]] += 1
                else:
                    fp[donor[i]] += 1
    best = -1.0
    step = -1 if above else 1
    i = 0
    while i < order.shape[0]:
        here = x[order[i]]
        changed = False
        j = i
        while j < order.shape[0] and x[order[j]] == here:
            r = order[j]
            if keep[r]:
                changed = True
                if target[r]:
                    tp[donor[r]] += step
                else:
                    fp[donor[r]] += step
            j += 1
        if changed:
            v = value_of(tp, fp, weight, positives, need, rule)
            if v > best:
                best = v
                cut[0] = here
                if between and j < order.shape[0]:
                    k = j
                    while k < order.shape[0] - 1 and not keep[order[k]]:
                        k += 1
                    cut[0] = (here + x[order[k]]) / 2
        i = j
    return best
