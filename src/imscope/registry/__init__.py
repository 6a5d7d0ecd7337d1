"""The record: objects, people, signed events; the one room that knows SQL."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.registry.copies import backup_registry as backup_registry
    from imscope.registry.copies import export_bundle as export_bundle
    from imscope.registry.copies import restore_registry as restore_registry
    from imscope.registry.copies import verify_bundle as verify_bundle
    from imscope.registry.create import init_registry as init_registry
    from imscope.registry.record import Registry as Registry
    from imscope.registry.runs import take_run as take_run
    from imscope.registry.verify import verify_registry as verify_registry

__all__, __getattr__, __dir__ = open_room(__name__)
