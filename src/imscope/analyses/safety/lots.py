"""Lots of the cells, and which of them are the reference."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    from imscope.core.cells import Cells


@dataclass(frozen=True, slots=True)
class Lots:
    """Lots in their order, the lot of each cell, and which lots are the reference."""

    names: tuple[str, ...]
    code: NDArray[np.int64]
    reference: NDArray[np.bool_]

    def sizes(self, depth: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cells per lot that have any counts."""
        return np.bincount(self.code[depth >= 2], minlength=len(self.names))


def read_lots(cells: "Cells", unit: str | None, reference: tuple[str, ...]) -> Lots:
    """Read lots and reference lots: those named, else those all of whose cells are flagged.

    Raises
    ------
    DataError
        A named lot is not there.
    """
    units = cells.units(unit)
    if unknown := sorted(set(reference) - set(units.names)):
        raise DataError(
            "reference lots are not among the lots",
            found=", ".join(unknown),
            fix=f"lots: {', '.join(units.names[:20])}",
            code=codes.SAFETY_REFERENCE,
        )
    if reference:
        chosen = np.isin(units.names, reference)
    else:
        flags = cells.flags("is_reference")
        chosen = np.array([bool(flags[units.rows(k)].all()) for k in range(len(units.names))])
    return Lots(units.names, units.codes, chosen)
