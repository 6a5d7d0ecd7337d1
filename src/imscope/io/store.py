"""A working copy of counts on disk: three raw arrays, written once, read back in pieces.

The run folder keeps one store per step, so that a killed run goes on from the last finished step.
Rows are read by offset into fresh memory, not mapped, so that the peak memory is what we asked for.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock, block_bounds
from imscope.core.errors import DataError
from imscope.io.atomic import (
    TEMPORARY,
    crash_point,
    guarded,
    remove_tree,
    sync_file,
    sync_folder,
)

_ARRAYS = ("indptr", "indices", "data")


def write_store(
    folder: Path,
    source: BlockSource,
    *,
    columns: NDArray[np.int32] | None = None,
    n_features: int,
) -> None:
    """Write every row of a source into a new store, whole or not at all.

    Parameters
    ----------
    folder
        Folder of the store. An existing store there is replaced.
    source
        Where the rows come from; read once, in blocks.
    columns
        Number in the store of each feature of the source, shape ``(source.n_features,)``; -1 drops
        it. Without it, numbers stay.
    n_features
        Number of features of the store.

    Raises
    ------
    DataError
        The store could not be written; the earlier state is untouched.
    """
    from imscope.core.views import map_features

    folder = Path(folder)
    if columns is not None:
        source = map_features(source, columns, n_features)
    elif source.n_features != n_features:
        raise DataError(
            "source and store differ in their number of features",
            found=f"{source.n_features} and {n_features}",
        )
    guarded(folder, lambda: _write_and_swap(folder, source, n_features))


def open_store(folder: Path) -> BlockSource:
    """Open a store written by :func:`write_store`.

    Parameters
    ----------
    folder
        The folder of the store.

    Raises
    ------
    DataError
        The store is missing or does not have the size its header says.

    Examples
    --------
    >>> import tempfile, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> folder = Path(tempfile.mkdtemp()) / "counts"
    >>> write_store(folder, MemoryBlocks.from_csr(sp.csr_array([[0, 7], [300, 1]])), n_features=2)
    >>> open_store(folder).read(1, 2).data
    array([300,   1], dtype=int32)
    """
    folder = Path(folder)
    try:
        head = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        types = {name: np.dtype(head["types"][name]) for name in _ARRAYS}
        lengths = {"indptr": int(head["n_cells"]) + 1, "indices": int(head["n_stored"])}
        lengths["data"] = lengths["indices"]
        for name in _ARRAYS:
            size = (folder / name).stat().st_size
            if size != lengths[name] * types[name].itemsize:
                raise ValueError(f"{name} has {size} bytes")
        indptr = np.fromfile(folder / "indptr", dtype=types["indptr"]).astype(np.int64)
        if indptr[0] != 0 or indptr[-1] != lengths["data"] or (np.diff(indptr) < 0).any():
            raise ValueError("row pointers are not in order")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} is not a complete store",
            found=f"{type(error).__name__}: {error}",
            code=codes.STORE_DAMAGED,
        ) from error
    return _Store(folder, indptr, types["indices"], types["data"], int(head["n_features"]))


@dataclass(frozen=True, slots=True)
class _Store:
    folder: Path
    indptr: NDArray[np.int64]
    index_type: np.dtype[Any]
    data_type: np.dtype[Any]
    n_features: int

    @property
    def n_cells(self) -> int:
        return len(self.indptr) - 1

    def __reduce__(self) -> tuple[object, ...]:
        """Travel as a recipe: the folder and its stamp, opened again where it is read."""
        return _open_same, (self.folder.absolute(), self.n_cells, self.n_features, self.stamp)

    @property
    def stamp(self) -> str:
        """Hash of the header and the row pointers, so that another store is not taken for this."""
        digest = hashlib.sha256(str((self.index_type, self.data_type, self.n_features)).encode())
        digest.update(np.ascontiguousarray(self.indptr).tobytes())
        return digest.hexdigest()

    def read(self, start: int, stop: int) -> CsrBlock:
        low, high = int(self.indptr[start]), int(self.indptr[stop])
        data = self._piece("data", self.data_type, low, high)
        return CsrBlock(
            start=start,
            indptr=self.indptr[start : stop + 1] - low,
            indices=self._piece("indices", self.index_type, low, high).astype(np.int32, copy=False),
            data=data if data.dtype == np.float32 else data.astype(np.int32, copy=False),
            n_features=self.n_features,
        )

    def _piece(self, name: str, kind: np.dtype[Any], low: int, high: int) -> NDArray[Any]:
        out: NDArray[Any] = np.fromfile(
            self.folder / name, dtype=kind, count=high - low, offset=low * kind.itemsize
        )
        if len(out) != high - low:
            raise DataError(
                f"{self.folder / name} became shorter while it was in use",
                code=codes.STORE_DAMAGED,
            )
        return out


def _open_same(folder: Path, n_cells: int, n_features: int, stamp: str) -> BlockSource:
    """Open a store from its recipe, in whatever process.

    Raises
    ------
    DataError
        It cannot be read here, or it is not the store the recipe was made of.
    """
    found = open_store(folder)
    if (found.n_cells, found.n_features) != (n_cells, n_features) or found.stamp != stamp:  # type: ignore[attr-defined]
        raise DataError(
            f"{folder} is not the store this pass began with",
            found=f"{found.n_cells:,} cells of {found.n_features:,} features",
            fix="start the run again; let no two runs write one folder",
            code=codes.STORE_DAMAGED,
        )
    return found


def _write_and_swap(folder: Path, source: BlockSource, n_features: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
    try:
        temporary.chmod(0o755)
        _fill(temporary, source, n_features)
        sync_folder(folder.parent)
        crash_point()
        _swap(temporary, folder)
    finally:
        remove_tree(temporary)


def _swap(temporary: Path, folder: Path) -> None:
    """Let a finished folder take its place; what stood there goes only afterwards."""
    if not folder.exists():
        os.replace(temporary, folder)
        return
    old = temporary.with_name(f"{temporary.name}.old")
    os.rename(folder, old)
    try:
        os.replace(temporary, folder)
    except BaseException:
        os.rename(old, folder)
        raise
    remove_tree(old)


def _fill(folder: Path, source: BlockSource, n_features: int) -> None:
    """Stream the blocks; widen the type of the values only when a larger one turns up."""
    index_type = np.dtype("<u2" if n_features <= 2**16 else "<u4")
    data_type = np.dtype("<u1")
    indptr = np.zeros(source.n_cells + 1, dtype="<i8")
    total = 0
    with (folder / "indices").open("wb") as indices:
        data = (folder / "data").open("wb")
        try:
            for start, stop in block_bounds(source.n_cells):
                block = source.read(start, stop)
                needed = _value_type(block.data, data_type)
                if needed != data_type:
                    data.close()
                    _widen(folder / "data", data_type, needed)
                    data_type = needed
                    data = (folder / "data").open("ab")
                block.indices.astype(index_type).tofile(indices)
                block.data.astype(data_type).tofile(data)
                indptr[start + 1 : stop + 1] = block.indptr[1:] + total
                total += len(block.data)
        finally:
            data.close()
    indptr.tofile(folder / "indptr")
    head = {
        "format": 1,
        "n_cells": source.n_cells,
        "n_features": n_features,
        "n_stored": total,
        "types": {"indptr": "<i8", "indices": index_type.str, "data": data_type.str},
    }
    (folder / "store.json").write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    for name in (*_ARRAYS, "store.json"):
        sync_file(folder / name)
    sync_folder(folder)


def _value_type(data: NDArray[Any], now: np.dtype[Any]) -> np.dtype[Any]:
    if np.issubdtype(data.dtype, np.floating) or now.kind == "f":
        return np.dtype("<f4")
    low, high = (int(data.min()), int(data.max())) if data.size else (0, 0)
    for kind in ("<u1", "<u2"):
        if low >= 0 and high <= np.iinfo(kind).max and np.dtype(kind).itemsize >= now.itemsize:
            return np.dtype(kind)
    return np.dtype("<i4")


def _widen(path: Path, old: np.dtype[Any], new: np.dtype[Any], *, step: int = 1 << 22) -> None:
    """Rewrite the values so far in a wider type, in pieces."""
    wider = path.with_name("data.wider")
    with path.open("rb") as source, wider.open("wb") as target:
        while len(piece := np.fromfile(source, dtype=old, count=step)):
            piece.astype(new).tofile(target)
    os.replace(wider, path)
