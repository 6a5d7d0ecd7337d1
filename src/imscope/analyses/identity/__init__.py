"""What the cells are by their own account: identity panel, cycle, ageing, donor."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.identity.compute import describe

_HOMES = {"describe": "compute"}

__all__ = ["describe"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
