"""Design matrices from a short formula, such as `time + dose:line`, and what they cannot tell."""

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_REFERENCES = ("control", "t0", "initial", "dmso", "vehicle", "untreated", "plasmid", "unsorted")


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A design without intercept: every guide has its own.

    Attributes
    ----------
    matrix
        Shape ``(n_samples, n_columns)``.
    names
        Names of the columns, such as ``condition[treatment]``.
    """

    matrix: Floats
    names: tuple[str, ...]


def build_design(sheet: "pd.DataFrame", formula: str) -> Design:
    """Build the design of a formula over the columns of a sheet.

    Parameters
    ----------
    sheet
        One row per sample.
    formula
        Terms joined by ``+``; ``a:b`` is the product, ``a*b`` both and the product. Columns of
        numbers enter as they are, others as one column per level beyond the first (`control`, `T0`,
        `DMSO` and the like come first where they are there).

    Raises
    ------
    UsageError
        A name is not a column of the sheet, or the formula cannot be read.
    DataError
        Columns are aliased (they are named), or no sample is left to estimate noise.

    Examples
    --------
    >>> import pandas as pd
    >>> sheet = pd.DataFrame({"condition": ["control", "drug", "control", "drug"],
    ...                       "time": [0.0, 9, 9, 18]})
    >>> design = build_design(sheet, "condition + time")
    >>> design.names, design.matrix.tolist()
    (('condition[drug]', 'time'), [[0.0, 0.0], [1.0, 9.0], [0.0, 9.0], [1.0, 18.0]])
    """
    columns: dict[str, Floats] = {}
    for term in _terms(formula):
        parts = [_coded(sheet, name) for name in term]
        for chosen in itertools.product(*(p.items() for p in parts)):
            name = ":".join(n for n, _ in chosen)
            columns[name] = np.prod([v for _, v in chosen], axis=0)
    matrix = np.stack(list(columns.values()), axis=1)
    _check_rank(matrix, list(columns))
    return Design(matrix, tuple(columns))


def _terms(formula: str) -> list[tuple[str, ...]]:
    text = formula.strip().lstrip("~").strip()
    if not text or not re.fullmatch(r"[\w.\s+:*]+", text):
        raise UsageError(
            "the design cannot be read",
            found=formula,
            code=codes.SCREEN_OPTION,
            fix="write terms with + : and *, such as `time + dose:line`",
        )
    out: list[tuple[str, ...]] = []
    for piece in text.split("+"):
        names = [n.strip() for n in piece.split("*")]
        for size in range(1, len(names) + 1):
            for chosen in itertools.combinations(names, size):
                term = tuple(n.strip() for part in chosen for n in part.split(":"))
                if term != ("1",) and term not in out:
                    out.append(term)
    return out


def _coded(sheet: "pd.DataFrame", name: str) -> dict[str, Floats]:
    import pandas as pd

    if name not in sheet.columns:
        raise UsageError(
            f"the design names {name!r}, which is no column of the sheet",
            found=", ".join(map(str, sheet.columns)),
            code=codes.SCREEN_DESIGN,
        )
    column = sheet[name]
    if column.isna().any() or (column.astype(str) == "").any():
        raise DataError(
            f"column {name!r} of the sheet has empty values",
            code=codes.SCREEN_DESIGN,
            fix="fill them, or leave these samples out of the sheet",
        )
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return {name: column.to_numpy(dtype=np.float64)}
    text = column.astype(str)
    levels = list(dict.fromkeys(text))
    first = next((v for v in levels if v.lower() in _REFERENCES), levels[0])
    return {f"{name}[{v}]": np.asarray(text == v, dtype=np.float64) for v in levels if v != first}


def _check_rank(matrix: Floats, names: list[str]) -> None:
    full = np.column_stack([np.ones(len(matrix)), matrix])
    kept = [0]
    aliased = []
    for k in range(1, full.shape[1]):
        if np.linalg.matrix_rank(full[:, [*kept, k]]) > len(kept):
            kept.append(k)
        else:
            aliased.append(names[k - 1])
    if aliased:
        raise DataError(
            "the design has aliased columns: these samples cannot tell them apart",
            found=", ".join(aliased),
            fix="leave these terms out, or add samples",
            code=codes.SCREEN_DESIGN,
        )
