"""Cells by group, with the replicate unit of each: what every table of identity is made by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imscope.core.cells import Cells


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Names of the groups, number of the group and name of the unit of every cell."""

    names: list[str]
    group: NDArray[np.int64]
    unit: NDArray[np.object_]

    def n_units(self, g: int) -> int:
        """Units of a group."""
        return len(set(self.unit[self.group == g]))


def group_cells(cells: "Cells", by: str | None, unit: str | None) -> Groups:
    """Find groups and units of cells by the rules of :mod:`imscope.core.cells`."""
    groups = cells.groups(by)
    return Groups(list(groups.names), groups.codes, cells.units(unit).labels)
