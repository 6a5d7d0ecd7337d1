"""Delivery folders as sequencing cores hand them over: which matrix is which sample's."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.archives import ENDS, is_archive
from imscope.io.notice import Notice, first_few

_DEPTH: Final = 8
_GENERIC: Final = re.compile(
    r"^(?:outs?|counts?|multi|per_sample_outs|sample_outs|solo\.out|gene|genefull\w*|velocyto|"
    r"(?:sample_|un)?filtered\w*|raw\w*|dge(?:_(?:un)?filtered)?|counts_(?:un)?filtered|alevin|"
    r"af_quant|quants?|grch3[78]\w*|hg(?:19|38)\w*|human|mex|matrix|matrices|results?|"
    r"(?:filtered|raw)_gene_bc_matrices\w*|data|output|cellbender|analysis|h5ad|all_genes)$",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(
    r"[-_.]?(?:sample_)?(?:(?:un)?filtered|raw)?[-_.]?(?:feature_bc_matrix|gene_bc_matri(?:x|ces)(?:_h5)?|"
    r"(?:rsec_|dbec_)?molspercell(?:_mex)?|matrix|counts?|output|dge|cells_x_genes|quants_mat|"
    r"count_matrix|adata|raw|(?:un)?filtered)$",
    re.IGNORECASE,
)
_RAW: Final = re.compile(
    r"(?:^|[-_.])(?:raw|unfiltered)(?:[-_.]|$)|^raw_|unfiltered", re.IGNORECASE
)
_SKIP: Final = re.compile(
    r"molecule_info|vdj|cloupe|possorted|fragments|peak_bc|web_summary|metrics_summary|"
    r"analysis|velocyto|/sj/|all-sample|tags?_|cell_metadata|metadata|singlecell\.csv|"
    r"feature_reference|antibody_analysis|crispr_analysis|uniqueandmult",
    re.IGNORECASE,
)
_TABLE: Final = re.compile(
    r"(?:molspercell|counts?|matrix|dge|umi)[\w.-]*\.(?:csv|tsv|txt)(?:\.gz)?$", re.IGNORECASE
)
_RANK: Final = (".h5", ".h5ad", ".h5mu", "", ".zarr", ".mtx", ".loom", ".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class FoundMatrix:
    """One sample of a delivery.

    Attributes
    ----------
    sample
        Name made of the folders and files, without what programs add.
    path
        Matrix of the cells.
    raw_path
        The unfiltered matrix of the same library, where there is one.
    others
        Other matrices of the sample that were not taken.
    """

    sample: str
    path: Path
    raw_path: Path | None = None
    others: tuple[Path, ...] = ()


def find_matrices(folder: Path) -> list[FoundMatrix]:
    """Find the matrices of a delivery folder and put them together by sample.

    Parameters
    ----------
    folder
        Any folder of Cell Ranger, STARsolo, alevin-fry, kallisto-bustools, Parse, BD Rhapsody or
        Seurat exports, one or many samples, at any depth.

    Raises
    ------
    DataError
        It is no folder.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", code=codes.FILE_MISSING)
    by_sample: dict[str, dict[bool, list[Path]]] = {}
    for path in _matrices(folder, 0):
        shown = path.relative_to(folder)
        raw = bool(any(_RAW.search(p) for p in (*shown.parts[:-1], _stem(path))))
        if not shown.parts[:-1] and not raw:
            raw = bool(_RAW.search(path.name))
        by_sample.setdefault(_sample(folder, path), {}).setdefault(raw, []).append(path)
    found = []
    for name, kinds in sorted(by_sample.items()):
        cells = sorted(kinds.get(False, []), key=_preference)
        raws = sorted(kinds.get(True, []), key=_preference)
        chosen = (cells or raws)[0]
        partner = raws[0] if cells and raws else None
        others = tuple(p for p in (*cells, *raws) if p not in (chosen, partner))
        found.append(FoundMatrix(name, chosen, partner, others))
    return found


