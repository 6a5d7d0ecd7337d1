"""Single-cell CRISPR screens: counts of genes and of guides in the same cells."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.loose_table import read_loose_table
from imscope.io.names import read_names
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

_SUFFIX = re.compile(
    r"(?i)([._-](sg|g|grna|guide|sgrna|crrna)?[._-]?\d+[ab]?|(sg|g|grna|sgrna)[._-]?\d+[ab]?)$"
)
_CONTROL = re.compile(
    r"(?i)^(non[-_. ]?target\w*|ntc?|neg\w*|safe[-_. ]?target\w*|scramble\w*)([-_.]|g?\d|$)"
)


@dataclass(frozen=True, eq=False)
class CellScreenData:
    """Counts of genes and guides.

    Attributes
    ----------
    counts, guides
        UMI, cells by genes and cells by guides.
    genes, guide_names
        Symbols and names.
    targets
        Target of each guide, empty where the library has none.
    obs
        One row per cell.
    notices
        What must be told.
    """

    counts: "sp.csr_array"
    guides: "sp.csr_array"
    genes: tuple[str, ...]
    guide_names: tuple[str, ...]
    targets: tuple[str, ...]
    obs: "pd.DataFrame"
    notices: tuple[Notice, ...]


def read_cell_screen(path: str | Path, *, library: str | Path | None = None) -> CellScreenData:
    """Read a single-cell CRISPR screen.

    Parameters
    ----------
    path
        ``.h5mu`` or ``.h5ad`` with a modality ``guide``, 10x output with CRISPR guides, or a folder
        with ``response.mtx`` and ``grna.mtx`` (genes or guides by cells, ``.gz`` too),
        ``genes.txt``, ``grnas.txt`` and perhaps ``cells.tsv`` and ``grna_targets.tsv``.
    library
        Table of guide and target. Without it targets are taken from a table in the folder, else
        from the names of the guides, which is said.

    Raises
    ------
    DataError
        There are no guide counts, or no name of the library is in the matrix.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is nothing at {path}", code=codes.FILE_MISSING)
    if path.is_dir() and any(path.glob("grna.mtx*")):
        counts, guides, genes, names, obs = _folder(path)
        notices: list[Notice] = []
        if library is None and (path / "grna_targets.tsv").exists():
            library = path / "grna_targets.tsv"
    elif path.suffix.lower() == ".h5mu":
        counts, guides, genes, names, obs, notices = _mudata(path)
    else:
        counts, guides, genes, names, obs, notices = _counts(path)
    targets, more = _targets(names, library)
    return CellScreenData(
        counts, guides, tuple(genes), tuple(names), tuple(targets), obs, (*notices, *more)
    )


def _no_guides(path: Path, found: str) -> DataError:
    return DataError(
        f"{path} has no guide counts",
        found=found,
        fix="give a MuData file with a modality `guide`",
        code=codes.SCREEN_GUIDES,
    )


def _folder(path: Path) -> "tuple[sp.csr_array, sp.csr_array, list[str], list[str], pd.DataFrame]":
    import pandas as pd
    import scipy.sparse as sp
    from scipy.io import mmread

    from imscope.io.guard_text import open_text

    def matrix(stem: str, names: str) -> tuple["sp.csr_array", list[str]]:
        file = next(iter(sorted(path.glob(f"{stem}.mtx*"))), None)
        if file is None:
            raise DataError(f"{path} has no {stem}.mtx", code=codes.FILE_MISSING)
        with open_text(file, max_bytes=2**33) as handle:
            read = sp.csr_array(mmread(handle, spmatrix=False))
        rows = list(read_names(path / names))
        if read.shape[0] != len(rows):
            read = sp.csr_array(read.T)
        if read.shape[0] != len(rows):
            raise DataError(
                f"{file.name} and {names} do not fit",
                found=f"{read.shape[1]} and {len(rows)}",
                code=codes.MATRIX_SHAPE,
            )
        return sp.csr_array(read.T, dtype=np.int32), rows

    counts, genes = matrix("response", "genes.txt")
    guides, names = matrix("grna", "grnas.txt")
    if counts.shape[0] != guides.shape[0]:
        raise DataError(
            f"{path}: genes and guides were counted in different numbers of cells",
            found=f"{counts.shape[0]:,} and {guides.shape[0]:,}",
            code=codes.MATRIX_SHAPE,
        )
    table = next(iter(sorted(path.glob("cells.tsv*"))), None)
    obs = read_loose_table(table) if table else pd.DataFrame(index=range(counts.shape[0]))
    if len(obs) != counts.shape[0]:
        raise DataError(
            f"{table} and the matrices differ in their number of cells",
            found=f"{len(obs):,} and {counts.shape[0]:,}",
            code=codes.MATRIX_SHAPE,
        )
    obs.index = pd.Index([f"cell_{k + 1}" for k in range(len(obs))])
    return counts, guides, genes, names, obs


