"""Mesoderm or neural crest: which way the cells came, and what the protocol must not make."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.subsets.stage_calls import StageCalls
from imscope.core.schema import STAGE_ROUTE
from imscope.stats.shares import pooled_share

MESODERM = (
    *("streak", "mesoderm", "mesenchymoangioblast", "endothelial_core", "primitive_mesenchyme"),
)
CREST = "neural_crest"
MIN_SHARE = 0.01
"""Share of informative cells below which the route is not told."""
MINOR = 0.1
"""Share of the informative cells from which a second route is named."""


def stage_route(calls: StageCalls, group: NDArray[np.object_]) -> pd.DataFrame:
    """Tell by which route the cells of each group came, with checks for heart and trophoblast.

    Parameters
    ----------
    calls
        From :func:`imscope.subsets.call_stages`.
    group
        Group of each cell.

    Returns
    -------
    table
        As :data:`imscope.core.schema.STAGE_ROUTE`.

    Notes
    -----
    Only early cells show their route; a finished product holds few of them, and then the route is
    not told. The posterior is that of a beta-binomial share with a flat prior; it counts cells, not
    lots. Protocols with a p38 inhibitor make heart cells along (doi:10.1016/j.scr.2012.04.003);
    those with a TGF-beta inhibitor should make no trophoblast.
    """
    rows = [_row(calls, group == name, name) for name in dict.fromkeys(group.tolist())]
    return STAGE_ROUTE.frame(rows)


def _row(calls: StageCalls, mine: NDArray[np.bool_], name: str) -> dict[str, object]:
    stage = calls.cells["stage"].to_numpy()[mine]
    names = list(calls.stages)
    scored = [bool(calls.scored[names.index(s)]) for s in (*MESODERM, CREST)]
    n = len(stage)
    meso, crest = int(np.isin(stage, MESODERM).sum()), int((stage == CREST).sum())
    both, chance = meso + crest, float("nan")
    route, reason = "not told", ""
    if not any(scored[:-1]) or not scored[-1]:
        reason = "the matrix lacks the genes of one of the two routes"
    elif both < max(3, MIN_SHARE * n):
        reason = f"{both} of {n} cells are early enough to show a route"
    else:
        chance = float(stats.beta.sf(0.5, meso + 1, crest + 1))
        share = crest / both
        if MINOR < share < 1 - MINOR:
            route = "both"
        else:
            route = "neural crest" if share >= 0.5 else "mesoderm"
    return {
        "group": name,
        "route": route,
        "mesoderm_frac": meso / n,
        "crest_frac": crest / n,
        "posterior_mesoderm": chance,
        "cardiac": _bound(calls, mine, "cardiac"),
        "trophoblast": _bound(calls, mine, "trophoblast"),
        "status": "not told" if reason else "ok",
        "reason": reason,
    }


def _bound(calls: StageCalls, mine: NDArray[np.bool_], lineage: str) -> str:
    if not calls.scored[calls.stages.index(lineage)]:
        return "not scored: too few of its genes are in the matrix"
    cells = calls.cells[mine]
    called = (cells["stage"] == lineage).groupby(cells["sample"].to_numpy()).agg(["sum", "size"])
    share = pooled_share(called["sum"], called["size"], level=calls.settings.level)
    k = int(called["sum"].sum())
    word = "found" if share.low > 0 else "none found"
    return f"{word}: {k} of {len(cells)} cells, at most {share.high:.2%}"
