"""A table of an assay, checked: runs, plates, the standard, doses and responses."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.names import read_truth
from imscope.core.result import Notice

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SAMPLE = ("lot", "sample", "sample_id")
SCALES = {
    "raw": "identity",
    "percent": "identity",
    "fold": "log",
    "count": "log",
    "time": "log",
}
"""What is measured, and the scale on which its error is about the same everywhere."""
_LIMIT = re.compile(r"^\s*(<=?|>=?|\u2264|\u2265)\s*(\S+)\s*$")


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """The standard and one lot on one plate of a run.

    Attributes
    ----------
    run, plate, lot
        Names; ``plate`` is empty where runs have none.
    x, y
        log10 dose and response on the scale of the analysis.
    which
        0 for the standard, 1 for the lot.
    beyond
        Responses left out because they lie beyond the range of the reader.
    """

    run: str
    plate: str
    lot: str
    x: Floats
    y: Floats
    which: NDArray[np.intp]
    beyond: int


@dataclass(frozen=True, slots=True, eq=False)
class Assay:
    """All plates of an assay, and what was left out."""

    plates: tuple[Plate, ...]
    nominal: dict[str, float]
    notices: tuple[Notice, ...]


def read_assay(
    table: "pd.DataFrame", *, standard: str | None = None, readout: str = "raw"
) -> Assay:
    """Check an assay table and part it into plates.

    Parameters
    ----------
    table
        Columns ``run``, ``lot`` (or ``sample``), ``dose`` (or ``dilution``, its reciprocal) and
        ``response``; perhaps ``plate``, ``is_reference`` and ``nominal`` (stated potency).
        Responses such as ``<5`` are limits of the reader: they are counted and left out.
    standard
        Name of the standard; by default the sample whose ``is_reference`` is true.
    readout
        ``raw``, ``percent``, ``fold``, ``count`` or ``time``; the last three are analysed as
        logarithms.

    Raises
    ------
    DataError
        A column is missing or has gaps, a run has no standard, doses are not positive, or the
        same run stands twice.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("r1", s, d, d / (1 + d)) for s in ("ref", "A") for d in (0.1, 0.5, 1, 5, 20)]
    >>> table = pd.DataFrame(rows, columns=["run", "lot", "dose", "response"])
    >>> [(p.run, p.lot, len(p.x)) for p in read_assay(table, standard="ref").plates]
    [('r1', 'A', 10)]
    """
    if readout not in SCALES:
        raise DataError(
            f"there is no readout {readout!r}",
            fix=f"one of {', '.join(SCALES)}",
            code=codes.POTENCY_OPTION,
        )
    frame, nominal = _columns(table, standard)
    value, beyond = _responses(frame["response"])
    if SCALES[readout] == "log":
        if (value[~beyond] <= 0).any():
            raise DataError(
                f"a {readout} is not above zero",
                found=f"{int((value[~beyond] <= 0).sum())} responses",
                fix="use --readout raw, or give limits such as <1 for what was not seen",
                code=codes.POTENCY_COLUMN,
            )
        value = np.log(np.where(beyond, 1.0, value))
    plates = []
    for (run, plate), part in frame.groupby(["run", "plate"], sort=True):
        plates += _plates(str(run), str(plate), part, value, beyond)
    _refuse_copies(plates)
    notices: tuple[Notice, ...] = ()
    if beyond.any():
        words = f"{int(beyond.sum())} of {len(beyond)} responses are limits of the reader"
        notices = (Notice(codes.POTENCY_RANGE, f"{words} and are not fitted"),)
    return Assay(tuple(plates), nominal, notices)


def _columns(
    table: "pd.DataFrame", standard: str | None
) -> "tuple[pd.DataFrame, dict[str, float]]":
    """The columns that are used, by one name each, and the potencies that are stated."""
    import pandas as pd

    names = {str(c).strip().lower(): c for c in table.columns}
    lot = next((names[n] for n in SAMPLE if n in names), None)
    dose = names.get("dose", names.get("dilution"))
    missing = [
        word
        for word, given in (
            ("run", "run" in names),
            ("lot", lot is not None),
            ("dose", dose is not None),
            ("response", "response" in names),
        )
        if not given
    ]
    if missing:
        raise _bad(
            f"the assay table has no column {missing[0]!r}", f"columns {list(table.columns)}"
        )
    out = pd.DataFrame(
        {
            "run": table[names["run"]],
            "plate": table[names["plate"]] if "plate" in names else "",
            "lot": table[lot],
            "dose": pd.to_numeric(table[dose], errors="coerce"),
            "response": table[names["response"]],
        }
    ).reset_index(drop=True)
    for column in ("run", "lot", "dose"):
        gaps = out[column].isna()
        if gaps.any():
            raise _bad(
                f"column {column!r} has gaps or what is no number",
                f"{int(gaps.sum())} rows, first is row {int(gaps.to_numpy().argmax()) + 1}",
            )
    if (out["dose"] <= 0).any():
        raise DataError(
            "doses are not above zero",
            found=f"{int((out['dose'] <= 0).sum())} rows",
            fix="leave out the vehicle, or give it as a very small dose",
            code=codes.POTENCY_DOSES,
        )
    if "dose" not in names:
        out["dose"] = 1 / out["dose"]
    out["is_reference"] = _standard(table, out, names, standard)
    out[["run", "plate", "lot"]] = out[["run", "plate", "lot"]].astype(str)
    nominal: dict[str, float] = {}
    if "nominal" in names:
        stated = pd.to_numeric(table[names["nominal"]], errors="coerce").groupby(out["lot"]).first()
        nominal = {str(k): float(v) for k, v in stated.dropna().items()}
    return out, nominal


def _standard(
    table: "pd.DataFrame", out: "pd.DataFrame", names: Mapping[str, object], standard: str | None
) -> NDArray[np.bool_]:
    """Rows of the standard; every plate has one and only one."""
    if standard is not None:
        mine = (out["lot"].astype(str) == standard).to_numpy()
        what = f"no sample is called {standard!r}"
    elif "is_reference" in names:
        mine = read_truth(table[names["is_reference"]], "is_reference")
        what = "is_reference is true nowhere"
    else:
        mine, what = np.zeros(len(out), dtype=bool), "no column `is_reference` and no --standard"
    for (run, plate), part in out.assign(mine=mine).groupby(["run", "plate"]):
        own = part.loc[part["mine"], "lot"].unique()
        if len(own) != 1:
            place = f"run {run}" + (f", plate {plate}" if plate else "")
            raise DataError(
                f"{place} has no reference standard" if not len(own) else f"{place} has several",
                found=what if not len(own) else ", ".join(map(str, own)),
                fix=codes.CODES[codes.POTENCY_STANDARD].fix,
                code=codes.POTENCY_STANDARD,
            )
    return mine


def _responses(column: "pd.Series") -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers, and which of them are limits of the reader."""
    value, beyond = np.full(len(column), np.nan), np.zeros(len(column), dtype=bool)
    for k, word in enumerate(column):
        limit = _LIMIT.match(word) if isinstance(word, str) else None
        with contextlib.suppress(TypeError, ValueError):  # left NaN, refused below
            value[k] = float(limit[2] if limit else word)
        beyond[k] = limit is not None
    bad = ~np.isfinite(value)
    if bad.any():
        first = int(bad.argmax())
        raise _bad(
            "column 'response' has gaps or what is no number",
            f"{int(bad.sum())} rows, first is row {first + 1}: {column.iloc[first]!r}",
        )
    return value, beyond


