"""Write annotated cells as an AnnData file, streamed, so that memory stays that of one block.

The layout follows AnnData's on-disk format (doi:10.21105/joss.04371): raw counts in a layer,
log-normalised values in ``X``, coordinates, graphs, cells and genes. The same content gives the
same bytes. The file appears whole or not at all.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.blocks import ROWS_PER_BLOCK, BlockSource, CsrBlock, block_bounds
from imscope.core.errors import DataError
from imscope.io.atomic import guarded, replacing

if TYPE_CHECKING:
    import h5py
    import scipy.sparse as sp

CHUNK = 1 << 17
"""Values per compressed piece of a sparse matrix."""
LOOKED_UP = 32
"""Counts below this have their logarithm computed once per row."""


def write_cells(
    path: Path,
    source: BlockSource,
    size_factors: NDArray[np.float64],
    *,
    obs: pd.DataFrame,
    var: pd.DataFrame,
    layer: str = "counts",
    slots: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write one AnnData file.

    Parameters
    ----------
    path
        File to write; replaced whole if it is there.
    source
        Raw values of ``n`` cells x ``m`` features.
    size_factors
        Shape ``(n,)``; ``X`` is ``log1p(value / size factor)``.
    obs, var
        Tables of cells and features; their indexes become the names.
    layer
        Name of the layer of raw values.
    slots
        ``"obsm"``: name to array; ``"obsp"``: name to sparse matrix; ``"uns"``: name to text,
        number, flag, array or nested mapping.

    Raises
    ------
    DataError
        Lengths disagree, names are not unique, or the file cannot be written.

    Examples
    --------
    >>> import scipy.sparse as sp, tempfile
    >>> from imscope.core.blocks import MemoryBlocks
    >>> path = Path(tempfile.mkdtemp()) / "cells.h5ad"
    >>> write_cells(
    ...     path,
    ...     MemoryBlocks.from_csr(sp.csr_array([[1, 0], [0, 2]])),
    ...     np.ones(2),
    ...     obs=pd.DataFrame(index=["a", "b"]),
    ...     var=pd.DataFrame(index=["g", "h"]),
    ... )
    >>> import h5py
    >>> with h5py.File(path) as file:
    ...     file["layers/counts/data"][:]
    array([1, 2], dtype=int32)
    """
    import h5py

    _check(source, size_factors, obs, var)
    extra = slots or {}

    def write() -> None:
        with replacing(path) as draft, h5py.File(draft, "w", libver=("v110", "v110")) as file:
            _mark(file, "anndata", "0.1.0")
            _write_frame(file, "obs", obs)
            _write_frame(file, "var", var)
            for name in ("layers", "obsm", "obsp", "varm", "varp", "uns"):
                _mark(file.create_group(name), "dict", "0.1.0")
            _write_counts(file, source, size_factors, layer)
            for name, array in sorted(extra.get("obsm", {}).items()):
                _write_array(file["obsm"], name, array)
            for name, matrix in sorted(extra.get("obsp", {}).items()):
                _write_sparse(file["obsp"], name, matrix)
            for name, value in sorted(extra.get("uns", {}).items()):
                _write_value(file["uns"], name, value)

    guarded(path, write)


def _check(
    source: BlockSource, size_factors: NDArray[np.float64], obs: pd.DataFrame, var: pd.DataFrame
) -> None:
    n, m = source.n_cells, source.n_features
    if (len(obs), len(size_factors), len(var)) != (n, n, m):
        raise DataError(
            "cells, size factors and features must have the shape of the matrix",
            found=f"{n} x {m}; {len(obs)} cells, {len(size_factors)} factors, {len(var)} features",
        )
    for what, frame in (("cell", obs), ("feature", var)):
        if not frame.index.is_unique:
            twice = frame.index[frame.index.duplicated()][0]
            raise DataError(f"two {what}s have the same name", found=str(twice))


def _mark(item: "h5py.Group | h5py.Dataset", kind: str, version: str) -> None:
    item.attrs["encoding-type"] = kind
    item.attrs["encoding-version"] = version


