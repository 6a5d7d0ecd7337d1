"""Views of block sources: one after another, a choice of rows, renumbered features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import ROWS_PER_BLOCK, BlockSource, CsrBlock
from imscope.core.errors import DataError

MAX_GAP = 16
"""Rows nobody asked for that are read along rather than beginning a new read."""
MAX_SPAN = ROWS_PER_BLOCK + ROWS_PER_BLOCK // 4
"""Rows read in one piece at most when runs are put together, so that memory stays bounded."""


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
    if isinstance(source, _Rows):
        return _Rows(source.source, source.rows[wanted])
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
        return _join(self.pieces(start, stop), start=start, n_features=self.n_features)

    def pieces(self, start: int, stop: int) -> list[CsrBlock]:
        """Rows ``start`` to ``stop``, one block per source."""
        parts = []
        first = max(int(np.searchsorted(self.starts, start, side="right")) - 1, 0)
        for k in range(first, len(self.sources)):
            low, high = int(self.starts[k]), int(self.starts[k + 1])
            if low >= stop:
                break
            if max(start, low) < min(stop, high):
                part = self.sources[k].read(max(start, low) - low, min(stop, high) - low)
                parts.append(replace(part, start=max(start, low)))
        return parts


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
        cuts = np.flatnonzero(np.diff(rows) != 1) + 1
        edges = [0, *cuts.tolist(), len(rows)]
        runs = [
            (int(rows[low]), int(rows[high - 1]) + 1) for low, high in pairwise(edges) if high > low
        ]
        parts = [
            part
            for span in _spans(runs)
            for piece in _pieces(self.source, span[0][0], span[-1][1])
            for part in _slices(piece, span)
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


def _spans(runs: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Put runs that nearly touch together, to be read in one piece."""
    spans: list[list[tuple[int, int]]] = []
    for low, high in runs:
        last = spans[-1] if spans else None
        if last and 0 <= low - last[-1][1] <= MAX_GAP and high - last[0][0] <= MAX_SPAN:
            last.append((low, high))
        else:
            spans.append([(low, high)])
    return spans


def _pieces(source: BlockSource, start: int, stop: int) -> list[CsrBlock]:
    return source.pieces(start, stop) if isinstance(source, _Concat) else [source.read(start, stop)]


def _slices(block: CsrBlock, runs: list[tuple[int, int]]) -> list[CsrBlock]:
    """Cut the runs out of a block, as far as it holds them; nothing is copied."""
    stop = block.start + block.n_rows
    if any(low <= block.start and stop <= high for low, high in runs):
        return [block]
    parts = []
    for low, high in runs:
        low, high = max(low, block.start), min(high, stop)
        if low < high:
            indptr = block.indptr[low - block.start : high - block.start + 1]
            part = slice(int(indptr[0]), int(indptr[-1]))
            parts.append(
                CsrBlock(
                    low,
                    indptr - indptr[0],
                    block.indices[part],
                    block.data[part],
                    block.n_features,
                )
            )
    return parts


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
