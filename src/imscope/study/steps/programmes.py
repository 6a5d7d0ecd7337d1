"""Step: gene programmes by sample, by cluster and, with units as replicates, by group."""

import numpy as np
import pandas as pd

from imscope.analyses.subsets import ProgrammeSettings, score
from imscope.core.cells import unit_names
from imscope.core.result import Result
from imscope.core.schema import PROGRAMME_SCORES
from imscope.study.step import Had, Run, Step

SHOWN_PER_CELL = 12
"""Programmes whose scores are kept for every cell: those that differ most between clusters."""


def work_programmes(run: Run, had: Had) -> Result:
    """Score the gene programmes by sample, by cluster and, with units as replicates, by group."""
    cells = run.cells(had)
    group, unit = run.design.group, run.design.unit
    grouped = group if group and cells.obs[group].notna().all() else None
    scores, tables, telling = [], {}, None
    for by in ("sample", "cluster", grouped):
        if by is None:
            continue
        result = score(
            cells,
            by=by,
            unit="sample" if unit == by else unit,
            settings=ProgrammeSettings(seed=run.config.seed),
            threads=run.threads,
        )
        scores.append(result.tables["programme_scores"].assign(by=by))
        if by == "cluster" and result.cells is not None:
            telling = _telling(result.cells, cells.obs["cluster"])
            tables["unit_scores"] = _unit_scores(result.cells, cells.obs, unit)
    tables["programme_scores"] = pd.concat(scores, ignore_index=True)
    return Result(tables, cells=telling)


def _unit_scores(cells: pd.DataFrame, obs: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Mean score of every programme per cluster and replicate unit."""
    keys = [
        obs["cluster"].astype(str).rename("group"),
        pd.Series(unit_names(obs, unit), obs.index, name="unit"),
    ]
    means = cells.groupby(keys, sort=True).mean().reset_index()
    return means.melt(["group", "unit"], var_name="programme", value_name="score")


def _telling(cells: pd.DataFrame, clusters: pd.Series) -> pd.DataFrame:
    """Scores of the programmes whose cluster means differ most for their spread."""
    means = cells.groupby(clusters.to_numpy(), sort=True).mean()
    spread = cells.std().replace(0, np.nan)
    telling = (means.std(ddof=0) / spread).sort_values(ascending=False, kind="stable")
    chosen = sorted(telling.dropna().index[:SHOWN_PER_CELL])
    return cells[chosen].add_prefix("score_").astype(np.float32)


STEP = Step(
    "programmes",
    "programmes",
    work_programmes,
    needs=("qc", "clusters"),
    settings=lambda run: run.settings(sheet=True, groups=True),
    tables=(PROGRAMME_SCORES,),
    share=5.8,
    rank=100,
)
