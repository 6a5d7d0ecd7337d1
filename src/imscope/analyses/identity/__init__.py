"""What the cells are by their own account: identity panel, cycle, ageing, donor."""

from importlib import import_module

_HOME = {
    "Identity": "compute",
    "IdentitySettings": "compute",
    "check_donors": "donor",
    "check_isct": "isct",
    "collect_counts": "panel_counts",
    "describe_identity": "compute",
    "group_cells": "fractions",
    "hox_table": "hox",
    "score_cycle": "cycle",
    "score_senescence": "senescence",
    "sex_table": "donor",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
