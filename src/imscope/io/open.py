"""One door to cells: a file, a run folder, or an object in memory, and results back into it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imscope.core import codes
from imscope.core.cells import Cells, Modality
from imscope.core.errors import DataError
from imscope.core.result import Result
from imscope.core.row_kind import decide_rows

if TYPE_CHECKING:
    import anndata
    import mudata
    import pandas as pd

    type Openable = Cells | Path | str | anndata.AnnData | mudata.MuData
    """What :func:`open_cells` takes."""

PREFIX = "imscope_"


def open_cells(data: object, *, expression: bool = False, bulk: bool = False) -> Cells:
    """Make :class:`~imscope.core.cells.Cells` of whatever holds them.

    Parameters
    ----------
    data
        A path (any format of :func:`imscope.io.read_counts`), a run folder, an ``AnnData`` or a
        ``MuData`` in memory, or cells, which are returned as they are.
    expression
        Take the matrix as expression values of any scale instead of counts.
    bulk
        Take expression values where there are no counts, if the rows are bulk libraries.

    Returns
    -------
    cells
        A file stays open: use ``with``, or close it. An object in memory is neither copied where
        its types allow nor changed.

    Raises
    ------
    DataError
        As :func:`imscope.io.read_counts`, or the object is of another kind.

    Examples
    --------
    >>> import anndata, pandas as pd, scipy.sparse as sp
    >>> var = pd.DataFrame(index=["NT5E", "THY1"])
    >>> adata = anndata.AnnData(sp.csr_matrix([[1, 0], [2, 3]], dtype="float32"), var=var)
    >>> cells = open_cells(adata)
    >>> cells.kind, cells.features["symbol"].tolist()
    ('counts', ['NT5E', 'THY1'])
    """
    if isinstance(data, Cells):
        return data
    try:
        return with_row_kind(_open(data, expression=expression))
    except DataError as error:
        if not bulk or error.code != codes.MATRIX_NO_COUNTS:
            raise
        values = with_row_kind(_open(data, expression=True))
        if values.rows != "library":
            values.close()
            raise
        return values


def _open(data: object, *, expression: bool) -> Cells:
    """Read what holds the cells."""
    if isinstance(data, str | Path):
        from imscope.io.counts import read_counts

        path = Path(data)
        inside = path / "cells.h5ad"
        return read_counts(
            inside if path.is_dir() and inside.exists() else path, expression=expression
        )
    if hasattr(data, "mod") and hasattr(data, "obs"):
        return _from_mudata(data, expression=expression)
    if all(hasattr(data, name) for name in ("obs", "var", "layers", "X")):
        return _from_anndata(data, expression=expression)
    raise DataError(
        "these are no cells",
        found=type(data).__name__,
        fix="give a path, a run folder, an AnnData or a MuData",
        code=codes.FILE_FORMAT,
    )


def with_row_kind(cells: Cells) -> Cells:
    """Decide once what a row is, and say it when it is not a cell."""
    rows, told = decide_rows(cells.source, cells.obs, cells.kind)
    obs = cells.obs
    if rows == "library" and "sample" not in obs:
        obs = obs.assign(sample=obs.index.astype(str))
    return replace(cells, rows=rows, obs=obs, notices=(*cells.notices, *told))


def annotate(adata: "anndata.AnnData", result: "Result | pd.DataFrame") -> "anndata.AnnData":
    """Put a result into an ``AnnData``: columns of cells into ``obs``, tables into ``uns``.

    Parameters
    ----------
    adata
        The object the result was made from; it is changed and returned.
    result
        A :class:`~imscope.core.result.Result`, or a table that an analysis returned.

    Returns
    -------
    adata
        With ``obs["imscope_..."]`` where the result has columns of cells, and the tables, reasons
        and settings under ``uns["imscope"]``, as the layout of a run's ``cells.h5ad``.

    Raises
    ------
    DataError
        The result is of other cells.
    """
    found = result if isinstance(result, Result) else _as_result(result)
    if found.cells is not None:
        if len(found.cells) != adata.n_obs:
            raise DataError(
                "the result is of other cells",
                found=f"{len(found.cells):,} rows for {adata.n_obs:,} cells",
                fix="annotate the object the result was made from",
                code=codes.CELLS_LENGTH,
            )
        for name in found.cells.columns:
            own = str(name) if str(name).startswith(PREFIX) else f"{PREFIX}{name}"
            adata.obs[own] = found.cells[name].to_numpy()
    store = dict(adata.uns.get("imscope", {}))
    tables = dict(store.get("tables", {}))
    tables.update({name: _plain(frame) for name, frame in found.tables.items()})
    store["tables"] = tables
    why = {name: found.why(name) for name in found.skipped}
    if why:
        store["skipped"] = dict(store.get("skipped", {})) | why
    settings = {k: v for k, v in _flat(found.settings).items() if v is not None}
    if settings:
        store["settings"] = dict(store.get("settings", {})) | settings
    adata.uns["imscope"] = store
    return adata


def _as_result(frame: "pd.DataFrame") -> Result:
    about = dict(frame.attrs.get("imscope", {}))
    name = str(about.get("table", "table"))
    return Result(tables={name: frame}, settings=dict(about.get("settings", {})))


def _plain(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table that AnnData can write: text index, no mixed columns."""
    out = frame.reset_index(drop=True)
    out.index = out.index.astype(str)
    for name in out.columns:
        if out[name].dtype == object:
            out[name] = out[name].map(lambda v: "" if v is None else str(v))
    out.attrs = {}
    return out


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(k): v if isinstance(v, bool | int | float | str) or v is None else str(v)
        for k, v in settings.items()
    }


