"""Write the cells of a run as AnnData (`cells.h5ad`) and their other modalities as MuData.

The files are written with h5py after the published AnnData encodings, row block by row block, so
that memory does not grow with the number of cells. The same input gives the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock, block_bounds
from imscope.core.errors import DataError
from imscope.io.atomic import replacing
from imscope.io.raw import Modality

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 1 << 17
_PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
TARGET_UMI = 10_000.0
"""Total to which a cell is scaled before the logarithm in ``X``. Unit: UMI."""


def write_cells(
    path: Path,
    source: BlockSource,
    *,
    obs: "pd.DataFrame",
    features: "pd.DataFrame",
    obsm: Mapping[str, NDArray[Any]] | None = None,
    obsp: Mapping[str, Any] | None = None,
    uns: Mapping[str, Any] | None = None,
) -> None:
    """Write ``cells.h5ad``, whole or not at all.

    Parameters
    ----------
    path
        The file.
    source
        Counts, written to ``layers["counts"]``; ``X`` is ``log1p(1e4 count / total of the cell)``.
        Expression values (float32) are written to ``X`` alone, as they are.
    obs
        One row per cell, index unique names. Text becomes categorical.
    features
        One row per feature, with ``feature_id`` (becomes the index) and ``symbol`` (written also as
        ``gene_name``).
    obsm
        Arrays of shape ``(n_cells, k)``, such as ``X_pca`` and ``X_umap``.
    obsp
        Sparse matrices of shape ``(n_cells, n_cells)``, such as ``distances``.
    uns
        Written under ``uns["imscope"]``: nested dicts of text, numbers, arrays and lists.

    Raises
    ------
    DataError
        Shapes do not fit, names are not unique, or the file could not be written.
    """
    import h5py

    _check(source, obs, features, obsm or {}, obsp or {})
    with replacing(Path(path)) as temporary, h5py.File(temporary, "w", libver="earliest") as top:
        _mark(top, "anndata", "0.1.0")
        layers = _group(top, "layers")
        _write_counts(top, layers, source)
        names = features.set_index("feature_id", drop=True)
        if "symbol" in names.columns:
            names = names.assign(gene_name=names["symbol"])
        _write_frame(top, "obs", obs)
        _write_frame(top, "var", names)
        inside = _group(top, "obsm")
        for key, values in (obsm or {}).items():
            _write_array(inside, key, np.asarray(values))
        pairs = _group(top, "obsp")
        for key, matrix in (obsp or {}).items():
            _write_csr(pairs, key, matrix)
        for key in ("varm", "varp"):
            _group(top, key)
        _write_value(_group(top, "uns"), "imscope", dict(uns or {}))


def write_modalities(
    path: Path, modalities: Mapping[str, Modality], *, obs: "pd.DataFrame"
) -> None:
    """Write proteins and guides as MuData (`cells.h5mu`), whole or not at all.

    Parameters
    ----------
    path
        The file.
    modalities
        By name, all with one row per row of ``obs``.
    obs
        One row per cell.

    Raises
    ------
    DataError
        A modality has another number of cells, or the file could not be written.
    """
    import h5py
    import pandas as pd

    for name, modality in modalities.items():
        if modality.counts.shape[0] != len(obs):
            raise DataError(
                f"modality {name!r} has {modality.counts.shape[0]} rows for {len(obs)} cells",
                code=codes.MATRIX_SHAPE,
            )
    with replacing(Path(path)) as temporary, h5py.File(temporary, "w", libver="earliest") as top:
        _mark(top, "MuData", "0.1.0")
        top.attrs["axis"] = 0
        mods = top.create_group("mod")
        mods.attrs["mod-order"] = np.array(list(modalities), dtype=h5py.string_dtype())
        every = []
        for name, modality in modalities.items():
            group = mods.create_group(name)
            _mark(group, "anndata", "0.1.0")
            _write_csr(group, "X", modality.counts)
            _write_frame(group, "obs", obs)
            names = modality.features.set_index("feature_id", drop=True)
            _write_frame(group, "var", names)
            for key in ("layers", "obsm", "obsp", "varm", "varp", "uns"):
                _group(group, key)
            every.append(names)
        _write_frame(top, "obs", pd.DataFrame(index=obs.index))
        _write_frame(top, "var", pd.DataFrame(index=pd.concat(every).index if every else None))
        _write_maps(top, modalities, len(obs))
        _group(top, "uns")


def _write_maps(top: Any, modalities: Mapping[str, Modality], n_cells: int) -> None:
    """Write which rows and columns of the whole each modality has (1-based, 0 is absent)."""
    widths = [len(m.features) for m in modalities.values()]
    for axis, lengths in (("obs", None), ("var", widths)):
        maps, members = _group(top, f"{axis}map"), _group(top, f"{axis}m")
        start = 0
        for k, name in enumerate(modalities):
            if lengths is None:
                index = np.arange(1, n_cells + 1, dtype=np.uint32)
            else:
                index = np.zeros(sum(lengths), dtype=np.uint32)
                index[start : start + lengths[k]] = np.arange(1, lengths[k] + 1)
                start += lengths[k]
            _write_array(maps, name, index)
            _write_array(members, name, index > 0)
        _group(top, f"{axis}p")


def _check(
    source: BlockSource,
    obs: "pd.DataFrame",
    features: "pd.DataFrame",
    obsm: Mapping[str, NDArray[Any]],
    obsp: Mapping[str, Any],
) -> None:
    n, found = source.n_cells, ""
    wrong = [k for k, v in obsm.items() if len(v) != n]
    wrong += [k for k, v in obsp.items() if v.shape != (n, n)]
    if len(obs) != n or len(features) != source.n_features:
        found = f"{n} x {source.n_features} counts, {len(obs)} cells, {len(features)} features"
    elif wrong:
        found = f"{wrong[0]!r} does not have {n} rows"
    elif not obs.index.is_unique:
        found = "cell names are not unique"
    elif not features["feature_id"].is_unique:
        found = "feature ids are not unique"
    if found:
        raise DataError("cells cannot be written", found=found, code=codes.MATRIX_SHAPE)


def _write_counts(top: Any, layers: Any, source: BlockSource) -> None:
    """Stream counts and log-normalised values; both share one array of indices."""
    shape = (source.n_cells, source.n_features)
    first = source.read(0, min(1, source.n_cells))
    is_counts = first.data.dtype != np.float32
    X = _csr_group(top, "X", shape)
    values = _growing(X, "data", np.float32)
    home = _csr_group(layers, "counts", shape) if is_counts else X
    counts = _growing(home, "data", np.int32) if is_counts else None
    indices = _growing(home, "indices", np.int32)
    indptr = np.zeros(shape[0] + 1, dtype=np.int64)
    for low, high in block_bounds(*shape[:1]):
        block = source.read(low, high)
        indptr[low + 1 : high + 1] = indptr[low] + block.indptr[1:]
        _append(indices, block.indices)
        _append(values, _log_normalised(block) if is_counts else block.data)
        if counts is not None:
            _append(counts, block.data)
    for group in {home.name: home, X.name: X}.values():
        group.create_dataset("indptr", data=indptr, track_times=False, **_PACKED)
    if is_counts:
        X["indices"] = indices  # a second name for the same array


def _log_normalised(block: CsrBlock) -> NDArray[np.float32]:
    sizes = np.diff(block.indptr)
    row = np.repeat(np.arange(block.n_rows), sizes)
    totals = np.bincount(row, weights=block.data, minlength=block.n_rows)
    with np.errstate(divide="ignore"):
        scale = TARGET_UMI / totals
    return np.log1p(block.data * scale[row]).astype(np.float32)


def _mark(node: Any, kind: str, version: str) -> None:
    node.attrs["encoding-type"] = kind
    node.attrs["encoding-version"] = version


def _group(parent: Any, name: str) -> Any:
    group = parent.create_group(name)
    _mark(group, "dict", "0.1.0")
    return group


def _csr_group(parent: Any, name: str, shape: tuple[int, int]) -> Any:
    group = parent.create_group(name)
    _mark(group, "csr_matrix", "0.1.0")
    group.attrs["shape"] = np.array(shape, dtype=np.int64)
    return group


def _growing(group: Any, name: str, kind: Any) -> Any:
    return group.create_dataset(
        name,
        shape=(0,),
        maxshape=(None,),
        dtype=kind,
        chunks=(_CHUNK,),
        track_times=False,
        **_PACKED,
    )


def _append(target: Any, values: NDArray[Any]) -> None:
    before = target.shape[0]
    target.resize((before + len(values),))
    target[before:] = values


def _write_csr(parent: Any, name: str, matrix: Any) -> None:
    import scipy.sparse as sp

    csr = sp.csr_array(matrix)
    group = _csr_group(parent, name, csr.shape)
    for part in ("data", "indices", "indptr"):
        options = _PACKED if len(getattr(csr, part)) else {}
        group.create_dataset(part, data=getattr(csr, part), track_times=False, **options)


def _write_array(parent: Any, name: str, values: NDArray[Any]) -> None:
    import h5py

    if values.dtype.kind in "OUT":
        text = np.array([str(v) for v in values.ravel()], dtype=object).reshape(values.shape)
        node = parent.create_dataset(name, data=text, dtype=h5py.string_dtype(), track_times=False)
        _mark(node, "string-array", "0.2.0")
        return
    options = _PACKED if values.ndim and values.size else {}
    _mark(parent.create_dataset(name, data=values, track_times=False, **options), "array", "0.2.0")


def _write_frame(parent: Any, name: str, frame: "pd.DataFrame") -> None:
    import h5py

    group = parent.create_group(name)
    _mark(group, "dataframe", "0.2.0")
    columns = [str(c) for c in frame.columns]
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array([_key(c) for c in columns], dtype=h5py.string_dtype())
    _write_array(group, "_index", np.array([str(v) for v in frame.index], dtype=object))
    for position, column in enumerate(columns):
        _write_column(group, _key(column), frame.iloc[:, position])


def _key(name: str) -> str:
    """AnnData allows no slash in a key."""
    return "index_" if name == "_index" else name.replace("/", "_")


def _write_column(group: Any, name: str, column: "pd.Series[Any]") -> None:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    ):
        texts = column.astype(object).where(column.notna(), None)
        labels = (
            [str(c) for c in column.cat.categories]
            if isinstance(column.dtype, pd.CategoricalDtype)
            else sorted({str(v) for v in texts if v is not None})
        )
        position = {label: k for k, label in enumerate(labels)}
        code = np.array([-1 if v is None else position[str(v)] for v in texts], dtype=np.int64)
        width: Any = (
            np.int8 if len(labels) < 127 else np.int16 if len(labels) < 32_767 else np.int32
        )
        node = group.create_group(name)
        _mark(node, "categorical", "0.2.0")
        node.attrs["ordered"] = False
        _write_array(node, "codes", code.astype(width))
        _write_array(node, "categories", np.array(labels, dtype=object))
    elif pd.api.types.is_extension_array_dtype(column.dtype):
        if pd.api.types.is_float_dtype(column):
            _write_array(group, name, column.to_numpy(dtype=np.float64, na_value=np.nan))
            return
        boolean = pd.api.types.is_bool_dtype(column)
        node = group.create_group(name)
        _mark(node, "nullable-boolean" if boolean else "nullable-integer", "0.1.0")
        kind: Any = bool if boolean else np.int64
        _write_array(node, "values", column.to_numpy(dtype=kind, na_value=kind(0)))
        _write_array(node, "mask", column.isna().to_numpy(dtype=bool))
    else:
        _write_array(group, name, column.to_numpy())


def _write_value(parent: Any, name: str, value: Any) -> None:
    """Write one value of ``uns``."""
    import h5py
    import pandas as pd

    name = _key(str(name))
    if isinstance(value, Mapping):
        group = _group(parent, name)
        for key, inner in value.items():
            _write_value(group, str(key), inner)
    elif isinstance(value, pd.DataFrame):
        _write_frame(parent, name, value)
    elif isinstance(value, list | tuple | np.ndarray):
        _write_array(parent, name, np.asarray(value))
    elif isinstance(value, bool | int | float | np.generic):
        node = parent.create_dataset(name, data=value, track_times=False)
        _mark(node, "numeric-scalar", "0.2.0")
    elif value is not None:
        node = parent.create_dataset(
            name, data=str(value), dtype=h5py.string_dtype(), track_times=False
        )
        _mark(node, "string", "0.2.0")
