"""Values of a few named genes and the depth of every cell, read in one pass."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.engine.execute import map_blocks

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PanelCounts:
    """Values of a gene panel.

    Attributes
    ----------
    symbols
        Genes asked for, one per column.
    counts
        Sparse, shape ``(n_cells, n_symbols)``; nothing for a gene that is not in the matrix.
    depth
        Sum over all genes of each cell, shape ``(n_cells,)``.
    columns
        Number of the panel gene of each feature, -1 for the others, shape ``(n_features,)``;
        without it all genes of the panel are in the matrix.
    """

    symbols: tuple[str, ...]
    counts: "sp.csc_array | sp.csr_array"
    depth: Floats
    columns: NDArray[np.int64] | None = None

    @property
    def present(self) -> NDArray[np.bool_]:
        """Genes that are in the matrix, shape ``(n_symbols,)``."""
        if self.columns is None:
            return np.ones(len(self.symbols), dtype=bool)
        return np.isin(np.arange(len(self.symbols)), self.columns)

    def dense(self, rows: "slice | NDArray[np.integer] | None" = None) -> Floats:
        """Values of all genes of the panel in some cells, all by default."""
        part = self.counts if rows is None else self.counts.tocsr()[rows]
        return np.asarray(part.toarray(), dtype=np.float64)

    def of(self, symbols: Iterable[str], rows: NDArray[np.int64] | None = None) -> Floats:
        """Dense values of those of the genes that are in the matrix, in the order given."""
        place = {s: k for k, s in enumerate(self.symbols)}
        part = self.counts[:, [place[s] for s in self.found(symbols)]]
        if rows is not None:
            part = part.tocsr()[rows]
        return np.asarray(part.toarray(), dtype=np.float64)

    def found(self, symbols: Iterable[str]) -> list[str]:
        """Those of the genes that are in the matrix, in the order given."""
        there = {s for s, yes in zip(self.symbols, self.present, strict=True) if yes}
        return [s for s in dict.fromkeys(symbols) if s in there]

    def detected(self, symbols: Iterable[str]) -> list[str]:
        """Those of the genes that any cell shows, in the order given."""
        total = dict(zip(self.symbols, self.counts.sum(axis=0), strict=True))
        return [s for s in dict.fromkeys(symbols) if total.get(s, 0) > 0]

    def without(self, symbols: Collection[str]) -> "PanelCounts":
        """Take some genes for absent from the matrix."""
        import scipy.sparse as sp

        gone = np.isin(self.symbols, list(symbols))
        keep = sp.diags_array((~gone).astype(float))
        columns = np.arange(len(self.symbols)) if self.columns is None else self.columns
        columns = np.where(np.isin(columns, np.flatnonzero(gone)), -1, columns)
        return PanelCounts(self.symbols, sp.csr_array(self.counts @ keep), self.depth, columns)

    def profile(self, values: Floats) -> Floats:
        """Sum values given per feature up to the genes of the panel."""
        columns = np.zeros(0, dtype=np.int64) if self.columns is None else self.columns
        kept = columns >= 0
        return np.bincount(columns[kept], values[kept], len(self.symbols))


def read_panel(
    source: BlockSource,
    features: "pd.DataFrame",
    genes: Sequence[str],
    *,
    threads: int | None = None,
) -> PanelCounts:
    """Read the values of some genes and the depth of every cell.

    Parameters
    ----------
    source
        Counts, or other values.
    features
        One row per feature, with ``symbol``.
    genes
        Symbols. Features with the same symbol are added up.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> cells = MemoryBlocks.from_csr(sp.csr_array([[1, 0, 2], [0, 3, 4]]))
    >>> panel = read_panel(cells, pd.DataFrame({"symbol": ["A", "B", "A"]}), ["A", "D"])
    >>> panel.dense().tolist(), panel.found(["A", "D"]), panel.depth.tolist()
    ([[3.0, 0.0], [4.0, 0.0]], ['A'], [3.0, 7.0])
    """
    import scipy.sparse as sp

    symbols = tuple(dict.fromkeys(genes))
    place = {gene: k for k, gene in enumerate(symbols)}
    columns = np.array([place.get(str(s), -1) for s in features["symbol"]], dtype=np.int64)
    work = partial(_block, columns=columns, n_genes=len(symbols))
    parts = list(map_blocks(source, work, threads=threads))
    counts = sp.csr_array(sp.vstack([p for p, _ in parts])) if parts else None
    if counts is None:
        counts = sp.csr_array((0, len(symbols)))
    depth = np.concatenate([np.zeros(0), *(t for _, t in parts)])
    return PanelCounts(symbols, counts, depth, columns)


def _block(
    block: CsrBlock, *, columns: NDArray[np.int64], n_genes: int
) -> tuple["sp.csr_array", Floats]:
    import scipy.sparse as sp

    data = block.data.astype(np.float64)
    rows = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
    depth = np.bincount(rows, data, block.n_rows).astype(np.float64)
    gene = columns[block.indices]
    kept = gene >= 0
    shape = (block.n_rows, n_genes)
    return sp.csr_array((data[kept], (rows[kept], gene[kept])), shape=shape), depth
