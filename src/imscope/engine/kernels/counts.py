"""Fused passes over one block of counts: quality, moments, variable genes, Gram, projection."""

from math import log1p

import numpy as np

from imscope.core.jit import njit


@njit("void(i8[::1], i4[::1], f4[::1], u1[::1], f8[:, ::1], f8[:, ::1])")
def add_quality(indptr, indices, data, classes, cells, genes):  # type: ignore[no-untyped-def]
    """Fill ``cells`` (total, genes, then three classes) and add sum and cells to ``genes``.

    ``classes`` holds one bit per class of genes.
    """
    for row in range(indptr.shape[0] - 1):
        total = 0.0
        seen = 0.0
        first = 0.0
        second = 0.0
        third = 0.0
        for i in range(indptr[row], indptr[row + 1]):
            x = data[i]
            if x == 0:
                continue
            g = indices[i]
            total += x
            seen += 1.0
            genes[g, 0] += x
            genes[g, 1] += 1.0
            bits = classes[g]
            if bits:
                first += x * (bits & 1)
                second += x * ((bits >> 1) & 1)
                third += x * ((bits >> 2) & 1)
        cells[row, 0] = total
        cells[row, 1] = seen
        cells[row, 2] = first
        cells[row, 3] = second
        cells[row, 4] = third


@njit("void(i8[::1], i4[::1], f4[::1], f8[::1], i4[::1], f8[::1], f8[:, :, ::1])")
def add_moments(indptr, indices, data, scale, groups, table, out):  # type: ignore[no-untyped-def]
    """Add sum, sum of squares and cells with the gene of log-normalised values, per group."""
    for row in range(indptr.shape[0] - 1):
        for k in range(table.shape[0]):  # most counts are small: their logarithms are tabulated
            table[k] = log1p(k * scale[row])
        here = out[groups[row]]
        for i in range(indptr[row], indptr[row + 1]):
            x = data[i]
            if x != 0:
                g = indices[i]
                count = np.int32(x)
                small = 0 <= count < table.shape[0] and count == x
                v = table[count] if small else log1p(x * scale[row])
                here[g, 0] += v
                here[g, 1] += v * v
                here[g, 2] += 1.0


@njit(
    "void(i8[::1], i4[::1], f4[::1], f8[::1], i4[::1], f8[::1], i8[::1], i4[::1], f8[::1])",
)
def take_genes(  # type: ignore[no-untyped-def]
    indptr, indices, data, scale, column, table, new_indptr, new_columns, new_values
):
    """Keep the genes with ``column[g] >= 0``, log-normalised, as new rows.

    The new arrays need one place more than what is kept: every entry is written, and stays if it
    is wanted, which spares the processor a guess per entry.
    """
    n = 0
    for row in range(indptr.shape[0] - 1):
        for k in range(table.shape[0]):  # most counts are small: their logarithms are tabulated
            table[k] = log1p(k * scale[row])
        for i in range(indptr[row], indptr[row + 1]):
            x = data[i]
            c = column[indices[i]]
            new_columns[n] = c
            count = np.int32(x)
            small = 0 <= count < table.shape[0] and count == x
            new_values[n] = table[count] if small else log1p(x * scale[row])
            n += (c >= 0) & (x != 0)
        new_indptr[row + 1] = n


@njit("void(i8[::1], i4[::1], f8[::1], f8[:, ::1])")
def add_gram(indptr, columns, values, gram):  # type: ignore[no-untyped-def]
    """Add each pair of a row once; ``gram + gram.T - diag`` is the whole matrix."""
    for row in range(indptr.shape[0] - 1):
        stop = indptr[row + 1]
        for i in range(indptr[row], stop):
            line = gram[columns[i]]
            x = values[i]
            for j in range(i, stop):
                line[columns[j]] += x * values[j]


@njit("void(i8[::1], i4[::1], f8[::1], f8[:, ::1], f8[:, ::1])")
def project_rows(indptr, columns, values, weights, out):  # type: ignore[no-untyped-def]
    """Add ``values @ weights`` of every row to ``out``."""
    k = weights.shape[1]
    for row in range(indptr.shape[0] - 1):
        line = out[row]
        for i in range(indptr[row], indptr[row + 1]):
            x = values[i]
            w = weights[columns[i]]
            for j in range(k):
                line[j] += x * w[j]
