"""The steps of a run, one function each: read what earlier steps wrote, compute, write.

Each function gets an empty folder and fills it; nothing is passed on in memory only, so a step that
was finished by a killed run and one computed now are the same to the steps that follow.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource
from imscope.core.schema import Table
from imscope.core.views import select_rows
from imscope.engine.ambient import (
    AmbientResult,
    estimate_ambient_from_empty,
    estimate_ambient_marker_free,
)
from imscope.engine.cluster import find_clusters
from imscope.engine.doublets import score_doublets
from imscope.engine.embed import compute_umap
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.markers import marker_table, score_markers
from imscope.engine.neighbours import find_neighbours, neighbour_graph
from imscope.engine.normalise import compute_size_factors
from imscope.engine.pca import compute_pca
from imscope.engine.qc import QcSettings, apply_qc, compute_count_sums, suggest_qc
from imscope.io.genes import gene_classes
from imscope.study.config import RunConfig
from imscope.study.ingest import Cohort


@dataclass(frozen=True, slots=True)
class Context:
    """What every step may read besides the folders of earlier steps."""

    cohort: Cohort
    sheet: pd.DataFrame
    raw_paths: Mapping[str, Path]
    config: RunConfig
    threads: int | None

    @property
    def samples(self) -> list[str]:
        """Sample names in the order of the sheet."""
        return [str(s) for s in self.sheet["sample"]]


def save_arrays(folder: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays as ``name.npy``."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load_array(folder: Path, name: str) -> NDArray[Any]:
    """Read one array written by :func:`save_arrays`."""
    return np.asarray(np.load(folder / f"{name}.npy", allow_pickle=False))


def save_table(folder: Path, table: Table, frame: pd.DataFrame) -> None:
    """Write a declared table, to be found in the run folder's ``tables``."""
    place = folder / "tables"
    place.mkdir(exist_ok=True)
    table.check(frame).reset_index(drop=True).to_parquet(place / f"{table.name}.parquet")


def save_cell_columns(folder: Path, frame: pd.DataFrame) -> None:
    """Write columns of the kept cells, one row per cell in their order, for table ``cells``."""
    frame.reset_index(drop=True).to_parquet(folder / "per_cell.parquet")


def save_json(folder: Path, name: str, value: object) -> None:
    """Write a JSON file with sorted keys."""
    (folder / f"{name}.json").write_text(json.dumps(value, sort_keys=True, indent=1, default=str))


def load_json(folder: Path, name: str) -> Any:
    """Read a JSON file."""
    return json.loads((folder / f"{name}.json").read_text())


def work_qc(context: Context, folder: Path) -> None:
    """Metrics of every cell, limits per sample, doublets among the cells inside the limits."""
    cohort, config = context.cohort, context.config
    sums = compute_count_sums(cohort.source, qc_classes(cohort.features), threads=context.threads)
    metrics = sums.cells
    if cohort.scale != 1:
        metrics["n_umi"] = metrics["n_umi"] / cohort.scale
    names = np.array(context.samples, dtype=object)[cohort.codes]
    limits = suggest_qc(metrics, names, settings=qc_settings(config))
    limits = override_limits(limits, config.qc.limits)
    inside = apply_qc(metrics, names, limits).keep
    score, called, table = _doublets(context, inside, names)
    remove = called if config.doublets.remove else None
    result = apply_qc(metrics, names, limits, doublets=remove)
    if not result.keep.any():
        raise _nothing_left(limits)
    metrics.to_parquet(folder / "metrics.parquet")
    limits.to_parquet(folder / "limits.parquet")
    result.ledger.to_parquet(folder / "ledger.parquet")
    table.to_parquet(folder / "doublets.parquet")
    save_arrays(
        folder,
        keep=result.keep,
        doublet_score=score,
        doublet_called=called,
        gene_cells=sums.gene_cells,
    )


def kept_source(context: Context, qc: Path) -> tuple[BlockSource, NDArray[np.int64]]:
    """The counts of the cells quality control kept, and their rows in the cohort."""
    rows = np.flatnonzero(load_array(qc, "keep")).astype(np.int64)
    return select_rows(context.cohort.source, rows), rows


def work_components(context: Context, qc: Path, folder: Path) -> None:
    """Size factors, variable genes, principal components of the kept cells."""
    path = context.config.path
    source, rows = kept_source(context, qc)
    codes = context.cohort.codes[rows]
    totals = pd.read_parquet(qc / "metrics.parquet")["n_umi"].to_numpy(np.float64)[rows]
    relative = compute_size_factors(totals, codes)
    factors = relative * context.cohort.scale  # per step of the source
    blocks, n_blocks = _block_codes(context, codes)
    moments = compute_gene_moments(
        source, factors, blocks, n_samples=n_blocks, threads=context.threads
    )
    classes = gene_classes(context.cohort.features)
    n_cells_with_gene = moments.n_detected.sum(axis=0)
    seldom = n_cells_with_gene < context.config.qc.min_cells_per_gene
    not_shared = ~context.cohort.features["in_all"].to_numpy(bool)
    exclude = seldom | not_shared | classes["mito"] | classes["ribo"] | classes["haemoglobin"]
    chosen = select_variable_genes(moments, n_genes=path.n_variable_genes, exclude=exclude)
    pca = compute_pca(
        source,
        factors,
        chosen.selected,
        n_components=path.n_components,
        threads=context.threads,
    )
    save_arrays(
        folder,
        rows=rows,
        size_factors=factors,
        relative_factors=relative,
        coordinates=pca.coordinates,
        explained_variance=pca.explained_variance,
        explained_variance_ratio=pca.explained_variance_ratio,
        n_cells_with_gene=n_cells_with_gene,
    )
    chosen.table.to_parquet(folder / "variable_genes.parquet")


