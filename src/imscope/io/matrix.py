"""Matrices of AnnData and 10x files: find out their layout, look at them, open them as rows."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.annotated import attribute, is_group, need
from imscope.io.rows import CsrRows, DenseRows, Names, checked_indptr
from imscope.io.values import Look, look_at, sample_slices

Guard = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Stored:
    """A matrix in a file, not read yet.

    Attributes
    ----------
    layout
        ``csr``, ``csc`` or ``dense``, rows being cells.
    shape
        Cells and features.
    data, indices, indptr
        Arrays in the file; only ``data`` for a dense matrix.
    where
        Place in the file, for messages.
    """

    layout: str
    shape: tuple[int, int]
    where: str
    path: Path
    data: Any
    indices: Any = None
    indptr: Any = None

    def look(self) -> Look:
        """Judge a sample of the values."""
        if self.layout == "dense":
            return self._look_dense()
        if self.data.dtype.kind not in "biuf":
            return Look(False, f"values of type {self.data.dtype}")
        pieces = [np.asarray(self.data[s]) for s in sample_slices(int(self.data.shape[0]))]
        sums = None
        if self.layout == "csr":
            ends = np.asarray(self.indptr[: min(self.shape[0], 200) + 1])
            stop = int(ends[-1]) if len(ends) else 0
            rising = ends.dtype.kind in "iu" and bool((ends[1:] > ends[:-1]).all())
            if rising and ends[0] == 0 and 0 < stop <= min(self.data.shape[0], 4_000_000):
                sums = _sums(np.asarray(self.data[:stop]), ends[:-1].astype(np.int64))
        return look_at(np.concatenate(pieces) if pieces else np.zeros(0), sums)

    def _look_dense(self) -> Look:
        if self.data.dtype.kind not in "biuf":
            return Look(False, f"values of type {self.data.dtype}")
        rows = max(1, min(200, 2_000_000 // max(1, self.shape[1])))
        starts = {0, max(0, (self.shape[0] - rows) // 2), max(0, self.shape[0] - rows)}
        pieces = [np.asarray(self.data[s : s + rows]) for s in sorted(starts)]
        with np.errstate(over="ignore", invalid="ignore"):
            sums = np.expm1(np.minimum(pieces[0].astype(np.float64), 50)).sum(axis=1)
        return look_at(np.concatenate([p.ravel() for p in pieces]), sums)

    def rows(
        self, names: Names, *, whole: bool, guard: Guard, max_bytes: int
    ) -> CsrRows | DenseRows:
        """Open the matrix as rows; a CSC matrix is turned in memory."""
        if self.layout == "dense":
            return DenseRows(self.data, names, whole, guard)
        if self.layout == "csc":
            return self._turned(names, whole=whole, max_bytes=max_bytes)
        indptr = self._pointers(self.shape[0])
        return CsrRows(self.data, self.indices, indptr, self.shape[1], names, whole, guard)

    def _pointers(self, n: int) -> NDArray[np.int64]:
        if self.indices.shape != self.data.shape:
            raise DataError(
                f"{self.path}: {self.where} has {self.data.shape[0]:,} values and "
                f"{self.indices.shape[0]:,} indices",
                code=codes.MATRIX_INDPTR,
            )
        return checked_indptr(
            np.asarray(self.indptr[:]),
            n_rows=n,
            n_stored=int(self.data.shape[0]),
            path=self.path,
            where=self.where,
        )

    def _turned(self, names: Names, *, whole: bool, max_bytes: int) -> CsrRows:
        import scipy.sparse as sp

        need_bytes = int(self.data.shape[0]) * 24
        if need_bytes > max_bytes:
            raise DataError(
                f"{self.path}: {self.where} is stored by column and must be turned in memory",
                found=f"about {need_bytes / 2**30:.1f} GB, allowed are {max_bytes / 2**30:.1f} GB",
                fix="write it as CSR (`adata.X = adata.X.tocsr()`), which is read in pieces",
                code=codes.FILE_MEMORY,
            )
        indptr = self._pointers(self.shape[1])
        indices, data = np.asarray(self.indices[:]), np.asarray(self.data[:])
        if indices.size and (indices.min() < 0 or indices.max() >= self.shape[0]):
            raise DataError(
                f"{self.path}: {self.where} points at cell {int(indices.max())} of {self.shape[0]}",
                code=codes.MATRIX_INDEX,
            )
        csr = sp.csc_array((data, indices, indptr), shape=self.shape).tocsr()
        pointers = csr.indptr.astype(np.int64)
        return CsrRows(csr.data, csr.indices, pointers, self.shape[1], names, whole)


def stored_matrix(node: Any, path: Path, where: str) -> Stored:
    """Find out how a matrix of an AnnData file is stored.

    Raises
    ------
    DataError
        It is no matrix, or its arrays do not fit its layout.
    """
    if not is_group(node):
        if len(node.shape) != 2:
            raise DataError(
                f"{path}: {where} is not a matrix", found=f"shape {node.shape}", code=codes.H5_TYPE
            )
        return Stored("dense", (int(node.shape[0]), int(node.shape[1])), where, path, node)
    kind = str(attribute(node, "encoding-type", "") or attribute(node, "h5sparse_format", ""))
    shape = attribute(node, "shape", attribute(node, "h5sparse_shape"))
    if not kind.startswith(("csr", "csc")) or shape is None or len(np.atleast_1d(shape)) != 2:
        raise DataError(
            f"{path}: {where} is not a matrix imscope reads",
            found=f"encoding {kind!r}, shape {shape}",
            fix="write it as CSR, CSC or dense with anndata",
            code=codes.H5_TYPE,
        )
    parts = [need(node, part, path) for part in ("data", "indices", "indptr")]
    if any(is_group(p) or len(p.shape) != 1 for p in parts):
        raise DataError(f"{path}: the arrays of {where} are not flat", code=codes.H5_TYPE)
    n, m = (int(x) for x in shape)
    if n < 0 or m < 0:
        raise DataError(f"{path}: {where} has shape {(n, m)}", code=codes.MATRIX_SHAPE)
    return Stored(kind[:3], (n, m), where, path, *parts)


def check_shape(matrix: Stored, n_cells: int, n_features: int) -> None:
    """Compare a matrix with the tables of cells and features.

    Raises
    ------
    DataError
        They do not fit.
    """
    if matrix.shape == (n_cells, n_features):
        return
    swapped = matrix.shape == (n_features, n_cells)
    raise DataError(
        f"{matrix.path}: {matrix.where} does not fit the tables of cells and features",
        found=f"matrix {matrix.shape[0]:,} x {matrix.shape[1]:,}, {n_cells:,} cells and "
        f"{n_features:,} features" + ("; rows and columns seem swapped" if swapped else ""),
        fix="export matrix and names together again",
        code=codes.MATRIX_SHAPE,
    )


def _sums(data: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.add.reduceat(np.expm1(np.minimum(data.astype(np.float64), 50)), starts)
