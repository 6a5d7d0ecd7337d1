"""Settings of a single-cell screen, and the control cells it needs."""

from dataclasses import dataclass

from imscope.core import codes
from imscope.core.errors import DataError


@dataclass(frozen=True, slots=True)
class CellSettings:
    """How a single-cell screen is analysed.

    Attributes
    ----------
    assign
        ``mixture``, ``maximum`` or ``threshold``.
    threshold
        UMI of the last one.
    moi
        Guides per cell stated for the experiment; 0 if not known.
    control
        Name of the non-targeting target.
    replicate
        Column of the replicate, which is a batch of the tests and part of the unit.
    subset
        Column of functional subsets, if their shares are asked for.
    seed
        Of everything random.
    """

    assign: str = "maximum"
    threshold: int = 5
    moi: float = 0.0
    control: str = "non-targeting"
    replicate: str = ""
    subset: str = ""
    seed: int = 0


def need_control(n: int, name: str, names: list[str]) -> None:
    """Stop when there are no cells to compare with."""
    if n < 20:
        raise DataError(
            f"there are {n} cells with the control {name!r}",
            found=", ".join(names[:8]),
            fix="name the control target with --control",
            code=codes.SCREEN_CELLS,
        )
