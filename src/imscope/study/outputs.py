"""From finished steps to the run folder: tables, results, cells, report, provenance."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope import __version__
from imscope.analyses.subsets.composition import describe_composition
from imscope.core import codes
from imscope.core.schema import CELLS, SAMPLES, TABLES
from imscope.engine.execute import thread_count
from imscope.engine.qc import record_genes
from imscope.evidence.answers import evidence_notes
from imscope.io.atomic import crash_point, sync_folder, write_parquet, write_text, write_tsv
from imscope.study.answer import answer_lines
from imscope.study.design import Design
from imscope.study.panel import Panel, panel_genes, quantise_panel
from imscope.study.provenance import machine, versions, write_crate
from imscope.study.results import HEADLINES, SCHEMA_VERSION
from imscope.study.stages import Context, kept_source, load_array, load_json
from imscope.study.steps import Step, StepStore, canonical, sha256_file, sha256_text
from imscope.study.telemetry import Telemetry, memory_total_mb


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything the outputs are made from."""

    context: Context
    design: Design
    steps: Mapping[str, Step]
    inputs: list[dict[str, Any]]
    title: str
    simulated: bool
    started: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the results, the tables, the panel for the report, the run stamp."""

    results: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    panel: Panel
    stamp: dict[str, Any]
    steps: list[Step]


def write_outputs(folder: Path, done: Finished, store: StepStore, telemetry: Telemetry) -> Written:
    """Write every file of the run folder, each whole or not at all.

    Parameters
    ----------
    folder
        The run folder.
    done
        Finished steps and what they were made from.
    store
        Where the step of the annotated cells is kept.
    telemetry
        Told about the work.

    Returns
    -------
    written
        Results, tables, panel, stamp, and further steps that were made on the way.
    """
    with telemetry.step("write") as parts:
        tables = collect_tables(done)
        results = collect_results(done, tables)
        written = _write_tables(folder / "tables", tables)
        cells = _cells_step(done, tables["cells"], store)
        parts.append(cells.cached)
        written += _place(cells.folder, folder)
        write_text(folder / "results.json", json.dumps(results, indent=1, sort_keys=True) + "\n")
        written.append(folder / "results.json")
        panel = _panel(done, tables["markers"])
    stamp = run_stamp(done, telemetry)
    _write_provenance(folder, done, stamp, written)
    return Written(results, tables, panel, stamp, [cells])


def collect_tables(done: Finished) -> dict[str, pd.DataFrame]:
    """Read the tables of all steps and check each against its declaration."""
    at = {name: step.folder for name, step in done.steps.items()}
    found: dict[str, pd.DataFrame] = {
        "design_levels": done.design.levels,
        "design_tests": done.design.tests,
        "qc_limits": pd.read_parquet(at["qc"] / "limits.parquet"),
        "qc_ledger": _ledger(at),
        "markers": pd.read_parquet(at["markers"] / "markers.parquet"),
    }
    for folder in (at["heterogeneity"], *(step / "tables" for step in at.values())):
        for path in sorted(folder.glob("*.parquet")):
            found[path.stem] = pd.read_parquet(path)
    found["cells"] = _cells_table(done, at)
    found["clusters"] = _composition(found["cells"], done.context.samples)
    found["samples"] = _samples_table(done, at, found)
    found |= _composition_tables(done, found["cells"])
    significant = at["subsets"] / "composition_significant.parquet"
    if significant.exists():
        parts = [pd.read_parquet(significant), found.get("composition")]
        found["composition"] = pd.concat([p for p in parts if p is not None], ignore_index=True)
    found["evidence_notes"] = evidence_notes(_terms(found))
    return {
        name: TABLES[name].check(frame) if name in TABLES else frame
        for name, frame in sorted(found.items())
    }


def _terms(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Programmes that were scored and antigens of the panel: what evidence is shown on."""
    scores = found["programme_scores"]
    terms = scores.loc[scores["score"].notna(), "programme"].unique().tolist()
    panel = found.get("isct_panel")
    return terms + ([] if panel is None else panel["antigen"].unique().tolist())


def _ledger(at: Mapping[str, Path]) -> pd.DataFrame:
    """Cells lost per sample and rule, then genes lost."""
    cells = pd.read_parquet(at["qc"] / "ledger.parquet")
    genes = record_genes(
        load_array(at["qc"], "gene_cells"), load_array(at["components"], "n_cells_with_gene")
    )
    return pd.concat([cells, genes], ignore_index=True)


