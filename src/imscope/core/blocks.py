"""Counts as blocks of rows: the one shape every reader gives and every kernel takes."""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

ROWS_PER_BLOCK = 5_000
"""Rows per block. Fixed, because block borders decide the order of floating-point sums."""


@dataclass(frozen=True, slots=True)
class CsrBlock:
    """Consecutive cells of a sparse count matrix.

    Attributes
    ----------
    start
        Row of the first cell in the whole matrix.
    indptr
        int64, shape ``(n_rows + 1,)``, begins at 0.
    indices
        int32, shape ``(nnz,)``: feature of each stored count. Sorting is not promised.
    data
        int32 for counts, float32 for a matrix of expression values. Unit: UMI.
    n_features
        Number of columns.
    """

    start: int
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.int32] | NDArray[np.float32]
    n_features: int

    @property
    def n_rows(self) -> int:
        """Number of cells in the block."""
        return len(self.indptr) - 1


@runtime_checkable
class BlockSource(Protocol):
    """Anything that can hand out rows: memory, a file, a store. ``read`` is thread safe."""

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        ...

    @property
    def n_features(self) -> int:
        """Number of columns."""
        ...

    def read(self, start: int, stop: int) -> CsrBlock:
        """Return rows ``start`` to ``stop`` (half open)."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryBlocks:
    """A CSR matrix in memory as a block source; arrays are shared, not copied, where types allow.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 0, 2], [0, 3, 0]]))
    >>> source.read(1, 2).data
    array([3], dtype=int32)
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.int32] | NDArray[np.float32]
    n_features: int

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def read(self, start: int, stop: int) -> CsrBlock:
        """Return rows ``start`` to ``stop`` (half open)."""
        low, high = self.indptr[start], self.indptr[stop]
        return CsrBlock(
            start=start,
            indptr=self.indptr[start : stop + 1] - low,
            indices=self.indices[low:high],
            data=self.data[low:high],
            n_features=self.n_features,
        )

    @classmethod
    def from_csr(cls, matrix: object) -> Self:
        """Wrap a SciPy CSR matrix or array (or anything it can convert) of whole counts."""
        import scipy.sparse as sp

        csr = sp.csr_array(matrix)
        data = csr.data
        if not (np.issubdtype(data.dtype, np.floating) and (data % 1).any()):
            data = data.astype(np.int32, copy=False)
        else:
            data = data.astype(np.float32, copy=False)
        return cls(
            csr.indptr.astype(np.int64, copy=False),
            csr.indices.astype(np.int32, copy=False),
            data,
            csr.shape[1],
        )


def block_bounds(n_cells: int, rows: int = ROWS_PER_BLOCK) -> list[tuple[int, int]]:
    """Split rows into fixed blocks, the same for every thread count.

    Examples
    --------
    >>> block_bounds(12, rows=5)
    [(0, 5), (5, 10), (10, 12)]
    """
    return [(low, min(low + rows, n_cells)) for low in range(0, n_cells, rows)]
