"""Single-cell quality and uniformity of mesenchymal stromal cell products.

The public rooms load on first use, so that ``import imscope`` stays light. Every package in
``imscope.analyses`` and ``imscope.decisions`` is one, without being listed here; type checkers read
``__init__.pyi``, which ``tools/build_docs.py`` writes.

Examples
--------
>>> import imscope
>>> imscope.heterogeneity.__name__
'imscope.analyses.heterogeneity'
"""

from importlib import import_module
from types import ModuleType

from imscope.core.rooms import new_rooms

__version__ = "0.1.0"

_FIXED = ("engine", "evidence", "io", "report", "simulate", "study")
_ROOMS = {name: f"imscope.{name}" for name in _FIXED} | new_rooms()

__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604  the rooms are names of modules


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return import_module(_ROOMS[name])
    raise AttributeError(f"module 'imscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
