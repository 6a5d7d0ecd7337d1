"""Which regulators differ, which could drive a programme, which were shown to, and what to test."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.analyses.regulators.contrast_folder import Contrasts as Contrasts
    from imscope.analyses.regulators.contrast_folder import read_contrasts as read_contrasts
    from imscope.analyses.regulators.contrast_folder import recover as recover
    from imscope.analyses.regulators.experiments import NextSettings as NextSettings
    from imscope.analyses.regulators.experiments import next_experiments as next_experiments
    from imscope.analyses.regulators.network import Network as Network
    from imscope.analyses.regulators.network import bundled_network as bundled_network
    from imscope.analyses.regulators.network import read_network as read_network
    from imscope.analyses.regulators.profiles import Profiles as Profiles
    from imscope.analyses.regulators.profiles import axis_profiles as axis_profiles
    from imscope.analyses.regulators.profiles import contrast_profiles as contrast_profiles
    from imscope.analyses.regulators.ranking import Ranking as Ranking
    from imscope.analyses.regulators.ranking import programme_of as programme_of
    from imscope.analyses.regulators.ranking import rank as rank
    from imscope.analyses.regulators.reach import reach_scores as reach_scores
    from imscope.analyses.regulators.screen_table import read_screen as read_screen
    from imscope.analyses.regulators.unit_activity import Activity as Activity
    from imscope.analyses.regulators.unit_activity import ActivitySettings as ActivitySettings
    from imscope.analyses.regulators.unit_activity import activity as activity

__all__, __getattr__, __dir__ = open_room(__name__)
