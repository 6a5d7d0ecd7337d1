"""Features that belong to one gene, such as probes, summed as rows are read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock


@dataclass(frozen=True, slots=True)
class SummedFeatures:
    """A source whose features are added up.

    Attributes
    ----------
    source
        Where the rows come from.
    mapping
        New number of each feature, shape ``(source.n_features,)``; several may share one, -1
        drops a feature.
    n_features
        Number of features afterwards.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[5, 6, 7]]))
    >>> SummedFeatures(source, np.array([0, 1, 0]), 2).read(0, 1).data
    array([12,  6], dtype=int32)
    """

    source: BlockSource
    mapping: NDArray[np.int64]
    n_features: int

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        return self.source.n_cells

    def read(self, start: int, stop: int) -> CsrBlock:
        """Return rows ``start`` to ``stop`` (half open)."""
        block = self.source.read(start, stop)
        new = self.mapping[block.indices]
        row = np.repeat(np.arange(block.n_rows, dtype=np.int64), np.diff(block.indptr))
        keep = new >= 0
        place = row[keep] * self.n_features + new[keep]
        where, inverse = np.unique(place, return_inverse=True)
        data = np.bincount(inverse, weights=block.data[keep].astype(np.float64))
        rows = np.bincount(where // self.n_features, minlength=block.n_rows)
        return CsrBlock(
            block.start,
            np.concatenate([[0], np.cumsum(rows)]).astype(np.int64),
            (where % self.n_features).astype(np.int32),
            data.astype(np.float32) if block.data.dtype.kind == "f" else data.astype(np.int32),
            self.n_features,
        )
