"""Sort gates: which surface markers sort a subset, and how far to trust them."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.gates.align import align_batches as align_batches
    from imscope.analyses.gates.candidates import candidate_markers as candidate_markers
    from imscope.analyses.gates.cells import open_cells as open_cells
    from imscope.analyses.gates.design import DesignSettings as DesignSettings
    from imscope.analyses.gates.design import GateDesign as GateDesign
    from imscope.analyses.gates.design import design_gates as design_gates
    from imscope.analyses.gates.design_cells import DesignCells as DesignCells
    from imscope.analyses.gates.discordance import classify_markers as classify_markers
    from imscope.analyses.gates.discordance import detection_table as detection_table
    from imscope.analyses.gates.discordance import fit_rna_models as fit_rna_models
    from imscope.analyses.gates.discordance import forecast_protein as forecast_protein
    from imscope.analyses.gates.discordance import protein_masks as protein_masks
    from imscope.analyses.gates.evaluate import LabelledCells as LabelledCells
    from imscope.analyses.gates.evaluate import evaluate_gate as evaluate_gate
    from imscope.analyses.gates.flow import gate_files as gate_files
    from imscope.analyses.gates.flow import gating_ml_of as gating_ml_of
    from imscope.analyses.gates.flow import predicted_share as predicted_share
    from imscope.analyses.gates.gate import Gate as Gate
    from imscope.analyses.gates.gate import Literal as Literal
    from imscope.analyses.gates.gate import Scale as Scale
    from imscope.analyses.gates.gate import apply_gate as apply_gate
    from imscope.analyses.gates.gate import count_gate as count_gate
    from imscope.analyses.gates.gate import format_gate as format_gate
    from imscope.analyses.gates.gate import parse_gate as parse_gate
    from imscope.analyses.gates.gate_file import read_gates as read_gates
    from imscope.analyses.gates.gate_file import write_gates as write_gates
    from imscope.analyses.gates.read_design import design_file as design_file
    from imscope.analyses.gates.scales import Asinh as Asinh
    from imscope.analyses.gates.scales import Logicle as Logicle
    from imscope.analyses.gates.search import search_gates as search_gates
    from imscope.analyses.gates.sort_plan import SortAim as SortAim
    from imscope.analyses.gates.sort_plan import plan_sort as plan_sort
    from imscope.analyses.gates.sorting import sort_in_silico as sort_in_silico
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
