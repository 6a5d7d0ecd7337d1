"""Sort gates: which surface markers sort a subset, and how far to trust them."""

from importlib import import_module

_HOME: dict[str, str] = {
    "Asinh": "scales",
    "DesignCells": "design_cells",
    "DesignSettings": "design",
    "Gate": "gate",
    "GateDesign": "design",
    "LabelledCells": "evaluate",
    "Literal": "gate",
    "Logicle": "scales",
    "Scale": "gate",
    "SortAim": "sort_plan",
    "align_batches": "align",
    "apply_gate": "gate",
    "apply_scheme": "scheme",
    "candidate_markers": "candidates",
    "classify_markers": "discordance",
    "count_gate": "gate",
    "design_file": "read_design",
    "design_gates": "design",
    "detection_table": "discordance",
    "evaluate_gate": "evaluate",
    "fit_rna_models": "discordance",
    "forecast_protein": "discordance",
    "format_gate": "gate",
    "gate_files": "flow",
    "gate_scheme_files": "scheme",
    "gating_ml_of": "flow",
    "open_cells": "cells",
    "parse_gate": "gate",
    "plan_sort": "sort_plan",
    "predicted_share": "flow",
    "protein_masks": "discordance",
    "read_gates": "gate_file",
    "search_gates": "search",
    "sort_in_silico": "sorting",
    "write_gates": "gate_file",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
