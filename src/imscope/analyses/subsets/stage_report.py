"""Everything about stages in one call: shares, window, route."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from imscope.analyses.subsets.route import stage_route
from imscope.analyses.subsets.stage import StageCalls, call_stages, stage_fractions
from imscope.analyses.subsets.stage_settings import StageSettings
from imscope.analyses.subsets.window import StageWindow, mesenchymoangioblast_window
from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError

if TYPE_CHECKING:
    from imscope.engine.ambient import AmbientResult


@dataclass(frozen=True)
class StageDescription:
    """Stages of a run.

    Attributes
    ----------
    calls
        Stage of every cell.
    fractions
        As :data:`imscope.core.schema.STAGE_FRACTIONS`.
    route
        As :data:`imscope.core.schema.STAGE_ROUTE`.
    window
        The mesenchymoangioblast window, or nothing when there are no days.
    why_no_window
        The reason in words; empty when there is a window.
    """

    calls: StageCalls
    fractions: pd.DataFrame
    route: pd.DataFrame
    window: StageWindow | None
    why_no_window: str


def describe_stages(
    source: BlockSource,
    features: pd.DataFrame,
    obs: pd.DataFrame,
    *,
    by: str = "sample",
    ambient: "Mapping[str, AmbientResult] | None" = None,
    settings: StageSettings | None = None,
    threads: int | None = None,
) -> StageDescription:
    """Call stages, count them per group, follow the window over days and tell the route.

    Parameters
    ----------
    source, features, obs, ambient, settings, threads
        As in :func:`imscope.analyses.subsets.call_stages`. ``obs`` may hold ``day`` and ``clone``.
    by
        Column that groups the cells.

    Returns
    -------
    description
        Calls and tables. Without a column ``day`` for every cell, or with one day only, there is no
        window and the reason is told.

    Raises
    ------
    DataError
        As in :func:`imscope.analyses.subsets.call_stages`; or the column ``by`` does not exist.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> from imscope.evidence.stage_panel import stage_markers, stage_panel
    >>> genes = [*stage_panel().genes, "ACTB"]
    >>> core = stage_markers()["msc"].core
    >>> cell = [6 * (g in core) + 4000 * (g == "ACTB") for g in genes]
    >>> source = MemoryBlocks.from_csr(sp.csr_array(np.array([cell] * 20)))
    >>> cells = pd.DataFrame({"sample": ["lot 1"] * 20})
    >>> found = describe_stages(source, pd.DataFrame({"symbol": genes}), cells)
    >>> found.fractions.query("frac > 0")[["group", "stage", "frac"]].values.tolist()
    [['lot 1', 'msc', 1.0]]
    >>> found.why_no_window
    'no window: the cell table has no column `day`'
    """
    if by not in obs.columns and by != "sample":
        raise DataError(
            f"the cell table has no column {by!r}",
            found=", ".join(map(str, obs.columns)) or "no columns",
            fix="name one of these with --by",
            code=codes.SUBSETS_COLUMN,
        )
    calls = call_stages(source, features, obs, ambient=ambient, settings=settings, threads=threads)
    groups: pd.Series | str = obs[by] if by in obs.columns else "sample"
    window, why = None, ""
    if "day" not in obs.columns:
        why = "no window: the cell table has no column `day`"
    else:
        day = pd.to_numeric(obs["day"], errors="coerce")
        if day.isna().any():
            why = f"no window: {int(day.isna().sum())} of {len(day)} cells have no day"
        elif day.nunique() < 3:
            why = f"no window: {day.nunique()} days, three are needed"
        else:
            clone = obs["clone"] if "clone" in obs.columns and obs["clone"].notna().all() else None
            window = mesenchymoangioblast_window(calls, day, series=clone)
    return StageDescription(
        calls, stage_fractions(calls, groups), stage_route(calls, groups), window, why
    )
