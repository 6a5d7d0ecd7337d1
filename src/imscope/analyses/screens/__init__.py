"""Screens: pooled, single-cell and plates, from raw data to hits that hold."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.screens.bins import combine_shifts, fit_shifts
    from imscope.analyses.screens.calibrated import calibrate
    from imscope.analyses.screens.cells import CellScreen, CellSettings, analyse_cells
    from imscope.analyses.screens.curves import analyse_curves
    from imscope.analyses.screens.dose_response import fit_curves
    from imscope.analyses.screens.growth_rates import fit_growth, growth_values
    from imscope.analyses.screens.guide_calls import assign_guides
    from imscope.analyses.screens.negative_binomial import fit_nb
    from imscope.analyses.screens.normalise import size_factors
    from imscope.analyses.screens.plate_hits import call_hits
    from imscope.analyses.screens.plate_normalise import normalise_plate
    from imscope.analyses.screens.plate_qc import control_quality
    from imscope.analyses.screens.plates import PlateScreen, PlateSettings, analyse_plates
    from imscope.analyses.screens.pooled import PooledScreen, analyse_pooled
    from imscope.analyses.screens.rank_null import aggregate_ranks, rank_p_values
    from imscope.analyses.screens.rescue import score_compounds, score_wells
    from imscope.analyses.screens.responders import find_responders
    from imscope.analyses.screens.rra import rank_genes
    from imscope.analyses.screens.settings import PooledSettings
    from imscope.analyses.screens.target_effects import target_effects
    from imscope.analyses.screens.target_shares import energy_distance
    from imscope.analyses.screens.uniformity import compare_uniformity

__all__, __getattr__, __dir__ = open_room(__name__)
