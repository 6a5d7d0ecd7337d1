"""Line identity, edited loci and foreign cells of clones, from allele counts."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.clones.edit import Flank as Flank
    from imscope.analyses.clones.edit import call_edit as call_edit
    from imscope.analyses.clones.edit import progerin_share as progerin_share
    from imscope.analyses.clones.identity import check_identity as check_identity
    from imscope.analyses.clones.identity import find_foreign_cells as find_foreign_cells
    from imscope.analyses.clones.identity import str_match as str_match

__all__, __getattr__, __dir__ = open_room(__name__)
