"""Release: tolerance, equivalence, charts, specifications, certificates; people release lots."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.decisions.release.certificate import check_certificate as check_certificate
    from imscope.decisions.release.certificate import render_certificate as render_certificate
    from imscope.decisions.release.charts import Baseline as Baseline
    from imscope.decisions.release.charts import control_chart as control_chart
    from imscope.decisions.release.charts import self_starting_cusum as self_starting_cusum
    from imscope.decisions.release.compare import compare_arms as compare_arms
    from imscope.decisions.release.criteria import judge as judge
    from imscope.decisions.release.criteria import lot_verdict as lot_verdict
    from imscope.decisions.release.criteria import read_specification as read_specification
    from imscope.decisions.release.equivalence import effect_size_test as effect_size_test
    from imscope.decisions.release.equivalence import equivalence_power as equivalence_power
    from imscope.decisions.release.equivalence import equivalence_tests as equivalence_tests
    from imscope.decisions.release.intake import add_results as add_results
    from imscope.decisions.release.intake import register_lots as register_lots
    from imscope.decisions.release.plan import forecast_plan as forecast_plan
    from imscope.decisions.release.plan import read_plan as read_plan
    from imscope.decisions.release.run_length import ewma_limit as ewma_limit
    from imscope.decisions.release.run_length import individuals_limit as individuals_limit
    from imscope.decisions.release.tolerance import nested_tolerance as nested_tolerance
    from imscope.decisions.release.tolerance import prediction_factor as prediction_factor
    from imscope.decisions.release.tolerance import prediction_interval as prediction_interval
    from imscope.decisions.release.tolerance import tolerance_factor as tolerance_factor
    from imscope.decisions.release.tolerance import tolerance_interval as tolerance_interval

__all__, __getattr__, __dir__ = open_room(__name__)
