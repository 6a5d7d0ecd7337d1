"""Step: functional subsets, tested in every unit, named, ranked for the indications."""

from collections.abc import Mapping

import pandas as pd

from imscope.analyses.subsets import (
    SubsetSettings,
    hill_table,
    name_subsets,
    rank,
    support_clusters,
)
from imscope.analyses.subsets.composition import SIGNIFICANT
from imscope.analyses.subsets.find import split
from imscope.analyses.subsets.shared_names import name_shared
from imscope.core.cells import unit_names
from imscope.core.result import Result, skip
from imscope.core.schema import (
    SUBSET_CALLS,
    SUBSET_JOINT,
    SUBSET_NAMES,
    SUBSET_RANKING,
    SUBSET_SPLITS,
    SUBSET_SUPPORT,
)
from imscope.evidence.answers import show_evidence
from imscope.evidence.indications import all_indications, find_indication
from imscope.study.config import RunConfig
from imscope.study.step import Had, Run, Step
from imscope.study.store import Finished

TABLES = (
    *(SUBSET_CALLS, SUBSET_SPLITS, SUBSET_JOINT),
    *(SUBSET_SUPPORT, SUBSET_NAMES, SUBSET_RANKING),
)
VETO = 0.01
"""Share of called pluripotent or unwanted cells in a subset from which it is vetoed."""


def subset_settings(config: RunConfig) -> SubsetSettings:
    """Settings of the subset test as the configuration gives them."""
    if config.subsets.test == "full":
        return SubsetSettings(alpha=config.subsets.alpha, seed=config.seed)
    quick = SubsetSettings.for_runs(config.seed)
    return SubsetSettings(
        alpha=config.subsets.alpha,
        max_cells=quick.max_cells,
        genes=quick.genes,
        most_nulls=quick.most_nulls,
        seed=config.seed,
    )


def work_subsets(run: Run, had: Had) -> Result:
    """Test units for more than one population; support, name and rank the clusters of the run."""
    why = ""
    if run.config.subsets.test == "off":
        why = "the subset test is switched off in the configuration (subsets.test)"
    elif not run.has_counts:
        why = "the subset test needs UMI counts"
    if why:
        return skip([t.name for t in TABLES], why)
    score = had["qc"].array("doublet_score")[run.rows(had)]
    cells = run.cells(had).with_obs(doublet_score=score)
    found = split(cells, unit=run.design.unit, settings=subset_settings(run.config)).tables
    labels, obs = found["subset_labels"], cells.obs
    support = support_clusters(found, obs["cluster"])
    scores = had["programmes"].table("programme_scores")
    scores = scores[scores["by"] == "cluster"]
    significant = set(support.loc[support["significant"], "cluster"].astype(str))
    names = name_subsets(scores, significant, unit_scores=had["programmes"].table("unit_scores"))
    shared = name_shared(cells, found, unit=run.design.unit, seed=run.config.seed)
    if len(shared):
        names = pd.concat([names, shared], ignore_index=True)
    tables = {
        "subset_calls": found["subset_calls"],
        "subset_splits": found["subset_splits"],
        "subset_joint": found["subset_joint"],
        "subset_support": support,
        "subset_names": names,
    }
    if len(labels):
        sizes = pd.crosstab(labels["group"], labels["subset"])
        hill = hill_table(sizes, seed=run.config.seed)
        tables["composition_significant"] = hill.assign(basis=SIGNIFICANT)
    if not significant:
        why = "no cluster is shown to be a population of its own in two replicate units"
        return Result(tables, skipped=skip([SUBSET_RANKING.name], why).skipped)
    ranking = _ranking(scores, obs, run.design.unit, had["safety"])
    return Result(tables | {"subset_ranking": _only(ranking, significant)})


def _ranking(scores: pd.DataFrame, obs: pd.DataFrame, unit: str, safety: Finished) -> pd.DataFrame:
    """Rank the clusters for every indication on record."""
    cells = _cells(obs, unit)
    vetoes = _vetoes(obs, safety)
    parts = []
    for name in all_indications():
        panel = find_indication(name)
        table = rank(
            panel.weights, scores, cells=cells, vetoes=vetoes, conflicts=_conflicts(panel.weights)
        )
        told = {"indication": name, "label": panel.label, "assays": "; ".join(panel.assays)}
        parts.append(table.assign(**told))
    return pd.concat(parts, ignore_index=True)


def _only(ranking: pd.DataFrame, significant: set[str]) -> pd.DataFrame:
    """Keep the subsets that hold up, ranked among themselves; all were compared with all."""
    kept = ranking[ranking["subset"].astype(str).isin(significant)].copy()
    places = kept.groupby("indication", sort=False)["rank"].rank(method="dense")
    kept["rank"] = places.astype("int64")
    return kept.reset_index(drop=True)


def _cells(obs: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Cells of each cluster in each unit, by passage where the sheet has it for all samples."""
    table = pd.DataFrame({"unit": unit_names(obs, unit), "subset": obs["cluster"].astype(str)})
    keys = ["unit"]
    if "passage" in obs:
        passage = pd.to_numeric(obs["passage"], errors="coerce")
        if passage.notna().all():
            table["passage"] = passage
            keys.append("passage")
    total = table.groupby(keys, as_index=False).size().rename(columns={"size": "n_total"})
    seen = table.groupby([*keys, "subset"], as_index=False).size()
    every = total.merge(pd.DataFrame({"subset": sorted(table["subset"].unique())}), how="cross")
    every = every.merge(seen, on=[*keys, "subset"], how="left")
    every["n_cells"] = every.pop("size").fillna(0).astype("int64")
    return every


def _vetoes(obs: pd.DataFrame, safety: Finished) -> pd.DataFrame:
    """Clusters in which cells that must not be there are more than a trace."""
    nothing = pd.DataFrame({"subset": [], "reason": []}, dtype="str")
    if not safety.has_table("called"):
        return nothing
    called = safety.table("called")
    rows = []
    sizes = obs["cluster"].value_counts()
    for (cluster, lineage), part in called.groupby(["cluster", "lineage"]):
        share = len(part) / int(sizes[str(cluster)])
        if share >= VETO:
            rows.append((str(cluster), f"{share:.1%} of its cells are called {lineage}"))
    return pd.DataFrame(rows, columns=["subset", "reason"]) if rows else nothing


def _conflicts(weights: Mapping[str, float]) -> pd.DataFrame:
    """Programmes of a panel on which published results disagree."""
    rows = []
    for programme in weights:
        answer = show_evidence(programme)
        if answer.conflict:
            rows.append((programme, "published results disagree in sign"))
    return pd.DataFrame(rows, columns=["programme", "reason"])


STEP = Step(
    "subsets",
    "subsets",
    work_subsets,
    needs=("qc", "clusters", "programmes", "safety"),
    settings=lambda run: run.settings(run.config.subsets, sheet=True, groups=True),
    tables=TABLES,
    share=22.0,
    rank=150,
)
