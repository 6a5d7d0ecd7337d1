"""Files of names beside a matrix: which ones belong to it, with or without header and quotes."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import read_lines
from imscope.io.notice import first_few

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FEATURES: Final = ("features", "genes", "all_genes", "gene_names", "var")
CELLS: Final = ("barcodes", "cells", "cell_metadata", "metadata", "meta_data", "obs")
_ENDS: Final = (".tsv", ".txt", ".csv")
_KB: Final = (".mature", ".nascent", ".ambiguous", ".cell", ".nucleus", ".total")
_KINDS: Final = frozenset(
    ("gene expression", "antibody capture", "crispr guide capture", "multiplexing capture", "peaks",
     "custom", "gene", "rna", "antigen capture")
)  # fmt: skip


@dataclass
class SideTable:
    """Names in the order of the matrix, and what else stands beside them.

    Attributes
    ----------
    path
        The file.
    names
        First column of names.
    columns
        All columns by name, numbered where the file has no header; row numbers left out.
    """

    path: Path
    names: list[str]
    columns: dict[str, list[str]] = field(default_factory=dict)


def stem_of(path: Path) -> str:
    """Name of a matrix without its endings.

    Examples
    --------
    >>> stem_of(Path("cells_x_genes.mtx.gz"))
    'cells_x_genes'
    """
    name = path.name
    for end in (".gz", ".mtx"):
        if name.lower().endswith(end):
            name = name[: -len(end)]
    return name


def find_side(path: Path, words: tuple[str, ...], *, more: bool = False) -> Path | None:
    """Find the file of names of a matrix, by the layouts of the usual programs.

    Parameters
    ----------
    path
        The matrix.
    words
        :data:`FEATURES` or :data:`CELLS`.
    more
        Look for the second file of gene names that kallisto-bustools writes.

    Raises
    ------
    DataError
        Several files could be meant.
    """
    stem = stem_of(path)
    short = next((stem.removesuffix(k) for k in _KB if stem.endswith(k)), stem)
    starts = [stem.removesuffix("matrix")] if stem.endswith("matrix") else []
    starts += [f"{stem}_", f"{stem}.", f"{short}_", f"{short}.", ""]
    starts += [s.rstrip("_") + "." for s in starts[:1] if s]
    if more:
        names = [f"{s}genes.names{e}" for s in starts for e in _ENDS]
        return next((path.parent / n for n in names if (path.parent / n).is_file()), None)
    own = ("cols",) if words is FEATURES else ("rows",)
    for start in dict.fromkeys(starts):
        for word in (own if start else (), words[:2], words[2:]):
            names = [f"{start}{w}{e}{z}" for w in word for e in _ENDS for z in ("", ".gz")]
            there = [path.parent / n for n in names if (path.parent / n).is_file()]
            if len(there) > 1:
                raise DataError(
                    f"{path.parent} holds several files that could name the same thing",
                    found=first_few([p.name for p in there]),
                    fix="keep one of them",
                    code=codes.SIDE_AMBIGUOUS,
                )
            if there:
                return there[0]
    return None


def need_side(path: Path, words: tuple[str, ...]) -> Path:
    """Find the file of names of a matrix.

    Raises
    ------
    DataError
        There is none, or several could be meant.
    """
    found = find_side(path, words)
    if found is None:
        stem = stem_of(path)
        prefix = stem.removesuffix("matrix") if stem.endswith("matrix") else f"{stem}_"
        raise DataError(
            f"{path} has no names beside it",
            found=f"no {prefix}{words[0]}.tsv(.gz) in {path.parent}",
            fix=f"put {words[0]}.tsv there, one line per {'cell' if words is CELLS else 'feature'}",
            code=codes.SIDE_MISSING,
        )
    return found


def read_side(path: Path, sizes: tuple[int, ...], *, max_bytes: int) -> SideTable:
    """Read a file of names; a header is told by the number of lines, or by its words.

    Parameters
    ----------
    path
        The file.
    sizes
        Rows and columns of the matrix.
    max_bytes
        Memory allowed.

    Raises
    ------
    DataError
        Lines differ in their number of columns, or one is empty.
    """
    text = read_lines(path, max_bytes=max_bytes)
    separator = "\t" if text and "\t" in text[0] else ","
    lines = [[f.strip() for f in fields] for fields in csv.reader(text, delimiter=separator)]
    width = max((len(f) for f in lines), default=0)
    header: list[str] = []
    if len(lines) - 1 in sizes and len(lines) not in sizes:
        header, lines = lines[0], lines[1:]
        width = max((len(f) for f in lines), default=0)
        header = [""] * (width - len(header)) + header  # R leaves out the name of row names
    ragged = next((k for k, f in enumerate(lines) if len(f) != width or not any(f)), None)
    if ragged is not None:
        raise DataError(
            f"{path}: a line is empty or has too few columns",
            found=f"line {ragged + 1 + bool(header)} has {len(lines[ragged])} of {width} columns",
            fix="export it again",
            code=codes.SIDE_LINE,
        )
    columns = {
        (header[k] if header and header[k] else str(k)): [f[k] for f in lines] for k in range(width)
    }
    if len(columns) > 1:
        columns = {n: v for n, v in columns.items() if not _row_numbers(v)} or columns
    names = next(iter(columns.values()), [])
    blank = next((k for k, n in enumerate(names) if not n), None)
    if blank is not None:
        raise DataError(
            f"{path}: a line is empty or has too few columns",
            found=f"line {blank + 1 + bool(header)} has no name",
            fix="export it again",
            code=codes.SIDE_LINE,
        )
    return SideTable(path, names, columns)


def _row_numbers(values: list[str]) -> bool:
    return values in (
        [str(k) for k in range(len(values))],
        [str(k + 1) for k in range(len(values))],
    )


def feature_parts(
    table: SideTable,
) -> tuple[list[str], list[str] | None, list[str] | None, dict[str, list[str]]]:
    """Names, symbols, types and further columns of a table of features."""
    columns = list(table.columns.items())
    names = table.names
    kinds = [k for k, (_, v) in enumerate(columns) if {x.lower() for x in set(v)} <= _KINDS]
    types = columns[kinds[0]][1] if kinds and kinds[0] > 0 else None
    rest = [(n, v) for k, (n, v) in enumerate(columns[1:], start=1) if k not in kinds]
    symbols = rest[0][1] if rest and len({*rest[0][1]}) > 0.5 * len(names) else None
    others = {f"{table.path.name}, column {n}": v for n, v in rest}
    return names, symbols, types, others


def cell_table(table: SideTable) -> "pd.DataFrame | None":
    """What is known of each cell beside its name."""
    import pandas as pd

    own = list(table.columns.items())[1:]
    if not own or all(n.isdecimal() for n, _ in own):
        return None
    frame = pd.DataFrame({n: pd.array(v, dtype="str") for n, v in own}, index=table.names)
    for name in frame.columns:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        leading = frame[name].str.match(r"^0\d").any()
        if numbers.notna().all() and not leading:
            frame[name] = numbers
    return frame


def spliced_names(names: list[str]) -> "tuple[NDArray[np.int64], list[str], str] | None":
    """Genes of a matrix that lists each gene as spliced, unspliced and ambiguous (alevin-fry).

    Returns
    -------
    place, genes, words
        Gene of each feature, -1 for unspliced ones; the genes; what must be told. Nothing for
        another matrix.

    Examples
    --------
    >>> place, genes, _ = spliced_names(["A-U", "B-U", "A", "B", "A-A", "B-A"])
    >>> place.tolist(), genes
    ([-1, -1, 0, 1, 0, 1], ['A', 'B'])
    """
    import numpy as np

    n = len(names) // 3
    genes = [x for x in names if not x.endswith(("-U", "-A"))]
    unspliced = [x for x in names if x.endswith("-U")]
    if not n or len(names) != 3 * n or len(genes) != n or len(unspliced) != n:
        return None
    place = {g: k for k, g in enumerate(genes)}
    ends = {"-U": -2, "-A": -2}
    found = [
        -1 if x.endswith("-U") else place.get(x[: ends.get(x[-2:], len(x))], -2) for x in names
    ]
    if min(found) < -1:
        return None
    words = f"{n:,} features of unspliced molecules left out; spliced and ambiguous ones are summed"
    return np.array(found, dtype=np.int64), genes, words
