"""Read counts of any supported format: one door, one result."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
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
from imscope.io.archives import is_archive, unpack
from imscope.io.count_check import doubt_counts, sample_rows
from imscope.io.delivery import resolve_folder
from imscope.io.gene_names import about_features, refuse_unmapped
from imscope.io.genes import map_genes
from imscope.io.notice import Notice, first_few
from imscope.io.protein_roles import antigen_name, protein_role
from imscope.io.raw import Modality, RawCounts
from imscope.io.raw_checks import checked, named, roles_of
from imscope.io.summed import SummedFeatures

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
        return finish(raw, path, max_bytes=budget)
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
        return _read_folder(path, expression=expression, max_bytes=max_bytes)
    if not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder", code=codes.FILE_FORMAT)
    if is_archive(path):
        return _read_archive(path, expression=expression, max_bytes=max_bytes)
    if name.endswith((".h5", ".hdf5", ".h5ad", ".h5mu", ".loom", ".h5seurat")):
        return _read_hdf5(path, expression=expression, max_bytes=max_bytes)
    if name.endswith((".mtx", ".mtx.gz")):
        from imscope.io.matrix_market import read_mtx

        return read_mtx(path, expression=expression, max_bytes=max_bytes)
    if name.removesuffix(".gz").endswith((".csv", ".tsv", ".txt", ".tab")):
        from imscope.io.dense_text import read_table

        return read_table(path, expression=expression, max_bytes=max_bytes)
    advice = next((words for ends, words in _ADVICE if name.endswith(ends)), "")
    raise DataError(
        f"{path} is of no format imscope reads",
        found=f"the name ends in {''.join(path.suffixes[-2:])!r}",
        fix=advice
        or "give a 10x .h5 or matrix folder, .h5ad, .h5mu, .zarr, .loom, .mtx, a dense .csv/.tsv, "
        "or a .zip or .tar of one of them",
        code=codes.FILE_FORMAT,
    )


_R_LINES = (
    'in R: `m <- SeuratObject::LayerData(x, layer = "counts"); Matrix::writeMM(m, "matrix.mtx")` '
    "(for a SingleCellExperiment `m <- SingleCellExperiment::counts(x)`), then "
    '`writeLines(rownames(m), "genes.tsv"); writeLines(colnames(m), "barcodes.tsv")`; '
    "give the folder with the three files"
)
_ADVICE = (
    ((".rds", ".rdata", ".rda", ".qs", ".robj", ".h5seurat"), _R_LINES),
    (
        (".bam", ".fastq.gz", ".fq.gz", ".cram"),
        "these are reads: give the count matrix made of them",
    ),
    ((".pkl", ".pickle", ".joblib"), "a pickle runs code when it is opened: write .h5ad instead"),
    ((".xlsx", ".xls"), "save the table as .csv, without turning names of genes into dates"),
    ((".cloupe",), "give the matrix of the same run, in `outs/filtered_feature_bc_matrix.h5`"),
    ((".7z", ".rar"), "unpack it, or pack it as .zip"),
)


def _read_folder(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Read a folder with a matrix in it, or the one matrix of a delivery below it."""
    from imscope.io.matrix_market import read_folder

    if any(p.name.lower().endswith((".mtx", ".mtx.gz")) for p in path.iterdir()):
        return read_folder(path, expression=expression, max_bytes=max_bytes)
    inside, told = resolve_folder(path)
    raw = _read_raw(inside, expression=expression, max_bytes=max_bytes)
    raw.notices[:0] = told
    return raw