def _from_anndata(adata: Any, *, expression: bool) -> Cells:
    from imscope.io.finish import finish
    from imscope.io.memory import memory_counts

    return finish(memory_counts(adata, expression=expression), "the AnnData in memory")


def _from_mudata(mdata: Any, *, expression: bool) -> Cells:
    from imscope.io.h5ad import modality_kind

    kinds = {modality_kind(str(name)): str(name) for name in reversed(list(mdata.mod))}
    if "rna" not in kinds:
        raise DataError(
            "the MuData has no RNA modality",
            found=", ".join(map(str, mdata.mod)),
            code=codes.GENES_NONE,
        )
    rna = mdata.mod[kinds["rna"]]
    whole = mdata.obs.loc[rna.obs_names]
    own = [c for c in whole.columns if c not in rna.obs.columns and ":" not in str(c)]
    cells = _from_anndata(rna, expression=expression)
    obs = cells.obs.assign(**{str(c): whole[c].to_numpy() for c in own})
    parts = dict(cells.modalities)
    for kind, name in kinds.items():
        if kind != "rna" and kind not in parts:
            parts[kind] = _modality(mdata.mod[name], rna.obs_names)
    return Cells(
        cells.source, cells.features, obs, cells.kind, parts, cells.notices, "the MuData in memory",
        cells.format, cells.where,
    )  # fmt: skip


def _modality(part: Any, names: Any) -> Modality:
    import pandas as pd
    import scipy.sparse as sp

    place = part.obs_names.get_indexer(names)
    if (place < 0).any():
        raise DataError(
            "a modality lacks cells that have RNA",
            found=f"{int((place < 0).sum()):,} of {len(place):,}",
            fix="keep the cells that all modalities have (`mudata.pp.intersect_obs`)",
            code=codes.CELLS_LENGTH,
        )
    counts = sp.csr_array(part.layers.get("counts", part.X))[place]
    whole = not (counts.data % 1).any()
    names_of = pd.array([str(v) for v in part.var_names], dtype="str")
    features = pd.DataFrame({"feature_id": names_of, "symbol": names_of})
    return Modality(features, sp.csr_array(counts.astype(np.int32 if whole else np.float32)))
