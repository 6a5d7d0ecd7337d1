"""Potency: what a lot does in an assay, and which of its attributes goes with it."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.potency.assay import AssayResult as AssayResult
    from imscope.analyses.potency.assay import AssaySettings as AssaySettings
    from imscope.analyses.potency.assay import analyse_assay as analyse_assay
    from imscope.analyses.potency.assay_table import read_assay as read_assay
    from imscope.analyses.potency.combine import combine_runs as combine_runs
    from imscope.analyses.potency.combine import find_precision as find_precision
    from imscope.analyses.potency.link import Link as Link
    from imscope.analyses.potency.link import LinkSettings as LinkSettings
    from imscope.analyses.potency.link import link_outcomes as link_outcomes
    from imscope.analyses.potency.lot_outcomes import summarise_outcomes as summarise_outcomes
    from imscope.analyses.potency.parallel import Margins as Margins
    from imscope.analyses.potency.reach import chance as chance
    from imscope.analyses.potency.reach import lots_needed as lots_needed
    from imscope.analyses.potency.reach import smallest_correlation as smallest_correlation

__all__, __getattr__, __dir__ = open_room(__name__)
