"""Settings of a pooled screen."""

from dataclasses import dataclass

from imscope.core import codes
from imscope.core.errors import UsageError

METHODS = ("calibrated", "rra", "nb", "drugz", "bagel", "bins")


@dataclass(frozen=True, slots=True)
class PooledSettings:
    """How a pooled screen is analysed.

    Attributes
    ----------
    method
        ``calibrated``, ``rra``, ``nb``, ``drugz``, ``bagel`` or ``bins``.
    control, treatment
        Conditions of the two sides.
    normalise
        ``median``, ``control``, ``total`` or ``none``.
    design
        Formula over columns of the sheet, for ``nb``.
    control_guides, control_genes
        Guides and genes without effect.
    essential, nonessential
        Known genes, for ``bagel`` and for quality.
    day0
        A sample every other sample is compared with, one contrast each.
    half_window
        Of ``drugz``.
    seed
        Of everything random.
    """

    method: str = "calibrated"
    control: str = "control"
    treatment: str = "treatment"
    normalise: str = "median"
    design: str = ""
    control_guides: tuple[str, ...] = ()
    control_genes: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    nonessential: tuple[str, ...] = ()
    day0: str = ""
    half_window: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(
                f"{self.method!r} is no method of pooled screens",
                fix=f"use {', '.join(METHODS)}",
                code=codes.SCREEN_OPTION,
            )
        if self.half_window < 10:
            raise UsageError(
                "the half window needs at least 10 guides",
                found=str(self.half_window),
                code=codes.SCREEN_OPTION,
            )
