"""One pass over the counts to the sufficient statistics of the heterogeneity index.

Sums per unit and gene are additive: a sample, a lot or a bootstrap replicate is a sum of units, so
intervals, groups and gene sets need no second look at the counts.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks, thread_count
from imscope.engine.kernels.moments import add_moments, sum_kept


@dataclass(frozen=True, slots=True, eq=False)
class UnitMoments:
    """Additive sums over the cells of each unit, for the expression fractions y = x / N.

    Attributes
    ----------
    n_cells
        Cells per unit, shape ``(n_units,)``. Unit: cells.
    sums
        Shape ``(n_units, n_genes, 3)``: sum of y, of y squared, and of y (1 - y) / (N - 1).
    depth
        Total count over the kept genes of every cell of the source, ``(n_cells,)``. Unit: UMI.
    unit
        Unit of every cell, -1 where the cell was left out, ``(n_cells,)``.
    n_dropped
        Cells of a unit with fewer than 2 counts, which carry no information on variance.
    """

    n_cells: NDArray[np.int64]
    sums: NDArray[np.float64]
    depth: NDArray[np.int64]
    unit: NDArray[np.int32]
    n_dropped: int

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.n_cells)

    @property
    def n_genes(self) -> int:
        """Number of kept genes."""
        return int(self.sums.shape[1])

    @property
    def sum_fraction(self) -> NDArray[np.float64]:
        """Sum of y, shape ``(n_units, n_genes)``."""
        return self.sums[:, :, 0]

    @property
    def sum_square(self) -> NDArray[np.float64]:
        """Sum of y squared, shape ``(n_units, n_genes)``."""
        return self.sums[:, :, 1]

    @property
    def sum_noise(self) -> NDArray[np.float64]:
        """Sum of y (1 - y) / (N - 1), shape ``(n_units, n_genes)``."""
        return self.sums[:, :, 2]

    def median_depth(self, units: ArrayLike | None = None) -> float:
        """Median count per cell over the cells of some units (all by default). Unit: UMI."""
        used = self.unit >= 0
        if units is not None:
            wanted = np.zeros(self.n_units + 1, dtype=bool)
            wanted[np.asarray(units)] = True
            used = wanted[self.unit]
        return float(np.median(self.depth[used])) if used.any() else float("nan")

    def subset(self, units: ArrayLike) -> "UnitMoments":
        """Keep some units, numbered anew in the order given."""
        keep = np.asarray(units, dtype=np.int64)
        number = np.full(self.n_units + 1, -1, dtype=np.int32)
        number[keep] = np.arange(len(keep))
        return UnitMoments(
            self.n_cells[keep], self.sums[keep], self.depth, number[self.unit], self.n_dropped
        )

    def merge(self, codes: ArrayLike) -> "UnitMoments":
        """Add units with the same code together; code -1 leaves a unit out.

        Examples
        --------
        >>> import scipy.sparse as sp
        >>> from imscope.core.blocks import MemoryBlocks
        >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 3], [2, 2], [5, 0]]))
        >>> units = np.array([0, 1, 2], dtype=np.int32)
        >>> m = compute_unit_moments(source, units, 3, kept=np.array([True, True]))
        >>> m.merge([0, 0, 1]).sum_fraction
        array([[0.75, 1.25],
               [1.  , 0.  ]])
        """
        code = np.asarray(codes, dtype=np.int64)
        n = int(code.max(initial=-1)) + 1
        sums = np.zeros((n, self.n_genes, 3))
        cells = np.zeros(n, dtype=np.int64)
        for unit, to in enumerate(code):  # in unit order, so that the digits never change
            if to >= 0:
                sums[to] += self.sums[unit]
                cells[to] += self.n_cells[unit]
        lookup = np.append(code, -1).astype(np.int32)
        return UnitMoments(cells, sums, self.depth, lookup[self.unit], self.n_dropped)


def compute_unit_moments(
    source: BlockSource,
    units: NDArray[np.int32],
    n_units: int,
    *,
    kept: NDArray[np.bool_],
    threads: int | None = None,
) -> UnitMoments:
    """Sum fractions, their squares and their sampling noise per unit and gene, in one pass.

    Parameters
    ----------
    source
        Counts.
    units
        Unit of every cell, shape ``(n_cells,)``; -1 leaves a cell out.
    n_units
        Number of units.
    kept
        Genes that make the denominator, shape ``(n_features,)``.
    threads
        See :func:`imscope.engine.execute.thread_count`. Each thread owns whole units, so there is
        one accumulator and the digits do not depend on the number of threads.

    Raises
    ------
    DataError
        Shapes disagree, a unit is out of range, or the matrix does not hold whole counts.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 3], [2, 2]]))
    >>> one_unit = np.zeros(2, dtype=np.int32)
    >>> compute_unit_moments(source, one_unit, 1, kept=np.array([True, True])).sum_square
    array([[0.3125, 0.8125]])
    """
    unit = _checked(source, units, n_units, kept)
    column = np.full(source.n_features, -1, dtype=np.int32)
    column[kept] = np.arange(int(kept.sum()), dtype=np.int32)
    sums = np.zeros((n_units, int(kept.sum()), 3))
    depth = np.zeros(source.n_cells, dtype=np.int64)
    n_threads = thread_count(threads)

    def prepare(block: CsrBlock) -> "_Prepared":
        return _prepare(block, unit, column)

    n_dropped = 0
    with ThreadPoolExecutor(n_threads) as pool:
        for ready in map_blocks(source, prepare, threads=threads):
            depth[ready.start : ready.start + len(ready.depth)] = ready.depth
            n_dropped += ready.n_dropped
            shares = _shares(ready, n_threads)
            list(pool.map(lambda rows, r=ready: _add(r, rows, column, sums), shares))
    lost = (depth < 2) & (unit >= 0)
    unit = np.where(lost, np.int32(-1), unit)
    n_cells = np.bincount(unit[unit >= 0], minlength=n_units).astype(np.int64)
    return UnitMoments(n_cells, sums, depth, unit, n_dropped)


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    start: int
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.int32]
    depth: NDArray[np.int64]
    unit: NDArray[np.int32]
    rows: NDArray[np.int64]
    n_dropped: int


def _checked(
    source: BlockSource, units: NDArray[np.int32], n_units: int, kept: NDArray[np.bool_]
) -> NDArray[np.int32]:
    unit = np.ascontiguousarray(units, dtype=np.int32)
    if unit.shape != (source.n_cells,) or kept.shape != (source.n_features,):
        raise DataError(
            "units need one entry per cell and kept genes one per feature",
            found=f"{unit.shape} for {source.n_cells} cells, {kept.shape} for "
            f"{source.n_features} features",
        )
    if len(unit) and (unit.max() >= n_units or unit.min() < -1):
        raise DataError(
            "a unit number is out of range",
            found=f"{unit.min()} to {unit.max()} with {n_units} units",
        )
    return unit


def _prepare(block: CsrBlock, unit: NDArray[np.int32], column: NDArray[np.int32]) -> _Prepared:
    if not np.issubdtype(block.data.dtype, np.integer):
        raise DataError(
            "the heterogeneity index needs whole counts",
            found=f"values of type {block.data.dtype}",
            fix="give the raw UMI counts, not normalised expression",
        )
    indptr = np.require(block.indptr, dtype=np.int64, requirements=["C", "W"])
    indices = np.require(block.indices, dtype=np.int32, requirements=["C", "W"])
    data = np.require(block.data, dtype=np.int32, requirements=["C", "W"])
    depth = np.zeros(block.n_rows, dtype=np.int64)
    sum_kept(indptr, indices, data, column, depth)
    own = unit[block.start : block.start + block.n_rows]
    wanted = own >= 0
    rows = np.flatnonzero(wanted & (depth >= 2))
    rows = rows[np.argsort(own[rows], kind="stable")]
    lost = int((wanted & (depth < 2)).sum())
    own = np.ascontiguousarray(own)
    return _Prepared(block.start, indptr, indices, data, depth, own, rows, lost)


def _shares(ready: _Prepared, n_threads: int) -> list[NDArray[np.int64]]:
    """Cut the rows, which are sorted by unit, into shares that never split a unit."""
    if n_threads == 1 or len(ready.rows) == 0:
        return [ready.rows]
    work = np.cumsum(ready.indptr[ready.rows + 1] - ready.indptr[ready.rows])
    targets = work[-1] * np.arange(1, n_threads) / n_threads
    sorted_units = ready.unit[ready.rows]
    near = np.minimum(np.searchsorted(work, targets), len(work) - 1)
    cuts = np.searchsorted(sorted_units, sorted_units[near])
    return [share for share in np.split(ready.rows, cuts) if len(share)]


def _add(
    ready: _Prepared,
    rows: NDArray[np.int64],
    column: NDArray[np.int32],
    sums: NDArray[np.float64],
) -> None:
    add_moments(
        ready.indptr,
        ready.indices,
        ready.data,
        column,
        ready.depth,
        np.ascontiguousarray(rows),
        ready.unit,
        sums,
    )
