"""An ``AnnData`` in memory as raw counts, by the same rules as its file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from imscope.core import codes
from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.io.h5ad import COUNT_LAYERS, feature_types, gene_names, modality_kind
from imscope.io.raw import Modality, RawCounts
from imscope.io.raw_checks import text_columns
from imscope.io.tenx import no_counts
from imscope.io.values import look_at, sample_slices

NAME = "the AnnData in memory"


def memory_counts(adata: Any, *, expression: bool) -> RawCounts:
    """Find the counts of an ``AnnData``: a layer of counts, ``X``, or ``raw.X``, in this order.

    Raises
    ------
    DataError
        No place holds whole counts, or a value of the chosen one is no count.
    """
    seen: dict[str, str] = {}
    chosen: tuple[str, Any, Any] | None = None
    for place, matrix, var in _places(adata, expression=expression):
        values = matrix.data if sp.issparse(matrix) else np.asarray(matrix).ravel()
        pieces = [np.asarray(values[s]) for s in sample_slices(len(values))]
        look = look_at(np.concatenate(pieces) if pieces else np.zeros(0))
        seen[place] = look.words
        if expression or look.is_counts:
            chosen = (place, matrix, var)
            break
    if chosen is None:
        raise no_counts(Path(NAME), seen)
    place, matrix, var = chosen
    csr = sp.csr_array(matrix)
    csr.sum_duplicates()
    _check(csr, whole=not expression, place=place)
    names, symbols = gene_names(var)
    return RawCounts(
        format="AnnData",
        where=place,
        whole=not expression,
        rows=MemoryBlocks.from_csr(csr if expression else csr.astype(np.int32)),
        cells=adata.obs_names.to_numpy(dtype=object),
        names=names,
        symbols=symbols,
        types=feature_types(var),
        columns=text_columns(var),
        obs=adata.obs.copy(),
        var=var.copy(),
        modalities=_proteins(adata),
        stored_per_cell=np.diff(csr.indptr).astype(np.int64),
    )


def _places(adata: Any, *, expression: bool) -> Iterator[tuple[str, Any, Any]]:
    by_name = {str(k).lower(): k for k in adata.layers}
    for name in () if expression else COUNT_LAYERS:
        if name in by_name:
            yield f"layers[{by_name[name]!r}]", adata.layers[by_name[name]], adata.var
    if adata.X is not None:
        yield "X", adata.X, adata.var
    if adata.raw is not None:
        yield "raw.X", adata.raw.X, adata.raw.var


def _check(csr: Any, *, whole: bool, place: str) -> None:
    data = csr.data
    if data.dtype.kind not in "biuf":
        raise DataError(f"{place} holds values of type {data.dtype}", code=codes.MATRIX_TYPE)
    if not np.isfinite(data).all():
        raise DataError(f"{place} holds a value that is not a number", code=codes.MATRIX_NAN)
    if whole and ((data < 0).any() or (data % 1).any()):
        bad = data[(data < 0) | (data % 1 != 0)]
        raise DataError(
            f"{place} holds values that are no counts",
            found=f"{len(bad):,} of {len(data):,} values, first {bad[0]:g}",
            code=codes.MATRIX_NO_COUNTS,
        )


def _proteins(adata: Any) -> dict[str, Modality]:
    import pandas as pd

    found: dict[str, Modality] = {}
    for key in adata.obsm:
        kind = modality_kind(str(key))
        frame = adata.obsm[key]
        if kind not in ("protein", "guide") or kind in found or not hasattr(frame, "columns"):
            continue
        names = pd.array([str(c) for c in frame.columns], dtype="str")
        values = frame.to_numpy(dtype=np.float64)
        whole = not (values % 1).any() and not (values < 0).any()
        features = pd.DataFrame({"feature_id": names, "symbol": names})
        counts = sp.csr_array(values.astype(np.int32 if whole else np.float32))
        found[kind] = Modality(features, counts)
    return found