def _read_archive(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Unpack an archive and read the one matrix in it; closing removes what was unpacked."""
    import shutil

    root = unpack(path, max_bytes=max_bytes)
    try:
        if _is_zarr(root) or any(
            p.name.lower().endswith((".mtx", ".mtx.gz")) for p in root.iterdir()
        ):
            inside, told = root, []
        else:
            inside, told = _inside_archive(path, root)
        raw = _read_raw(inside, expression=expression, max_bytes=max_bytes)
    except DataError as error:
        shutil.rmtree(root, ignore_errors=True)
        raise DataError(
            error.problem.replace(str(root), str(path)),
            found=error.found.replace(str(root), str(path)),
            fix=error.fix.replace(str(root), str(path)),
            code=error.code,
        ) from error
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    raw.notices[:0] = told
    opened = raw.close

    def close() -> None:
        opened()
        shutil.rmtree(root, ignore_errors=True)

    raw.close = close
    return raw


def _inside_archive(path: Path, root: Path) -> tuple[Path, list[Notice]]:
    files = [p for p in root.rglob("*") if p.is_file()]
    if len(files) == 1 and not is_archive(files[0]):
        return files[0], []
    inside, told = resolve_folder(root)
    if is_archive(inside):
        raise DataError(
            f"{path} holds an archive again",
            found=inside.name,
            fix="unpack it once and give what is inside",
            code=codes.FILE_ARCHIVE,
        )
    return inside, told


def _is_zarr(path: Path) -> bool:
    marks = (".zgroup", "zarr.json", ".zattrs", ".zmetadata")
    return path.suffix == ".zarr" or any((path / m).exists() for m in marks)


def _read_hdf5(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    from imscope.io.guard_hdf5 import hdf5_errors, open_hdf5
    from imscope.io.h5ad import read_annotated, read_mudata
    from imscope.io.loom import is_loom, read_loom
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
            elif is_loom(handle):
                raw = read_loom(handle, path, expression=expression, guard=guard)
            elif is_tenx(handle):
                raw = read_tenx(handle, path, **options)  # type: ignore[arg-type]
            else:
                raise DataError(
                    f"{path} is neither a 10x matrix nor AnnData nor MuData",
                    found=f"at the top: {first_few(list(handle)) or 'nothing'}",
                    fix=_R_LINES
                    if "assays" in handle
                    else "give the matrix of counts"
                    + (", not the table of molecules" if "barcode_idx" in handle else ""),
                    code=codes.H5_LAYOUT,
                )
    except BaseException:
        handle.close()
        raise
    raw.close = handle.close
    return raw


def finish(raw: RawCounts, path: Path | str, *, max_bytes: int | None = None) -> Cells:
    """Check names and values, split modalities, map genes."""
    _check_cells([str(c) for c in raw.cells], raw, path)
    budget = half_of_memory() if max_bytes is None else max_bytes
    raw = checked(raw, path, max_bytes=budget)
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
    rows = _WhileOpen(raw.rows, str(path))
    source, features, more = _genes(raw, rna, rows, path)
    notices += more
    if raw.whole:
        notices += _doubts(source, path)
    modalities = {**raw.modalities, **_modalities(raw, others)}
    modalities = {k: _with_roles(k, m) for k, m in modalities.items()}
    notices += _about_cells(raw, modalities)

    def close() -> None:
        rows.closed.append(True)
        raw.close()

    return Cells(
        name=str(path),
        format=raw.format,
        where=raw.where,
        kind="counts" if raw.whole else "expression",
        source=source,
        features=features,
        obs=_obs(raw, cells),
        modalities=modalities,
        notices=tuple(notices),
        on_close=close,
    )


def _genes(
    raw: RawCounts, rna: NDArray[np.int64], rows: BlockSource, path: Path | str
) -> "tuple[BlockSource, pd.DataFrame, list[Notice]]":
    """RNA features under their stable ids: sums left out, probes of one gene added up."""
    names, symbols, notices, restored = named(raw, rna)
    roles = roles_of(raw, rna, names)
    out = roles == "none"
    if out.any() and not out.all():
        shown = [names[k] for k in np.flatnonzero(out)]
        notices.append(
            Notice(
                codes.W_GENES_NOT_GENES,
                f"{len(shown)} features are sums or statistics, left out: {first_few(shown)}",
            )
        )
        keep = np.flatnonzero(~out)
        rna, roles, names = rna[keep], roles[keep], [names[k] for k in keep]
        symbols = [symbols[k] for k in keep] if symbols is not None else None
    chosen = np.arange(len(names), dtype=np.int64)
    if restored and len(set(names)) < len(names):
        names, symbols, roles, chosen = _one_per_gene(names, symbols, roles)
        notices.append(
            Notice(
                codes.W_GENES_PROBES,
                f"{len(chosen):,} features were summed to {len(names):,} genes",
            )
        )
    features, more = map_genes(names, symbols, path=path)
    features["role"] = pd_text(roles)
    refuse_unmapped(names, features["mapped"].to_numpy(dtype=bool), roles, path)
    notices += [*more, *about_features(features)]
    mapping = np.full(len(raw.names), -1, dtype=np.int64)
    mapping[rna] = chosen
    if len(names) < len(chosen):
        return SummedFeatures(rows, mapping, len(names)), features, notices
    return map_features(rows, mapping, len(names)), features, notices


def _one_per_gene(
    names: list[str], symbols: list[str] | None, roles: NDArray[np.object_]
) -> tuple[list[str], list[str] | None, NDArray[np.object_], NDArray[np.int64]]:
    place = {name: k for k, name in enumerate(dict.fromkeys(names))}
    first = {name: k for k, name in reversed(list(enumerate(names)))}
    order = [first[name] for name in place]
    chosen = np.array([place[name] for name in names], dtype=np.int64)
    return list(place), [symbols[k] for k in order] if symbols else None, roles[order], chosen


def _doubts(source: BlockSource, path: Path | str) -> list[Notice]:
    """Refuse whole numbers that are no counts; reads are named."""
    doubt = doubt_counts(sample_rows(source))
    if doubt is None:
        return []
    if doubt.code == codes.MATRIX_READS:
        return [Notice(codes.W_MATRIX_READS, doubt.found)]
    raise DataError(
        f"{path}: its whole numbers are no counts of molecules",
        found=doubt.found,
        fix=doubt.fix,
        code=doubt.code,
    )


def _about_cells(raw: RawCounts, modalities: dict[str, Modality]) -> list[Notice]:
    notices = []
    if raw.stored_per_cell is not None:
        empty = int((raw.stored_per_cell == 0).sum())
        if empty:
            notices.append(
                Notice(codes.W_CELLS_EMPTY, f"{empty:,} of {len(raw.cells):,} cells have no counts")
            )
    if not raw.whole:
        notices.append(
            Notice(codes.W_MATRIX_EXPRESSION, f"{raw.where} is taken as expression values")
        )
    protein = modalities.get("protein")
    if protein is not None:
        shown = protein.features["role"].astype(str)
        other = [
            f"{n} as {r}" for n, r in zip(protein.features["symbol"], shown, strict=True)
            if r != "antigen"
        ]  # fmt: skip
        if other:
            notices.append(
                Notice(
                    codes.W_PROTEIN_ROLES,
                    f"{len(other)} of {len(shown)} protein columns are no antigens: "
                    f"{', '.join(other[:8])}" + (" and more" if len(other) > 8 else ""),
                )
            )
    return notices


def _with_roles(kind: str, modality: Modality) -> Modality:
    """Role of every protein column, by its name."""
    if kind != "protein":
        return modality
    features = modality.features.copy()
    known = [str(s) for s in features["symbol"]]
    ids = [str(s) for s in features["feature_id"]]
    roles = [
        protein_role(s) if protein_role(s) != "antigen" else protein_role(i)
        for s, i in zip(known, ids, strict=True)
    ]
    features["symbol"] = pd_text([antigen_name(s) for s in known])
    features["role"] = pd_text(roles)
    return replace(modality, features=features)


def pd_text(values: "Sequence[object] | NDArray[np.object_]") -> "pd.api.extensions.ExtensionArray":
    """Values as a column of text."""
    import pandas as pd

    return pd.array([str(v) for v in values], dtype="str")


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