def resolve_folder(folder: Path) -> tuple[Path, list[Notice]]:
    """The one matrix of a delivery folder of one sample.

    Returns
    -------
    path, notices
        The filtered matrix where there is one, and what was chosen.

    Raises
    ------
    DataError
        There is no matrix, or there are several samples.
    """
    found = find_matrices(folder)
    if not found:
        names = sorted(p.name for p in folder.iterdir())
        raise DataError(
            f"{folder} holds no matrix",
            found=first_few(names) or "no files",
            fix="give a 10x matrix folder, or the file itself",
            code=codes.FILE_FORMAT,
        )
    if len(found) > 1:
        raise DataError(
            f"{folder} holds {len(found)} samples",
            found=first_few([f.sample for f in found], 6),
            fix=f"`imscope sheet {folder}` writes a sample sheet with a line for each",
            code=codes.FILE_SAMPLES,
        )
    one = found[0]
    more = [p for p in (one.raw_path, *one.others) if p is not None]
    words = f"{one.path.relative_to(folder)} is read"
    if more:
        words += f", not {first_few([str(p.relative_to(folder)) for p in more])}"
    return one.path, [Notice(codes.W_DELIVERY_CHOSEN, words)]


def _matrices(folder: Path, depth: int) -> Iterator[Path]:
    """Files and folders that are matrices, each once."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return
    paths = [Path(e.path) for e in entries if not e.name.startswith(".")]
    files = [p for p in paths if p.is_file()]
    mtx = [p for p in files if re.search(r"\.mtx(?:\.gz)?$", p.name.lower())]
    kept = [p for p in mtx if not _SKIP.search(p.name)]
    whole = [p for p in kept if _prefix(p)]
    if kept and len(whole) == len(kept):  # several samples side by side, told by prefix
        yield from kept
    elif kept:
        yield folder
    for path in files:
        low = path.name.lower()
        if path in mtx or _SKIP.search(f"/{low}"):
            continue
        if (
            low.endswith((".h5", ".hdf5", ".h5ad", ".h5mu", ".loom"))
            or (_TABLE.search(low) and not kept)
            or is_archive(path)
        ):
            yield path
    for path in (p for p in paths if p.is_dir() and not p.is_symlink()):
        if path.suffix.lower() == ".zarr" or (path / ".zgroup").exists():
            yield path
        elif depth < _DEPTH and not _SKIP.search(f"/{path.name.lower()}/"):
            yield from _matrices(path, depth + 1)


def _prefix(path: Path) -> str:
    """What stands before the usual name of a matrix in a folder of many samples."""
    name = re.sub(r"\.mtx(?:\.gz)?$", "", path.name, flags=re.IGNORECASE)
    return _TAIL.sub("", name) if _TAIL.search(name) and _TAIL.sub("", name) else ""


def _stem(path: Path) -> str:
    name = path.name
    for end in (*ENDS, ".gz", ".h5", ".hdf5", ".h5ad", ".h5mu", ".loom", ".zarr", ".mtx", ".csv",
                ".tsv", ".txt"):  # fmt: skip
        if name.lower().endswith(end):
            name = name[: -len(end)]
    return name


def _sample(folder: Path, path: Path) -> str:
    """Name of the sample of a matrix: the last part of its place that no program gives."""
    stem = _stem(path)
    while _TAIL.search(stem):
        stem = _TAIL.sub("", stem)
    parts = [] if path == folder else list(path.relative_to(folder).parts[:-1])
    own = re.sub(r"^GSM\d+[-_]", "", stem)
    candidates = [own] if own and not _GENERIC.match(own) else []
    candidates += [p for p in reversed(parts) if not _GENERIC.match(p)]
    if not candidates:
        above = folder.resolve()
        while _GENERIC.match(above.name) and above.parent != above:
            above = above.parent
        candidates = [above.name]
    return re.sub(r"\s+", "_", candidates[0])


def _preference(path: Path) -> tuple[int, int, str]:
    end = next((k for k, e in enumerate(_RANK) if e and path.name.lower().endswith(e)), 3)
    full = "genefull" in str(path).lower()
    return (int(full), end, str(path))


def chemistry_of(path: Path) -> tuple[str, str]:
    """Chemistry and reference that a matrix of Cell Ranger names, or what its layout tells.

    Examples
    --------
    >>> chemistry_of(Path("run/S1_RSEC_MolsPerCell.csv"))
    ('BD Rhapsody', '')
    """
    low = str(path).lower()
    if "molspercell" in low:
        return "BD Rhapsody", ""
    if "dge_" in low and (path / "all_genes.csv").exists():
        return "Parse Evercode", ""
    if not low.endswith(".h5") or not path.is_file():
        return "", ""
    from imscope.io.guard_hdf5 import hdf5_errors, open_hdf5

    handle = open_hdf5(path)
    try:
        with hdf5_errors(path):
            value = handle.attrs.get("chemistry_description", b"")
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            genome = handle.get("matrix/features/genome")
            names = sorted({g.decode() for g in genome[:].tolist()}) if genome is not None else []
            return text, "+".join(n for n in names if n)
    finally:
        handle.close()
