"""How subsets grow, turn into one another, expand over passages and age."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.dynamics.checks import check_intervals as check_intervals
    from imscope.analyses.dynamics.compare import CompareSettings as CompareSettings
    from imscope.analyses.dynamics.compare import compare_composition as compare_composition
    from imscope.analyses.dynamics.cultures import Culture as Culture
    from imscope.analyses.dynamics.cultures import PassageData as PassageData
    from imscope.analyses.dynamics.design import DesignSettings as DesignSettings
    from imscope.analyses.dynamics.design import design_cultures as design_cultures
    from imscope.analyses.dynamics.forecast import Forecast as Forecast
    from imscope.analyses.dynamics.forecast import ForecastSettings as ForecastSettings
    from imscope.analyses.dynamics.forecast import forecast_series as forecast_series
    from imscope.analyses.dynamics.motion import propagate as propagate
    from imscope.analyses.dynamics.motion import rate_matrix as rate_matrix
    from imscope.analyses.dynamics.passages import read_passages as read_passages
    from imscope.analyses.dynamics.rates import RateFit as RateFit
    from imscope.analyses.dynamics.rates import fit_rates as fit_rates
    from imscope.analyses.dynamics.series import Series as Series
    from imscope.analyses.dynamics.series import read_series as read_series
    from imscope.analyses.dynamics.settings import RateSettings as RateSettings

__all__, __getattr__, __dir__ = open_room(__name__)
