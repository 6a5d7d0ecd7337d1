"""The record: objects, people, signed events; the one room that knows SQL.

Names load on first use.
"""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.registry.copies import backup_registry as backup_registry
    from imscope.registry.copies import export_bundle as export_bundle
    from imscope.registry.copies import restore_registry as restore_registry
    from imscope.registry.copies import verify_bundle as verify_bundle
    from imscope.registry.create import init_registry as init_registry
    from imscope.registry.record import Registry as Registry
    from imscope.registry.runs import take_run as take_run
    from imscope.registry.verify import verify_registry as verify_registry

_HOMES = {
    "Registry": "record",
    "init_registry": "create",
    "verify_registry": "verify",
    "take_run": "runs",
    "backup_registry": "copies",
    "restore_registry": "copies",
    "export_bundle": "copies",
    "verify_bundle": "copies",
}

__all__ = [
    "Registry",
    "backup_registry",
    "export_bundle",
    "init_registry",
    "restore_registry",
    "take_run",
    "verify_bundle",
    "verify_registry",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
