"""Screens: pooled, single-cell and plates, from raw data to hits that hold."""

from importlib import import_module

_HOME = {
    "CellScreen": "cells",
    "CellSettings": "cells",
    "PlateScreen": "plates",
    "PlateSettings": "plates",
    "PooledScreen": "pooled",
    "PooledSettings": "settings",
    "aggregate_ranks": "rank_null",
    "analyse_cells": "cells",
    "analyse_curves": "curves",
    "analyse_plates": "plates",
    "analyse_pooled": "pooled",
    "assign_guides": "guide_calls",
    "call_hits": "plate_hits",
    "combine_shifts": "bins",
    "compare_uniformity": "uniformity",
    "control_quality": "plate_qc",
    "fit_curves": "dose_response",
    "fit_growth": "growth_rates",
    "fit_nb": "negative_binomial",
    "growth_values": "growth_rates",
    "normalise_plate": "plate_normalise",
    "rank_genes": "rra",
    "rank_p_values": "rank_null",
    "score_wells": "rescue",
    "size_factors": "normalise",
    "target_effects": "target_scores",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