def work_neighbours(context: Context, components: Path, folder: Path) -> None:
    """Neighbours on the components (aligned over batches only if asked for) and their graph."""
    path = context.config.path
    coordinates = load_array(components, "coordinates")
    if path.align:
        from imscope.engine.align import align_batches

        codes = context.cohort.codes[load_array(components, "rows")]
        batches, _ = _block_codes(context, codes)
        aligned = align_batches(coordinates, batches, seed=context.config.seed)
        coordinates = aligned.coordinates
    found = find_neighbours(
        coordinates,
        k=path.n_neighbours,
        recall_target=path.recall,
        seed=context.config.seed,
        threads=context.threads,
    )
    graph = neighbour_graph(found, kind="snn")
    save_arrays(
        folder,
        indices=found.indices,
        distances=found.distances,
        used_coordinates=coordinates,
        graph_indptr=graph.indptr,
        graph_indices=graph.indices,
        graph_data=graph.data,
    )
    facts = {"recall": found.recall, "recall_n": found.recall_n, "method": found.method}
    save_json(folder, "neighbours", facts | {"aligned": path.align})


def work_clusters(context: Context, neighbours: Path, folder: Path) -> None:
    """Clusters from the graph and, if asked for, the map."""
    import scipy.sparse as sp

    from imscope.engine.neighbours import Neighbours

    path, seed = context.config.path, context.config.seed
    coordinates = load_array(neighbours, "used_coordinates")
    n = len(coordinates)
    parts = [load_array(neighbours, f"graph_{k}") for k in ("data", "indices", "indptr")]
    graph = sp.csr_array((parts[0], parts[1], parts[2]), shape=(n, n))
    clusters = find_clusters(graph, resolution=path.resolution, seed=seed)
    facts = load_json(neighbours, "neighbours")
    found = Neighbours(
        indices=load_array(neighbours, "indices"),
        distances=load_array(neighbours, "distances"),
        recall=facts["recall"],
        recall_n=facts["recall_n"],
        method=facts["method"],
    )
    umap = np.full((n, 2), np.nan, dtype=np.float32)
    if path.umap:
        umap = compute_umap(found, coordinates, seed=seed)
    save_arrays(folder, labels=clusters.labels, umap=umap)
    save_json(
        folder,
        "clusters",
        {"n_clusters": clusters.n_clusters, "modularity": clusters.modularity},
    )


def work_markers(
    context: Context, qc: Path, components: Path, clusters: Path, folder: Path
) -> None:
    """Genes that mark each cluster."""
    source, _ = kept_source(context, qc)
    labels = load_array(clusters, "labels")
    factors = load_array(components, "size_factors")
    n_groups = int(labels.max()) + 1
    stats = score_markers(source, factors, labels, n_groups=n_groups, threads=context.threads)
    table = marker_table(stats, context.cohort.features, top=50)
    table.to_parquet(folder / "markers.parquet")


def work_ambient(context: Context, qc: Path, clusters: Path, folder: Path) -> None:
    """Ambient share of every sample: from its empty droplets if given, else without markers."""
    _, rows = kept_source(context, qc)
    labels = load_array(clusters, "labels")
    codes = context.cohort.codes[rows]
    records = []
    for i, sample in enumerate(context.samples):
        here = codes == i
        if context.cohort.kind != "counts":
            records.append(_ambient_row(sample, None, "not estimated: needs UMI counts"))
            continue
        if not here.any():
            records.append(_ambient_row(sample, None, "not estimated: no cells kept"))
            continue
        cells = select_rows(context.cohort.source, rows[here])
        if sample in context.raw_paths:
            result = _ambient_from_raw(context, context.raw_paths[sample], cells, labels[here])
        else:
            result = estimate_ambient_marker_free(cells, labels[here], threads=context.threads)
        records.append(_ambient_row(sample, result, result.status))
        if len(result.profile):
            save_arrays(folder, **{f"profile_{i}": result.profile})
    pd.DataFrame(records).to_parquet(folder / "ambient.parquet")


def load_ambient(context: Context, folder: Path) -> dict[str, AmbientResult]:
    """Ambient share and profile of the samples for which both were estimated."""
    rows = pd.read_parquet(folder / "ambient.parquet").set_index("sample").to_dict("index")
    found = {}
    for i, sample in enumerate(context.samples):
        if not (folder / f"profile_{i}.npy").exists():
            continue
        row: dict[str, Any] = {str(k): v for k, v in rows[sample].items()}
        found[sample] = AmbientResult(
            fraction=float(row["fraction"]),
            low=float(row["low"]),
            high=float(row["high"]),
            status=str(row["status"]),
            profile=load_array(folder, f"profile_{i}"),
            n_genes=int(row["n_genes"]),
        )
    return found


