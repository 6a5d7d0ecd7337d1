"""Rooms: what each offers loads on first use; and what is found by walking instead of by a list."""

import ast
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

DECLARING = ("tables", "codes")
"""Modules of a room that declare its own tables and codes."""
OPEN_TO_NEW_ROOMS = ("imscope.analyses", "imscope.decisions")
"""Packages in which every package is a public room."""


def open_room(
    room: str,
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Offer the names a room imports for type checkers only, each loaded when it is first used.

    A room's ``__init__`` holds its export list once, as imports below ``if TYPE_CHECKING:``, and
    takes its ``__all__``, ``__getattr__`` and ``__dir__`` from here.

    Parameters
    ----------
    room
        Full name of the room, such as ``imscope.io``.

    Examples
    --------
    >>> names, get, _ = open_room("imscope.report")
    >>> "render" in names, get("render").__module__
    (True, 'imscope.report.payload')
    >>> get("nothing")
    Traceback (most recent call last):
        ...
    AttributeError: module 'imscope.report' has no attribute 'nothing'
    """
    homes = exports_of(room)
    names = sorted(homes)

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return names, load, lambda: names


def exports_of(room: str) -> dict[str, str]:
    """Names imported for type checkers only, each with its module, read from the source.

    Examples
    --------
    >>> exports_of("imscope.report")["render"]
    'imscope.report.payload'
    """
    spec = find_spec(room)
    loader = spec.loader if spec is not None else None
    source = loader.get_source(room) if hasattr(loader, "get_source") else None  # type: ignore[union-attr]
    return {
        alias.asname or alias.name: str(node.module)
        for branch in ast.parse(source or "").body
        if isinstance(branch, ast.If)
        and isinstance(branch.test, ast.Name)
        and branch.test.id == "TYPE_CHECKING"
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def find_modules(package: str) -> Iterator[ModuleType]:
    """Import the modules of a package one after the other, by name; those of none if it is absent.

    Examples
    --------
    >>> "imscope.core.names" in [m.__name__ for m in find_modules("imscope.core")]
    True
    """
    for name in module_names(package):
        yield import_module(f"{package}.{name}")


def module_names(package: str) -> list[str]:
    """Names of the modules in a package, in order; private ones are passed over.

    Examples
    --------
    >>> "heterogeneity" in module_names("imscope.analyses")
    True
    """
    spec = find_spec(package)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return sorted(m.name for m in pkgutil.iter_modules(places) if not m.name.startswith("_"))


def new_rooms() -> dict[str, str]:
    """Public rooms found in the packages that are open to new ones: short name to full name.

    Examples
    --------
    >>> new_rooms()["gates"]
    'imscope.analyses.gates'
    """
    return {n: f"{place}.{n}" for place in OPEN_TO_NEW_ROOMS for n in module_names(place)}


def load_declarations() -> None:
    """Load the tables and codes every room declares, so that lists of them are complete."""
    for room in new_rooms().values():
        import_module(room)
        for name in set(module_names(room)) & set(DECLARING):
            import_module(f"{room}.{name}")


def load_name(room: str, homes: Mapping[str, str], name: str) -> Any:
    """Load one of the names a room offers from the module that defines it."""
    if name not in homes:
        raise AttributeError(f"module {room!r} has no attribute {name!r}")
    return getattr(import_module(f"{room}.{homes[name]}"), name)
