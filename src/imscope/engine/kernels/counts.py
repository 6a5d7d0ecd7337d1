"""Kernels over one block of counts: sums, moments, cross products and projections.

All read compressed rows as they come from a source. ``factor`` is the size factor of each cell and
``code`` its group in this block; a cell with a negative code is left out. The normalised value of
a count ``c`` is ``log(1 + c / factor)``, computed where needed and never stored for all genes.
"""

import math

import numpy as np

from imscope.core.jit import njit

TOP = 50
SMALL = 256  # counts below are counted by value; larger ones are rare and kept in a list
TABLE = 16  # logarithms of the commonest counts are computed once per cell


@njit("void(i8[::1], i4[::1], i4[::1], u1[::1], i8[:, ::1], i8[:, ::1])")
def sum_counts(indptr, indices, data, classes, cells, genes):  # type: ignore[no-untyped-def]
    """Fill per-cell and per-gene sums.

    ``cells`` gets total, genes seen, sum of the 50 largest counts, then one sum per bit of
    ``classes``; ``genes`` gets total and cells in which the gene is seen.
    """
    n_classes = cells.shape[1] - 3
    of_value = np.zeros(SMALL, dtype=np.int64)
    for i in range(indptr.size - 1):
        large = np.zeros(0, dtype=np.int64)
        n_large, seen = 0, 0
        total = np.int64(0)
        for j in range(indptr[i], indptr[i + 1]):
            value = np.int64(data[j])
            if value == 0:
                continue
            gene = indices[j]
            total += value
            seen += 1
            genes[gene, 0] += value
            genes[gene, 1] += 1
            if value < SMALL:
                of_value[value] += 1
            else:
                if n_large == 0:
                    large = np.empty(indptr[i + 1] - j, dtype=np.int64)
                large[n_large] = value
                n_large += 1
            if classes[gene] != 0:
                for k in range(n_classes):
                    cells[i, 3 + k] += value * ((classes[gene] >> k) & 1)
        left, top = np.int64(TOP), np.int64(0)
        while left > 0 and n_large > 0:
            best = 0
            for j in range(1, n_large):
                if large[j] > large[best]:
                    best = j
            top += large[best]
            n_large -= 1
            large[best] = large[n_large]
            left -= np.int64(1)
        for common in range(SMALL - 1, 0, -1):
            if of_value[common] > 0:
                used = np.int64(min(left, of_value[common]))
                top += used * common
                left -= used
                of_value[common] = 0
        cells[i, 0], cells[i, 1], cells[i, 2] = total, seen, top


@njit("void(i8[::1], i4[::1], i4[::1], f8[::1], i8[::1], f8[:, :, ::1])")
def add_moments(indptr, indices, data, factor, code, out):  # type: ignore[no-untyped-def]
    """Add sum, sum of squares and cells seen of each gene to ``out[code, gene]``."""
    table = np.empty(TABLE)
    for i in range(indptr.size - 1):
        if code[i] < 0:
            continue
        inverse = 1.0 / factor[i]
        for c in range(TABLE):
            table[c] = math.log1p(c * inverse)
        mine = out[code[i]]
        for j in range(indptr[i], indptr[i + 1]):
            c = data[j]
            if c > 0:
                value = table[c] if c < TABLE else math.log1p(c * inverse)
                gene = indices[j]
                mine[gene, 0] += value
                mine[gene, 1] += value * value
                mine[gene, 2] += 1.0


@njit("void(i8[::1], i4[::1], i4[::1], f8[::1], i8[::1], i4[::1], f4[:, ::1], f8[:, ::1])")
def fill_chosen(indptr, indices, data, factor, code, place, out, sums):  # type: ignore[no-untyped-def]
    """Write normalised values of chosen genes into ``out`` and add them to ``sums[code]``.

    ``place`` is the number of each gene among the chosen ones, or -1; ``out`` holds zeros.
    """
    table = np.empty(TABLE)
    for i in range(indptr.size - 1):
        if code[i] < 0:
            continue
        inverse = 1.0 / factor[i]
        for c in range(TABLE):
            table[c] = math.log1p(c * inverse)
        mine = sums[code[i]]
        for j in range(indptr[i], indptr[i + 1]):
            p = place[indices[j]]
            c = data[j]
            if p >= 0 and c > 0:
                value = table[c] if c < TABLE else math.log1p(c * inverse)
                out[i, p] += value
                mine[p] += value


@njit("void(i8[::1], i4[::1], i4[::1], f8[::1], i8[::1], i4[::1], f8[:, ::1], f8[:, ::1])")
def project_cells(indptr, indices, data, factor, code, place, loadings, out):  # type: ignore[no-untyped-def]
    """Add each cell's normalised values times ``loadings`` (gene by component) to ``out``."""
    width = loadings.shape[1]
    for i in range(indptr.size - 1):
        if code[i] < 0:
            continue
        inverse = 1.0 / factor[i]
        for j in range(indptr[i], indptr[i + 1]):
            p = place[indices[j]]
            if p >= 0 and data[j] > 0:
                value = math.log1p(data[j] * inverse)
                for k in range(width):
                    out[i, k] += value * loadings[p, k]
