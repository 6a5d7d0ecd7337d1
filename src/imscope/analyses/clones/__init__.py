"""Line identity, edited loci and foreign cells of clones, from allele counts.

Names load on first use.
"""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.clones.edit import Flank as Flank
    from imscope.analyses.clones.edit import call_edit as call_edit
    from imscope.analyses.clones.edit import progerin_share as progerin_share
    from imscope.analyses.clones.identity import check_identity as check_identity
    from imscope.analyses.clones.identity import find_foreign_cells as find_foreign_cells
    from imscope.analyses.clones.identity import str_match as str_match

_HOMES = {
    "check_identity": "identity",
    "find_foreign_cells": "identity",
    "str_match": "identity",
    "call_edit": "edit",
    "Flank": "edit",
    "progerin_share": "edit",
}

__all__ = [
    "Flank",
    "call_edit",
    "check_identity",
    "find_foreign_cells",
    "progerin_share",
    "str_match",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
