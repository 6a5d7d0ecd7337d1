"""What the samples of a run have to do with one another: shared cells, shared genes, own design."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from imscope.core import codes
from imscope.core.names import is_missing, level_name
from imscope.core.result import Notice
from imscope.core.schema import DESIGN_FACTORS
from imscope.core.sources import source_of
from imscope.io.notice import first_few
from imscope.io.same_cells import Fingerprint, same_cells_notices
from imscope.io.sheet_names import column_of
from imscope.study.design import Design

UNIVERSE: Final = "gene_universe"
"""Column of the sheet that names lists of genes which are not comparable with each other."""
_ALIKE: Final = 0.7
"""Share of the smaller list's size in the larger, above which two lists count as one."""
_NUMBERS: Final = ("passage", "population_doublings", "day", "donor_age")
_NOT_OF_CELLS: Final = ("collected_at", "is_reference", "library", "pair")


def write_fingerprint(folder: Path, made: Fingerprint) -> None:
    """Keep the numbers of a sample's cells beside its counts."""
    np.save(folder / "cells_by_counts.npy", made.counts, allow_pickle=False)
    np.save(folder / "cells_by_barcode.npy", made.barcodes, allow_pickle=False)


def check_same_cells(folders: Mapping[str, Path]) -> tuple[Notice, ...]:
    """Which samples of a run hold the same cells, from what was kept beside their counts."""
    prints = {
        name: Fingerprint(
            np.load(folder / "cells_by_counts.npy"), np.load(folder / "cells_by_barcode.npy")
        )
        for name, folder in folders.items()
    }
    return same_cells_notices(prints)


def bar_claims(design: Design, notices: Sequence[Notice]) -> tuple[Design, str]:
    """Take back every question between groups where samples hold the same cells.

    Returns
    -------
    design, reason
        Without a group and with all its questions not testable; the reason, empty where none.
    """
    shared = [n for n in notices if n.code == codes.W_SAMPLES_SAME]
    if not shared:
        return design, ""
    reason = f"{'; '.join(n.message for n in shared)}: copies of one library are no replicates"
    tests = design.tests.copy()
    asked = tests["status"] != "DESCRIPTIVE ONLY"
    tests.loc[asked, "status"] = "NOT TESTABLE"
    tests.loc[asked, "reason"] = reason
    return replace(design, group=None, tests=tests), reason


def check_universes(
    samples: Sequence[str], folders: Mapping[str, Path]
) -> "tuple[list[str], tuple[Notice, ...]]":
    """Put samples whose lists of genes differ much into lists that are not comparable.

    Returns
    -------
    universe, notices
        Name of the list of each sample, all alike where they are comparable.
    """
    lists = {
        s: frozenset(pd.read_parquet(folders[s] / "features.parquet")["feature_id"])
        for s in samples
    }
    made: list[list[str]] = []
    for name in samples:
        for group in made:
            a, b = lists[group[0]], lists[name]
            small, large = sorted((len(a), len(b)))
            if small >= _ALIKE * large and len(a & b) >= _ALIKE * small:
                group.append(name)
                break
        else:
            made.append([name])
    number = {s: k for k, group in enumerate(made) for s in group}
    names = [f"{len(lists[made[number[s]][0]]):,} genes, list {number[s] + 1}" for s in samples]
    if len(made) < 2:
        return ["one list" for _ in samples], ()
    shown = "; ".join(f"{first_few(g)} {len(lists[g[0]]):,} genes" for g in made[:4])
    both = min(len(lists[a[0]] & lists[b[0]]) for a, b in combinations(made, 2))
    words = (
        f"the samples list different genes ({shown}; {both:,} in common at least): they are "
        "compared within one list only"
    )
    return names, (Notice(codes.W_GENES_UNIVERSE, words),)


def factors_from_cells(
    sheet: pd.DataFrame, cells: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Notice, ...]]:
    """Take design factors the sheet lacks from columns of the files, where they are constant.

    Parameters
    ----------
    sheet
        One row per sample.
    cells
        One row per cell: ``sample`` and the columns of the files.

    Returns
    -------
    sheet, notices
        With the factors that every cell of a sample agrees on; what was taken and from where.

    Examples
    --------
    >>> sheet = pd.DataFrame({"sample": ["a", "b"]})
    >>> cells = pd.DataFrame({"sample": ["a", "a", "b"], "Lot #": ["L1", "L1", "L2"]})
    >>> factors_from_cells(sheet, cells)[0]["lot"].tolist()
    ['L1', 'L2']
    """
    out = sheet.copy()
    notices = []
    for column in cells.columns:
        factor = column if column in DESIGN_FACTORS else column_of(str(column))
        if factor not in DESIGN_FACTORS or factor in _NOT_OF_CELLS or factor in out:
            continue
        values = _constant(cells, str(column))
        known = [values.get(str(s)) for s in out["sample"]]
        if all(v is None for v in known):
            continue
        if factor in _NUMBERS:
            numbers = pd.to_numeric(pd.Series(known, dtype="object"), errors="coerce")
            if numbers.notna().sum() < sum(v is not None for v in known):
                continue
            out[factor] = numbers.to_numpy(dtype=np.float64)
        else:
            words = [_class(v) if factor == "source_class" and v is not None else v for v in known]
            out[factor] = pd.array(words, dtype="str")
        n = sum(v is not None for v in known)
        notices.append(
            Notice(
                codes.W_SHEET_COLUMNS,
                f"{factor} is taken from the cells' own column {column!r} "
                f"({n} of {len(out)} samples); the sheet has none",
            )
        )
    return out, tuple(notices)


def _constant(cells: pd.DataFrame, column: str) -> dict[str, Any]:
    """The one value of each sample whose cells agree."""
    found = {}
    for name, part in cells.groupby("sample", sort=False)[column]:
        levels = [v for v in part.dropna().unique() if not is_missing(v)]
        if len(levels) == 1 and part.notna().all():
            found[str(name)] = level_name(levels[0])
    return found


def _class(word: str) -> str:
    meant = source_of(word)
    return meant[0] if meant is not None else word
