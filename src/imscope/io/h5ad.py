"""AnnData and MuData files and stores: where are the counts, the names and the other modalities."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.annotated import is_group, need, read_array, read_frame
from imscope.io.matrix import Guard, Stored, check_shape, stored_matrix
from imscope.io.notice import Notice
from imscope.io.raw import Modality, RawCounts
from imscope.io.raw_checks import text_columns
from imscope.io.rows import Names
from imscope.io.tenx import no_counts
from imscope.io.values import look_at

if TYPE_CHECKING:
    import pandas as pd

_ID = re.compile(r"^ENS[A-Z]*G\d{11}")
_SYMBOL_COLUMNS = (
    "gene_name", "gene_names", "gene_symbol", "gene_symbols", "symbol", "symbols", "feature_name",
    "gene_short_name", "hgnc_symbol", "name", "gene",
)  # fmt: skip
COUNT_LAYERS = ("counts", "raw_counts", "count", "umi", "umis", "umi_counts", "raw")
_PROTEIN = ("protein", "proteins", "prot", "adt", "protein_expression", "protein_counts",
            "antibody_capture", "antibody capture", "cite")  # fmt: skip
_GUIDE = ("guide", "guides", "gdo", "crispr", "grna", "sgrna", "crispr_guide_capture")
_RNA = ("rna", "gex", "gene expression", "gene", "mrna")


def read_annotated(
    top: Any, path: Path, *, expression: bool, guard: Guard, max_bytes: int, kind: str
) -> RawCounts:
    """Read names and find the counts of an AnnData file or store; the counts stay in the file.

    Parameters
    ----------
    top
        Root group, of h5py or zarr.
    path
        File, for messages.
    expression
        Take ``X`` as it is.
    guard
        Context for every later read.
    max_bytes
        Memory allowed for a layout that must be turned.
    kind
        Name of the format.

    Raises
    ------
    DataError
        Parts are missing or do not fit, or no counts are there.
    """
    obs, notices = read_frame(need(top, "obs", path), path, "obs", top=top)
    seen: dict[str, str] = {}
    chosen: tuple[str, Stored, Any, str] | None = None
    for place, node, var_node, var_name in _places(top, path, expression=expression):
        matrix = stored_matrix(node, path, place)
        look = matrix.look()
        seen[place] = look.words
        if expression or look.is_counts:
            chosen = (place, matrix, var_node, var_name)
            break
    if chosen is None:
        raise no_counts(path, seen)
    place, matrix, var_node, var_name = chosen
    var, more = read_frame(var_node, path, var_name, top=top)
    check_shape(matrix, len(obs), len(var))
    names, symbols = gene_names(var)
    cells = obs.index.to_numpy(dtype=object)
    whole = not expression
    rows = matrix.rows(
        Names(path, place, cells, np.array(names, dtype=object)),
        whole=whole,
        guard=guard,
        max_bytes=max_bytes,
    )
    raw = RawCounts(
        format=kind,
        where=place,
        whole=whole,
        rows=rows,
        cells=cells,
        names=names,
        symbols=symbols,
        types=feature_types(var),
        columns=text_columns(var),
        obs=obs,
        var=var,
        notices=[*notices, *(n for n in more if n.code != codes.W_OBS_COLUMN)],
        stored_per_cell=np.diff(rows.indptr) if hasattr(rows, "indptr") else None,
    )
    _obsm_modalities(top, raw, path)
    return raw


def read_mudata(
    top: Any, path: Path, *, expression: bool, guard: Guard, max_bytes: int, kind: str
) -> RawCounts:
    """Read a MuData file or store: RNA as counts, proteins and guides as modalities."""
    mods = need(top, "mod", path)
    by_kind = {modality_kind(name): name for name in reversed(list(mods.keys()))}
    if "rna" not in by_kind:
        raise DataError(
            f"{path} has no RNA modality", found=", ".join(mods.keys()), code=codes.GENES_NONE
        )
    options: dict[str, Any] = {"guard": guard, "max_bytes": max_bytes}
    raw = read_annotated(mods[by_kind["rna"]], path, expression=expression, kind=kind, **options)
    raw.where = f"mod[{by_kind['rna']!r}].{raw.where}"
    for name in mods.keys():  # noqa: SIM118  h5py groups
        what = modality_kind(name)
        if name == by_kind["rna"]:
            continue
        if what not in ("protein", "guide") or what in raw.modalities:
            raw.notices.append(Notice(codes.W_FEATURES_DROPPED, f"modality {name!r} left out"))
            continue
        try:
            other = read_annotated(mods[name], path, expression=False, kind=kind, **options)
        except DataError as error:
            if error.code != codes.MATRIX_NO_COUNTS:
                raise
            other = read_annotated(mods[name], path, expression=True, kind=kind, **options)
            raw.notices.append(Notice(codes.W_MODALITY_VALUES, f"modality {name!r}: {error.found}"))
        raw.modalities[what] = align_modality(other, raw, name)
    return raw


def gene_names(var: "pd.DataFrame") -> tuple[list[str], list[str] | None]:
    """Ids (or symbols) and symbols of the features of a ``var`` table, wherever they stand."""
    index = [str(v) for v in var.index]
    texts = text_columns(var)
    scores = {name: _id_share(values) for name, values in texts.items()}
    best = max(scores, key=lambda name: scores[name], default="")
    if _id_share(index) >= 0.5:
        lower = {name.lower(): name for name in texts}
        found = next((lower[c] for c in _SYMBOL_COLUMNS if c in lower), None)
        return index, texts[found] if found is not None else None
    if best and scores[best] >= 0.5:
        ids = [i if _ID.match(i) else s for i, s in zip(texts[best], index, strict=True)]
        return ids, index
    return index, None


def _id_share(names: list[str]) -> float:
    return sum(bool(_ID.match(n)) for n in names) / len(names) if names else 0.0


def _places(top: Any, path: Path, *, expression: bool) -> Iterator[tuple[str, Any, Any, str]]:
    """Where a matrix may be: place, node, table of features and its name, in order of trust."""
    layers = top["layers"] if "layers" in top and is_group(top["layers"]) else {}
    by_name = {str(k).lower(): k for k in (layers.keys() if layers else ())}
    if not expression:
        for name in COUNT_LAYERS:
            if name in by_name:
                key = by_name[name]
                yield f"layers[{key!r}]", layers[key], need(top, "var", path), "var"
    if "X" in top and not _is_none(top["X"]):
        yield "X", top["X"], need(top, "var", path), "var"
    if "raw" in top and is_group(top["raw"]) and "X" in top["raw"]:
        yield "raw.X", top["raw"]["X"], need(top["raw"], "var", path), "raw.var"
    elif "raw.X" in top:
        yield "raw.X", top["raw.X"], need(top, "raw.var", path), "raw.var"


def _is_none(node: Any) -> bool:
    """AnnData writes an absent X as a null or empty scalar."""
    return not is_group(node) and (node.shape is None or node.shape == ())


def feature_types(var: "pd.DataFrame") -> list[str] | None:
    """Kind of each feature, where the table says it."""
    for name in ("feature_types", "feature_type"):
        if name in var.columns:
            return [str(v) for v in var[name]]
    return None


def modality_kind(name: str) -> str:
    """Tell what a modality is by the usual names; another name stays as it is."""
    low = name.lower()
    for kind, words in (("rna", _RNA), ("protein", _PROTEIN), ("guide", _GUIDE)):
        if low in words:
            return kind
    return low


def _obsm_modalities(top: Any, raw: RawCounts, path: Path) -> None:
    """Take tables of proteins or guides out of ``obsm``."""
    if "obsm" not in top or not is_group(top["obsm"]):
        return
    for key in top["obsm"].keys():  # noqa: SIM118
        kind = modality_kind(key)
        if kind not in ("protein", "guide") or kind in raw.modalities:
            continue
        node = top["obsm"][key]
        if is_group(node) and "_index" in node.attrs:
            frame, _ = read_frame(node, path, f"obsm[{key!r}]")
            names = [str(c) for c in frame.columns]
            values = (
                frame.to_numpy(dtype=np.float64, na_value=np.nan) if names else np.zeros((0, 0))
            )
        elif not is_group(node) and len(node.shape) == 2 and node.dtype.kind in "biuf":
            values = np.asarray(node[()], dtype=np.float64)
            names = _names_in_uns(top, key, values.shape[1])
        else:
            raw.notices.append(
                Notice(codes.W_MODALITY_VALUES, f"obsm[{key!r}] is not a plain table; left out")
            )
            continue
        if values.shape != (len(raw.cells), len(names)):
            raise DataError(
                f"{path}: obsm[{key!r}] has shape {values.shape} for {len(raw.cells):,} cells",
                code=codes.MATRIX_SHAPE,
            )
        raw.modalities[kind] = _table_modality(values, names, raw, f"obsm[{key!r}]", path)


def _names_in_uns(top: Any, key: str, n: int) -> list[str]:
    uns = top.get("uns", {})
    for name in (f"{key}_names", "protein_names", f"{key}_features"):
        if name in uns and not is_group(uns[name]) and uns[name].shape == (n,):
            return [str(v) for v in read_array(uns[name])]
    return [f"{key}_{k + 1}" for k in range(n)]


def _table_modality(
    values: Any, names: list[str], raw: RawCounts, where: str, path: Path
) -> Modality:
    import pandas as pd
    import scipy.sparse as sp

    if np.isnan(values).any() or np.isinf(values).any():
        row, column = (int(x[0]) for x in np.nonzero(~np.isfinite(values)))
        raise DataError(
            f"{path}: {where} holds a value that is not a finite number",
            found=f"cell {row + 1} ({raw.cells[row]}), {names[column]}",
            code=codes.MATRIX_NAN,
        )
    look = look_at(values)
    whole = look.is_counts and not (values != np.floor(values)).any() and not (values < 0).any()
    if not whole:
        raw.notices.append(Notice(codes.W_MODALITY_VALUES, f"{where} holds {look.words}"))
    kind = np.int32 if whole else np.float32
    features = pd.DataFrame({"feature_id": pd.array(names, dtype="str")})
    features["symbol"] = features["feature_id"]
    return Modality(features, sp.csr_array(values.astype(kind)))


def align_modality(other: RawCounts, raw: RawCounts, name: str) -> Modality:
    """Rows of a modality in the order of the RNA cells; absent cells hold zeros."""
    import pandas as pd
    import scipy.sparse as sp

    block = other.rows.read(0, other.rows.n_cells)
    counts = sp.csr_array(
        (block.data, block.indices, block.indptr), shape=(block.n_rows, block.n_features)
    )
    position = {cell: k for k, cell in enumerate(other.cells)}
    order = np.array([position.get(cell, -1) for cell in raw.cells], dtype=np.int64)
    absent = int((order < 0).sum())
    if absent:
        raw.notices.append(
            Notice(
                codes.W_MODALITY_CELLS,
                f"modality {name!r} lacks {absent:,} of {len(order):,} cells; they hold zeros",
            )
        )
        counts = sp.vstack([counts, sp.csr_array((1, counts.shape[1]), dtype=counts.dtype)], "csr")
        order = np.where(order < 0, counts.shape[0] - 1, order)
    features = pd.DataFrame(
        {
            "feature_id": pd.array(other.names, dtype="str"),
            "symbol": pd.array(other.symbols or other.names, dtype="str"),
        }
    )
    return Modality(features, sp.csr_array(counts[order]))
