"""The AnnData on-disk layout, read node by node, the same for HDF5 and zarr.

Follows the published encodings (``encoding-type``, ``encoding-version``) and the older ones without
these attributes. The anndata package itself is not imported: it would cost seconds and memory.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.notice import Notice

if TYPE_CHECKING:
    import pandas as pd


def is_group(node: Any) -> bool:
    """Tell a group from an array."""
    return hasattr(node, "keys") and not hasattr(node, "dtype")


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Read an attribute; bytes become text."""
    value = node.attrs.get(name, default)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def need(group: Any, name: str, path: Path, *, code: str = codes.H5_LAYOUT) -> Any:
    """Return a member of a group or say that it is missing."""
    if name not in group:
        raise DataError(
            f"{path}: {getattr(group, 'name', '') or '/'} has no {name!r}",
            found=", ".join(sorted(group.keys())[:12]) or "nothing",
            code=code,
        )
    return group[name]


def read_array(node: Any) -> NDArray[Any]:
    """Read a whole array; text comes as objects of ``str``."""
    if hasattr(node, "asstr"):
        import h5py

        if h5py.check_string_dtype(node.dtype) is not None:
            return np.asarray(node.asstr()[()], dtype=object)
    values = np.asarray(node[()])
    if values.dtype.kind in "ST" or values.dtype.kind == "U":
        if values.dtype.kind != "S":
            return values.astype(object)
        # one by one: an array of decoded text would take four times the widest for each
        decoded = np.empty(values.shape, dtype=object)
        decoded.reshape(-1)[:] = [v.decode("utf-8", "replace") for v in values.reshape(-1)]
        return decoded
    return values


def read_frame(
    group: Any, path: Path, where: str, *, top: Any = None
) -> "tuple[pd.DataFrame, list[Notice]]":
    """Read a table (``obs``, ``var`` or a table in ``obsm``).

    Returns
    -------
    frame
        Indexed by names as text. Categories stay categories, missing values become ``NA``.
    notices
        Columns of a type that is not read.
    """
    import pandas as pd

    if not is_group(group):
        return _compound_frame(group, path, where, top)
    index_name = attribute(group, "_index", "_index")
    if index_name not in group:
        index_name = next((k for k in ("_index", "index") if k in group), index_name)
    index_node = need(group, index_name, path)
    index, _ = read_column(index_node, path, f"{where}/{index_name}")
    order = [
        c.decode() if isinstance(c, bytes) else str(c)
        for c in np.atleast_1d(attribute(group, "column-order", np.array([], dtype=object)))
    ]
    members = [k for k in group.keys() if k not in (index_name, "__categories")]  # noqa: SIM118
    columns, notices = {}, []
    old = group.get("__categories", {})
    for name in [c for c in order if c in members] + [m for m in members if m not in order]:
        values, why = read_column(group[name], path, f"{where}/{name}", old.get(name))
        if why:
            notices.append(Notice(codes.W_OBS_COLUMN, f"{where}[{name!r}] left out: {why}"))
            continue
        if len(values) != len(index):
            raise DataError(
                f"{path}: {where}[{name!r}] has {len(values):,} values for {len(index):,} rows",
                code=codes.OBS_LENGTH,
            )
        columns[name] = values
    names = pd.Index([_text(v) for v in index], dtype="str")
    return pd.DataFrame(columns, index=names), notices


