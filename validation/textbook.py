"""The formulas written out on dense matrices, as slow and plain as possible."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hi2(counts: NDArray[np.int64], reference: Floats) -> float:
    """Variance of fractions less its multinomial part, over p, gene by gene."""
    total = 0.0
    depth = counts.sum(axis=1).astype(float)
    for g in range(counts.shape[1]):
        y = counts[:, g] / depth
        total += (np.var(y, ddof=1) - np.mean(y * (1 - y) / (depth - 1))) / reference[g]
    return float(total)


def trace_of_square(true: Floats, reference: Floats) -> float:
    """tr S^2 of known profiles, S as a matrix of genes by genes."""
    z = true / np.sqrt(reference)
    s = np.cov(z, rowvar=False)
    return float((s * s).sum())


def nested(counts: NDArray[np.int64], labels: list[NDArray[np.int64]], reference: Floats) -> Floats:
    """Components of nested levels and of the cell by the moments of an unbalanced design."""
    depth = counts.sum(axis=1).astype(float)
    y = counts / depth[:, None]
    noise = (y * (1 - y) / reference).sum(axis=1) / (depth - 1)
    n = len(y)
    sets = [np.zeros(n, dtype=int), *labels, np.arange(n)]
    t, a = np.zeros(len(sets)), np.zeros((len(sets), len(sets)))
    for i, parent in enumerate(sets):
        for g in np.unique(parent):
            mine = parent == g
            mean = y[mine].mean(axis=0)
            t[i] += mine.sum() * (mean**2 / reference).sum() - noise[mine].mean()
        for j, child in enumerate(sets):
            if j <= i:
                a[i, j] = n
                continue
            for h in np.unique(child):
                mine = child == h
                a[i, j] += mine.sum() ** 2 / (parent == parent[mine][0]).sum()
    return np.asarray(np.linalg.solve(a, t)[1:])
