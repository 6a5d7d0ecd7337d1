"""Stage of every cell on the way from iPSC to MSC, and the share of each stage per group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.subsets.stage_posterior import (
    ROWS,
    ambient_rates,
    coverage_of,
    learn_rates,
    make_model,
    stage_log_likelihood,
    stage_posterior,
)
from imscope.analyses.subsets.stage_settings import StageSettings
from imscope.core import codes
from imscope.core.cells import Cells
from imscope.core.errors import DataError
from imscope.core.result import Notice
from imscope.core.schema import STAGE_FRACTIONS
from imscope.engine.libraries import per_million
from imscope.engine.panel_counts import PanelCounts, read_panel
from imscope.evidence.stage_panel import SHARED_PLACE, StagePanel, stage_panel
from imscope.stats.shares import pooled_share

if TYPE_CHECKING:
    from imscope.engine.ambient import AmbientResult

Floats = NDArray[np.float64]
PAIR = " or "
"""Between two names that cannot be told apart."""


@dataclass(frozen=True)
class StageCalls:
    """Stage calls of the cells of a run.

    Attributes
    ----------
    cells
        One row per cell in the order of the counts, indexed as ``obs``: ``sample``, ``stage``,
        ``kind``, ``posterior`` (of the name or pair of names) and ``n_umi``.
    posterior
        Shape ``(n_cells, n_stages)``; rows sum to 1.
    stages
        Names of the columns of ``posterior``; the last is ``unknown``.
    kinds
        Kind of each stage.
    coverage
        Share of each stage's core genes in the matrix.
    scored
        Whether each stage was scored.
    settings
        Settings in use.
    notices
        What must be told of the input.
    """

    cells: pd.DataFrame
    posterior: Floats
    stages: tuple[str, ...]
    kinds: tuple[str, ...]
    coverage: Floats
    scored: NDArray[np.bool_]
    settings: StageSettings
    notices: tuple[Notice, ...]


def call_stages(
    cells: Cells,
    *,
    ambient: "Mapping[str, AmbientResult] | None" = None,
    settings: StageSettings | None = None,
    threads: int | None = None,
) -> StageCalls:
    r"""Call the stage of every cell from the counts of marker genes.

    Every stage gives each marker gene a chance :math:`\pi_{sg}` to be on. A count has a
    gamma-Poisson law around the rate of a gene that is on or off, times the depth of the cell, plus
    the ambient counts expected in its sample, and

    .. math:: L_s(c) = \prod_g \bigl(\pi_{sg} P(x_{cg} \mid on) + (1-\pi_{sg}) P(x_{cg} \mid
        off)\bigr).

    APLNR, PDGFRA and KDR all on stands for the mesenchymoangioblast alone: every other stage may
    have at most two of them on.

    Parameters
    ----------
    cells
        Cells or pseudobulks; ``sample`` names the library, without it all cells are one.
    ambient
        Ambient share and profile per sample. Where none is known the share of the settings is
        assumed with the mean profile of the sample, and a note says so.
    settings
        Settings, by default :class:`StageSettings`.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    calls
        Stage and posterior of each cell.

    Raises
    ------
    DataError
        No stage has enough core genes in the matrix.
    MethodError
        The values are no counts.

    Notes
    -----
    Nothing is trained on labelled cells. The rates of genes that are on are learned from the cells
    at hand, shrunk to a common prior, and so is the mixture of stages in each sample, which is the
    prior of its cells. Every stage needs two of its core genes on. A cell whose best stage has a
    posterior below that of the settings, or which fits no stage better than genes on at random, is
    ``unknown``; so is a cell with too few counts.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> from imscope.evidence.stage_panel import stage_panel
    >>> genes = [*stage_panel().genes, "ACTB"]
    >>> on = {"APLNR": 3, "PDGFRA": 4, "KDR": 2, "HAND1": 1, "ACTB": 3000}
    >>> counts = sp.csr_array([[on.get(g, 0) for g in genes]])
    >>> source, obs = MemoryBlocks.from_csr(counts), pd.DataFrame({"sample": ["day 2"]})
    >>> calls = call_stages(Cells(source, pd.DataFrame({"symbol": genes}), obs))
    >>> calls.cells["stage"].tolist()
    ['mesenchymoangioblast']
    """
    cells = per_million(cells)
    settings = StageSettings() if settings is None else settings
    panel = stage_panel(libraries=not cells.single)
    counts = read_panel(cells.source, cells.features, panel.genes, threads=threads)
    if not cells.single:
        counts = counts.without(SHARED_PLACE)
    model = make_model(panel, counts.present, settings.min_coverage)
    _need_stages(counts.present, model.scored, settings)
    samples = cells.groups()
    number, names = samples.codes.astype(np.intp), samples.names
    known = {k: (v.fraction, v.profile) for k, v in (ambient or {}).items() if len(v.profile)}
    soup = ambient_rates(counts, number, names, known=known, default=settings.ambient_frac)
    bulk = (counts.depth >= settings.bulk_umi) | (not cells.single)
    rate = np.where(bulk[:, None], 0.0, soup[number])
    rows = _spread(cells.n_cells, settings.learning_cells)
    model = learn_rates(
        model, counts, rate[rows], rows=rows, sample=number[rows], rounds=settings.updates
    )
    log = np.zeros((cells.n_cells, len(panel.stages)))
    for low in range(0, cells.n_cells, ROWS):
        part = slice(low, low + ROWS)
        log[part], _ = stage_log_likelihood(
            model, counts.dense(part), counts.depth[part], rate[part]
        )
    out = stage_posterior(log, number, len(names))
    return StageCalls(
        cells=_cell_table(cells.obs.index, samples.labels, out, counts, panel, settings),
        posterior=out,
        stages=panel.stages,
        kinds=panel.kinds,
        coverage=coverage_of(panel, counts.present),
        scored=model.scored,
        settings=settings,
        notices=_notices(panel, model.scored, set(names) - set(known), bulk, settings),
    )


def _spread(n: int, most: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))


def _need_stages(
    present: NDArray[np.bool_],
    scored: NDArray[np.bool_],
    settings: StageSettings,
) -> None:
    if not scored[:-1].any():
        raise DataError(
            "no stage can be scored: too few of its marker genes are in the matrix",
            found=f"{int(present.sum())} of {len(present)} marker genes",
            fix=f"a stage needs {settings.min_coverage:.0%} of its core genes; check that features "
            "carry human gene symbols or Ensembl ids",
            code=codes.STAGE_GENES,
        )


def _cell_table(
    index: pd.Index,
    sample: NDArray[np.object_],
    chance: Floats,
    counts: PanelCounts,
    panel: StagePanel,
    settings: StageSettings,
) -> pd.DataFrame:
    order = np.argsort(-chance, axis=1, kind="stable")[:, :2]
    row = np.arange(len(chance))
    first, second = order.T
    top = chance[row, first]
    unknown = len(panel.stages) - 1
    # two names that share the cell, neither of them with the posterior needed
    both = (top < settings.min_posterior) & (top + chance[row, second] >= settings.min_posterior)
    both &= (order != unknown).all(axis=1)
    best = np.where((top >= settings.min_posterior) | both, first, unknown)
    names, kinds = np.array(panel.stages, dtype=object), np.array(panel.kinds, dtype=object)
    pair = [PAIR.join(names[sorted(k)]) for k in order[both]]
    stage, kind = names[best], kinds[best]
    stage[both] = pair
    kind[both] = "pair"
    return pd.DataFrame(
        {
            "sample": sample.astype(str),
            "stage": stage.astype(str),
            "kind": kind.astype(str),
            "posterior": np.where(both, top + chance[row, second], top),
            "n_umi": counts.depth.astype(np.int64),
        },
        index=index,
    )


def _notices(
    panel: StagePanel,
    scored: NDArray[np.bool_],
    assumed: set[str],
    bulk: NDArray[np.bool_],
    settings: StageSettings,
) -> tuple[Notice, ...]:
    told = []
    dropped = [s for s, ok in zip(panel.stages, scored, strict=True) if not ok]
    if dropped:
        words = f"not scored, too few core genes in the matrix: {', '.join(dropped)}"
        told.append(Notice(codes.W_STAGE_GENES, words))
    if bulk.any():
        words = f"{int(bulk.sum())} rows are taken as pseudobulks, without ambient RNA"
        told.append(Notice(codes.W_STAGE_BULK, words))
    if assumed and not bulk.all():
        words = (
            f"ambient share not known for {len(assumed)} samples: {settings.ambient_frac:.0%} of "
            "their mean profile is assumed"
        )
        told.append(Notice(codes.W_STAGE_AMBIENT, words))
    return tuple(told)


def stage_fractions(calls: StageCalls, group: NDArray[np.object_]) -> pd.DataFrame:
    """Count the stages of each group.

    Parameters
    ----------
    calls
        From :func:`call_stages`.
    group
        Group of each cell in the order of ``calls.cells``.

    Returns
    -------
    table
        As :data:`imscope.core.schema.STAGE_FRACTIONS`, a row for every group and stage.

    Notes
    -----
    The interval is over the cells of one library where the group is one sample, and says nothing of
    other lots; with several samples it is widened for their differences.
    """
    table = calls.cells
    called = pd.crosstab([group, table["sample"].to_numpy()], table["stage"].to_numpy())
    pairs = [c for c in called.columns if c not in calls.stages]
    called = called.reindex(columns=[*calls.stages, *pairs], fill_value=0)
    rows = []
    for name in dict.fromkeys(group.tolist()):
        mine = called.loc[[name]]
        cells = mine.sum(axis=1).to_numpy()
        for stage in called.columns:
            rows.append(_row(calls, str(stage), name, mine[stage].to_numpy(), cells))
    return STAGE_FRACTIONS.frame(rows)


def _row(
    calls: StageCalls, stage: str, group: str, called: NDArray[np.int64], cells: NDArray[np.int64]
) -> dict[str, object]:
    of = [calls.stages.index(name) for name in stage.split(PAIR)]
    ok, coverage = bool(calls.scored[of].all()), float(calls.coverage[of].min())
    share = pooled_share(called, cells, level=calls.settings.level)
    reason = "" if ok else f"{coverage:.0%} of its core genes are in the matrix"
    nothing = float("nan")
    return {
        "group": group,
        "stage": stage,
        "kind": calls.kinds[of[0]] if len(of) == 1 else "pair",
        "frac": share.frac if ok else nothing,
        "low": share.low if ok else nothing,
        "high": share.high if ok else nothing,
        "n_cells": int(cells.sum()),
        "n_called": int(called.sum()),
        "n_samples": len(cells),
        "interval": share.basis,
        "coverage": coverage,
        "status": "ok" if ok else "not scored",
        "reason": reason,
    }
