"""Step: one row per sample, with its design and what the run found of it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.result import Result
from imscope.core.schema import SAMPLES
from imscope.study.step import Had, Run, Step
from imscope.study.store import Finished


def work_samples(run: Run, had: Had) -> Result:
    """Put together what is known of every sample."""
    samples, codes, qc = run.samples, run.cohort.codes, had["qc"]
    rows = run.rows(had)
    n_in = np.bincount(codes, minlength=len(samples))
    n_kept = np.bincount(codes[rows], minlength=len(samples))
    middle = _medians(run, qc, rows)
    doublets = qc.table("doublets").set_index("sample").reindex(samples)
    told = doublets["status"].fillna("not estimated: no cell inside the limits").astype(str)
    ambient = had["ambient"].table("ambient").set_index("sample").reindex(samples)
    shares = _doublet_shares(run, qc)
    keys = _keys(had["heterogeneity"])
    frame = SAMPLES.frame(
        {
            "sample": sample,
            "n_cells_in": int(n_in[i]),
            "n_cells": int(n_kept[i]),
            "median_umi": float(middle["n_umi"].iloc[i]),
            "median_genes": float(middle["n_genes"].iloc[i]),
            "mito_frac": float(middle["mito_frac"].iloc[i]),
            "doublet_frac": float(shares[i]) if told.iloc[i] == "ok" else np.nan,
            "doublet_status": told.iloc[i],
            "ambient_frac": float(ambient["fraction"].iloc[i]),
            "ambient_status": str(ambient["status"].iloc[i]),
            "comparability_key": str(keys.get(sample, "")),
        }
        for i, sample in enumerate(samples)
    )
    for factor in run.design.factors:
        frame[factor] = run.sheet[factor].to_numpy()
    frame["counts_from"] = [run.cohort.info[s]["where"] for s in samples]
    frame["format"] = [run.cohort.info[s]["format"] for s in samples]
    return Result({"samples": frame})


def _medians(run: Run, qc: Finished, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Median metrics of the kept cells of each sample, in the order of the sheet."""
    metrics = qc.table("metrics").iloc[rows]
    metrics = metrics.assign(n_umi=np.rint(metrics["n_umi"]))
    by_sample = metrics.groupby(run.cohort.codes[rows])[["n_umi", "n_genes", "mito_frac"]]
    return by_sample.median().reindex(range(len(run.samples)))


def _doublet_shares(run: Run, qc: Finished) -> NDArray[np.float64]:
    """Share of the scored cells called doublets, for each sample."""
    n = len(run.samples)
    scored = np.isfinite(qc.array("doublet_score"))
    called = np.bincount(run.cohort.codes[scored & qc.array("doublet_called")], minlength=n)
    total = np.bincount(run.cohort.codes[scored], minlength=n)
    return np.where(total > 0, called / np.maximum(total, 1), np.nan)


def _keys(heterogeneity: Finished) -> dict[str, str]:
    """What a sample may be compared with, by sample."""
    index = heterogeneity.table("heterogeneity_index")
    index = index[index["level"] == "sample"]
    return dict(zip(index["group"].astype(str), index["comparability_key"], strict=True))


STEP = Step(
    "samples",
    "samples",
    work_samples,
    needs=("qc", "ambient", "heterogeneity"),
    settings=lambda run: run.settings(sheet=True),
    tables=(SAMPLES,),
    share=0.1,
    rank=210,
)
