"""The local app: runs, sheets and jobs of one folder in the browser; no science of its own."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.app.compare import compare_runs as compare_runs
    from imscope.app.folder import RunFolders as RunFolders
    from imscope.app.server import create_app as create_app

__all__, __getattr__, __dir__ = open_room(__name__)
