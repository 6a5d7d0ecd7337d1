"""Step: ambient share of every sample, from its empty droplets if given, else without markers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource
from imscope.core.result import Result
from imscope.core.views import map_features, select_rows
from imscope.engine.ambient import (
    AmbientResult,
    estimate_ambient_from_empty,
    estimate_ambient_marker_free,
)
from imscope.io.counts import read_counts
from imscope.study.step import Had, Run, Step
from imscope.study.store import Finished


def work_ambient(run: Run, had: Had) -> Result:
    """Estimate the ambient share and profile of every sample."""
    rows = run.rows(had)
    labels = had["clusters"].array("labels")
    codes = run.cohort.codes[rows]
    records, profiles = [], {}
    for i, sample in enumerate(run.samples):
        here = codes == i
        if not run.has_counts:
            records.append(_row(sample, None, "not estimated: needs UMI counts"))
            continue
        if not here.any():
            records.append(_row(sample, None, "not estimated: no cells kept"))
            continue
        cells = select_rows(run.cohort.source, rows[here])
        if sample in run.raw_paths:
            result = _from_raw(run, run.raw_paths[sample], cells, labels[here])
        else:
            result = estimate_ambient_marker_free(cells, labels[here], threads=run.threads)
        records.append(_row(sample, result, result.status))
        if len(result.profile):
            profiles[f"profile_{i}"] = result.profile
    return Result(tables={"ambient": pd.DataFrame(records)}, arrays=profiles)


def read_ambient(run: Run, ambient: Finished) -> dict[str, AmbientResult]:
    """Ambient share and profile of the samples for which both were estimated."""
    rows = ambient.table("ambient").set_index("sample").to_dict("index")
    found = {}
    for i, sample in enumerate(run.samples):
        if not ambient.has_array(f"profile_{i}"):
            continue
        row: dict[str, Any] = {str(k): v for k, v in rows[sample].items()}
        found[sample] = AmbientResult(
            fraction=float(row["fraction"]),
            low=float(row["low"]),
            high=float(row["high"]),
            status=str(row["status"]),
            profile=ambient.array(f"profile_{i}"),
            n_genes=int(row["n_genes"]),
        )
    return found


def _from_raw(run: Run, path: Path, cells: BlockSource, labels: NDArray[Any]) -> AmbientResult:
    features = run.cohort.features
    place = pd.Series(np.arange(len(features), dtype=np.int32), index=features["feature_id"])
    with read_counts(path) as data:
        found = place.reindex(data.features["feature_id"], fill_value=-1)
        raw = map_features(data.source, np.asarray(found, dtype=np.int32), len(features))
        return estimate_ambient_from_empty(raw, cells, clusters=labels, threads=run.threads)


def _row(sample: str, result: AmbientResult | None, status: str) -> dict[str, object]:
    found = {k: getattr(result, k, None) for k in ("fraction", "low", "high")}
    numbers = {k: np.nan if v is None else float(v) for k, v in found.items()}
    n_genes = int(getattr(result, "n_genes", 0))
    return {"sample": sample, **numbers, "status": status, "n_genes": n_genes}


STEP = Step(
    "ambient",
    "ambient",
    work_ambient,
    needs=("qc", "clusters"),
    settings=lambda run: (
        run.settings()
        | {"raw": {s: run.inputs[str(p)]["sha256"] for s, p in sorted(run.raw_paths.items())}}
    ),
    share=1.5,
    rank=60,
)
