"""Rank sums of sparse counts: turn rows into genes, then walk each sorted gene once."""

import math

from imscope.core.jit import njit


@njit("void(i8[::1], i4[::1], f4[::1], f8[::1], i4[::1], i4[::1], i8[::1], f4[::1], i4[::1])")
def fill_genes(  # type: ignore[no-untyped-def]
    indptr, indices, data, size_factors, labels, slots, cursor, values, groups
):
    """Write the non-zeros of a block gene by gene, or only count them when ``values`` is empty.

    ``values`` and ``groups`` are two views of the same 64-bit keys: the normalised value is the
    upper half and the label the lower, so that sorted keys are sorted values. ``cursor[slot]`` is
    where the next key of a gene goes. Cells with a negative label and genes with a negative slot
    are passed over.
    """
    counting = values.shape[0] == 0
    for row in range(indptr.shape[0] - 1):
        label = labels[row]
        if label < 0:
            continue
        factor = size_factors[row]
        for at in range(indptr[row], indptr[row + 1]):
            slot = slots[indices[at]]
            if slot >= 0 and data[at] != 0:
                if not counting:
                    place = 2 * cursor[slot]
                    values[place + 1] = data[at] / factor
                    groups[place] = label
                cursor[slot] += 1


@njit("void(u8[::1], i8[::1], i8[::1], u8[::1])")
def place_genes(piece, counts, before, keys):  # type: ignore[no-untyped-def]
    """Copy the keys of one block, gene by gene, to where each gene of the block begins."""
    at = 0
    for gene in range(counts.shape[0]):
        to = before[gene]
        for k in range(counts[gene]):
            keys[to + k] = piece[at + k]
        at += counts[gene]


@njit("void(f4[::1], i4[::1], i8[::1], i8[::1], f8[:, ::1], f8[:, ::1], i8[:, ::1], f8[::1])")
def sum_ranks(  # type: ignore[no-untyped-def]
    values, groups, border, sizes, ranks, logs, seen, ties
):
    """Walk sorted genes ``border[g]`` to ``border[g + 1]``; zeros are one block of ties below.

    Adds to ``ranks`` (rank sums), ``logs`` (sums of log2(1 + value)) and ``seen`` (non-zeros), each
    of shape ``(genes, groups)``, and to ``ties`` the sum of t^3 - t over blocks of ties.
    """
    n_groups = sizes.shape[0]
    n = 0
    for g in range(n_groups):
        n += sizes[g]
    for gene in range(border.shape[0] - 1):
        first = border[gene]
        last = border[gene + 1]
        zeros = n - (last - first)
        ties[gene] += float(zeros) * zeros * zeros - zeros
        low = first
        while low < last:
            value = values[2 * low + 1]
            high = low + 1
            while high < last and values[2 * high + 1] == value:
                high += 1
            rank = zeros + 0.5 * (low - first + 1 + high - first)
            log = math.log(1.0 + float(value)) * 1.4426950408889634
            for at in range(low, high):
                g = groups[2 * at]
                ranks[gene, g] += rank
                logs[gene, g] += log
                seen[gene, g] += 1
            t = float(high - low)
            ties[gene] += t * t * t - t
            low = high
        for g in range(n_groups):
            ranks[gene, g] += 0.5 * (zeros + 1) * (sizes[g] - seen[gene, g])