def _ambient_from_raw(
    context: Context, path: Path, cells: BlockSource, labels: NDArray[Any]
) -> Any:
    from imscope.core.views import map_features
    from imscope.io.counts import read_counts

    features = context.cohort.features
    place = pd.Series(np.arange(len(features), dtype=np.int32), index=features["feature_id"])
    with read_counts(path) as data:
        found = place.reindex(data.features["feature_id"], fill_value=-1)
        mapping = np.asarray(found, dtype=np.int32)
        raw = map_features(data.source, mapping, len(features))
        return estimate_ambient_from_empty(raw, cells, clusters=labels, threads=context.threads)


def _ambient_row(sample: str, result: Any, status: str) -> dict[str, object]:
    found = {k: getattr(result, k, None) for k in ("fraction", "low", "high")}
    numbers = {k: np.nan if v is None else float(v) for k, v in found.items()}
    n_genes = int(getattr(result, "n_genes", 0))
    return {"sample": sample, **numbers, "status": status, "n_genes": n_genes}


def qc_classes(features: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Gene classes whose share of a cell's counts quality control looks at."""
    classes = gene_classes(features)
    return {name: classes[name] for name in ("mito", "ribo", "haemoglobin")}


def qc_settings(config: RunConfig) -> QcSettings:
    """The engine's settings of quality control."""
    return QcSettings(
        n_mads=config.qc.n_mads,
        min_umi=config.qc.min_umi,
        min_genes=config.qc.min_genes,
        mito_ceiling=config.qc.max_mito_frac,
        shared=config.qc.shared_limits,
    )


def override_limits(
    limits: pd.DataFrame, fixed: Mapping[str, tuple[float | None, float | None]]
) -> pd.DataFrame:
    """Put limits fixed in the configuration in place of the suggested ones.

    Raises
    ------
    UsageError
        A metric is not known.
    """
    limits = limits.copy()
    for metric, (low, high) in fixed.items():
        here = limits["metric"] == metric
        if not here.any():
            raise _unknown_metric(metric, sorted(set(limits["metric"])))
        limits.loc[here, ["low", "high"]] = [
            np.nan if low is None else float(low),
            np.nan if high is None else float(high),
        ]
        limits.loc[here, "reason"] = "configuration"
    return limits


def _unknown_metric(metric: str, known: list[str]) -> Exception:
    from imscope.core import codes
    from imscope.core.errors import UsageError

    return UsageError(
        f"qc.limits names the unknown metric {metric!r}",
        fix=f"use one of {', '.join(known)}",
        code=codes.CONFIG_VALUE,
    )


def _nothing_left(limits: pd.DataFrame) -> Exception:
    from imscope.core import codes
    from imscope.core.errors import DataError

    umi = limits[limits["metric"] == "n_umi"]
    return DataError(
        "no cell is left after quality control",
        found=f"lower limit on UMI per cell: {umi['low'].min():.0f} to {umi['low'].max():.0f}",
        fix="look at the metrics with `imscope qc SHEET`, then set qc.min_umi, qc.min_genes or "
        "qc.limits in the configuration",
        code=codes.QC_NOTHING_LEFT,
    )


def _doublets(
    context: Context, inside: NDArray[np.bool_], names: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], pd.DataFrame]:
    n = len(inside)
    score = np.full(n, np.nan)
    called = np.zeros(n, dtype=bool)
    rows = np.flatnonzero(inside).astype(np.int64)
    settings = context.config.doublets
    if not settings.score or context.cohort.kind != "counts" or not rows.size:
        why = "not estimated: switched off" if not settings.score else "not estimated: needs counts"
        table = pd.DataFrame({"sample": context.samples, "status": why, "rate": np.nan})
        return score, called, table
    result = score_doublets(
        select_rows(context.cohort.source, rows),
        names[rows],
        seed=context.config.seed,
        expected_rate=settings.expected_rate,
        threads=context.threads,
    )
    score[rows], called[rows] = result.score, result.called
    return score, called, result.table


def _block_codes(context: Context, codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Block of each cell: its level of the batch column, or its sample."""
    column = context.config.path.batch
    if column is None:
        return codes, len(context.samples)
    if column not in context.sheet:
        from imscope.core import codes as known
        from imscope.core.errors import UsageError

        raise UsageError(
            f"path.batch names the column {column!r}, which the sample sheet does not have",
            found=", ".join(map(str, context.sheet.columns)),
            code=known.CONFIG_VALUE,
        )
    levels, _ = pd.factorize(context.sheet[column].astype(str), sort=True)
    return levels.astype(np.int32)[codes], int(levels.max()) + 1


def settings_of(*sections: Any) -> dict[str, Any]:
    """Settings as JSON-like values, to address a step by them."""
    return {
        type(s).__name__: s.model_dump(mode="json") if hasattr(s, "model_dump") else asdict(s)
        for s in sections
    }