def read_column(node: Any, path: Path, where: str, categories: Any = None) -> tuple[Any, str]:
    """Read one column; return its values and, if it cannot be read, why not."""
    import pandas as pd

    if is_group(node):
        kind = attribute(node, "encoding-type", "")
        if kind == "categorical" or {"codes", "categories"} <= set(node.keys()):
            values = read_array(need(node, "codes", path))
            labels, _ = read_column(need(node, "categories", path), path, f"{where}/categories")
            return _categorical(
                values, labels, bool(attribute(node, "ordered", False)), path, where
            )
        if str(kind).startswith("nullable") or {"values", "mask"} <= set(node.keys()):
            values = read_array(need(node, "values", path))
            mask = read_array(need(node, "mask", path)).astype(bool)
            if values.shape != mask.shape:
                raise DataError(
                    f"{path}: {where} has a mask of another length", code=codes.OBS_LENGTH
                )
            return _masked(values, mask), ""
        return None, f"encoding {kind or 'unknown'!r}"
    if node.shape == () or len(node.shape) != 1:
        return None, f"shape {tuple(node.shape)}"
    if node.dtype.kind not in "biufOSUT" or _holds_other_objects(node):
        return None, f"type {node.dtype}"
    values = read_array(node)
    if categories is None:
        categories = _referenced(node)
    if categories is not None:
        labels, _ = read_column(categories, path, f"{where}/categories")
        return _categorical(values, labels, False, path, where)
    if values.dtype == object:
        return pd.array([_text(v) for v in values], dtype="str"), ""
    return values, ""


def _holds_other_objects(node: Any) -> bool:
    """References and lists inside HDF5 columns are of kind `O` too, and are no text."""
    if node.dtype.kind != "O" or not hasattr(node, "asstr"):
        return False
    import h5py

    return h5py.check_string_dtype(node.dtype) is None


def _referenced(node: Any) -> Any:
    """Old files name the categories of a column by a reference to another dataset."""
    follow = getattr(node, "referred", None)
    return None if follow is None else follow("categories")


def _categorical(
    values: NDArray[Any], labels: Any, ordered: bool, path: Path, where: str
) -> tuple[Any, str]:
    import pandas as pd

    if values.dtype.kind not in "iu":
        raise DataError(
            f"{path}: codes of {where} are of type {values.dtype}", code=codes.OBS_CATEGORY
        )
    values = values.astype(np.int64)
    bad = np.flatnonzero((values >= len(labels)) | (values < -1))
    if bad.size:
        raise DataError(
            f"{path}: {bad.size} codes of {where} point at no category",
            found=f"code {values[bad[0]]} in row {bad[0] + 1}, there are {len(labels)} categories",
            code=codes.OBS_CATEGORY,
        )
    if pd.Index(labels).has_duplicates:
        raise DataError(f"{path}: {where} has the same category twice", code=codes.OBS_CATEGORY)
    return pd.Categorical.from_codes(values, categories=pd.Index(labels), ordered=ordered), ""


def _masked(values: NDArray[Any], mask: NDArray[np.bool_]) -> Any:
    import pandas as pd

    if values.dtype == object:
        return pd.array(
            [None if m else _text(v) for v, m in zip(values, mask, strict=True)], dtype="str"
        )
    if values.dtype.kind == "b":
        return pd.arrays.BooleanArray(values, mask)
    if values.dtype.kind in "iu":
        return pd.arrays.IntegerArray(values, mask)
    return np.where(mask, np.nan, values)


def _compound_frame(
    node: Any, path: Path, where: str, top: Any
) -> "tuple[pd.DataFrame, list[Notice]]":
    """Read the table of files before 2019: one compound array, categories under ``uns``."""
    import pandas as pd

    fields = node.dtype.names
    if not fields:
        raise DataError(f"{path}: {where} is not a table", code=codes.H5_TYPE)
    values = node[()]
    index = next((f for f in ("_index", "index") if f in fields), fields[0])
    columns = {}
    for name in fields:
        if name == index:
            continue
        column = values[name]
        key = f"{name}_categories"
        if top is not None and "uns" in top and key in top["uns"] and column.dtype.kind in "iu":
            labels = pd.array([_text(v) for v in read_array(top["uns"][key])], dtype="str")
            columns[name], _ = _categorical(column, labels, False, path, f"{where}/{name}")
        elif column.dtype.kind in "OSU":
            columns[name] = pd.array([_text(v) for v in column], dtype="str")
        else:
            columns[name] = column
    names = pd.Index([_text(v) for v in values[index]], dtype="str")
    return pd.DataFrame(columns, index=names), []


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
