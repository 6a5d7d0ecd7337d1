"""A sample sheet made of a delivery folder: what can be known is filled, the rest is headed."""

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.delivery import FoundMatrix, chemistry_of, find_matrices
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    *("sample", "path", "raw_path", "platform", "source_class", "source_tissue", "donor", "line"),
    *("clone", "lot", "batch", "passage", "population_doublings", "day", "condition"),
)
"""Columns of a sheet that is written for a delivery; the later ones are for the user to fill."""


def sheet_of_folder(
    folder: Path | str, *, relative_to: Path | str | None = None
) -> tuple[str, tuple[Notice, ...]]:
    """Write a sample sheet for the matrices of a delivery folder.

    Parameters
    ----------
    folder
        The delivery.
    relative_to
        Folder the sheet will stand in; paths start there. By default the delivery itself.

    Returns
    -------
    text, notices
        The sheet as CSV; what it cannot know stands in headed empty columns. Notices say which
        matrices were not taken, and what differs between the samples.

    Raises
    ------
    DataError
        There is no matrix in the folder.
    """
    folder = Path(folder)
    found = find_matrices(folder)
    if not found:
        raise DataError(
            f"{folder} holds no matrix",
            found=first_few(sorted(p.name for p in folder.iterdir())) or "no files",
            fix="give the folder of the delivery",
            code=codes.FILE_FORMAT,
        )
    start = Path(relative_to) if relative_to is not None else folder
    names = _unique([f.sample for f in found])
    facts = [chemistry_of(f.path) for f in found]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, matrix, (chemistry, _) in zip(names, found, facts, strict=True):
        known = [name, _shown(matrix.path, start)]
        known += [_shown(matrix.raw_path, start) if matrix.raw_path else "", chemistry]
        writer.writerow([*known, *[""] * (len(COLUMNS) - len(known))])
    return out.getvalue(), _notices(found, names, [genome for _, genome in facts])


def _shown(path: Path, start: Path) -> str:
    return os.path.relpath(path.resolve(), start.resolve()).replace(os.sep, "/")


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out


def _notices(found: list[FoundMatrix], names: list[str], genomes: list[str]) -> tuple[Notice, ...]:
    notices = []
    for name, matrix in zip(names, found, strict=True):
        if matrix.others:
            shown = first_few([p.name for p in matrix.others])
            notices.append(Notice(codes.W_DELIVERY_CHOSEN, f"not taken: {shown}", name))
        if "raw" in matrix.path.name.lower() and matrix.raw_path is None:
            words = f"only the unfiltered matrix {matrix.path.name} was found: call cells first"
            notices.append(Notice(codes.W_DELIVERY_CHOSEN, words, name))
    lacking = [n for n, m in zip(names, found, strict=True) if m.raw_path is None]
    if lacking and len(lacking) < len(names):
        words = f"no unfiltered matrix was found for {first_few(lacking)}"
        notices.append(Notice(codes.W_DELIVERY_CHOSEN, words))
    kinds = sorted({g for g in genomes if g})
    if len(kinds) > 1:
        words = f"the samples were made with several references: {first_few(kinds)}"
        notices.append(Notice(codes.W_GENES_UNIVERSE, words))
    return tuple(notices)


def read_rows(text: str) -> "pd.DataFrame":
    """The sheet as a table of text, empty where nothing is known."""
    import pandas as pd

    return pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False)