def _write_counts(
    file: "h5py.File", source: BlockSource, size_factors: NDArray[np.float64], layer: str
) -> None:
    shape = np.array([source.n_cells, source.n_features], dtype=np.int64)
    kind = source.read(0, min(1, source.n_cells)).data.dtype
    counts = file["layers"].create_group(layer)
    normal = file.create_group("X")
    for group, dtype in ((counts, kind), (normal, np.dtype(np.float32))):
        _mark(group, "csr_matrix", "0.1.0")
        group.attrs["shape"] = shape
        _growing(group, "data", dtype, shuffle=group is counts)
    _growing(counts, "indices", np.dtype(np.int32), shuffle=True)
    pointers = [np.zeros(1, dtype=np.int64)]
    for low, high in block_bounds(source.n_cells, ROWS_PER_BLOCK):
        block = _in_order(source.read(low, high))
        _append(counts["data"], block.data)
        _append(counts["indices"], block.indices)
        _append(normal["data"], _log_shares(block, size_factors[low:high]))
        pointers.append(block.indptr[1:] + pointers[-1][-1])
    places = np.concatenate(pointers)
    # readers such as SciPy take both arrays of places in one width, so they are written in one
    if places[-1] < 2**31:
        places = places.astype(np.int32)
    else:
        _widen(counts, "indices")
    counts.create_dataset("indptr", data=places)
    for name in ("indices", "indptr"):  # the same places: a second name, not a second copy
        normal[name] = counts[name]


def _widen(group: "h5py.Group", name: str) -> None:
    """Write a dataset of places again with 64 bits, piece by piece."""
    group.move(name, f"{name}_narrow")
    narrow = group[f"{name}_narrow"]
    _growing(group, name, np.dtype(np.int64), shuffle=True)
    for low in range(0, narrow.shape[0], CHUNK):
        _append(group[name], narrow[low : low + CHUNK].astype(np.int64))
    del group[f"{name}_narrow"]


def _growing(group: "h5py.Group", name: str, kind: "np.dtype[Any]", *, shuffle: bool) -> None:
    """Make an empty dataset; bytes are shuffled where that makes them compress better."""
    group.create_dataset(
        name,
        shape=(0,),
        maxshape=(None,),
        dtype=kind,
        chunks=(CHUNK,),
        compression="gzip",
        compression_opts=1,
        shuffle=shuffle,
    )


def _in_order(block: CsrBlock) -> CsrBlock:
    """Sort the features within each row, unless they are."""
    falls = np.flatnonzero(block.indices[1:] <= block.indices[:-1]) + 1
    if np.isin(falls, block.indptr).all():
        return block
    rows = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
    order = np.lexsort((block.indices, rows))
    return CsrBlock(
        block.start, block.indptr, block.indices[order], block.data[order], block.n_features
    )


