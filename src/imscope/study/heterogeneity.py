"""The heterogeneity step: index per sample, lot and group, and what may be claimed of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.carriers import gene_table, programme_table
from imscope.analyses.heterogeneity.comparison import compare
from imscope.analyses.heterogeneity.compute import Heterogeneity, compute_heterogeneity
from imscope.analyses.heterogeneity.decomposition import decompose
from imscope.analyses.heterogeneity.describe import describe_claims
from imscope.analyses.heterogeneity.floor import SPIKE_INS, with_floor
from imscope.analyses.heterogeneity.index import index_table
from imscope.analyses.heterogeneity.relative import references, relative_table
from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.analyses.heterogeneity.slopes import drift_table, with_fractions
from imscope.core.errors import MethodError
from imscope.core.schema import CLAIMS, HETEROGENEITY_INDEX
from imscope.io.genes import gene_classes
from imscope.study.config import RunConfig
from imscope.study.design import Design
from imscope.study.stages import Context, kept_source, save_json

NESTED = (
    *("source_class", "source_tissue", "donor", "line", "clone", "lot"),
    *("batch", "passage", "condition"),
)
"""Levels of the decomposition, coarse to fine; the sample and the cell come last."""
POOL_COLUMN = "is_pool"
"""Column of the sheet that marks wells which all hold one RNA: they measure the technique."""
REFUSAL = "not estimable: needs UMI counts, the matrix holds other expression values"


def heterogeneity_settings(config: RunConfig, unit: str | None) -> HeterogeneitySettings:
    """Settings of the analysis, as the run's configuration gives them."""
    chosen = config.heterogeneity
    return HeterogeneitySettings(
        replicate_unit=unit,
        coordinated_cells=chosen.cells_per_library,
        margin_low=chosen.margin_low,
        margin_high=chosen.margin_high,
        seed=config.seed,
    )


def work_heterogeneity(
    context: Context, design: Design, at: Mapping[str, Path], folder: Path
) -> None:
    """Compute the index and the claims of a run and write their tables.

    Parameters
    ----------
    context
        Cohort, sheet, configuration.
    design
        Group and replicate unit.
    at
        Folders of finished steps: ``qc``, ``ambient`` and ``identity`` are read.
    folder
        Empty folder.
    """
    qc, ambient = at["qc"], at["ambient"]
    if context.cohort.kind != "counts":
        _write(folder, _refused_index(context, qc), _refused_claims(design))
        save_json(folder, "decomposition", {"skipped": "needs UMI counts"})
        return
    source, rows = kept_source(context, qc)
    h = compute_heterogeneity(
        source,
        context.cohort.features,
        _cells(context, design, rows, ambient),
        classes=gene_classes(context.cohort.features),
        settings=heterogeneity_settings(context.config, design.unit),
        threads=context.threads,
    )
    h = _floor(h, folder)
    h = with_fractions(h, _senescent(at["identity"]))
    levels = _levels(context, design)
    _carriers(h, "lot" if "lot" in levels else "sample", folder)
    tables = [_table(context, h, by) for by in levels]
    _write(folder, pd.concat(tables, ignore_index=True), _claims(context, design, h))
    if design.group is not None and design.unit != design.group:
        drift_table(h, design.group, unit=design.unit).to_parquet(
            folder / "heterogeneity_drift.parquet"
        )
    save_json(folder, "decomposition", _decompose(context, h, folder))


def _senescent(identity: Path) -> dict[str, float]:
    """Senescent fraction of every sample for which it was called, for drift per doubling."""
    path = identity / "tables" / "senescence.parquet"
    if not path.exists():
        return {}
    table = pd.read_parquet(path)
    known = table[table["frac"].notna() & ~table["status"].str.startswith("not estimable")]
    return dict(zip(known["group"].astype(str), known["frac"].astype(float), strict=True))


def _floor(h: Heterogeneity, folder: Path) -> Heterogeneity:
    """Measure the technical floor on pool wells or spike-ins, where the run has them.

    Where they are there and make no floor, the reason stands in the results.
    """
    wells = POOL_COLUMN in h.strata.columns and _pools(h).any()
    spikes = h.spikes is not None and h.spikes.any()
    if not wells and not spikes:
        return h
    try:
        return with_floor(h, f"{POOL_COLUMN}=true" if wells else SPIKE_INS)
    except MethodError as error:  # too few or too shallow
        save_json(folder, "skipped", {"heterogeneity_floor": error.problem})
        return h


def _pools(h: Heterogeneity) -> NDArray[np.bool_]:
    if POOL_COLUMN not in h.strata.columns:
        return np.zeros(len(h.strata), dtype=bool)
    words = h.strata[POOL_COLUMN].astype("object").map(str).str.lower()
    return np.asarray(words == "true", dtype=bool)


def _carriers(h: Heterogeneity, by: str, folder: Path) -> None:
    """Write which genes and programmes carry the index, and the index over a reference."""
    gene_table(h, by).to_parquet(folder / "heterogeneity_genes.parquet")
    programme_table(h, by).to_parquet(folder / "heterogeneity_programmes.parquet")
    if references(h).any():
        relative_table(h, by).to_parquet(folder / "heterogeneity_relative.parquet")


