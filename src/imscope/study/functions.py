"""The steps of cell function: programmes, subsets, stages, identity, safety, one function each."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.identity import describe
from imscope.analyses.safety import ResidualSettings, arms, p53, residual
from imscope.analyses.subsets import ProgrammeSettings, score, stage
from imscope.core.cells import Cells, Modality, unit_names
from imscope.core.errors import DataError, MethodError, UsageError
from imscope.core.schema import (
    ARM_SCREEN,
    OFF_LINEAGE,
    P53_SCREEN,
    PROGRAMME_SCORES,
    PROTEIN_AGREEMENT,
    PROTEIN_MARKERS,
    RESIDUAL_CELLS,
    RESIDUAL_PLURIPOTENT,
    STAGE_FRACTIONS,
    TABLES,
)
from imscope.engine.agreement import compare_rna_protein
from imscope.engine.protein import normalise_protein
from imscope.evidence.surface import antibody_target
from imscope.study.design import Design
from imscope.study.stages import (
    Context,
    kept_source,
    load_ambient,
    load_array,
    save_cell_columns,
    save_json,
    save_table,
)

SHOWN_PER_CELL = 12
"""Programmes whose scores are kept for every cell: those that differ most between clusters."""


def kept_cells(
    context: Context, design: Design, at: "Mapping[str, Path]", *, protein: bool = False
) -> Cells:
    """Cells that quality control kept, with sample, cluster and design."""
    source, rows = kept_source(context, at["qc"])
    obs = kept_obs(context, design, at["qc"], at["clusters"])
    panel = kept_protein(context, rows) if protein else None
    return Cells(
        source,
        context.cohort.features,
        obs,
        kind="counts" if context.cohort.kind == "counts" else "expression",
        modalities={} if panel is None else {"protein": panel},
        name="the run",
    )


def kept_obs(context: Context, design: Design, qc: Path, clusters: Path) -> pd.DataFrame:
    """Sample, cluster and design of every kept cell, in their order."""
    rows = np.flatnonzero(load_array(qc, "keep"))
    names = ["sample", *(f for f in design.factors if f != "library")]
    obs = context.sheet[names].iloc[context.cohort.codes[rows]].reset_index(drop=True)
    obs["cluster"] = load_array(clusters, "labels").astype(str)
    if np.isfinite(load_array(qc, "doublet_score")[rows]).all():
        obs["doublet"] = load_array(qc, "doublet_called")[rows]
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
    cells = kept_cells(context, design, {"qc": qc, "clusters": clusters})
    grouped = design.group if design.group and cells.obs[design.group].notna().all() else None
    tables = []
    for by in ("sample", "cluster", grouped):
        if by is None:
            continue
        unit = "sample" if design.unit == by else design.unit
        result = score(
            cells,
            by=by,
            unit=unit,
            settings=ProgrammeSettings(seed=context.config.seed),
            threads=context.threads,
        )
        tables.append(result.tables["programme_scores"].assign(by=by))
        if by == "cluster" and result.cells is not None:
            save_cell_columns(folder, _telling(result.cells, cells.obs["cluster"]))
            per_unit = _unit_scores(result.cells, cells.obs, design.unit)
            per_unit.to_parquet(folder / "unit_scores.parquet")
    save_table(folder, PROGRAMME_SCORES, pd.concat(tables, ignore_index=True))
    save_json(folder, "programmes", {"by": [t["by"].iloc[0] for t in tables]})


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


def work_stages(context: Context, design: Design, at: Mapping[str, Path], folder: Path) -> None:
    """Call the stage of every cell; count stages, follow the window over days, tell the route.

    Parameters
    ----------
    context
        Cohort, sheet, configuration.
    design
        Group and replicate unit.
    at
        Folders of finished steps: ``qc``, ``clusters`` and ``ambient`` are read.
    folder
        Empty folder.
    """
    if context.cohort.kind != "counts":
        save_json(folder, "skipped", {STAGE_FRACTIONS.name: "stages need UMI counts"})
        return
    try:
        found = stage(
            kept_cells(context, design, at),
            ambient=load_ambient(context, at["ambient"]),
            threads=context.threads,
        )
    except DataError as error:  # too few marker genes in the matrix
        save_json(folder, "skipped", {STAGE_FRACTIONS.name: f"{error.problem} ({error.found})"})
        return
    for name, table in found.tables.items():
        save_table(folder, TABLES[name], table)
    if found.skipped:
        save_json(folder, "skipped", {name: found.why(name) for name in found.skipped})
    columns = {"stage": "stage", "posterior": "stage_posterior"}
    if found.cells is not None:
        save_cell_columns(folder, found.cells[list(columns)].rename(columns=columns))
    save_json(folder, "notes", [n.message for n in found.notices])


def work_safety(context: Context, design: Design, at: Mapping[str, Path], folder: Path) -> None:
    """Search for residual pluripotent and unwanted cells, chromosome arms and p53.

    Parameters
    ----------
    context
        Cohort, sheet, configuration.
    design
        Group and replicate unit.
    at
        Folders of finished steps: ``qc``, ``clusters`` and ``ambient`` are read.
    folder
        Empty folder.
    """
    if context.cohort.kind != "counts":
        tables = (RESIDUAL_PLURIPOTENT, OFF_LINEAGE, ARM_SCREEN, P53_SCREEN)
        save_json(folder, "skipped", {t.name: "the screen needs UMI counts" for t in tables})
        return
    cells = kept_cells(context, design, at)
    found = residual(
        cells,
        ambient=load_ambient(context, at["ambient"]),
        settings=ResidualSettings(
            reference=_pluripotent_sample(context.sheet, cells.obs), seed=context.config.seed
        ),
        threads=context.threads,
    )
    candidates = found.tables["residual_cells"]
    for name in ("residual_pluripotent", "off_lineage"):
        save_table(folder, TABLES[name], found.tables[name])
    called = candidates[candidates["verdict"] == "called"]
    clusters = cells.obs["cluster"].iloc[called["cell"].astype(np.int64).to_numpy()].to_numpy()
    called.assign(cluster=clusters).to_parquet(folder / "called.parquet")
    save_table(folder, RESIDUAL_CELLS, _named(candidates, context, at["qc"]))
    _screen_karyotype(context, design, cells, folder)


PRODUCTS = ("iMSC", "primary_MSC")
"""Source classes of finished cells: arms are screened among cells of one type."""


def _screen_karyotype(context: Context, design: Design, cells: Cells, folder: Path) -> None:
    """Screen arms and p53 by lot, among product cells alone where the sheet tells them apart."""
    if "source_class" in cells.obs:
        product = cells.obs["source_class"].astype(str).isin(PRODUCTS).to_numpy()
        if product.any() and not product.all():
            cells = cells.take(np.flatnonzero(product))
    try:
        save = {
            ARM_SCREEN: arms(cells, unit=design.unit, threads=context.threads),
            P53_SCREEN: p53(cells, unit=design.unit, threads=context.threads),
        }
    except (DataError, MethodError, UsageError) as error:
        save_json(folder, "skipped", {t.name: error.problem for t in (ARM_SCREEN, P53_SCREEN)})
        return
    for table, frame in save.items():
        save_table(folder, table, frame)


def _named(candidates: pd.DataFrame, context: Context, qc: Path) -> pd.DataFrame:
    """Candidates under the names the run gives to its cells."""
    rows = np.flatnonzero(load_array(qc, "keep"))
    names = context.cohort.cells["cell"].to_numpy()[rows].astype(str)
    if not len(candidates):
        return candidates
    return candidates.assign(cell=names[candidates["cell"].astype(np.int64).to_numpy()])


def _pluripotent_sample(sheet: pd.DataFrame, obs: pd.DataFrame) -> str | None:
    """Find the iPSC sample with the most cells: marker genes are measured in it."""
    if "source_class" not in sheet:
        return None
    mine = sheet.loc[sheet["source_class"].astype(str) == "iPSC", "sample"].astype(str)
    sizes = obs["sample"].astype(str).value_counts().reindex(mine).fillna(0)
    return str(sizes.idxmax()) if len(sizes) and sizes.max() > 0 else None


def work_identity(context: Context, design: Design, qc: Path, clusters: Path, folder: Path) -> None:
    """Panel, cycle, senescence, HOX code and donor of every sample.

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
    if context.cohort.kind != "counts":
        reason = "identity, cycle and ageing need UMI counts"
        save_json(folder, "skipped", dict.fromkeys(("isct_panel", "cycle_phases"), reason))
        return
    result = describe(
        kept_cells(context, design, {"qc": qc, "clusters": clusters}, protein=True),
        by="sample",
        unit="sample",
        seed=context.config.seed,
        threads=context.threads,
    )
    for name, table in result.tables.items():
        save_table(folder, TABLES[name], table)
    shown = ["cycle_phase", "cycle_angle", "arrest_z", "sasp_z", "senescent"]
    if result.cells is not None:
        save_cell_columns(folder, result.cells[shown])


