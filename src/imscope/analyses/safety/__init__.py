"""Cells that should not be there, and what a screen of them can and cannot say."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.safety.arm_screen import ArmSettings, arms
    from imscope.analyses.safety.detection import CallRule, MarkerRates
    from imscope.analyses.safety.dose import (
        cells_needed,
        corrected_share,
        limit_of_blank,
        limit_of_detection,
    )
    from imscope.analyses.safety.p53_screen import p53
    from imscope.analyses.safety.residual_cells import residual
    from imscope.analyses.safety.screen import ResidualSettings

_HOMES = {
    "ArmSettings": "arm_screen",
    "CallRule": "detection",
    "MarkerRates": "detection",
    "ResidualSettings": "screen",
    "arms": "arm_screen",
    "cells_needed": "dose",
    "corrected_share": "dose",
    "limit_of_blank": "dose",
    "limit_of_detection": "dose",
    "p53": "p53_screen",
    "residual": "residual_cells",
}

__all__ = [
    "ArmSettings",
    "CallRule",
    "MarkerRates",
    "ResidualSettings",
    "arms",
    "cells_needed",
    "corrected_share",
    "limit_of_blank",
    "limit_of_detection",
    "p53",
    "residual",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