def _claims(context: Context, design: Design, h: Heterogeneity) -> pd.DataFrame:
    """Claims between groups where the design has groups, then each sample against its pool."""
    parts = [describe_claims(h)]
    if design.group is not None:
        unit = None if design.unit == design.group else design.unit
        parts.insert(0, compare(h, design.group, unit=unit, threads=context.threads))
    return pd.concat(parts, ignore_index=True)


def _decompose(context: Context, h: Heterogeneity, folder: Path) -> dict[str, Any]:
    """Split the total by level of the design where that can be done; say why where it cannot."""
    sheet = context.sheet
    levels = [f for f in NESTED if f in sheet and sheet[f].notna().all() and sheet[f].nunique() > 1]
    nothing: dict[str, Any] = {"levels": levels, "merged": [], "untestable": []}
    if "platform" in sheet and sheet["platform"].nunique() > 1:
        return nothing | {"skipped": "platforms differ, and what differs between them is technical"}
    if len(sheet) < 2:
        return nothing | {"skipped": "one sample has no level above its cells"}
    try:
        wells = _pools(h)  # wells of one RNA are no level of the design
        made = decompose(h, [*levels, "sample"], strata=np.flatnonzero(~wells))
    except MethodError as error:
        return nothing | {"skipped": error.problem}
    made.table.to_parquet(folder / "heterogeneity_levels.parquet")
    return {
        "levels": levels,
        "merged": list(made.merged),
        "untestable": list(made.untestable),
        "interval": made.interval,
        "total_hi2": made.total_hi2,
        "skipped": "",
    }


def _levels(context: Context, design: Design) -> list[str]:
    """Columns to report by: samples, lots, compared groups, platform pools, any asked for."""
    wanted = ["sample", "lot", design.unit, design.group, "platform"]
    wanted += context.config.heterogeneity.by
    found = ["sample"]
    for name in wanted:
        if name is None or name in found or name not in context.sheet:
            continue
        if name == "platform" or context.sheet[name].nunique() < len(context.sheet):
            found.append(name)
    return found


def _cells(
    context: Context, design: Design, rows: NDArray[np.int64], ambient: Path
) -> pd.DataFrame:
    """Design of every kept cell: its sample's row of the sheet and its ambient share."""
    names = ["sample", *(f for f in design.factors if f not in {"library", "collected_at"})]
    names += [c for c in context.config.heterogeneity.by if c in context.sheet and c not in names]
    if POOL_COLUMN in context.sheet:
        names.append(POOL_COLUMN)
    per_sample = context.sheet[names].copy()
    if POOL_COLUMN in per_sample:
        marked = per_sample[POOL_COLUMN].astype("object").map(str).str.lower()
        yes = marked.isin(["true", "1", "1.0", "yes"])
        per_sample[POOL_COLUMN] = np.where(yes, "true", "false")
    shares = pd.read_parquet(ambient / "ambient.parquet").set_index("sample")["fraction"]
    per_sample["ambient_frac"] = shares.reindex(per_sample["sample"]).to_numpy(np.float64)
    return per_sample.iloc[context.cohort.codes[rows]].reset_index(drop=True)


def _table(context: Context, h: Heterogeneity, by: str) -> pd.DataFrame:
    """Index by one column, groups in the order of the sheet."""
    table = index_table(h, by)
    order = {str(v): i for i, v in enumerate(dict.fromkeys(context.sheet[by].astype(str)))}
    return table.sort_values(
        "group", key=lambda g: g.astype(str).map(order).fillna(len(order)), kind="stable"
    )


def _write(folder: Path, index: pd.DataFrame, claims: pd.DataFrame) -> None:
    HETEROGENEITY_INDEX.check(index).to_parquet(folder / "heterogeneity_index.parquet")
    CLAIMS.check(claims).to_parquet(folder / "claims.parquet")


def _refused_index(context: Context, qc: Path) -> pd.DataFrame:
    _, rows = kept_source(context, qc)
    sizes = np.bincount(context.cohort.codes[rows], minlength=len(context.samples))
    numbers = [c.name for c in HETEROGENEITY_INDEX.columns if c.kind == "number"]
    records: list[dict[str, Any]] = [
        dict.fromkeys(numbers, np.nan)
        | {
            "level": "sample",
            "group": sample,
            "n_cells": int(sizes[i]),
            "n_units": 1,
            "interval": "",
            "comparability_key": "",
            "status": REFUSAL,
            "warnings": "",
        }
        for i, sample in enumerate(context.samples)
    ]
    return pd.DataFrame(records)


def _refused_claims(design: Design) -> pd.DataFrame:
    numbers = [c.name for c in CLAIMS.columns if c.kind == "number"]
    row = dict.fromkeys(numbers, np.nan) | {
        "claim": "A",
        "test_group": design.group or "",
        "reference_group": "",
        "n_test": 0,
        "n_reference": 0,
        "verdict": "NOT TESTABLE",
        "reason": "heterogeneity needs UMI counts, the matrix holds other expression values",
    }
    return pd.DataFrame([row])
