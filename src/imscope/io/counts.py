"""Read counts of any supported format: one door, one result."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock, block_bounds
from imscope.core.cells import Cells
from imscope.core.errors import DataError, MethodError
from imscope.core.views import map_features
from imscope.io.genes import map_genes
from imscope.io.notice import Notice, first_few
from imscope.io.raw import Modality, RawCounts

if TYPE_CHECKING:
    import pandas as pd


_RNA_TYPES = ("gene expression", "gene", "rna", "")
_OTHER_TYPES = {"antibody capture": "protein", "crispr guide capture": "guide"}


def read_counts(
    path: str | Path, *, expression: bool = False, max_bytes: int | None = None
) -> Cells:
    r"""Open a file of counts: names are read, counts stay on disk where the format allows.

    Parameters
    ----------
    path
        10x ``.h5`` or matrix folder, ``.h5ad``, ``.h5mu``, ``.zarr``, ``.mtx``, dense ``.csv`` or
        ``.tsv`` (text also as ``.gz``).
    expression
        Take the matrix as expression values of any scale instead of counts.
    max_bytes
        Memory allowed for formats that must be read as a whole. Default: half of the machine's.

    Returns
    -------
    counts
        Close it, or use it in a ``with`` block.

    Raises
    ------
    DataError
        The file is missing, damaged, unsafe, of no known format, or holds no counts. Every case has
        its own code, see the reference of errors.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "small.csv"
    >>> _ = path.write_text("gene,cell_1,cell_2\nNT5E,3,0\nTHY1,1,2\nENG,0,5\n")
    >>> with read_counts(path) as counts:
    ...     print(counts.source.n_cells, counts.features["symbol"].tolist(), counts.where)
    2 ['NT5E', 'THY1', 'ENG'] table
    """
    path = Path(path)
    budget = max_bytes if max_bytes is not None else half_of_memory()
    raw = _read_raw(path, expression=expression, max_bytes=budget)
    try:
        return finish(raw, path)
    except BaseException:
        raw.close()
        raise


def half_of_memory() -> int:
    """Half of the memory of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _read_raw(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    if not path.exists():
        raise DataError(
            f"there is no file {path}",
            fix="check the path; relative paths start at the folder of the sheet",
            code=codes.FILE_MISSING,
        )
    name = path.name.lower()
    if path.is_dir():
        if _is_zarr(path):
            from imscope.io.zarr_store import read_zarr

            return read_zarr(path, expression=expression, max_bytes=max_bytes)
        from imscope.io.matrix_market import read_folder

        return read_folder(path, expression=expression, max_bytes=max_bytes)
    if not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder", code=codes.FILE_FORMAT)
    if name.endswith((".h5", ".hdf5", ".h5ad", ".h5mu")):
        return _read_hdf5(path, expression=expression, max_bytes=max_bytes)
    if name.endswith((".mtx", ".mtx.gz")):
        from imscope.io.matrix_market import read_mtx

        return read_mtx(path, expression=expression, max_bytes=max_bytes)
    if name.removesuffix(".gz").endswith((".csv", ".tsv", ".txt", ".tab")):
        from imscope.io.dense_text import read_table

        return read_table(path, expression=expression, max_bytes=max_bytes)
    raise DataError(
        f"{path} is of no format imscope reads",
        found=f"the name ends in {''.join(path.suffixes[-2:])!r}",
        fix="give a 10x .h5 or matrix folder, .h5ad, .h5mu, .zarr, .mtx, or a dense .csv/.tsv",
        code=codes.FILE_FORMAT,
    )


def _is_zarr(path: Path) -> bool:
    marks = (".zgroup", "zarr.json", ".zattrs", ".zmetadata")
    return path.suffix == ".zarr" or any((path / m).exists() for m in marks)


def _read_hdf5(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    from imscope.io.guard_hdf5 import hdf5_errors, open_hdf5
    from imscope.io.h5ad import read_annotated, read_mudata
    from imscope.io.tenx import is_tenx, read_tenx

    handle = open_hdf5(path)
    guard: Callable[[], AbstractContextManager[None]] = partial(hdf5_errors, path)
    options = {"expression": expression, "guard": guard, "max_bytes": max_bytes}
    try:
        with hdf5_errors(path):
            if "mod" in handle and "X" not in handle:
                raw = read_mudata(handle, path, kind="h5mu", **options)  # type: ignore[arg-type]
            elif "obs" in handle and "var" in handle:
                raw = read_annotated(handle, path, kind="h5ad", **options)  # type: ignore[arg-type]
            elif is_tenx(handle):
                raw = read_tenx(handle, path, **options)  # type: ignore[arg-type]
            else:
                raise DataError(
                    f"{path} is neither a 10x matrix nor AnnData nor MuData",
                    found=f"at the top: {first_few(list(handle)) or 'nothing'}",
                    code=codes.H5_LAYOUT,
                )
    except BaseException:
        handle.close()
        raise
    raw.close = handle.close
    return raw


def finish(raw: RawCounts, path: Path | str) -> Cells:
    """Check names, split modalities, map genes."""
    cells = [str(c) for c in raw.cells]
    _check_cells(cells, raw, path)
    rna, others, dropped = _split(raw)
    notices = list(raw.notices)
    if dropped:
        notices.append(
            Notice(
                codes.W_FEATURES_DROPPED,
                f"{sum(dropped.values()):,} features left out, of type {first_few(list(dropped))}",
            )
        )
    if not rna.size:
        raise DataError(
            f"{path} has no gene expression feature",
            found=f"{len(raw.names):,} features"
            + (f" of types {sorted(dropped)}" if dropped else ""),
            code=codes.GENES_NONE,
        )
    features, more = map_genes(
        [raw.names[k] for k in rna],
        [raw.symbols[k] for k in rna] if raw.symbols is not None else None,
        path=path,
    )
    notices += more
    modalities = {**raw.modalities, **_modalities(raw, others)}
    if raw.stored_per_cell is not None:
        empty = int((raw.stored_per_cell == 0).sum())
        if empty:
            notices.append(
                Notice(codes.W_CELLS_EMPTY, f"{empty:,} of {len(cells):,} cells have no counts")
            )
    if not raw.whole:
        notices.append(
            Notice(codes.W_MATRIX_EXPRESSION, f"{raw.where} is taken as expression values")
        )
    rows = _WhileOpen(raw.rows, str(path))

    def close() -> None:
        rows.closed.append(True)
        raw.close()

    mapping = np.full(len(raw.names), -1, dtype=np.int32)
    mapping[rna] = np.arange(rna.size, dtype=np.int32)
    return Cells(
        name=str(path),
        format=raw.format,
        where=raw.where,
        kind="counts" if raw.whole else "expression",
        source=map_features(rows, mapping, int(rna.size)),
        features=features,
        obs=_obs(raw, cells),
        modalities=modalities,
        notices=tuple(notices),
        on_close=close,
    )


@dataclass(frozen=True, slots=True)
class _WhileOpen:
    """Rows of a file that say so when they are asked for after it was closed."""

    rows: BlockSource
    name: str
    closed: list[bool] = field(default_factory=list)

    @property
    def n_cells(self) -> int:
        return self.rows.n_cells

    @property
    def n_features(self) -> int:
        return self.rows.n_features

    def read(self, start: int, stop: int) -> CsrBlock:
        if self.closed:
            raise MethodError(
                f"counts of {self.name} are asked for after it was closed",
                fix="do all reading inside the `with` block, or open it again",
                code=codes.CELLS_CLOSED,
            )
        return self.rows.read(start, stop)


def _obs(raw: RawCounts, cells: list[str]) -> "pd.DataFrame":
    import pandas as pd

    index = pd.Index(cells, dtype="str", name="cell")
    return pd.DataFrame(index=index) if raw.obs is None else raw.obs.set_axis(index, axis=0)


def _check_cells(cells: list[str], raw: RawCounts, path: Path | str) -> None:
    if not cells or (raw.stored_per_cell is not None and not raw.stored_per_cell.any()):
        raise DataError(
            f"{path} has no cell with any count",
            found=f"{len(cells):,} cells, {len(raw.names):,} features",
            fix="check that this is the right matrix",
            code=codes.CELLS_NONE,
        )
    if not all(c.strip() for c in cells):
        row = next(k for k, c in enumerate(cells) if not c.strip())
        raise DataError(f"{path}: cell {row + 1} has no name", code=codes.CELLS_NAME)
    if len(set(cells)) < len(cells):
        seen: set[str] = set()
        twice = [c for c in cells if c in seen or seen.add(c)]  # type: ignore[func-returns-value]
        raise DataError(
            f"{path}: {len(twice):,} cell names stand more than once",
            found=first_few(twice),
            fix="make them unique, such as by a sample prefix (`adata.obs_names_make_unique()`)",
            code=codes.CELLS_DUPLICATE,
        )


def _split(
    raw: RawCounts,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]], dict[str, int]]:
    """Positions of RNA features, of each other modality, and how many of which type are dropped."""
    if raw.types is None:
        return np.arange(len(raw.names), dtype=np.int64), {}, {}
    rna: list[int] = []
    others: dict[str, list[int]] = {}
    dropped: dict[str, int] = {}
    for k, kind in enumerate(t.strip().lower() for t in raw.types):
        if kind in _RNA_TYPES:
            rna.append(k)
        elif kind in _OTHER_TYPES:
            others.setdefault(_OTHER_TYPES[kind], []).append(k)
        else:
            dropped[raw.types[k]] = dropped.get(raw.types[k], 0) + 1
    return (
        np.array(rna, dtype=np.int64),
        {name: np.array(where, dtype=np.int64) for name, where in others.items()},
        dropped,
    )


def _modalities(raw: RawCounts, others: dict[str, NDArray[np.int64]]) -> dict[str, Modality]:
    """Read the columns of other modalities in one pass."""
    import pandas as pd
    import scipy.sparse as sp

    parts: dict[str, list[sp.csr_array]] = {name: [] for name in others}
    for low, high in block_bounds(raw.rows.n_cells) if others else ():
        block = raw.rows.read(low, high)
        whole = sp.csr_array(
            (block.data, block.indices, block.indptr), shape=(block.n_rows, block.n_features)
        )
        for name, where in others.items():
            parts[name].append(sp.csr_array(whole[:, where]))
    out = {}
    for name, where in others.items():
        ids = [raw.names[k] for k in where]
        features = pd.DataFrame(
            {
                "feature_id": pd.array(ids, dtype="str"),
                "symbol": pd.array(
                    [raw.symbols[k] for k in where] if raw.symbols is not None else ids, dtype="str"
                ),
            }
        )
        out[name] = Modality(features, sp.csr_array(sp.vstack(parts[name], "csr")))
    return out
