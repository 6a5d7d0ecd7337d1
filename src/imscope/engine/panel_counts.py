"""Counts of a few named genes and the depth of every cell, read in one pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PanelCounts:
    """Counts of a gene panel.

    Attributes
    ----------
    counts
        Shape ``(n_cells, n_genes)``. Unit: UMI. Zero for a gene that is not in the matrix.
    depth
        UMI of each cell over all genes, shape ``(n_cells,)``.
    present
        Genes that are in the matrix, shape ``(n_genes,)``.
    columns
        Number of the panel gene of each feature, -1 for the others, shape ``(n_features,)``.
    """

    counts: Floats
    depth: Floats
    present: NDArray[np.bool_]
    columns: NDArray[np.int64]

    def profile(self, values: Floats) -> Floats:
        """Sum values given per feature up to the genes of the panel."""
        kept = self.columns >= 0
        return np.bincount(self.columns[kept], values[kept], len(self.present))


def read_panel(
    source: BlockSource,
    features: "pd.DataFrame",
    genes: Sequence[str],
    *,
    threads: int | None = None,
) -> PanelCounts:
    """Read the counts of some genes and the depth of every cell.

    Parameters
    ----------
    source
        Whole counts.
    features
        One row per feature, with ``symbol``.
    genes
        Symbols. Features with the same symbol are added up.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Raises
    ------
    DataError
        The matrix holds expression values instead of counts.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> cells = MemoryBlocks.from_csr(sp.csr_array([[1, 0, 2], [0, 3, 0]]))
    >>> read_panel(cells, pd.DataFrame({"symbol": ["A", "B", "C"]}), ["C", "D"]).counts
    array([[2., 0.], [0., 0.]])
    """
    place = {gene: k for k, gene in enumerate(genes)}
    columns = np.array([place.get(str(s), -1) for s in features["symbol"]], dtype=np.int64)
    present = np.zeros(len(place), dtype=bool)
    present[columns[columns >= 0]] = True
    work = partial(_block, columns=columns, n_genes=len(place))
    counts, depth = np.zeros((source.n_cells, len(place))), np.zeros(source.n_cells)
    start = 0
    for part, total in map_blocks(source, work, threads=threads):
        counts[start : start + len(total)], depth[start : start + len(total)] = part, total
        start += len(total)
    return PanelCounts(counts, depth, present, columns)


def _block(
    block: CsrBlock, *, columns: NDArray[np.int64], n_genes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    data = block.data.astype(np.float64)
    bad = (data % 1 != 0) | (data < 0)
    if bad.any():
        raise DataError(
            "stages and residual cells need counts; this matrix holds expression values",
            found=f"{float(data[bad][0]):g} among the values",
            fix="give the matrix of whole UMI counts",
            code=codes.SUBSETS_COUNTS,
        )
    rows = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
    depth = np.bincount(rows, data, block.n_rows).astype(np.float64)
    gene = columns[block.indices]
    kept = gene >= 0
    flat = np.bincount(rows[kept] * n_genes + gene[kept], data[kept], block.n_rows * n_genes)
    return flat.reshape(block.n_rows, n_genes).astype(np.float64), depth
