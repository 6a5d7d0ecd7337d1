"""Read counts of any supported format: one door, one result."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from imscope.core import codes
from imscope.core.cells import Cells
from imscope.core.errors import DataError
from imscope.io.archives import is_archive, unpack
from imscope.io.delivery import resolve_folder
from imscope.io.finish import finish
from imscope.io.memory_size import half_of_memory
from imscope.io.notice import Notice, first_few
from imscope.io.raw import RawCounts


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
    raw = read_raw(path, expression=expression, max_bytes=budget)
    try:
        return finish(raw, path, max_bytes=budget)
    except BaseException:
        raw.close()
        raise


def read_raw(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Open a file as it stands, names unchecked; the caller closes it."""
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

    if _has_mtx(path):
        return read_folder(path, expression=expression, max_bytes=max_bytes)
    inside, told = resolve_folder(path)
    raw = read_raw(inside, expression=expression, max_bytes=max_bytes)
    raw.notices[:0] = told
    return raw


def _has_mtx(folder: Path) -> bool:
    return any(p.name.lower().endswith((".mtx", ".mtx.gz")) for p in folder.iterdir())


def _read_archive(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Unpack an archive and read the one matrix in it; closing removes what was unpacked."""
    import shutil

    root = unpack(path, max_bytes=max_bytes)
    try:
        told: list[Notice] = []
        inside = root
        if not _is_zarr(root) and not _has_mtx(root):
            inside, told = _inside_archive(path, root)
        raw = read_raw(inside, expression=expression, max_bytes=max_bytes)
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
