"""How varied the cells of a lot are, and where the variation comes from."""

from importlib import import_module

_HOME = {
    "Coordinated": "coordinated",
    "Heterogeneity": "compute",
    "HeterogeneitySettings": "settings",
    "compare": "comparison",
    "compute_coordinated": "coordinated",
    "compute_power": "planning",
    "compute_heterogeneity": "compute",
    "Decomposition": "decomposition",
    "decompose": "decomposition",
    "describe_claims": "describe",
    "index_table": "index",
    "match_depth": "matched",
    "pilot_table": "planning",
    "plan_units": "planning",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
