"""Step: heterogeneity index per sample, lot and group, and what may be claimed of it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.heterogeneity import (
    Heterogeneity,
    HeterogeneitySettings,
    Profile,
    compare_groups,
    compute_heterogeneity,
    describe_claims,
    drift_table,
    gene_table,
    index_result,
    programme_table,
    read_profile,
    relative_table,
    split_levels,
    with_floor,
)
from imscope.analyses.heterogeneity.floor import SPIKE_INS
from imscope.analyses.heterogeneity.relative import references
from imscope.analyses.heterogeneity.slopes import with_fractions
from imscope.core import codes
from imscope.core.errors import MethodError
from imscope.core.names import read_truth
from imscope.core.result import Notice, Result, Status, skip
from imscope.core.schema import (
    CLAIMS,
    HETEROGENEITY_DRIFT,
    HETEROGENEITY_GENES,
    HETEROGENEITY_INDEX,
    HETEROGENEITY_LEVELS,
    HETEROGENEITY_PROGRAMMES,
    HETEROGENEITY_RELATIVE,
)
from imscope.io.genes import gene_classes
from imscope.study.config import RunConfig
from imscope.study.step import Had, Run, Step
from imscope.study.store import Finished

NESTED = (
    *("source_class", "source_tissue", "donor", "line", "clone", "lot"),
    *("batch", "passage", "condition"),
)
"""Levels of the decomposition, coarse to fine; the sample and the cell come last."""
POOL_COLUMN = "is_pool"
"""Column of the sheet that marks wells which all hold one RNA: they measure the technique."""
NO_COUNTS = "needs UMI counts, the matrix holds other expression values"


def heterogeneity_settings(config: RunConfig, unit: str | None) -> HeterogeneitySettings:
    """Settings of the analysis, as the run's configuration gives them."""
    chosen = config.heterogeneity
    return HeterogeneitySettings(
        replicate_unit=unit,
        coordinated_cells=chosen.cells_per_library,
        margin_low=chosen.margin_low,
        margin_high=chosen.margin_high,
        adjustment=chosen.adjustment,
        claim_order=tuple(chosen.claims),
        seed=config.seed,
    )


def work_heterogeneity(run: Run, had: Had) -> Result:
    """Compute the index and the claims of a run."""
    if not run.has_counts:
        tables = {"heterogeneity_index": _refused_index(run, had), "claims": _refused_claims(run)}
        skipped = skip(["heterogeneity_levels"], "needs UMI counts").skipped
        return Result(tables, facts={"skipped": "needs UMI counts"}, skipped=skipped)
    cells, profile = run.cells(had), _profile(run)
    h = compute_heterogeneity(
        cells.source,
        cells.features,
        _cells(run, had),
        classes=gene_classes(cells.features),
        settings=heterogeneity_settings(run.config, _unit(run, profile)),
        profile=profile,
        threads=run.threads,
    )
    h, skipped = _floor(h) if profile is None else (h, {})
    h = with_fractions(h, _senescent(had["identity"]))
    levels = _levels(run)
    tables = _carriers(h, "lot" if "lot" in levels else "sample")
    found = index_result(h, *levels, threads=run.threads)
    index = _ordered(run, found.tables["heterogeneity_index"], levels)
    tables |= {"heterogeneity_index": index, "claims": _claims(run, h)}
    group, unit = run.design.group, run.design.unit
    if group is not None and unit != group:
        tables["heterogeneity_drift"] = drift_table(h, group, unit=unit)
    facts, split = _decompose(run, h)
    if split is None:
        skipped |= skip(["heterogeneity_levels"], facts["skipped"]).skipped
    else:
        tables["heterogeneity_levels"] = split
    told = [Notice(codes.W_DESIGN, words) for words in facts["untestable"]]
    return Result(tables, facts=facts, skipped=skipped, notices=(*told, *found.notices))


def _profile(run: Run) -> Profile | None:
    """Frozen genes and weights, where the configuration names a file of them."""
    path = run.config.heterogeneity.reference_profile
    return None if path is None else read_profile(path)


def _unit(run: Run, profile: Profile | None) -> str | None:
    """Column of the units: that of the configuration, of the frozen profile, or as found."""
    fixed = None if profile is None else profile.unit
    asked = run.config.heterogeneity.unit
    if asked is None and fixed is not None and fixed in run.sheet:
        return fixed
    return run.design.unit


def _senescent(identity: Finished) -> dict[str, float]:
    """Senescent fraction of every sample for which it was called, for drift per doubling."""
    if not identity.has_table("senescence"):
        return {}
    table = identity.table("senescence")
    known = table[table["frac"].notna() & ~table["status"].str.startswith("not estimable")]
    return dict(zip(known["group"].astype(str), known["frac"].astype(float), strict=True))


def _floor(h: Heterogeneity) -> tuple[Heterogeneity, dict[str, tuple[Status, ...]]]:
    """Measure the technical floor on pool wells or spike-ins, where the run has them.

    Where they are there and make no floor, the reason stands in the results.
    """
    wells = POOL_COLUMN in h.strata.columns and _pools(h).any()
    spikes = h.spikes is not None and h.spikes.any()
    if not wells and not spikes:
        return h, {}
    try:
        return with_floor(h, f"{POOL_COLUMN}=true" if wells else SPIKE_INS), {}
    except MethodError as error:  # too few or too shallow
        return h, {"heterogeneity_floor": (Status("NOT TESTABLE", error.problem),)}


def _pools(h: Heterogeneity) -> NDArray[np.bool_]:
    if POOL_COLUMN not in h.strata.columns:
        return np.zeros(len(h.strata), dtype=bool)
    return read_truth(h.strata[POOL_COLUMN], POOL_COLUMN)


