"""Single-cell quality and uniformity of mesenchymal stromal cell products.

The public rooms load on first use, so that ``import imscope`` stays light.

Examples
--------
>>> import imscope
>>> imscope.heterogeneity.__name__
'imscope.analyses.heterogeneity'
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_ROOMS = {
    "heterogeneity": "imscope.analyses.heterogeneity",
    "dynamics": "imscope.analyses.dynamics",
    "evidence": "imscope.evidence",
    "gates": "imscope.analyses.gates",
    "identity": "imscope.analyses.identity",
    "io": "imscope.io",
    "engine": "imscope.engine",
    "report": "imscope.report",
    "safety": "imscope.analyses.safety",
    "simulate": "imscope.simulate",
    "study": "imscope.study",
    "subsets": "imscope.analyses.subsets",
}

__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604  the rooms are names of modules


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return import_module(_ROOMS[name])
    raise AttributeError(f"module 'imscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
