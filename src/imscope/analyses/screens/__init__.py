"""Screens: pooled, single-cell and plates, from raw data to hits that hold."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.analyses.screens.bins import combine_shifts, fit_shifts
    from imscope.analyses.screens.calibrated import calibrate
    from imscope.analyses.screens.negative_binomial import fit_nb
    from imscope.analyses.screens.normalise import size_factors
    from imscope.analyses.screens.pooled import PooledScreen, analyse_pooled
    from imscope.analyses.screens.rank_null import aggregate_ranks, rank_p_values
    from imscope.analyses.screens.rra import rank_genes
    from imscope.analyses.screens.settings import PooledSettings

_HOMES = {
    "PooledScreen": "pooled",
    "PooledSettings": "settings",
    "aggregate_ranks": "rank_null",
    "analyse_pooled": "pooled",
    "calibrate": "calibrated",
    "combine_shifts": "bins",
    "fit_nb": "negative_binomial",
    "fit_shifts": "bins",
    "rank_genes": "rra",
    "rank_p_values": "rank_null",
    "size_factors": "normalise",
}

__all__ = [
    "PooledScreen",
    "PooledSettings",
    "aggregate_ranks",
    "analyse_pooled",
    "calibrate",
    "combine_shifts",
    "fit_nb",
    "fit_shifts",
    "rank_genes",
    "rank_p_values",
    "size_factors",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
