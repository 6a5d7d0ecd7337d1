"""Tables of dose-response curves: one curve per line, one dose per column."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.loose_table import numbers_of, read_loose_table, read_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class CurveTable:
    """Responses of many curves at the same doses.

    Attributes
    ----------
    names
        Of the curves; repeats are numbered.
    dose_um
        Shape ``(n_doses,)``; 0 is the vehicle. Unit: uM.
    response
        Shape ``(n_curves, n_doses)``; NaN where missing.
    repeated
        How many names stood more than once.
    """

    names: tuple[str, ...]
    dose_um: NDArray[np.float64]
    response: NDArray[np.float64]
    repeated: int


def read_curves(folder: Path) -> CurveTable | None:
    """Read ``Name, Raw 0, Raw 1 ...`` beside a parameter file with the doses, or nothing.

    Parameters
    ----------
    folder
        With one ``.toml`` (``[Experiment]`` with ``experiments``, ``doses``, ``dose_scale``) and
        one table that has the columns it names.

    Raises
    ------
    DataError
        The parameter file is damaged, or no table beside it fits.
    """
    parameters = sorted(folder.glob("*.toml"))
    if not parameters:
        return None
    try:
        given = tomllib.loads(read_text(parameters[0])).get("Experiment", {})
        doses = [float(d) for d in given["doses"]]
        columns = [f"Raw {k}" for k in given["experiments"]]
        scale = float(given.get("dose_scale", 1e-6)) / 1e-6
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{parameters[0]} does not give doses",
            found=f"{type(error).__name__}: {error}",
            fix="[Experiment] with experiments, doses and dose_scale",
            code=codes.PLATE_DOSE,
        ) from error
    for path in sorted(folder.glob("*.tsv")) + sorted(folder.glob("*.txt")):
        table = read_loose_table(path)
        if "Name" in table.columns and all(c in table.columns for c in columns):
            return _table(path, table, columns, np.array(doses) * scale)
    raise DataError(
        f"no table beside {parameters[0].name} has the columns it names",
        found=f"Name, {columns[0]} to {columns[-1]} were looked for",
        code=codes.PLATE_FORMAT,
    )


def _table(
    path: Path, table: "pd.DataFrame", columns: list[str], doses: NDArray[np.float64]
) -> CurveTable:
    seen: dict[str, int] = {}
    names = []
    for name in table["Name"].astype(str):
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    values = numbers_of(path, table, columns).to_numpy()
    return CurveTable(tuple(names), doses, values, sum(n > 1 for n in seen.values()))
