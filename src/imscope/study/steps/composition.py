"""Step: clusters per sample, effective number of subsets per unit, shares between groups."""

from collections.abc import Mapping

import pandas as pd

from imscope.analyses.subsets.composition import describe_composition
from imscope.core.result import Result, Status, skip
from imscope.core.schema import CLUSTERS, COMPOSITION, DIFFERENTIAL_ABUNDANCE
from imscope.study.step import Had, Run, Step


def work_composition(run: Run, had: Had) -> Result:
    """Count clusters per sample; compare subsets and shares where the design has groups."""
    obs = run.cells(had).obs.reset_index(drop=True)
    tables = {"clusters": count_clusters(obs, run.samples)}
    group, unit = run.design.group, run.design.unit
    skipped: Mapping[str, tuple[Status, ...]] = {}
    if group is None or unit == group:
        skipped = skip(["differential_abundance"], "no groups of replicate units").skipped
    elif obs[[group, unit]].isna().to_numpy().any():
        why = f"some samples have no {group} or no {unit}"
        skipped = skip(["differential_abundance"], why).skipped
    else:
        tables |= describe_composition(obs, group=group, unit=unit, seed=run.config.seed)
    if had["subsets"].has_table("composition_significant"):
        parts = [had["subsets"].table("composition_significant"), tables.get("composition")]
        whole = pd.concat([p for p in parts if p is not None], ignore_index=True)
        tables["composition"] = whole
    return Result(tables, skipped=skipped)


def count_clusters(obs: pd.DataFrame, samples: list[str]) -> pd.DataFrame:
    """Cells and share of every cluster in every sample, samples in the order of the sheet."""
    clusters = sorted(obs["cluster"].unique(), key=int)
    counts = pd.crosstab(obs["sample"].astype(str), obs["cluster"])
    counts = counts.reindex(index=samples, columns=clusters, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    return CLUSTERS.frame(
        {"cluster": c, "sample": s, "n_cells": int(counts.loc[s, c]), "frac": shares.loc[s, c]}
        for c in clusters
        for s in samples
    )


STEP = Step(
    "composition",
    "composition",
    work_composition,
    needs=("qc", "clusters", "subsets"),
    settings=lambda run: run.settings(sheet=True, groups=True),
    tables=(CLUSTERS, COMPOSITION, DIFFERENTIAL_ABUNDANCE),
    share=0.5,
    rank=200,
)
