"""What the cells are by their own account: identity panel, cycle, ageing, donor."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.identity.compute import describe as describe
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