def _cells_table(done: Finished, at: Mapping[str, Path]) -> pd.DataFrame:
    rows = load_array(at["components"], "rows")
    context = done.context
    metrics = pd.read_parquet(at["qc"] / "metrics.parquet").iloc[rows].reset_index(drop=True)
    umap = load_array(at["clusters"], "umap")
    frame = pd.DataFrame(
        {
            "cell": context.cohort.cells["cell"].to_numpy()[rows].astype(str),
            "sample": np.array(context.samples, dtype=object)[context.cohort.codes[rows]],
            "cluster": load_array(at["clusters"], "labels").astype(str),
        }
    ).astype("str")
    frame["n_umi"] = np.rint(metrics["n_umi"]).astype(np.int64)
    frame["n_genes"] = metrics["n_genes"].astype(np.int64)
    for name in [c for c in metrics if c not in {"n_umi", "n_genes"}]:
        frame[name] = metrics[name]
    frame["doublet_score"] = load_array(at["qc"], "doublet_score")[rows]
    frame["umap_1"], frame["umap_2"] = umap[:, 0], umap[:, 1]
    for step in at.values():
        if (step / "per_cell.parquet").exists():
            own = pd.read_parquet(step / "per_cell.parquet")
            frame = pd.concat([frame, own], axis=1)
    codes = context.cohort.codes[rows]
    for factor in done.design.factors:
        frame[factor] = context.sheet[factor].to_numpy()[codes]
    return CELLS.check(frame)


