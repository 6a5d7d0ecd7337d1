"""Loom files: genes as rows in one dense matrix, names and columns in attributes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.annotated import is_group, read_array
from imscope.io.matrix import Guard
from imscope.io.raw import RawCounts
from imscope.io.rows import DenseRows, Names
from imscope.io.tenx import no_counts
from imscope.io.values import Look, look_at

if TYPE_CHECKING:
    import pandas as pd

_GENES: Final = ("Accession", "gene_ids", "GeneID", "ensembl_id", "var_names", "Gene", "gene",
                 "gene_symbol", "Symbol")  # fmt: skip
_CELLS: Final = ("CellID", "obs_names", "cell_id", "barcode", "Barcode", "cell_names")
_LAYERS: Final = ("counts", "raw_counts", "count", "spliced")


def is_loom(handle: Any) -> bool:
    """Tell whether an open HDF5 file is a loom file."""
    return all(k in handle for k in ("matrix", "row_attrs", "col_attrs"))


@dataclass(frozen=True)
class _Turned:
    """A matrix of genes by cells, sliced by cells."""

    matrix: Any

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.matrix.shape[1]), int(self.matrix.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        kind: np.dtype[Any] = self.matrix.dtype
        return kind

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.asarray(self.matrix[:, rows]).T


def read_loom(handle: Any, path: Path, *, expression: bool, guard: Guard) -> RawCounts:
    """Read names and find the counts of a loom file; the counts stay in the file.

    Raises
    ------
    DataError
        Parts do not fit, there are no names, or no counts.
    """
    seen: dict[str, str] = {}
    layers = handle["layers"] if "layers" in handle and is_group(handle["layers"]) else {}
    places = [("matrix", handle["matrix"])]
    places += [(f"layers[{k!r}]", layers[k]) for k in _LAYERS if k in layers]
    for place, node in places:
        if is_group(node) or len(node.shape) != 2:
            raise DataError(f"{path}: {place} is no matrix", code=codes.H5_TYPE)
        turned = _Turned(node)
        look = _look(turned)
        seen[place] = look.words
        if expression or look.is_counts:
            return _raw(handle, path, place, turned, whole=not expression, guard=guard)
    raise no_counts(path, seen)


def _look(matrix: _Turned) -> Look:
    if matrix.dtype.kind not in "biuf":
        return Look(False, f"values of type {matrix.dtype}")
    n = matrix.shape[0]
    rows = max(1, min(100, 2_000_000 // max(1, matrix.shape[1])))
    starts = sorted({0, max(0, (n - rows) // 2), max(0, n - rows)})
    pieces = [matrix[s : s + rows] for s in starts]
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.expm1(np.minimum(pieces[0].astype(np.float64), 50)).sum(axis=1)
    return look_at(np.concatenate([p.ravel() for p in pieces]), sums)


def _raw(
    handle: Any, path: Path, place: str, matrix: _Turned, *, whole: bool, guard: Guard
) -> RawCounts:
    n, m = matrix.shape
    genes, var = _attributes(handle["row_attrs"], m, _GENES)
    cells, obs = _attributes(handle["col_attrs"], n, _CELLS)
    if genes is None:
        raise DataError(
            f"{path} names no genes",
            found=f"row attributes {', '.join(handle['row_attrs'].keys()) or 'none'}",
            fix="write Accession or Gene into the row attributes",
            code=codes.H5_LAYOUT,
        )
    names = cells if cells is not None else [f"cell_{k + 1}" for k in range(n)]
    labels = Names(path, place, np.array(names, dtype=object), np.array(genes, dtype=object))
    columns = {str(c): [str(v) for v in var[c]] for c in var.columns if var[c].dtype == "str"}
    symbols = next((columns[c] for c in ("Gene", "gene", "gene_symbol") if c in columns), None)
    return RawCounts(
        format="loom",
        where=place,
        whole=whole,
        rows=DenseRows(matrix, labels, whole, guard),
        cells=np.array(names, dtype=object),
        names=genes,
        symbols=symbols,
        columns=columns,
        obs=obs,
        var=var,
    )


def _attributes(
    group: Any, n: int, wanted: tuple[str, ...]
) -> "tuple[list[str] | None, pd.DataFrame]":
    """The first attribute of the wanted names, and all flat ones of the right length."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in group.keys():  # noqa: SIM118  h5py groups
        node = group[name]
        if is_group(node) or node.shape != (n,) or node.dtype.kind not in "biufOSU":
            continue
        values = read_array(node)
        text = values.dtype == object
        columns[str(name)] = pd.array([str(v) for v in values], dtype="str") if text else values
    first = next((w for w in wanted if w in columns), None)
    names = [str(v) for v in columns[first]] if first else None
    return names, pd.DataFrame(columns)
