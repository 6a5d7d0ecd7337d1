"""Everything about stages in one call: shares, window, route."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from imscope.analyses.subsets.route import stage_route
from imscope.analyses.subsets.stage_calls import StageCalls, call_stages, stage_fractions
from imscope.analyses.subsets.stage_settings import StageSettings
from imscope.analyses.subsets.window import mesenchymoangioblast_window
from imscope.core.names import is_missing
from imscope.core.result import Result, Status
from imscope.io.open import open_cells

if TYPE_CHECKING:
    from imscope.core.cells import Cells
    from imscope.engine.ambient import AmbientResult
    from imscope.io.open import Openable


def stage(
    cells: "Openable",
    *,
    by: str | None = None,
    ambient: "Mapping[str, AmbientResult] | None" = None,
    settings: StageSettings | None = None,
    threads: int | None = None,
) -> Result:
    """Call stages, count them per group, follow the window over days and tell the route.

    Parameters
    ----------
    cells
        Cells, or an ``AnnData`` or ``MuData`` in memory, with counts; the columns ``sample``,
        ``day`` and ``clone`` are used if there.
    by
        Column that makes the groups; ``sample`` by default, else all cells are one group.
    ambient
        Ambient share and profile per sample. Where none is known the share of the settings is
        assumed with the mean profile of the sample, and a notice says so.
    settings
        See :class:`StageSettings`.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Tables ``stage_fractions`` and ``stage_route``, and with three days ``stage_window`` and
        ``stage_window_checks``; ``stage``, ``kind``, ``posterior`` and ``n_umi`` of every cell.

    Raises
    ------
    DataError
        There is no column ``by``, or no stage has enough core genes in the matrix.
    MethodError
        The values are no counts.

    Examples
    --------
    >>> import anndata, scipy.sparse as sp
    >>> from imscope.evidence.stage_panel import stage_markers, stage_panel
    >>> genes = [*stage_panel().genes, "ACTB"]
    >>> core = stage_markers()["msc"].core
    >>> cell = [6 * (g in core) + 4000 * (g == "ACTB") for g in genes]
    >>> counts, var = sp.csr_matrix([cell] * 20, dtype="int32"), pd.DataFrame(index=genes)
    >>> found = stage(anndata.AnnData(counts, var=var))
    >>> found.tables["stage_fractions"].query("frac > 0")[["stage", "frac"]].values.tolist()
    [['msc', 1.0]]
    >>> found.why("stage_window")
    'no window: the cell table has no column `day`'
    """
    used = open_cells(cells, bulk=True).known(by)
    calls = call_stages(used, ambient=ambient, settings=settings, threads=threads)
    group = used.groups(by).labels
    tables = {
        "stage_fractions": stage_fractions(calls, group),
        "stage_route": stage_route(calls, group),
    }
    skipped = {}
    if why := _no_window(used.obs):
        skipped["stage_window"] = (Status("NOT TESTABLE", why),)
    else:
        tables |= _window(used, calls)
    settings_of = asdict(calls.settings) | {"by": by}
    notices = (*used.notices, *calls.notices)
    return Result(tables, calls.cells, skipped=skipped, notices=notices, settings=settings_of)


def _no_window(obs: pd.DataFrame) -> str:
    """Why the days give no window; empty when they do."""
    if "day" not in obs.columns:
        return "no window: the cell table has no column `day`"
    day = pd.to_numeric(obs["day"], errors="coerce")
    if day.isna().any():
        return f"no window: {int(day.isna().sum())} of {len(day)} cells have no day"
    if day.nunique() < 3:
        return f"no window: {day.nunique()} days, three are needed"
    return ""


def _window(cells: "Cells", calls: StageCalls) -> dict[str, pd.DataFrame]:
    clone = cells.obs.get("clone")
    if clone is not None and any(is_missing(v) for v in clone):
        clone = None
    found = mesenchymoangioblast_window(calls, pd.to_numeric(cells.obs["day"]), series=clone)
    return {"stage_window": found.days, "stage_window_checks": found.checks}
