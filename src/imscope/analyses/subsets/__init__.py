"""Whether there is more than one population, how much of each, and which suits a use."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.subsets.abundance import AbundanceSettings, differential_abundance
    from imscope.analyses.subsets.composition import describe_composition
    from imscope.analyses.subsets.diversity import hill_table
    from imscope.analyses.subsets.find import more_than_one as test
    from imscope.analyses.subsets.mapping import MapSettings
    from imscope.analyses.subsets.mapping import map_cells as map  # noqa: A004  the name of the command
    from imscope.analyses.subsets.names import NameSettings, name_subsets
    from imscope.analyses.subsets.programme_scores import ProgrammeSettings, score
    from imscope.analyses.subsets.ranking import rank
    from imscope.analyses.subsets.settings import SubsetSettings
    from imscope.analyses.subsets.significant import support_clusters
    from imscope.analyses.subsets.stage_report import stage
    from imscope.analyses.subsets.stage_settings import StageSettings

_ALIASES = {"map": "map_cells", "test": "more_than_one"}
_HOMES = {
    "AbundanceSettings": "abundance",
    "MapSettings": "mapping",
    "NameSettings": "names",
    "ProgrammeSettings": "programme_scores",
    "StageSettings": "stage_settings",
    "SubsetSettings": "settings",
    "describe_composition": "composition",
    "differential_abundance": "abundance",
    "hill_table": "diversity",
    "map_cells": "mapping",
    "more_than_one": "find",
    "name_subsets": "names",
    "rank": "ranking",
    "score": "programme_scores",
    "stage": "stage_report",
    "support_clusters": "significant",
}

__all__ = [
    "AbundanceSettings",
    "MapSettings",
    "NameSettings",
    "ProgrammeSettings",
    "StageSettings",
    "SubsetSettings",
    "describe_composition",
    "differential_abundance",
    "hill_table",
    "map",
    "name_subsets",
    "rank",
    "score",
    "stage",
    "support_clusters",
    "test",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, _ALIASES.get(name, name))


def __dir__() -> list[str]:
    return [*globals(), *__all__]
