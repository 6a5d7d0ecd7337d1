"""How subsets grow, turn into one another, expand over passages and age."""

from imscope.core.rooms import load_name

_HOME = {
    "Culture": "cultures",
    "PassageData": "cultures",
    "RateFit": "rates",
    "RateSettings": "settings",
    "DesignSettings": "design",
    "check_intervals": "checks",
    "design_cultures": "design",
    "fit_rates": "rates",
    "propagate": "propagate",
    "rate_matrix": "propagate",
    "read_passages": "passages",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    return load_name(__name__, _HOME, name)


def __dir__() -> list[str]:
    return list(__all__)
