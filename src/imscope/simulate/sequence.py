"""Draw counts of simulated cells, their barcodes and the empty droplets beside them."""

from collections.abc import Iterable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def draw_counts(
    rng: np.random.Generator,
    fractions: NDArray[np.floating],
    soup: NDArray[np.float64],
    total: NDArray[np.float64],
    *,
    ambient: float,
) -> sp.csr_array:
    """Draw whole counts of a mixture of each cell's RNA and ambient RNA.

    Parameters
    ----------
    rng
        Source of randomness.
    fractions
        Expression fractions, shape ``(n_cells, n_genes)``.
    soup
        Ambient profile, shape ``(n_genes,)``.
    total
        Depth of each cell, shape ``(n_cells,)``. Unit: UMI.
    ambient
        Share of the counts that is ambient.
    """
    parts = []
    umi = np.maximum(np.rint(total), 1).astype(np.int64)
    for low in range(0, len(fractions), 256):
        share = fractions[low : low + 256].astype(np.float64)
        share /= share.sum(axis=1, keepdims=True)
        share = (1 - ambient) * share + ambient * soup
        share /= share.sum(axis=1, keepdims=True)
        parts.append(sp.csr_array(rng.multinomial(umi[low : low + 256], share).astype(np.int32)))
    return sp.csr_array(sp.vstack(parts, format="csr"))


def barcodes(rng: np.random.Generator, n: int) -> list[str]:
    """Give ``n`` sorted barcodes, no two alike."""
    numbers = np.sort(rng.choice(4**12, size=n, replace=False))
    letters = np.array(list("ACGT"))
    digits = (numbers[:, None] >> (2 * np.arange(11, -1, -1))) & 3
    return ["".join(row) + "-1" for row in letters[digits]]


def add_empty_droplets(
    counts: sp.csr_array,
    names: Iterable[str],
    soup: NDArray[np.float64],
    *,
    n_empty: int,
    rng: np.random.Generator,
) -> tuple[list[str], sp.csr_array]:
    """Add droplets that hold nothing but 5 to 80 molecules of ambient RNA.

    Parameters
    ----------
    counts, names
        Counts and barcodes of the cells.
    soup
        Ambient profile, shape ``(n_genes,)``.
    n_empty
        Empty droplets to add.
    rng
        Source of randomness.

    Returns
    -------
    barcodes, counts
        Of all droplets, in the order of their barcodes.
    """
    umi = np.clip(np.rint(np.exp(rng.normal(3.3, 0.5, n_empty))), 5, 80).astype(np.int64)
    parts = [
        sp.csr_array(rng.multinomial(umi[low : low + 256], soup).astype(np.int32))
        for low in range(0, n_empty, 256)
    ]
    taken = set(names)
    free = [b for b in barcodes(rng, n_empty + len(taken)) if b not in taken]
    empty = [free[i] for i in np.sort(rng.choice(len(free), n_empty, replace=False))]
    droplets = np.array([*names, *empty])
    order = np.argsort(droplets, kind="stable")
    both = sp.csr_array(sp.vstack([counts, *parts], format="csr"))
    return droplets[order].tolist(), both[order]
