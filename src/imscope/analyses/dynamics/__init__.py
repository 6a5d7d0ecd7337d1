"""How subsets grow, turn into one another, expand over passages and age."""

from imscope.core.rooms import load_name

_HOME = {
    "CompareSettings": "compare",
    "Culture": "cultures",
    "Forecast": "forecast",
    "ForecastSettings": "forecast",
    "PassageData": "cultures",
    "RateFit": "rates",
    "RateSettings": "settings",
    "DesignSettings": "design",
    "check_intervals": "checks",
    "compare_composition": "compare",
    "design_cultures": "design",
    "fit_rates": "rates",
    "forecast_series": "forecast",
    "propagate": "propagate",
    "rate_matrix": "propagate",
    "Series": "series",
    "read_passages": "passages",
    "read_series": "series",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    return load_name(__name__, _HOME, name)


def __dir__() -> list[str]:
    return list(__all__)
