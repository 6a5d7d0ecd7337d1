"""Cells that should not be there, and what a screen of them can and cannot say."""

from importlib import import_module

_HOME: dict[str, str] = {
    "CallRule": "detection",
    "MarkerRates": "detection",
    "ResidualResult": "residual",
    "ResidualSettings": "screen",
    "cells_needed": "dose",
    "corrected_share": "dose",
    "find_off_lineage": "off_lineage",
    "find_residual_pluripotent": "residual",
    "limit_of_blank": "dose",
    "limit_of_detection": "dose",
    "ArmScreen": "arms",
    "ArmSettings": "arms",
    "P53Screen": "p53",
    "screen_arms": "arms",
    "screen_p53": "p53",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
