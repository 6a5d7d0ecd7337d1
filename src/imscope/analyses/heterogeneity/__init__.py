"""How varied the cells of a lot are, and where the variation comes from."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.heterogeneity.carriers import gene_table, programme_table
    from imscope.analyses.heterogeneity.comparison import compare_groups
    from imscope.analyses.heterogeneity.compute import Heterogeneity, compute_heterogeneity
    from imscope.analyses.heterogeneity.coordinated import Coordinated, compute_coordinated
    from imscope.analyses.heterogeneity.decomposition import Decomposition, split_levels
    from imscope.analyses.heterogeneity.describe import describe_claims
    from imscope.analyses.heterogeneity.floor import with_floor
    from imscope.analyses.heterogeneity.freeze import freeze_profile
    from imscope.analyses.heterogeneity.frozen import (
        Floor,
        Profile,
        read_profile,
        write_profile,
    )
    from imscope.analyses.heterogeneity.indices import index_result, index_table
    from imscope.analyses.heterogeneity.matched import match_depth
    from imscope.analyses.heterogeneity.planning import (
        compute_power,
        pilot_table,
        plan_units,
        power,
    )
    from imscope.analyses.heterogeneity.relative import relative_table
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
    from imscope.analyses.heterogeneity.slopes import drift_table, read_fractions
    from imscope.analyses.heterogeneity.verbs import (
        compare,
        decompose,
        index,
        index_tables,
        measure,
        plan_from_pilot,
        profile,
    )
    from imscope.analyses.heterogeneity.verdicts import smallest_p

_HOMES = {
    "Coordinated": "coordinated",
    "Decomposition": "decomposition",
    "Floor": "frozen",
    "Heterogeneity": "compute",
    "HeterogeneitySettings": "settings",
    "Profile": "frozen",
    "compare": "verbs",
    "compare_groups": "comparison",
    "compute_coordinated": "coordinated",
    "compute_heterogeneity": "compute",
    "compute_power": "planning",
    "decompose": "verbs",
    "describe_claims": "describe",
    "drift_table": "slopes",
    "freeze_profile": "freeze",
    "gene_table": "carriers",
    "index": "verbs",
    "index_result": "indices",
    "index_table": "indices",
    "index_tables": "verbs",
    "match_depth": "matched",
    "measure": "verbs",
    "pilot_table": "planning",
    "plan_from_pilot": "verbs",
    "plan_units": "planning",
    "power": "planning",
    "profile": "verbs",
    "programme_table": "carriers",
    "read_fractions": "slopes",
    "read_profile": "frozen",
    "relative_table": "relative",
    "smallest_p": "verdicts",
    "split_levels": "decomposition",
    "with_floor": "floor",
    "write_profile": "frozen",
}

__all__ = [
    "Coordinated",
    "Decomposition",
    "Floor",
    "Heterogeneity",
    "HeterogeneitySettings",
    "Profile",
    "compare",
    "compare_groups",
    "compute_coordinated",
    "compute_heterogeneity",
    "compute_power",
    "decompose",
    "describe_claims",
    "drift_table",
    "freeze_profile",
    "gene_table",
    "index",
    "index_result",
    "index_table",
    "index_tables",
    "match_depth",
    "measure",
    "pilot_table",
    "plan_from_pilot",
    "plan_units",
    "power",
    "profile",
    "programme_table",
    "read_fractions",
    "read_profile",
    "relative_table",
    "smallest_p",
    "split_levels",
    "with_floor",
    "write_profile",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
