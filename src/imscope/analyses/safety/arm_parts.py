"""What the screen of chromosome arms is made of: its settings and the evidence of its parts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArmSettings:
    """Settings of :func:`arms`.

    Attributes
    ----------
    reference
        Names of diploid lots of the same cell type. Default: lots whose ``is_reference`` is true.
    alpha
        Chance of a false alarm per lot and region.
    min_reference
        Reference lots needed; with fewer nothing is tested.
    min_cells
        Cells a lot needs.
    min_z
        A region is resolved in single cells if one more copy shifts a cell by this many standard
        deviations.
    min_genes
        Genes with counts a region needs.
    prior_df
        Degrees of freedom of the spread shared by all regions.
    """

    reference: tuple[str, ...] = ()
    alpha: float = 0.01
    min_reference: int = 3
    min_cells: int = 100
    min_z: float = 2.0
    min_genes: int = 20
    prior_df: float = 10.0

    def __post_init__(self) -> None:
        """Refuse values that make no screen."""
        if not (0 < self.alpha < 0.5 and self.min_reference >= 3 and self.min_cells >= 20):
            raise UsageError(
                "alpha must lie in (0, 0.5), with at least 3 reference lots and 20 cells",
                found=f"{self.alpha}, {self.min_reference}, {self.min_cells}",
                code=codes.SAFETY_OPTION,
            )


@dataclass(frozen=True, slots=True)
class Region:
    """An arm, a whole chromosome or a band, and its genes."""

    name: str
    genes: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CellShares:
    """Standardised shares of the cells: z, and the shift one copy makes, by direction."""

    z: Floats
    shift: dict[str, Floats]
    share: Floats


@dataclass(frozen=True, slots=True)
class ShiftedShares:
    """Share of shifted cells per direction: raw, its null, test and limit of detection."""

    frac: dict[str, Floats]
    base: dict[str, Floats]
    spread: dict[str, Floats]
    p_value: dict[str, Floats]
    like: dict[str, Floats]
    df: float


@dataclass(frozen=True, slots=True)
class LotShift:
    """Shift of whole lots: log2 ratio, half its interval, and its test."""

    log2: Floats
    half: Floats
    p_value: Floats
