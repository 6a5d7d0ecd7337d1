"""Quality metrics and suggested limits of a sample sheet, with nothing applied."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imscope.core.result import Notice
from imscope.core.views import fixed_point, select_rows
from imscope.engine.qc import compute_qc, suggest_qc
from imscope.io.counts import read_counts
from imscope.io.sheet import read_sheet
from imscope.study.config import RunConfig
from imscope.study.ingest import FIXED_POINT
from imscope.study.limits import override_limits, qc_classes, qc_settings


@dataclass(frozen=True, slots=True)
class Quality:
    """Metrics and suggested limits.

    Attributes
    ----------
    metrics
        One row per cell: ``cell``, ``sample`` and the metrics.
    limits
        Table ``qc_limits`` with ``n_outside``, the cells each limit alone would remove.
    notices
        What the readers must tell.
    """

    metrics: pd.DataFrame
    limits: pd.DataFrame
    notices: tuple[Notice, ...] = ()

    def records(self) -> Mapping[str, Any]:
        """Both as JSON-like records: limits in full, metrics as medians per sample."""
        limits = self.limits.astype(object).where(self.limits.notna(), None)
        medians = self.metrics.drop(columns="cell").groupby("sample", sort=False).median()
        medians.insert(0, "n_cells", self.metrics["sample"].value_counts(sort=False))
        table = medians.reset_index()
        return {
            "limits": limits.to_dict(orient="records"),
            "samples": table.astype(object).where(table.notna(), None).to_dict(orient="records"),
        }


def check_quality(
    sheet: Path | str, *, config: RunConfig | None = None, threads: int | None = None
) -> Quality:
    """Compute metrics of every cell and suggest limits; the library side of ``imscope qc``.

    Parameters
    ----------
    sheet
        Sample sheet.
    config
        Settings; the defaults if not given.
    threads
        Threads to use.
    """
    config = config or RunConfig()
    read = read_sheet(Path(sheet))
    parts, notices = [], []
    for row in read.rows:
        expression = config.input.matrix == "expression"
        with read_counts(row.path, expression=expression) as data:
            rows = row.cells_of(data.obs)
            source = select_rows(data.source, rows)
            scale = 1 if data.kind == "counts" else FIXED_POINT
            work = source if scale == 1 else fixed_point(source, scale)
            metrics = compute_qc(work, qc_classes(data.features), threads=threads)
            metrics["n_umi"] = metrics["n_umi"] / scale
            metrics.insert(0, "cell", data.obs.index.to_numpy()[rows].astype(str))
            metrics.insert(1, "sample", row.sample)
            parts.append(metrics)
            notices += [replace(n, subject=row.sample) for n in data.notices]
    metrics = pd.concat(parts, ignore_index=True)
    values = metrics.drop(columns=["cell", "sample"])
    limits = suggest_qc(values, metrics["sample"].to_numpy(), settings=qc_settings(config))
    limits = override_limits(limits, config.qc.limits)
    outside = []
    for limit in limits.to_dict(orient="records"):
        here = (metrics["sample"] == limit["sample"]).to_numpy()
        cells = metrics[str(limit["metric"])].to_numpy(np.float64)[here]
        low, high = float(limit["low"]), float(limit["high"])
        outside.append(int(((cells < low) | (cells > high)).sum()))  # no limit compares as false
    return Quality(metrics, limits.assign(n_outside=outside), tuple(notices))