def _log_shares(block: CsrBlock, factors: NDArray[np.float64]) -> NDArray[np.float32]:
    """``log1p(value / size factor)``; small counts, nearly all, are looked up by row."""
    data = block.data
    if not np.issubdtype(data.dtype, np.integer) or (data.size and data.min() < 0):
        return np.log1p(data / np.repeat(factors, np.diff(block.indptr))).astype(np.float32)
    table = np.log1p(np.arange(LOOKED_UP) / factors[:, None]).astype(np.float32)
    place = np.repeat(np.arange(block.n_rows) * LOOKED_UP, np.diff(block.indptr))
    large = np.flatnonzero(data >= LOOKED_UP)
    place += np.minimum(data, LOOKED_UP - 1)
    out: NDArray[np.float32] = table.ravel()[place]
    out[large] = np.log1p(data[large] / factors[place[large] // LOOKED_UP])
    return out


def _append(dataset: "h5py.Dataset", values: NDArray[Any]) -> None:
    start = dataset.shape[0]
    dataset.resize((start + len(values),))
    dataset[start:] = values


def _write_array(group: "h5py.Group", name: str, array: NDArray[Any]) -> None:
    _mark(group.create_dataset(name, data=np.asarray(array)), "array", "0.2.0")


def _write_sparse(group: "h5py.Group", name: str, matrix: "sp.csr_array") -> None:
    made = group.create_group(name)
    _mark(made, "csr_matrix", "0.1.0")
    made.attrs["shape"] = np.array(matrix.shape, dtype=np.int64)
    wide = np.int32 if matrix.nnz < 2**31 else np.int64
    for part in ("data", "indices", "indptr"):
        values = getattr(matrix, part)
        values = values if part == "data" else values.astype(wide)
        made.create_dataset(part, data=values, compression="gzip", compression_opts=1, shuffle=True)


def _write_text(group: "h5py.Group", name: str, values: Iterable[object]) -> None:
    import h5py

    text = np.array([str(v) for v in values], dtype=object)
    made = group.create_dataset(name, data=text, dtype=h5py.string_dtype("utf-8"))
    _mark(made, "string-array", "0.2.0")


def _write_frame(parent: "h5py.Group", name: str, frame: pd.DataFrame) -> None:
    group = parent.create_group(name)
    _mark(group, "dataframe", "0.2.0")
    columns = [str(c).replace("/", "_") for c in frame.columns]
    import h5py

    order = np.array(columns, dtype=object)
    group.attrs.create("column-order", order, dtype=h5py.string_dtype("utf-8"))
    group.attrs["_index"] = "_index"
    _write_text(group, "_index", frame.index)
    for column, place in zip(columns, range(frame.shape[1]), strict=True):
        _write_column(group, column, frame.iloc[:, place])


def _write_column(group: "h5py.Group", name: str, values: pd.Series) -> None:
    types = pd.api.types
    if isinstance(values.dtype, pd.CategoricalDtype) or not (
        types.is_numeric_dtype(values) or types.is_bool_dtype(values)
    ):
        _write_categories(group, name, values)
    elif isinstance(values.dtype, np.dtype):
        _write_array(group, name, values.to_numpy())
    else:  # nullable integer, number or flag
        kind = "nullable-boolean" if types.is_bool_dtype(values) else "nullable-integer"
        if types.is_float_dtype(values):
            _write_array(group, name, values.to_numpy(dtype=np.float64, na_value=np.nan))
            return
        made = group.create_group(name)
        _mark(made, kind, "0.1.0")
        plain = bool if kind == "nullable-boolean" else np.int64
        _write_array(made, "values", values.fillna(0).to_numpy(dtype=plain))
        _write_array(made, "mask", values.isna().to_numpy())


def _write_categories(group: "h5py.Group", name: str, values: pd.Series) -> None:
    if isinstance(values.dtype, pd.CategoricalDtype):
        categories, codes = list(values.cat.categories), values.cat.codes.to_numpy()
    else:
        codes, found = pd.factorize(values.astype(object), sort=False)
        order = np.argsort([str(v) for v in found], kind="stable")
        place = np.append(np.argsort(order), -1)
        categories, codes = [found[i] for i in order], place[codes]
    made = group.create_group(name)
    _mark(made, "categorical", "0.2.0")
    made.attrs["ordered"] = False
    _write_text(made, "categories", categories)
    kind = np.int8 if len(categories) < 127 else np.int32
    _write_array(made, "codes", codes.astype(kind))


def _write_value(group: "h5py.Group", name: str, value: Any) -> None:
    import h5py

    if isinstance(value, Mapping):
        made = group.create_group(name)
        _mark(made, "dict", "0.1.0")
        for key, inner in sorted(value.items()):
            _write_value(made, str(key).replace("/", "_"), inner)
    elif isinstance(value, str):
        item = group.create_dataset(name, data=value, dtype=h5py.string_dtype("utf-8"))
        _mark(item, "string", "0.2.0")
    elif isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        _write_text(group, name, value)
    elif isinstance(value, bool | int | float | np.generic):
        _mark(group.create_dataset(name, data=value), "numeric-scalar", "0.2.0")
    else:
        _write_array(group, name, np.asarray(value))
