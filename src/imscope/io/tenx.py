"""10x Genomics HDF5 matrices: Cell Ranger 3 and later (`/matrix`) and 2 (`/<genome>`)."""

from pathlib import Path
from typing import Any

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.annotated import is_group, need, read_array
from imscope.io.matrix import Guard, Stored
from imscope.io.raw import RawCounts
from imscope.io.rows import Names

_PARTS = {"data", "indices", "indptr", "shape", "barcodes"}


def is_tenx(handle: Any) -> bool:
    """Tell whether an open HDF5 file is a 10x matrix."""
    return "matrix" in handle or any(
        is_group(node) and {"indptr", "barcodes"} & set(node.keys())
        for node in (handle[k] for k in handle)
    )


def read_tenx(
    handle: Any, path: Path, *, expression: bool, guard: Guard, max_bytes: int
) -> RawCounts:
    """Read names and row pointers of a 10x matrix; the counts stay in the file.

    Raises
    ------
    DataError
        A part is missing or the parts do not fit, or two genomes are in one file.
    """
    group = _matrix_group(handle, path)
    missing = sorted(_PARTS - set(group.keys()))
    if missing:
        raise DataError(
            f"{path} lacks parts of a 10x matrix", found=", ".join(missing), code=codes.H5_LAYOUT
        )
    shape = [int(n) for n in np.atleast_1d(np.asarray(group["shape"][()]))]
    cells = read_array(group["barcodes"])
    types: list[str] | None = None
    if "features" in group:
        features = group["features"]
        names = read_array(need(features, "id", path))
        symbols = read_array(need(features, "name", path))
        kinds = features.get("feature_type", None)
        types = [str(t) for t in read_array(kinds)] if kinds is not None else None
    else:
        names = read_array(need(group, "genes", path))
        symbols = read_array(need(group, "gene_names", path))
    lengths = {len(names), len(symbols), len(types) if types is not None else len(names)}
    if len(shape) != 2 or lengths != {shape[0]} or len(cells) != shape[1]:
        raise DataError(
            f"{path}: names and matrix do not fit",
            found=f"shape {shape}; {sorted(lengths)} feature names; {len(cells):,} barcodes",
            fix="export the matrix again",
            code=codes.MATRIX_SHAPE,
        )
    where = group.name.strip("/")
    parts = [group[k] for k in ("data", "indices", "indptr")]
    if any(is_group(p) or len(p.shape) != 1 for p in parts):
        raise DataError(f"{path}: the arrays of {where} are not flat", code=codes.H5_TYPE)
    matrix = Stored("csr", (shape[1], shape[0]), where, path, *parts)
    look = matrix.look()
    if not expression and not look.is_counts:
        raise no_counts(path, {where: look.words})
    whole = not expression
    rows = matrix.rows(
        Names(path, where, cells, names), whole=whole, guard=guard, max_bytes=max_bytes
    )
    return RawCounts(
        format="10x h5",
        where=where,
        whole=whole,
        rows=rows,
        cells=cells,
        names=[str(n) for n in names],
        symbols=[str(s) for s in symbols],
        types=types,
        stored_per_cell=np.diff(rows.indptr) if hasattr(rows, "indptr") else None,
    )


def no_counts(path: Path, seen: dict[str, str]) -> DataError:
    """Say where counts were looked for and what was found instead."""
    return DataError(
        f"{path}: no matrix of whole counts was found",
        found="; ".join(f"{place} holds {words}" for place, words in seen.items()) or "no matrix",
        fix="give the raw counts; `input.matrix: expression` in the run configuration takes what "
        "is there, without any answer that needs counts",
        code=codes.MATRIX_NO_COUNTS,
    )


def _matrix_group(handle: Any, path: Path) -> Any:
    if "matrix" in handle:
        node = handle["matrix"]
        if is_group(node):
            return node
        raise DataError(f"{path}: /matrix is not a group", code=codes.H5_LAYOUT)
    genomes = [k for k in handle if is_group(handle[k]) and "indptr" in handle[k]]
    if len(genomes) > 1:
        raise DataError(
            f"{path} holds matrices of several genomes",
            found=", ".join(genomes),
            fix="export the human one alone",
            code=codes.SPECIES_MIXED,
        )
    if not genomes:
        raise DataError(f"{path} holds no matrix", found=", ".join(handle), code=codes.H5_LAYOUT)
    return handle[genomes[0]]
