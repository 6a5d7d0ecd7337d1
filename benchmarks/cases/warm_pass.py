"""Warm quality control, size factors and gene moments of counts in memory.

Sides: imscope; floor, one plain fused loop over the same arrays that does the least any program
must: totals, normalise, logarithm, sums per gene. Both run compiled, the first run not counted.
"""

import sys
from math import log1p

import numpy as np
from _case import parse, peak_mb, read_counts, report, timed


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "floor"])
    indptr, indices, counts, shape = read_counts(args.data)
    arrays = indptr.astype(np.int64), indices.astype(np.int32), counts.astype(np.int32)
    work = {"imscope": with_imscope, "floor": with_floor}[args.side](arrays, shape, args)
    moments, clock = timed(work, max(3, args.repeats))
    clock |= peak_mb()
    quality = {"sum_of_squares": float(f"{moments.sum():.10g}"), "values": len(indices)}
    report("warm_pass", args.side, "imscope" if args.side == "imscope" else "numba", clock, quality)


def with_imscope(arrays, shape, args):
    """Metrics, size factors, moments, as the standard path runs them."""
    from imscope.core.blocks import MemoryBlocks
    from imscope.engine.hvg import compute_gene_moments
    from imscope.engine.normalise import compute_size_factors
    from imscope.engine.qc import compute_qc

    source = MemoryBlocks(*arrays, shape[1])
    classes = {"mito": np.arange(shape[1]) < 13}
    groups = np.zeros(shape[0], dtype=np.int32)

    def work():
        totals = compute_qc(source, classes, threads=args.threads)["n_umi"].to_numpy()
        factors = compute_size_factors(totals)
        return compute_gene_moments(source, factors, groups, 1, threads=args.threads).squares[0]

    return work


def with_floor(arrays, shape, args):  # noqa: ARG001
    """One loop in numba; the median total is given."""
    import numba

    indptr, indices, counts = arrays
    middle = float(np.median(np.add.reduceat(counts, indptr[:-1])))

    @numba.njit
    def fused(indptr, indices, counts, middle, out, table):
        for row in range(len(indptr) - 1):
            total = 0
            for i in range(indptr[row], indptr[row + 1]):
                total += counts[i]
            scale = middle / total
            for k in range(len(table)):
                table[k] = log1p(k * scale)
            for i in range(indptr[row], indptr[row + 1]):
                x = counts[i]
                v = table[x] if x < len(table) else log1p(x * scale)
                out[indices[i], 0] += v
                out[indices[i], 1] += v * v

    def work():
        out = np.zeros((shape[1], 2))
        fused(indptr, indices, counts, middle, out, np.zeros(32))
        return out[:, 1]

    return work


if __name__ == "__main__":
    main(sys.argv[1:])