def _composition_tables(done: Finished, cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Effective number of clusters per unit, and shares compared between groups of units."""
    design = done.design
    if design.group is None or design.unit == design.group:
        return {}
    known = cells[[design.group, design.unit]].notna().all(axis=1)
    if not known.all():
        return {}
    return describe_composition(
        cells, group=design.group, unit=design.unit, seed=done.context.config.seed
    )


def _composition(cells: pd.DataFrame, samples: list[str]) -> pd.DataFrame:
    clusters = sorted(cells["cluster"].unique(), key=int)
    counts = pd.crosstab(cells["sample"], cells["cluster"])
    counts = counts.reindex(index=samples, columns=clusters, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    rows = [
        {"cluster": c, "sample": s, "n_cells": int(counts.loc[s, c]), "frac": shares.loc[s, c]}
        for c in clusters
        for s in samples
    ]
    return pd.DataFrame(rows, columns=["cluster", "sample", "n_cells", "frac"])


def _samples_table(
    done: Finished, at: Mapping[str, Path], found: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    context, samples = done.context, done.context.samples
    cells = found["cells"]
    called = load_array(at["qc"], "doublet_called")
    scored = np.isfinite(load_array(at["qc"], "doublet_score"))
    doublets = pd.read_parquet(at["qc"] / "doublets.parquet").set_index("sample").reindex(samples)
    told = doublets["status"].fillna("not estimated: no cell inside the limits").astype(str)
    ambient = (
        pd.read_parquet(at["ambient"] / "ambient.parquet").set_index("sample").reindex(samples)
    )
    shares = ambient["fraction"].to_numpy(np.float64)
    index = found["heterogeneity_index"]
    keys = (
        index[index["level"] == "sample"].set_index("group")["comparability_key"]
        if "comparability_key" in index
        else pd.Series(dtype=str)
    )
    by_sample = cells.groupby("sample")
    median = by_sample[["n_umi", "n_genes", "mito_frac"]].median().reindex(samples)
    middle = {c: median[c].to_numpy(np.float64) for c in median}
    rows = []
    for i, sample in enumerate(samples):
        here = context.cohort.codes == i
        n_scored = int((scored & here).sum())
        rows.append(
            {
                "sample": sample,
                "n_cells_in": int(here.sum()),
                "n_cells": int((cells["sample"] == sample).sum()),
                "median_umi": float(middle["n_umi"][i]),
                "median_genes": float(middle["n_genes"][i]),
                "mito_frac": float(middle["mito_frac"][i]),
                "doublet_frac": (
                    float((called & here).sum() / n_scored)
                    if n_scored and told.iloc[i] == "ok"
                    else np.nan
                ),
                "doublet_status": told.iloc[i],
                "ambient_frac": float(shares[i]),
                "ambient_status": str(ambient["status"].iloc[i]),
                "comparability_key": str(keys.get(sample, "")),
            }
        )
    frame = pd.DataFrame(rows)
    for factor in done.design.factors:
        frame[factor] = context.sheet[factor].to_numpy()
    frame["counts_from"] = [context.cohort.info[s]["where"] for s in samples]
    frame["format"] = [context.cohort.info[s]["format"] for s in samples]
    return SAMPLES.check(frame)


def collect_results(done: Finished, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Build the content of ``results.json``: verdicts and headline numbers, nothing timed."""
    at = {name: step.folder for name, step in done.steps.items()}
    context = done.context
    index, claims = tables["heterogeneity_index"], tables["claims"]
    neighbours = load_json(at["neighbours"], "neighbours")
    clusters = load_json(at["clusters"], "clusters")
    decomposition = load_json(at["heterogeneity"], "decomposition")
    config = context.config.model_dump(mode="json")
    return {
        "schema_version": SCHEMA_VERSION,
        "imscope_version": __version__,
        "title": done.title,
        "simulated": done.simulated,
        "answer": answer_lines(
            tables["samples"], index, claims, ledger=tables["qc_ledger"], screens=tables
        ),
        "verdicts": _records(claims),
        "headline": _records(index),
        "design": {
            "group": done.design.group,
            "unit": done.design.unit,
            "factors": list(done.design.factors),
            "tests": _records(done.design.tests),
        },
        **{name: _records(tables[name]) if name in tables else [] for name in HEADLINES},
        "samples": _records(tables["samples"]),
        "qc": _records(tables["qc_ledger"]),
        "warnings": _warnings(done, tables),
        "decomposition": decomposition,
        "skipped": _skipped(done, tables, decomposition),
        "neighbours": neighbours,
        "clusters": clusters,
        "config": config,
        "config_sha256": sha256_text(canonical(config)),
        "seed": context.config.seed,
        "inputs": done.inputs,
        "versions": versions(),
    }


def _skipped(
    done: Finished, tables: Mapping[str, pd.DataFrame], decomposition: dict[str, Any]
) -> dict[str, str]:
    """Tables this run could not make, and why."""
    reasons = {"heterogeneity_levels": str(decomposition.get("skipped", ""))}
    for step in done.steps.values():
        if (step.folder / "skipped.json").exists():
            reasons |= load_json(step.folder, "skipped")
    return {name: why for name, why in reasons.items() if name not in tables and why}


def _warnings(done: Finished, tables: Mapping[str, pd.DataFrame]) -> list[dict[str, str]]:
    found = []
    for sample, info in done.context.cohort.info.items():
        for code, message in info["notices"]:
            found.append({"code": code, "message": message, "sample": sample})
    design = load_json(done.steps["heterogeneity"].folder, "decomposition")
    for sentence in design.get("untestable", []):
        found.append({"code": codes.W_DESIGN, "message": sentence, "sample": ""})
    for row in _records(tables["heterogeneity_index"]):
        for warning in filter(None, str(row.get("warnings") or "").split("; W-")):
            code, _, message = warning.removeprefix("W-").partition(": ")
            found.append({"code": f"W-{code}", "message": message, "sample": str(row["group"])})
    return found


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON-like records; what is not a number becomes null."""
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    written = []
    for name, frame in tables.items():
        write_parquet(folder / f"{name}.parquet", frame)
        write_tsv(folder / f"{name}.tsv", frame)
        written += [folder / f"{name}.parquet", folder / f"{name}.tsv"]
    for path in folder.iterdir():  # tables of an earlier configuration
        if path not in written:
            path.unlink()
    return written


def _cells_step(done: Finished, cells: pd.DataFrame, store: StepStore) -> Step:
    from imscope.study.cells import work_cells

    needs = {name: step.digest for name, step in done.steps.items()}
    sheet = done.context.sheet.astype(str).to_dict("list")
    return store.run(
        "cells",
        {"sheet": sheet, "simulated": done.simulated},
        needs,
        lambda folder: work_cells(done, cells, folder),
    )


def _place(step: Path, folder: Path) -> list[Path]:
    """Link the finished files of a step into the run folder under their own names."""
    placed = []
    for path in sorted(step.glob("cells.*")):
        draft = folder / f".{path.name}.linking"
        draft.unlink(missing_ok=True)
        os.link(path, draft)
        crash_point()
        draft.replace(folder / path.name)
        placed.append(folder / path.name)
    sync_folder(folder)
    return placed


def _panel(done: Finished, markers: pd.DataFrame) -> Panel:
    """Expression of the report's genes in the kept cells."""
    context = done.context
    source, _ = kept_source(context, done.steps["qc"].folder)
    genes = panel_genes(
        context.cohort.features,
        context.config.report.panel,
        markers,
        limit=context.config.report.max_panel_genes,
    )
    factors: NDArray[np.float64] = load_array(done.steps["components"].folder, "size_factors")
    values, maxima = quantise_panel(source, factors, genes, threads=context.threads)
    symbols = context.cohort.features["symbol"].astype(str).to_numpy()[genes]
    return Panel(tuple(str(s) for s in symbols), values, maxima)


def run_stamp(done: Finished, telemetry: Telemetry) -> dict[str, Any]:
    """What differs between two runs of the same thing: times, memory, machine."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "started": done.started.isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "threads": thread_count(done.context.threads),
        "memory_total_mb": round(memory_total_mb()),
        "steps": [
            {
                "step": r.step,
                "seconds": r.seconds,
                "cpu_seconds": r.cpu_seconds,
                "peak_mb": r.peak_mb,
                "cached": r.cached,
            }
            for r in telemetry.records
        ],
        "seeds": {"seed": done.context.config.seed},
        "config_sha256": sha256_text(canonical(done.context.config.model_dump(mode="json"))),
    }


def _write_provenance(
    folder: Path, done: Finished, stamp: dict[str, Any], written: list[Path]
) -> None:
    place = folder / "provenance"
    place.mkdir(exist_ok=True)
    config = done.context.config.model_dump(mode="json")
    write_text(place / "config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
    write_text(place / "run.json", json.dumps(stamp, indent=1, sort_keys=True) + "\n")
    outputs = [
        {"path": p.relative_to(folder).as_posix(), "sha256": sha256_file(p)} for p in written
    ]
    write_text(place / "outputs.json", json.dumps(outputs, indent=1) + "\n")
    write_crate(
        folder,
        inputs=done.inputs,
        outputs=written,
        started=done.started,
        ended=datetime.now(UTC),
        title=done.title,
    )
