"""Cells that should not be there, and what a screen of them can and cannot say."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.safety.arm_parts import ArmSettings as ArmSettings
    from imscope.analyses.safety.arm_screen import arms as arms
    from imscope.analyses.safety.detection import CallRule as CallRule
    from imscope.analyses.safety.detection import MarkerRates as MarkerRates
    from imscope.analyses.safety.dose import cells_needed as cells_needed
    from imscope.analyses.safety.dose import corrected_share as corrected_share
    from imscope.analyses.safety.dose import limit_of_blank as limit_of_blank
    from imscope.analyses.safety.dose import limit_of_detection as limit_of_detection
    from imscope.analyses.safety.p53_screen import p53 as p53
    from imscope.analyses.safety.residual_cells import residual as residual
    from imscope.analyses.safety.screen import ResidualSettings as ResidualSettings
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
