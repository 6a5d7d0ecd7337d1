"""Whether there is more than one population, how much of each, and which suits a use."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.subsets.abundance import AbundanceSettings as AbundanceSettings
    from imscope.analyses.subsets.abundance import differential_abundance as differential_abundance
    from imscope.analyses.subsets.composition import describe_composition as describe_composition
    from imscope.analyses.subsets.diversity import hill_table as hill_table
    from imscope.analyses.subsets.find import split as split
    from imscope.analyses.subsets.mapping import MapSettings as MapSettings
    from imscope.analyses.subsets.mapping import map as map  # noqa: A004  as the command
    from imscope.analyses.subsets.names import NameSettings as NameSettings
    from imscope.analyses.subsets.names import name_subsets as name_subsets
    from imscope.analyses.subsets.programme_scores import ProgrammeSettings as ProgrammeSettings
    from imscope.analyses.subsets.programme_scores import score as score
    from imscope.analyses.subsets.ranking import rank as rank
    from imscope.analyses.subsets.settings import SubsetSettings as SubsetSettings
    from imscope.analyses.subsets.significant import support_clusters as support_clusters
    from imscope.analyses.subsets.stage_report import stage as stage
    from imscope.analyses.subsets.stage_settings import StageSettings as StageSettings
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
