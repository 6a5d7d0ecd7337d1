"""Rows of a matrix that stays in its file: read in pieces, every value checked on the way."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import CsrBlock
from imscope.core.errors import DataError
from imscope.io.whole import convert_whole

_DENSE_BYTES = 64 * 2**20
_FEW = 100_000
"""Blocks with fewer values are not worth loading the compiled check for."""
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Names:
    """What messages call rows and columns."""

    path: Path
    where: str
    cells: NDArray[np.object_]
    features: NDArray[np.object_]

    def error(self, code: str, what: str, *, row: int, column: int | None = None) -> DataError:
        """Build an error that names file, cell and gene."""
        cell = self.cells[row] if row < len(self.cells) else "?"
        place = f"cell {row + 1} ({cell})"
        if column is not None:
            inside = 0 <= column < len(self.features)
            place += f", feature {column + 1} ({self.features[column] if inside else '?'})"
        declared = codes.CODES[code]
        return DataError(
            f"{self.path}: {declared.meaning[0].lower()}{declared.meaning[1:].rstrip('.')}",
            found=f"{what} in {self.where}, {place}",
            fix=declared.fix,
            code=code,
        )


@dataclass(frozen=True)
class CsrRows:
    """A CSR matrix whose arrays may lie in a file; only the row pointers are in memory.

    Attributes
    ----------
    data, indices
        Anything that can be sliced into NumPy arrays: arrays, HDF5 datasets, zarr arrays.
    indptr
        int64, shape ``(n_cells + 1,)``, checked.
    n_features
        Number of columns.
    names
        For messages.
    whole
        Values must be whole counts; otherwise any finite number is allowed.
    guard
        Context in which slices are taken; turns errors of the library into ours.
    """

    data: Any
    indices: Any
    indptr: NDArray[np.int64]
    n_features: int
    names: Names
    whole: bool = True
    guard: Callable[[], AbstractContextManager[None]] = nullcontext
    lock: Any = field(default_factory=threading.Lock)

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def read(self, start: int, stop: int) -> CsrBlock:
        """Return rows ``start`` to ``stop`` (half open), checked."""
        low, high = int(self.indptr[start]), int(self.indptr[stop])
        with self.lock, self.guard():
            indices = np.asarray(self.indices[low:high])
            data = np.asarray(self.data[low:high])
        indptr = self.indptr[start : stop + 1] - low
        return checked_block(
            start, indptr, indices, data, names=self.names, whole=self.whole, width=self.n_features
        )


@dataclass(frozen=True)
class DenseRows:
    """A dense matrix in a file, read a few rows at a time and handed out as CSR."""

    matrix: Any
    names: Names
    whole: bool = True
    guard: Callable[[], AbstractContextManager[None]] = nullcontext
    lock: Any = field(default_factory=threading.Lock)

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    def read(self, start: int, stop: int) -> CsrBlock:
        """Return rows ``start`` to ``stop`` (half open), checked."""
        step = max(1, _DENSE_BYTES // max(1, self.n_features * self.matrix.dtype.itemsize))
        indptr = np.zeros(stop - start + 1, dtype=np.int64)
        indices, data = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=self.matrix.dtype)]
        for low in range(start, stop, step):
            high = min(low + step, stop)
            with self.lock, self.guard():
                piece = np.asarray(self.matrix[low:high])
            row, column = np.nonzero(piece)
            indptr[low - start + 1 : high - start + 1] = np.bincount(row, minlength=high - low)
            indices.append(column)
            data.append(piece[row, column])
        np.cumsum(indptr, out=indptr)
        return checked_block(
            start,
            indptr,
            np.concatenate(indices),
            np.concatenate(data),
            names=self.names,
            whole=self.whole,
            width=self.n_features,
        )


def checked_block(
    start: int,
    indptr: NDArray[np.int64],
    indices: NDArray[Any],
    data: NDArray[Any],
    *,
    names: Names,
    whole: bool,
    width: int,
) -> CsrBlock:
    """Make a block of checked values: features in range and not repeated, counts whole.

    Raises
    ------
    DataError
        The first value that breaks a rule, with file, cell and feature.
    """

    def refuse(code: str, k: int, what: str) -> DataError:
        row = int(np.searchsorted(indptr, k, side="right")) - 1
        return names.error(code, what, row=start + row, column=int(indices[k]))

    if len(indices) != len(data) or len(data) != indptr[-1]:
        raise names.error(
            codes.MATRIX_INDPTR, f"{len(data)} values, {len(indices)} indices", row=start
        )
    if whole and data.dtype == np.float32 and indices.dtype == np.int32 and data.size > _FEW:
        counts = np.empty(len(data), dtype=np.int32)
        if convert_whole(indptr, indices, data, width, counts):
            return CsrBlock(start, indptr, indices, counts, width)
    if not np.issubdtype(indices.dtype, np.integer):
        raise names.error(codes.MATRIX_TYPE, f"indices of type {indices.dtype}", row=start)
    if data.dtype.kind not in "biuf":
        raise names.error(codes.MATRIX_TYPE, f"values of type {data.dtype}", row=start)
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= width):
        k = int(np.flatnonzero((indices < 0) | (indices >= width))[0])
        raise refuse(codes.MATRIX_INDEX, k, f"feature number {int(indices[k])} of {width}")
    _check_values(data, refuse, whole=whole)
    indices = indices.astype(np.int32, copy=False)
    if indices.size > 1:
        falls = np.diff(indices) <= 0
        edges = indptr[1:-1]
        falls[edges[(edges > 0) & (edges < indices.size)] - 1] = False
        if falls.any():
            indices, data = _sorted(indptr, indices, data, refuse)
    if data.size and not data.all():  # stored zeros are not detected features
        keep = data != 0
        before = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)
        indptr, indices, data = before[indptr], indices[keep], data[keep]
    if whole:
        return CsrBlock(start, indptr, indices, data.astype(np.int32, copy=False), width)
    return CsrBlock(start, indptr, indices, data.astype(np.float32, copy=False), width)


def _check_values(
    data: NDArray[Any], refuse: Callable[[str, int, str], DataError], *, whole: bool
) -> None:
    if not data.size or data.dtype.kind == "b":
        return
    if data.dtype.kind == "f":
        if np.isnan(data).any():
            raise refuse(codes.MATRIX_NAN, int(np.flatnonzero(np.isnan(data))[0]), "NaN")
        if np.isinf(data).any():
            raise refuse(codes.MATRIX_INF, int(np.flatnonzero(np.isinf(data))[0]), "infinity")
    if not whole:
        return
    if data.min() < 0:
        k = int(np.flatnonzero(data < 0)[0])
        raise refuse(codes.MATRIX_NEGATIVE, k, f"value {data[k]:g}")
    if data.max() > INT32_MAX:
        k = int(np.flatnonzero(data > INT32_MAX)[0])
        raise refuse(codes.MATRIX_LARGE, k, f"value {data[k]}")
    if data.dtype.kind == "f":
        fraction = data != np.floor(data)
        if fraction.any():
            k = int(np.flatnonzero(fraction)[0])
            raise refuse(codes.MATRIX_FRACTION, k, f"value {data[k]:g}")


def _sorted(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    data: NDArray[Any],
    refuse: Callable[[str, int, str], DataError],
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Sort features inside each row; a repeated one is an error."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.lexsort((indices, row))
    indices, data, row = indices[order], data[order], row[order]
    twice = np.flatnonzero((np.diff(indices) == 0) & (np.diff(row) == 0))
    if twice.size:
        raise refuse(codes.MATRIX_REPEAT, int(order[twice[0]]), "two values")
    return indices, data


def checked_indptr(
    indptr: NDArray[Any], *, n_rows: int, n_stored: int, path: Path, where: str
) -> NDArray[np.int64]:
    """Check the row pointers of a sparse matrix.

    Raises
    ------
    DataError
        Wrong length, not starting at 0, falling, or not ending at the number of values.
    """
    found = ""
    if indptr.ndim != 1 or indptr.dtype.kind not in "iu":
        found = f"type {indptr.dtype}, {indptr.ndim} dimensions"
    elif len(indptr) != n_rows + 1:
        found = f"{len(indptr):,} pointers for {n_rows:,} rows"
    elif indptr[0] != 0:
        found = f"first pointer is {indptr[0]}"
    elif int(indptr.max()) > n_stored:
        found = f"a pointer is {int(indptr.max()):,}, there are {n_stored:,} values"
    elif (np.diff(indptr.astype(np.int64)) < 0).any():
        k = int(np.flatnonzero(np.diff(indptr.astype(np.int64)) < 0)[0])
        found = f"pointers fall after row {k + 1}: {indptr[k]} to {indptr[k + 1]}"
    elif indptr[-1] != n_stored:
        found = f"last pointer is {indptr[-1]:,}, there are {n_stored:,} values"
    if found:
        raise DataError(
            f"{path}: the row pointers of {where} do not fit its values",
            found=found,
            fix="write the file again",
            code=codes.MATRIX_INDPTR,
        )
    return indptr.astype(np.int64)
