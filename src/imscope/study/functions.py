"""The steps of cell function: programmes, subsets, stages, identity, safety, one function each."""

from pathlib import Path

import numpy as np
import pandas as pd

from imscope.analyses.subsets.score import ProgrammeSettings, score_programmes
from imscope.core.schema import PROGRAMME_SCORES
from imscope.study.design import Design
from imscope.study.stages import (
    Context,
    kept_source,
    load_array,
    save_cell_columns,
    save_json,
    save_table,
)

SHOWN_PER_CELL = 12
"""Programmes whose scores are kept for every cell: those that differ most between clusters."""


def kept_obs(context: Context, design: Design, qc: Path, clusters: Path) -> pd.DataFrame:
    """Sample, cluster and design of every kept cell, in their order."""
    rows = np.flatnonzero(load_array(qc, "keep"))
    names = ["sample", *(f for f in design.factors if f != "library")]
    obs = context.sheet[names].iloc[context.cohort.codes[rows]].reset_index(drop=True)
    obs["cluster"] = load_array(clusters, "labels").astype(str)
    return obs


def work_programmes(
    context: Context, design: Design, qc: Path, clusters: Path, folder: Path
) -> None:
    """Score the gene programmes by sample, by cluster and, with units as replicates, by group.

    Parameters
    ----------
    context
        Cohort, sheet, configuration.
    design
        Group and replicate unit.
    qc, clusters
        Folders of the steps this one reads.
    folder
        Empty folder.
    """
    source, _ = kept_source(context, qc)
    obs = kept_obs(context, design, qc, clusters)
    grouped = design.group if design.group and obs[design.group].notna().all() else None
    unit = design.unit if obs[design.unit].notna().all() else "sample"
    tables = []
    for by in ("sample", "cluster", grouped):
        if by is None:
            continue
        result = score_programmes(
            source,
            context.cohort.features,
            obs,
            settings=ProgrammeSettings(
                by=by, unit="sample" if unit == by else unit, seed=context.config.seed
            ),
            counts=context.cohort.kind == "counts",
            threads=context.threads,
        )
        tables.append(result.table.assign(by=by))
        if by == "cluster":
            save_cell_columns(folder, _telling(result.cells, obs["cluster"]))
    save_table(folder, PROGRAMME_SCORES, pd.concat(tables, ignore_index=True))
    save_json(folder, "programmes", {"by": [t["by"].iloc[0] for t in tables]})


def _telling(cells: pd.DataFrame, clusters: pd.Series) -> pd.DataFrame:
    """Scores of the programmes whose cluster means differ most for their spread."""
    means = cells.groupby(clusters.to_numpy(), sort=True).mean()
    spread = cells.std().replace(0, np.nan)
    telling = (means.std(ddof=0) / spread).sort_values(ascending=False, kind="stable")
    chosen = sorted(telling.dropna().index[:SHOWN_PER_CELL])
    return cells[chosen].add_prefix("score_").astype(np.float32)
