"""Whether there is more than one population, and how much of each."""

from importlib import import_module

_HOME = {
    "support_clusters": "significant",
    "AbundanceSettings": "abundance",
    "ProgrammeResult": "score",
    "ProgrammeSettings": "score",
    "StageCalls": "stage",
    "StageSettings": "stage_settings",
    "StageDescription": "stage_report",
    "StageWindow": "window",
    "Lot": "mapping",
    "MapResult": "mapping",
    "MapSettings": "mapping",
    "NameSettings": "names",
    "SubsetResult": "find",
    "SubsetSettings": "settings",
    "call_stages": "stage",
    "compare_priming": "priming",
    "PrimingSettings": "priming",
    "describe_stages": "stage_report",
    "describe_composition": "composition",
    "differential_abundance": "abundance",
    "find_subsets": "find",
    "hill_table": "diversity",
    "score_programmes": "score",
    "mesenchymoangioblast_window": "window",
    "stage_fractions": "stage",
    "stage_route": "route",
    "map_query": "mapping",
    "name_subsets": "names",
    "rank_subsets": "ranking",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
