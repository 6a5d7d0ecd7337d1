"""Counts of genes, lots and regions of the genome, in three passes over the cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOISE = (0.05, 10.0)
"""Smallest and largest squared variation of a gene that is believed."""


@dataclass(frozen=True, slots=True)
class LotSums:
    """Counts per lot and gene, and per cell.

    Attributes
    ----------
    genes
        Shape ``(n_lots, n_genes)``. Unit: UMI.
    depth
        UMI of each cell over the counted genes, shape ``(n_cells,)``.
    variation
        Squared coefficient of variation of each gene beyond counting noise, among cells of one
        lot, shape ``(n_genes,)``.
    """

    genes: Floats
    depth: Floats
    variation: Floats


def matrix_of(block: CsrBlock) -> sp.csr_array:
    """Counts of one block as a SciPy matrix.

    Raises
    ------
    DataError
        The block holds values that are not whole counts.
    """
    if not np.issubdtype(block.data.dtype, np.integer) or (block.data < 0).any():
        raise DataError(
            "the screen needs whole counts",
            found=f"{block.data.dtype} values from row {block.start}",
            code=codes.SAFETY_COUNTS,
        )
    shape = (block.n_rows, block.n_features)
    return sp.csr_array((block.data.astype(np.float64), block.indices, block.indptr), shape=shape)


def sum_lots(
    source: BlockSource,
    lots: Ints,
    n_lots: int,
    *,
    counted: NDArray[np.bool_],
    threads: int | None = None,
) -> LotSums:
    """Sum counts per lot and gene, and measure how much genes vary among cells.

    Parameters
    ----------
    source
        Counts.
    lots
        Number of the lot of each cell; -1 leaves the cell out.
    n_lots
        Number of lots.
    counted
        Genes that count, shape ``(n_features,)``.
    threads
        See :func:`imscope.engine.execute.thread_count`.
    """
    genes = np.zeros((n_lots, source.n_features))
    fractions = np.zeros((n_lots, source.n_features))
    squares = np.zeros(source.n_features)
    depth = np.zeros(source.n_cells)
    weight = counted.astype(np.float64)

    def partial(block: CsrBlock) -> tuple[int, Floats, Floats, Floats, Floats]:
        counts = matrix_of(block)
        total = np.asarray(counts @ weight)
        rows = slice(block.start, block.start + block.n_rows)
        lot = np.where(total >= 2, lots[rows], -1)
        used = np.flatnonzero(lot >= 0)
        member = sp.csr_array((np.ones(used.size), (lot[used], used)), shape=(n_lots, block.n_rows))
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total >= 2)
        share = sp.csr_array(sp.diags_array(scale) @ counts)
        # x (x - 1) / (n (n - 1)) has the squared fraction as its mean: counting noise is out
        pair = counts.copy()
        pair.data = pair.data * (pair.data - 1)
        unbiased = np.divide(scale, total - 1, out=np.zeros_like(total), where=total >= 2)
        keep = (lot >= 0).astype(np.float64)
        return (
            block.start,
            total,
            np.asarray((member @ counts).todense()),
            np.asarray((member @ share).todense()),
            np.asarray(pair.T @ (unbiased * keep)),
        )

    for start, total, lot_genes, lot_shares, pairs in map_blocks(source, partial, threads=threads):
        depth[start : start + len(total)] = total
        genes += lot_genes
        fractions += lot_shares
        squares += pairs
    n = np.bincount(lots[(lots >= 0) & (depth >= 2)], minlength=n_lots).astype(np.float64)
    mean_square = fractions**2 / np.maximum(n, 1)[:, None]
    expected = mean_square.sum(axis=0)
    variation = np.divide(squares, expected, out=np.ones_like(squares), where=expected > 0) - 1
    return LotSums(genes * weight, depth, np.clip(variation, *NOISE))


def region_scores(
    source: BlockSource,
    regions: Sequence[NDArray[np.intp]],
    weights: Floats,
    *,
    threads: int | None = None,
) -> tuple[Floats, Floats]:
    """Weighted counts of each region and of all genes, per cell.

    Parameters
    ----------
    source
        Counts.
    regions
        Genes of each region.
    weights
        Weight of each gene; 0 leaves it out. Shape ``(n_features,)``.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    scores, total
        Shapes ``(n_cells, n_regions)`` and ``(n_cells,)``.
    """
    column = np.concatenate([np.full(len(r), k) for k, r in enumerate(regions)])
    row = np.concatenate(list(regions))
    member = sp.csr_array((weights[row], (row, column)), shape=(source.n_features, len(regions)))
    scores = np.zeros((source.n_cells, len(regions)))
    total = np.zeros(source.n_cells)

    def partial(block: CsrBlock) -> tuple[int, Floats, Floats]:
        counts = matrix_of(block)
        return block.start, np.asarray((counts @ member).todense()), np.asarray(counts @ weights)

    for start, part, sums in map_blocks(source, partial, threads=threads):
        scores[start : start + len(sums)] = part
        total[start : start + len(sums)] = sums
    return scores, total