def _plates(
    run: str, plate: str, part: "pd.DataFrame", value: Floats, beyond: NDArray[np.bool_]
) -> list[Plate]:
    rows = part.index.to_numpy()
    dose, mine = np.log10(part["dose"].to_numpy()), part["is_reference"].to_numpy()
    out = []
    for lot in sorted(set(part.loc[~mine, "lot"])):
        wanted = mine | (part["lot"] == lot).to_numpy()
        used = wanted & ~beyond[rows]
        out.append(
            Plate(run, plate, lot, dose[used], value[rows[used]],
                  np.where(mine[used], 0, 1).astype(np.intp), int((wanted & beyond[rows]).sum()))
        )  # fmt: skip
    return out


def _refuse_copies(plates: list[Plate]) -> None:
    seen: dict[bytes, Plate] = {}
    for p in plates:
        key = np.sort(p.x).tobytes() + np.sort(p.y).tobytes() + p.lot.encode()
        other = seen.setdefault(key, p)
        if other is not p and len(p.y) > 3:
            raise DataError(
                f"lot {p.lot} has the same responses in two runs",
                found=f"{other.run} {other.plate}".strip() + " and " + f"{p.run} {p.plate}".strip(),
                fix="leave the copy out; a copied run is no second run",
                code=codes.POTENCY_TWICE,
            )


def _bad(problem: str, found: str) -> DataError:
    return DataError(
        problem,
        found=found,
        fix=codes.CODES[codes.POTENCY_COLUMN].fix,
        code=codes.POTENCY_COLUMN,
    )
