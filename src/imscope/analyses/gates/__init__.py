"""Sort gates: which surface markers sort a subset, and how far to trust them."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.gates.align import align_batches
    from imscope.analyses.gates.candidates import candidate_markers
    from imscope.analyses.gates.cells import open_gate_cells
    from imscope.analyses.gates.design import DesignSettings, GateDesign, design_gates
    from imscope.analyses.gates.design_cells import DesignCells
    from imscope.analyses.gates.discordance import (
        classify_markers,
        detection_table,
        fit_rna_models,
        forecast_protein,
        protein_masks,
    )
    from imscope.analyses.gates.evaluate import LabelledCells, evaluate_gate
    from imscope.analyses.gates.flow import gate_files, gating_ml_of, predicted_share
    from imscope.analyses.gates.gate import (
        Gate,
        Literal,
        Scale,
        apply_gate,
        count_gate,
        format_gate,
        parse_gate,
    )
    from imscope.analyses.gates.gate_file import read_gates, write_gates
    from imscope.analyses.gates.read_design import design_file
    from imscope.analyses.gates.read_gate import evaluate_file, read_any_gate
    from imscope.analyses.gates.scales import Asinh, Logicle
    from imscope.analyses.gates.search import search_gates
    from imscope.analyses.gates.sort_plan import SortAim, plan_sort
    from imscope.analyses.gates.sorting import sort_in_silico

_HOMES = {
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
    "candidate_markers": "candidates",
    "classify_markers": "discordance",
    "count_gate": "gate",
    "design_file": "read_design",
    "design_gates": "design",
    "detection_table": "discordance",
    "evaluate_file": "read_gate",
    "evaluate_gate": "evaluate",
    "fit_rna_models": "discordance",
    "forecast_protein": "discordance",
    "format_gate": "gate",
    "gate_files": "flow",
    "gating_ml_of": "flow",
    "open_gate_cells": "cells",
    "parse_gate": "gate",
    "plan_sort": "sort_plan",
    "predicted_share": "flow",
    "protein_masks": "discordance",
    "read_any_gate": "read_gate",
    "read_gates": "gate_file",
    "search_gates": "search",
    "sort_in_silico": "sorting",
    "write_gates": "gate_file",
}

__all__ = [
    "Asinh",
    "DesignCells",
    "DesignSettings",
    "Gate",
    "GateDesign",
    "LabelledCells",
    "Literal",
    "Logicle",
    "Scale",
    "SortAim",
    "align_batches",
    "apply_gate",
    "candidate_markers",
    "classify_markers",
    "count_gate",
    "design_file",
    "design_gates",
    "detection_table",
    "evaluate_file",
    "evaluate_gate",
    "fit_rna_models",
    "forecast_protein",
    "format_gate",
    "gate_files",
    "gating_ml_of",
    "open_gate_cells",
    "parse_gate",
    "plan_sort",
    "predicted_share",
    "protein_masks",
    "read_any_gate",
    "read_gates",
    "search_gates",
    "sort_in_silico",
    "write_gates",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