def _carriers(h: Heterogeneity, by: str) -> dict[str, pd.DataFrame]:
    """Which genes and programmes carry the index, and the index over a reference."""
    tables = {
        "heterogeneity_genes": gene_table(h, by),
        "heterogeneity_programmes": programme_table(h, by),
    }
    if references(h).any():
        tables["heterogeneity_relative"] = relative_table(h, by)
    return tables


def _claims(run: Run, h: Heterogeneity) -> pd.DataFrame:
    """Claims between groups where the design has groups, then each sample against its pool."""
    parts = [describe_claims(h)]
    group, unit = run.design.group, run.design.unit
    if group is not None:
        asked = None if unit == group else unit
        parts.insert(0, compare_groups(h, group, unit=asked, threads=run.threads))
    return pd.concat(parts, ignore_index=True)


def _decompose(run: Run, h: Heterogeneity) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Split the total by level of the design where that can be done; say why where it cannot."""
    sheet = run.sheet
    levels = [f for f in NESTED if f in sheet and sheet[f].notna().all() and sheet[f].nunique() > 1]
    nothing: dict[str, Any] = {"levels": levels, "merged": [], "untestable": []}
    if "platform" in sheet and sheet["platform"].nunique() > 1:
        why = "platforms differ, and what differs between them is technical"
        return nothing | {"skipped": why}, None
    if len(sheet) < 2:
        return nothing | {"skipped": "one sample has no level above its cells"}, None
    try:
        wells = _pools(h)  # wells of one RNA are no level of the design
        made = split_levels(h, [*levels, "sample"], strata=np.flatnonzero(~wells))
    except MethodError as error:
        return nothing | {"skipped": error.problem}, None
    return {
        "levels": levels,
        "merged": list(made.merged),
        "untestable": list(made.untestable),
        "interval": made.interval,
        "total_hi2": made.total_hi2,
        "skipped": "",
    }, made.table


def _levels(run: Run) -> list[str]:
    """Columns to report by: samples, lots, compared groups, platform pools, any asked for."""
    wanted = ["sample", "lot", run.design.unit, run.design.group, "platform"]
    wanted += run.config.heterogeneity.by
    found = ["sample"]
    for name in wanted:
        if name is None or name in found or name not in run.sheet:
            continue
        if name == "platform" or run.sheet[name].nunique() < len(run.sheet):
            found.append(name)
    return found


def _cells(run: Run, had: Had) -> pd.DataFrame:
    """Design of every kept cell: its sample's row of the sheet and its ambient share."""
    names = ["sample", *(f for f in run.design.factors if f not in {"library", "collected_at"})]
    names += [c for c in run.config.heterogeneity.by if c in run.sheet and c not in names]
    if POOL_COLUMN in run.sheet:
        names.append(POOL_COLUMN)
    per_sample = run.sheet[names].copy()
    if POOL_COLUMN in per_sample:
        yes = read_truth(per_sample[POOL_COLUMN], POOL_COLUMN)
        per_sample[POOL_COLUMN] = np.where(yes, "true", "false")
    ambient = had["ambient"].table("ambient").set_index("sample").reindex(per_sample["sample"])
    per_sample["ambient_high"] = ambient["fraction"].to_numpy(np.float64)  # what it is at most
    rows = run.rows(had)
    kept = np.bincount(run.cohort.codes[rows], minlength=len(run.samples))
    every = np.bincount(run.cohort.codes, minlength=len(run.samples))
    per_sample["qc_lost"] = 1.0 - kept / np.maximum(every, 1)
    return per_sample.iloc[run.cohort.codes[rows]].reset_index(drop=True)


def _ordered(run: Run, table: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    """Index by several columns, groups in the order of the sheet."""
    parts = []
    for by in levels:
        order = {str(v): i for i, v in enumerate(dict.fromkeys(run.sheet[by].astype(str)))}
        place = table["group"].astype(str).map(order).fillna(len(order))
        mine = table[table["level"] == by]
        parts.append(mine.iloc[np.argsort(place[mine.index].to_numpy(), kind="stable")])
    return pd.concat(parts, ignore_index=True)


def _refused_index(run: Run, had: Had) -> pd.DataFrame:
    sizes = np.bincount(run.cohort.codes[run.rows(had)], minlength=len(run.samples))
    return HETEROGENEITY_INDEX.frame(
        {
            "level": "sample",
            "group": sample,
            "n_cells": int(sizes[i]),
            "n_units": 1,
            "status": f"not estimable: {NO_COUNTS}",
        }
        for i, sample in enumerate(run.samples)
    )


def _refused_claims(run: Run) -> pd.DataFrame:
    return CLAIMS.frame(
        [
            {
                "claim": "A",
                "test_group": run.design.group or "",
                "verdict": "NOT TESTABLE",
                "reason": f"heterogeneity {NO_COUNTS}",
            }
        ]
    )


STEP = Step(
    "heterogeneity",
    "heterogeneity",
    work_heterogeneity,
    needs=("qc", "ambient", "identity"),
    settings=lambda run: (
        run.settings(run.config.heterogeneity, sheet=True, groups=True)
        | {"profile": made.digest if (made := _profile(run)) is not None else ""}
    ),
    tables=(
        *(HETEROGENEITY_INDEX, HETEROGENEITY_LEVELS, HETEROGENEITY_GENES),
        *(HETEROGENEITY_PROGRAMMES, HETEROGENEITY_RELATIVE, HETEROGENEITY_DRIFT, CLAIMS),
    ),
    share=3.4,
    rank=160,
)
