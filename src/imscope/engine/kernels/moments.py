"""Sums of expression fractions per unit and gene, with their exact sampling noise."""

from imscope.core.jit import njit


@njit("void(i8[::1], i4[::1], i4[::1], i4[::1], i8[::1])")
def sum_kept(indptr, indices, data, column, depth):  # type: ignore[no-untyped-def]
    """Write the total count of each row over the kept genes (``column >= 0``) to ``depth``."""
    for row in range(depth.shape[0]):
        total = 0
        for k in range(indptr[row], indptr[row + 1]):
            if column[indices[k]] >= 0:
                total += data[k]
        depth[row] = total


@njit("void(i8[::1], i4[::1], i4[::1], i4[::1], i8[::1], i8[::1], i4[::1], f8[:, :, ::1])")
def add_moments(indptr, indices, data, column, depth, rows, unit, out):  # type: ignore[no-untyped-def]
    """Add y, y^2 and y(1 - y)/(N - 1) of every count of the given rows to ``out[unit, gene]``.

    ``rows`` lists the rows to add, those of one unit together so that its sums stay in cache; each
    has a depth of at least 2. ``unit`` holds the unit of every row of the block.
    """
    for i in range(rows.shape[0]):
        row = rows[i]
        sums = out[unit[row]]
        scale = 1.0 / depth[row]
        noise = 1.0 / (depth[row] - 1.0)
        for k in range(indptr[row], indptr[row + 1]):
            gene = column[indices[k]]
            if gene >= 0:
                y = data[k] * scale
                square = y * y
                sums[gene, 0] += y
                sums[gene, 1] += square
                sums[gene, 2] += (y - square) * noise


@njit("void(i8[::1], i4[::1], i4[::1], i4[::1], i4[:, ::1])")
def fill_counts(indptr, indices, data, column, out):  # type: ignore[no-untyped-def]
    """Write the counts of the chosen genes (``column >= 0``) of each row into a dense matrix."""
    for row in range(out.shape[0]):
        for k in range(indptr[row], indptr[row + 1]):
            gene = column[indices[k]]
            if gene >= 0:
                out[row, gene] = data[k]


@njit(
    "void(i4[:, ::1], i8, f8[::1], i8[::1], f8[::1], f8[::1], f8[:, ::1], f8[:, :, ::1],"
    " f8[:, ::1])"
)
def add_powers(counts, low, depth, label, root, w2, z, gene, diagonal):  # type: ignore[no-untyped-def]
    """Add what coordinated heterogeneity needs of the genes from ``low`` on, but inner products.

    With y the share of a gene and u = 1 / (depth - 1): sums of y, y^2, u y, u y^2, u y^3 per block
    go to ``gene[block, :, gene]``, sums weighted by ``w2`` of u y^3, u^2 y^3, u^2 y^2 to
    ``diagonal[block]``, and y times ``root`` to ``z[cell, gene - low]``.
    """
    for cell in range(counts.shape[0]):
        n = depth[cell]
        u = 1.0 / (n - 1.0)
        block = label[cell]
        cubes = 0.0
        squares = 0.0
        for j in range(z.shape[1]):
            g = low + j
            count = counts[cell, g]
            if count != 0:
                y = count / n
                y2 = y * y
                z[cell, j] = y * root[g]
                gene[block, 0, g] += y
                gene[block, 1, g] += y2
                gene[block, 2, g] += u * y
                gene[block, 3, g] += u * y2
                gene[block, 4, g] += u * y2 * y
                cubes += w2[g] * u * y2 * y
                squares += w2[g] * u * y2
        diagonal[block, 0] += cubes
        diagonal[block, 1] += u * cubes
        diagonal[block, 2] += u * squares