def _mudata(
    path: Path,
) -> "tuple[sp.csr_array, sp.csr_array, list[str], list[str], pd.DataFrame, list[Notice]]":
    import scipy.sparse as sp

    from imscope.io.multimodal import read_mudata_file

    read = read_mudata_file(path)
    if not {"rna", "guide"} <= set(read.modalities):
        raise _no_guides(path, ", ".join(read.modalities))
    rna, guide = read.modalities["rna"], read.modalities["guide"]
    genes = _symbols(rna.features)
    return (
        sp.csr_array(rna.counts),
        sp.csr_array(guide.counts),
        genes,
        [str(g) for g in guide.features["feature_id"]],
        read.obs,
        list(read.notices),
    )


def _counts(
    path: Path,
) -> "tuple[sp.csr_array, sp.csr_array, list[str], list[str], pd.DataFrame, list[Notice]]":
    import scipy.sparse as sp

    from imscope.io.counts import read_counts

    with read_counts(path) as read:
        if "guide" not in read.modalities:
            raise _no_guides(path, ", ".join(read.modalities) or "no further modality")
        guide = read.modalities["guide"]
        block = read.source.read(0, read.source.n_cells)
        counts = sp.csr_array(
            (block.data, block.indices, block.indptr),
            shape=(read.source.n_cells, read.source.n_features),
        )
        return (
            counts,
            sp.csr_array(guide.counts),
            _symbols(read.features),
            [str(g) for g in guide.features["feature_id"]],
            read.obs.copy(),
            list(read.notices),
        )


def _symbols(features: "pd.DataFrame") -> list[str]:
    symbol = features["symbol"].astype("object").where(features["symbol"].notna(), "").astype(str)
    ids = features["feature_id"].astype(str)
    return [s or i for s, i in zip(symbol, ids, strict=True)]


def _targets(names: list[str], library: str | Path | None) -> tuple[list[str], list[Notice]]:
    if library is None:
        made = [target_of(n) for n in names]
        words = (
            f"targets were taken from the names of the guides, such as {names[0]!r} to {made[0]!r}"
        )
        return made, [Notice(codes.W_SCREEN_LIBRARY, words)]
    table = read_loose_table(Path(library))
    if table.shape[1] < 2:
        raise DataError(f"{library} needs guide and target", code=codes.SCREEN_GUIDES)
    known = dict(zip(table.iloc[:, 0].astype(str), table.iloc[:, 1].astype(str), strict=True))
    found = [known.get(n, "") for n in names]
    lost = [n for n in names if n not in known]
    if len(lost) == len(names):
        raise DataError(
            "no guide of the matrix is in the library",
            found=f"{first_few(names)} in the matrix, {first_few(list(known))} in the library",
            fix="use the same names",
            code=codes.SCREEN_GUIDES,
        )
    notices = []
    spare = len(set(known) - set(names))
    if lost or spare:
        words = f"{len(lost)} guides of the matrix are not in the library"
        if lost:
            words += f" ({first_few(lost)}) and are left out"
        notices.append(
            Notice(codes.W_SCREEN_LIBRARY, f"{words}; {spare} of the library are not in the matrix")
        )
    return found, notices


def target_of(guide: str) -> str:
    """Target in the name of a guide.

    Examples
    --------
    >>> target_of("STAT1g2"), target_of("JAK2_sg1"), target_of("non-targeting_7"), target_of("NTg3")
    ('STAT1', 'JAK2', 'non-targeting', 'non-targeting')
    """
    if _CONTROL.match(guide):
        return "non-targeting"
    return _SUFFIX.sub("", guide) or guide