def kept_protein(context: Context, rows: NDArray[np.int64]) -> Modality | None:
    """Surface protein of the kept cells, when every sample holds the same panel."""
    parts = context.cohort.modalities.get("protein", {})
    if set(parts) != set(context.samples):
        return None
    features = {s: pd.read_parquet(place / "features.parquet") for s, place in parts.items()}
    first = features[context.samples[0]]
    if not all(f["feature_id"].tolist() == first["feature_id"].tolist() for f in features.values()):
        return None
    matrices = []
    for sample in context.samples:
        arrays = [load_array(parts[sample], k) for k in ("data", "indices", "indptr")]
        shape = (len(arrays[2]) - 1, len(first))
        matrices.append(sp.csr_array((arrays[0], arrays[1], arrays[2]), shape=shape))
    return Modality(first, sp.csr_array(sp.vstack(matrices)[rows]))


def work_protein(context: Context, design: Design, qc: Path, clusters: Path, folder: Path) -> None:
    """Put surface protein on a scale with a known zero and hold it against its RNA.

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
    source, rows = kept_source(context, qc)
    protein = kept_protein(context, rows)
    if protein is None:
        why = "no surface protein with one panel for all samples was found in the files"
        tables = (PROTEIN_MARKERS.name, PROTEIN_AGREEMENT.name)
        save_json(folder, "skipped", dict.fromkeys(tables, why))
        return
    obs = kept_obs(context, design, qc, clusters)
    names = protein.features["symbol"].astype(str).tolist()
    found = normalise_protein(protein.counts, names, obs["sample"].to_numpy())
    save_table(folder, PROTEIN_MARKERS, found.markers)
    targets = {name: antibody_target(name) for name in found.antigens}
    agreement = compare_rna_protein(
        source,
        context.cohort.features,
        found,
        genes={name: t.gene for name, t in targets.items() if t.gene and t.kind == "protein"},
        lots=unit_names(obs, design.unit),
        threads=context.threads,
    )
    save_table(folder, PROTEIN_AGREEMENT, agreement)
