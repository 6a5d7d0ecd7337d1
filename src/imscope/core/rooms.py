"""Names that a room offers and loads on first use, so that importing a room stays light."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def load_name(room: str, homes: Mapping[str, str], name: str) -> Any:
    """Load one of the names a room offers from the module that defines it.

    Parameters
    ----------
    room
        Full name of the room, such as ``imscope.io``.
    homes
        Name to module, relative to the room.
    name
        What is asked for.

    Raises
    ------
    AttributeError
        The room does not offer the name.

    Examples
    --------
    >>> load_name("imscope.core", {"spawn": "rng"}, "spawn").__module__
    'imscope.core.rng'
    """
    if name not in homes:
        raise AttributeError(f"module {room!r} has no attribute {name!r}")
    return getattr(import_module(f"{room}.{homes[name]}"), name)
