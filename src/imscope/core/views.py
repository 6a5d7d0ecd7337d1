"""Views of block sources: one after another, a choice of rows, renumbered features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError


def concat_blocks(sources: Sequence[BlockSource]) -> BlockSource:
    """Put sources below one another; all must have the same features.

    Parameters
    ----------
    sources
        At least one.

    Returns
    -------
    source
        Rows of the first source, then of the second, and so on.

    Raises
    ------
    DataError
        There is no source, or they differ in their number of features.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> one = MemoryBlocks.from_csr(sp.csr_array([[1, 0]]))
    >>> two = MemoryBlocks.from_csr(sp.csr_array([[0, 2], [3, 4]]))
    >>> concat_blocks([one, two]).read(0, 3).data
    array([1, 2, 3, 4], dtype=int32)
    """
    widths = sorted({s.n_features for s in sources})
    if len(widths) != 1:
        raise DataError(
            "sources can be joined only if they have the same features",
            found=f"{len(sources)} sources with numbers of features {widths}",
            fix="map them to common features first",
        )
    if len(sources) == 1:
        return sources[0]
    starts = np.concatenate([[0], np.cumsum([s.n_cells for s in sources])]).astype(np.int64)
    return _Concat(tuple(sources), starts)


def select_rows(source: BlockSource, rows: NDArray[np.integer]) -> BlockSource:
    """Show some rows of a source, in the given order; contiguous runs are read in one piece.

    Parameters
    ----------
    source
        Where the rows come from.
    rows
        Row numbers, shape ``(n_selected,)``; a row may be asked for more than once.

    Raises
    ------
    DataError
        A row number is negative or too large.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 0], [0, 2], [3, 4]]))
    >>> select_rows(source, np.array([2, 0])).read(0, 2).data
    array([3, 4, 1], dtype=int32)
    """
    wanted = np.ascontiguousarray(rows, dtype=np.int64)
    if wanted.size and (wanted.min() < 0 or wanted.max() >= source.n_cells):
        raise DataError(
            "a selected row does not exist",
            found=f"rows {wanted.min()} to {wanted.max()}, source has {source.n_cells}",
        )
    return _Rows(source, wanted)


def map_features(source: BlockSource, mapping: NDArray[np.integer], n_features: int) -> BlockSource:
    """Renumber features.

    Parameters
    ----------
    source
        Where the rows come from.
    mapping
        New number of each feature, shape ``(source.n_features,)``; -1 drops the feature. Two
        features must not get the same number.
    n_features
        Number of features afterwards.

    Raises
    ------
    DataError
        The mapping has the wrong length, leaves the range, or is not one to one.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[5, 6, 7]]))
    >>> block = map_features(source, np.array([1, -1, 0]), 2).read(0, 1)
    >>> block.indices, block.data
    (array([1, 0], dtype=int32), array([5, 7], dtype=int32))
    """
    new = np.ascontiguousarray(mapping, dtype=np.int32)
    kept = new[new >= 0]
    problem = ""
    if new.shape != (source.n_features,):
        problem = f"mapping of length {new.size} for {source.n_features} features"
    elif kept.size and (kept.max() >= n_features or new.min() < -1):
        problem = f"new numbers {new.min()} to {kept.max()}, allowed -1 to {n_features - 1}"
    elif np.unique(kept).size != kept.size:
        problem = "two features get the same number"
    if problem:
        raise DataError("features cannot be renumbered this way", found=problem)
    if kept.size == new.size == n_features and (new == np.arange(n_features)).all():
        return source
    return _Features(source, new, n_features)


def fixed_point(source: BlockSource, scale: int) -> BlockSource:
    """Show expression values as whole numbers of ``1 / scale``, for steps that take integers.

    Parameters
    ----------
    source
        Expression values of any kind, none negative.
    scale
        Steps per unit; a value is off by at most half a step.

    Raises
    ------
    DataError
        On reading: a value is too large for 32 bits.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> fixed_point(MemoryBlocks.from_csr(sp.csr_array([[0.5, 2.25]])), 100).read(0, 1).data
    array([ 50, 225], dtype=int32)
    """
    return _Fixed(source, scale)


@dataclass(frozen=True, slots=True)
class _Fixed:
    source: BlockSource
    scale: int

    @property
    def n_cells(self) -> int:
        return self.source.n_cells

    @property
    def n_features(self) -> int:
        return self.source.n_features

    def read(self, start: int, stop: int) -> CsrBlock:
        block = self.source.read(start, stop)
        steps = np.rint(block.data.astype(np.float64) * self.scale)
        if steps.size and steps.max() > np.iinfo(np.int32).max:
            raise DataError(
                "an expression value is too large",
                found=f"{steps.max() / self.scale:g}",
                fix=f"values up to {np.iinfo(np.int32).max // self.scale:,} can be used",
            )
        return replace(block, data=steps.astype(np.int32))


@dataclass(frozen=True, slots=True)
class _Concat:
    sources: tuple[BlockSource, ...]
    starts: NDArray[np.int64]

    @property
    def n_cells(self) -> int:
        return int(self.starts[-1])

    @property
    def n_features(self) -> int:
        return self.sources[0].n_features

    def read(self, start: int, stop: int) -> CsrBlock:
        parts = []
        first = max(int(np.searchsorted(self.starts, start, side="right")) - 1, 0)
        for k in range(first, len(self.sources)):
            low, high = int(self.starts[k]), int(self.starts[k + 1])
            if low >= stop:
                break
            if max(start, low) < min(stop, high):
                parts.append(self.sources[k].read(max(start, low) - low, min(stop, high) - low))
        return _join(parts, start=start, n_features=self.n_features)


@dataclass(frozen=True, slots=True)
class _Rows:
    source: BlockSource
    rows: NDArray[np.int64]

    @property
    def n_cells(self) -> int:
        return len(self.rows)

    @property
    def n_features(self) -> int:
        return self.source.n_features

    def read(self, start: int, stop: int) -> CsrBlock:
        rows = self.rows[start:stop]
        if len(rows) and rows[-1] - rows[0] < 2 * len(rows) and (np.diff(rows) > 0).all():
            whole = self.source.read(int(rows[0]), int(rows[-1]) + 1)
            return _take(whole, rows - rows[0], start=start)
        cuts = np.flatnonzero(np.diff(rows) != 1) + 1
        edges = [0, *cuts.tolist(), len(rows)]
        parts = [
            self.source.read(int(rows[low]), int(rows[high - 1]) + 1)
            for low, high in pairwise(edges)
            if high > low
        ]
        return _join(parts, start=start, n_features=self.n_features)


@dataclass(frozen=True, slots=True)
class _Features:
    source: BlockSource
    mapping: NDArray[np.int32]
    n_features: int

    @property
    def n_cells(self) -> int:
        return self.source.n_cells

    def read(self, start: int, stop: int) -> CsrBlock:
        block = self.source.read(start, stop)
        new = self.mapping[block.indices]
        keep = new >= 0
        if keep.all():
            return CsrBlock(block.start, block.indptr, new, block.data, self.n_features)
        before = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)
        return CsrBlock(
            block.start, before[block.indptr], new[keep], block.data[keep], self.n_features
        )


def _take(block: CsrBlock, rows: NDArray[np.int64], *, start: int) -> CsrBlock:
    """Some rows of a block, ascending; the result starts at row ``start`` of the view."""
    sizes = np.diff(block.indptr)
    indptr = np.concatenate([[0], np.cumsum(sizes[rows])]).astype(np.int64)
    if len(rows) == block.n_rows:
        return CsrBlock(start, indptr, block.indices, block.data, block.n_features)
    wanted = np.zeros(block.n_rows, dtype=bool)
    wanted[rows] = True
    mask = np.repeat(wanted, sizes)
    return CsrBlock(start, indptr, block.indices[mask], block.data[mask], block.n_features)


def _join(parts: list[CsrBlock], *, start: int, n_features: int) -> CsrBlock:
    """Stack blocks; the result starts at row ``start`` of the view."""
    if len(parts) == 1:
        only = parts[0]
        return CsrBlock(start, only.indptr, only.indices, only.data, n_features)
    if not parts:
        none = np.zeros(0, dtype=np.int32)
        return CsrBlock(start, np.zeros(1, dtype=np.int64), none, none, n_features)
    sizes = np.concatenate([np.diff(p.indptr) for p in parts])
    return CsrBlock(
        start,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([p.indices for p in parts]),
        np.concatenate([p.data for p in parts]),
        n_features,
    )
