"""Step: metrics of every cell, limits per sample, doublets; which cells are kept."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.result import Result
from imscope.core.schema import QC_LIMITS
from imscope.core.views import select_rows
from imscope.engine.doublets import score_doublets
from imscope.engine.qc import apply_qc, compute_count_sums, suggest_qc
from imscope.study.limits import override_limits, qc_classes, qc_settings
from imscope.study.step import Had, Run, Step


def work_qc(run: Run, _: Had) -> Result:
    """Metrics of every cell, limits per sample, doublets among the cells inside the limits."""
    cohort, config = run.cohort, run.config
    sums = compute_count_sums(cohort.source, qc_classes(cohort.features), threads=run.threads)
    metrics = sums.cells
    if cohort.scale != 1:
        metrics["n_umi"] = metrics["n_umi"] / cohort.scale
    names = np.array(run.samples, dtype=object)[cohort.codes]
    limits = suggest_qc(metrics, names, settings=qc_settings(config))
    limits = override_limits(limits, config.qc.limits)
    inside = apply_qc(metrics, names, limits).keep
    score, called, doublets = _doublets(run, inside, names)
    remove = called if config.doublets.remove else None
    kept = apply_qc(metrics, names, limits, doublets=remove)
    if not kept.keep.any():
        raise _nothing_left(limits)
    return Result(
        tables={
            "metrics": metrics,
            "qc_limits": limits,
            "ledger": kept.ledger,
            "doublets": doublets,
        },
        arrays={
            "keep": kept.keep,
            "doublet_score": score,
            "doublet_called": called,
            "gene_cells": sums.gene_cells,
        },
    )


def _nothing_left(limits: pd.DataFrame) -> DataError:
    umi = limits[limits["metric"] == "n_umi"]
    return DataError(
        "no cell is left after quality control",
        found=f"lower limit on UMI per cell: {umi['low'].min():.0f} to {umi['low'].max():.0f}",
        fix="look at the metrics with `imscope qc SHEET`, then set qc.min_umi, qc.min_genes or "
        "qc.limits in the configuration",
        code=codes.QC_NOTHING_LEFT,
    )


def _doublets(
    run: Run, inside: NDArray[np.bool_], names: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], pd.DataFrame]:
    """Score and call per cell, and per sample how it went."""
    n = len(inside)
    score = np.full(n, np.nan)
    called = np.zeros(n, dtype=bool)
    rows = np.flatnonzero(inside).astype(np.int64)
    settings = run.config.doublets
    if not settings.score or not run.has_counts or not rows.size:
        why = "not estimated: switched off" if not settings.score else "not estimated: needs counts"
        return score, called, pd.DataFrame({"sample": run.samples, "status": why, "rate": np.nan})
    result = score_doublets(
        select_rows(run.cohort.source, rows),
        names[rows],
        seed=run.config.seed,
        expected_rate=settings.expected_rate,
        threads=run.threads,
    )
    score[rows], called[rows] = result.score, result.called
    return score, called, result.table


STEP = Step(
    "qc",
    "quality control",
    work_qc,
    settings=lambda run: run.settings(run.config.qc, run.config.doublets),
    tables=(QC_LIMITS,),
    share=4.3,
    rank=10,
)
