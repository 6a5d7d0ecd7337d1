"""Counts of a few genes in all cells, with the depth of every cell: one pass for all analyses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.engine.execute import map_blocks

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PanelCounts:
    """Counts of some genes.

    Attributes
    ----------
    symbols
        Genes found in the matrix, one per column.
    counts
        Sparse, shape ``(n_cells, n_symbols)``. Unit: UMI.
    depth
        Counts of all genes, shape ``(n_cells,)``. Unit: UMI.
    """

    symbols: tuple[str, ...]
    counts: "sp.csc_array"
    depth: Floats

    def of(self, symbols: Iterable[str], rows: NDArray[np.int64] | None = None) -> Floats:
        """Dense counts of those of the genes that are there, in the order given."""
        place = {s: k for k, s in enumerate(self.symbols)}
        columns = [place[s] for s in dict.fromkeys(symbols) if s in place]
        part = self.counts[:, columns]
        if rows is not None:
            part = part.tocsr()[rows]
        return np.asarray(part.toarray(), dtype=np.float64)

    def found(self, symbols: Iterable[str]) -> list[str]:
        """Those of the genes that are in the matrix, in the order given."""
        there = set(self.symbols)
        return [s for s in dict.fromkeys(symbols) if s in there]

    def detected(self, symbols: Iterable[str]) -> list[str]:
        """Those of the genes that any cell shows, in the order given."""
        total = dict(zip(self.symbols, self.counts.sum(axis=0), strict=True))
        return [s for s in dict.fromkeys(symbols) if total.get(s, 0) > 0]


def collect_counts(
    source: BlockSource,
    features: "pd.DataFrame",
    symbols: Sequence[str],
    *,
    threads: int | None = None,
) -> PanelCounts:
    """Read the counts of some genes in one pass.

    Parameters
    ----------
    source, features
        Counts, and their features as :func:`imscope.io.genes.map_genes` gives them.
    symbols
        Genes that are wanted; those not in the matrix are left out.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> from imscope.io.genes import map_genes
    >>> features, _ = map_genes(["ENG", "THY1"])
    >>> panel = collect_counts(MemoryBlocks.from_csr(sp.csr_array([[3, 4]])), features, ["THY1"])
    >>> panel.symbols, panel.of(["THY1"]).tolist(), panel.depth.tolist()
    (('THY1',), [[4.0]], [7.0])
    """
    import scipy.sparse as sp

    mapped = (
        features["mapped"].to_numpy(dtype=bool)
        if "mapped" in features
        else np.ones(len(features), dtype=bool)
    )
    names = [str(s) for s in features["symbol"]]
    column: dict[str, int] = {}
    for k in np.argsort(~mapped, kind="stable").tolist():
        column.setdefault(names[k], k)
    found = [s for s in dict.fromkeys(symbols) if s in column]
    number = np.full(source.n_features, -1, dtype=np.int64)
    number[[column[s] for s in found]] = np.arange(len(found))

    def work(block: CsrBlock) -> tuple[sp.csr_array, Floats]:
        total = np.zeros(block.n_rows)
        rows = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
        np.add.at(total, rows, block.data)
        place = number[block.indices]
        kept = place >= 0
        part = sp.csr_array(
            (block.data[kept].astype(np.float64), (rows[kept], place[kept])),
            shape=(block.n_rows, len(found)),
        )
        return part, total

    parts = list(map_blocks(source, work, threads=threads))
    counts = sp.csc_array(sp.vstack([p for p, _ in parts]))
    return PanelCounts(tuple(found), counts, np.concatenate([t for _, t in parts]))
