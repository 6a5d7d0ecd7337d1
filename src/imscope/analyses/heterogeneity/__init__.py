"""How varied the cells of a lot are, and where the variation comes from."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.heterogeneity.carriers import gene_table, programme_table
    from imscope.analyses.heterogeneity.comparison import compare
    from imscope.analyses.heterogeneity.compute import Heterogeneity, compute_heterogeneity
    from imscope.analyses.heterogeneity.coordinated import Coordinated, compute_coordinated
    from imscope.analyses.heterogeneity.decomposition import Decomposition, decompose
    from imscope.analyses.heterogeneity.describe import describe_claims
    from imscope.analyses.heterogeneity.floor import Floor, with_floor
    from imscope.analyses.heterogeneity.index import index_table
    from imscope.analyses.heterogeneity.inference import Contrast, compare_arms, compare_pairs
    from imscope.analyses.heterogeneity.matched import match_depth
    from imscope.analyses.heterogeneity.planning import compute_power, pilot_table, plan_units
    from imscope.analyses.heterogeneity.relative import relative_table
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
    from imscope.analyses.heterogeneity.slopes import drift_table, read_fractions

_HOMES = {
    "Contrast": "inference",
    "Coordinated": "coordinated",
    "Decomposition": "decomposition",
    "Floor": "floor",
    "Heterogeneity": "compute",
    "HeterogeneitySettings": "settings",
    "compare": "comparison",
    "compare_arms": "inference",
    "compare_pairs": "inference",
    "compute_coordinated": "coordinated",
    "compute_power": "planning",
    "compute_heterogeneity": "compute",
    "decompose": "decomposition",
    "describe_claims": "describe",
    "drift_table": "slopes",
    "gene_table": "carriers",
    "index_table": "index",
    "match_depth": "matched",
    "pilot_table": "planning",
    "plan_units": "planning",
    "programme_table": "carriers",
    "read_fractions": "slopes",
    "relative_table": "relative",
    "with_floor": "floor",
}

__all__ = [
    "Contrast",
    "Coordinated",
    "Decomposition",
    "Floor",
    "Heterogeneity",
    "HeterogeneitySettings",
    "compare",
    "compare_arms",
    "compare_pairs",
    "compute_coordinated",
    "compute_heterogeneity",
    "compute_power",
    "decompose",
    "describe_claims",
    "drift_table",
    "gene_table",
    "index_table",
    "match_depth",
    "pilot_table",
    "plan_units",
    "programme_table",
    "read_fractions",
    "relative_table",
    "with_floor",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
