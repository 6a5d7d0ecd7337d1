"""Release: tolerance, equivalence, charts, specifications, certificates; people release lots.

Names load on first use.
"""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

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

_HOMES = {
    "tolerance_factor": "tolerance",
    "tolerance_interval": "tolerance",
    "nested_tolerance": "tolerance",
    "prediction_factor": "tolerance",
    "prediction_interval": "tolerance",
    "equivalence_tests": "equivalence",
    "effect_size_test": "equivalence",
    "equivalence_power": "equivalence",
    "read_plan": "plan",
    "forecast_plan": "plan",
    "compare_arms": "compare",
    "ewma_limit": "run_length",
    "individuals_limit": "run_length",
    "Baseline": "charts",
    "control_chart": "charts",
    "self_starting_cusum": "charts",
    "read_specification": "criteria",
    "judge": "criteria",
    "lot_verdict": "criteria",
    "check_certificate": "certificate",
    "render_certificate": "certificate",
    "register_lots": "intake",
    "add_results": "intake",
}

__all__ = [
    "Baseline",
    "add_results",
    "check_certificate",
    "compare_arms",
    "control_chart",
    "effect_size_test",
    "equivalence_power",
    "equivalence_tests",
    "ewma_limit",
    "forecast_plan",
    "individuals_limit",
    "judge",
    "lot_verdict",
    "nested_tolerance",
    "prediction_factor",
    "prediction_interval",
    "read_plan",
    "read_specification",
    "register_lots",
    "render_certificate",
    "self_starting_cusum",
    "tolerance_factor",
    "tolerance_interval",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
