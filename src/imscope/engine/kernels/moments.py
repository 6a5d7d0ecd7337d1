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
