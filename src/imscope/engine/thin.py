"""Counts thinned to one depth, as a view of another source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.kernels.moments import sum_kept
from imscope.engine.kernels.thin import thin_rows


@dataclass(frozen=True, slots=True, eq=False)
class ThinnedBlocks:
    """Rows of a source, each thinned without replacement to at most ``target`` counts.

    Rows with fewer counts stay as they are. The same row gives the same counts in every block and
    on every number of threads.

    Parameters
    ----------
    source
        Whole counts.
    kept
        Genes that make the depth, ``(n_features,)``; counts of other genes become 0.
    target
        Depth to reach. Unit: UMI.
    seed
        Decides which counts stay.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[60, 40], [3, 2]]))
    >>> thin = ThinnedBlocks(source, np.array([True, True]), target=10, seed=1)
    >>> block = thin.read(0, 2)
    >>> int(block.data[:2].sum()), block.data[2:].tolist()
    (10, [3, 2])
    """

    source: BlockSource
    kept: NDArray[np.bool_]
    target: int
    seed: int

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        return self.source.n_cells

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.source.n_features

    def read(self, start: int, stop: int) -> CsrBlock:
        """Return thinned rows ``start`` to ``stop`` (half open)."""
        block = self.source.read(start, stop)
        if not np.issubdtype(block.data.dtype, np.integer):
            raise DataError("only whole counts can be thinned", found=f"{block.data.dtype} values")
        indptr = np.require(block.indptr, dtype=np.int64, requirements=["C", "W"])
        indices = np.require(block.indices, dtype=np.int32, requirements=["C", "W"])
        data = np.require(block.data, dtype=np.int32, requirements=["C", "W"])
        column = np.where(self.kept, 0, -1).astype(np.int32)
        depth = np.zeros(block.n_rows, dtype=np.int64)
        sum_kept(indptr, indices, data, column, depth)
        out = np.zeros_like(data)
        thin_rows(indptr, indices, data, column, depth, self.target, self._words(start, stop), out)
        return CsrBlock(block.start, indptr, indices, out, block.n_features)

    def _words(self, start: int, stop: int) -> NDArray[np.uint64]:
        """One random word per row, from the seed and the number of the row."""
        row = np.arange(start, stop, dtype=np.uint64)
        base = np.random.SeedSequence([self.seed, 0x7468696E]).generate_state(1, np.uint64)[0]
        with np.errstate(over="ignore"):
            word = (row + np.uint64(1)) * np.uint64(0xD1342543DE82EF95) + base
            word = (word ^ (word >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
            word = (word ^ (word >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
            return np.asarray(word ^ (word >> np.uint64(32)), dtype=np.uint64)
