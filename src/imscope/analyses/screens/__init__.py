"""Screens: pooled, single-cell and plates, from raw data to hits that hold."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.screens.bins import combine_shifts as combine_shifts
    from imscope.analyses.screens.cell_settings import CellSettings as CellSettings
    from imscope.analyses.screens.cells import CellScreen as CellScreen
    from imscope.analyses.screens.cells import analyse_cells as analyse_cells
    from imscope.analyses.screens.curves import analyse_curves as analyse_curves
    from imscope.analyses.screens.dose_response import fit_curves as fit_curves
    from imscope.analyses.screens.growth_rates import fit_growth as fit_growth
    from imscope.analyses.screens.growth_rates import growth_values as growth_values
    from imscope.analyses.screens.guide_calls import assign_guides as assign_guides
    from imscope.analyses.screens.negative_binomial import fit_nb as fit_nb
    from imscope.analyses.screens.normalise import size_factors as size_factors
    from imscope.analyses.screens.plate_hits import call_hits as call_hits
    from imscope.analyses.screens.plate_normalise import normalise_plate as normalise_plate
    from imscope.analyses.screens.plate_qc import control_quality as control_quality
    from imscope.analyses.screens.plates import PlateScreen as PlateScreen
    from imscope.analyses.screens.plates import PlateSettings as PlateSettings
    from imscope.analyses.screens.plates import analyse_plates as analyse_plates
    from imscope.analyses.screens.pooled import PooledScreen as PooledScreen
    from imscope.analyses.screens.pooled import analyse_pooled as analyse_pooled
    from imscope.analyses.screens.rank_null import aggregate_ranks as aggregate_ranks
    from imscope.analyses.screens.rank_null import rank_p_values as rank_p_values
    from imscope.analyses.screens.rescue import score_wells as score_wells
    from imscope.analyses.screens.rra import rank_genes as rank_genes
    from imscope.analyses.screens.settings import PooledSettings as PooledSettings
    from imscope.analyses.screens.target_scores import target_effects as target_effects
    from imscope.analyses.screens.uniformity import compare_uniformity as compare_uniformity
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
