"""Quality per sample: what was kept, what was lost to which rule, and where the limits lie."""

import numpy as np
import pandas as pd

from imscope.core.schema import CELLS, QC_LEDGER, QC_LIMITS, SAMPLES, Column, Table
from imscope.report import figures
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section, sample_order
from imscope.report.views import TableView, view

PLACE = 30

METRICS = {
    "n_umi": ("Total UMI per cell", True),
    "n_genes": ("Genes detected per cell", True),
    "mito_frac": ("Mitochondrial share of UMI", False),
    "ribo_frac": ("Ribosomal share of UMI", False),
    "hb_frac": ("Haemoglobin share of UMI", False),
    "doublet_score": ("Doublet score", False),
}
"""Cell columns drawn per sample, with their titles and whether the axis is logarithmic."""

POINTS = (5, 25, 50, 75, 95)


def build(report: ReportInput) -> Section:
    """Show the samples, the ledger, the limits and the distributions."""
    samples, ledger, limits = (report.table(t) for t in ("samples", "qc_ledger", "qc_limits"))
    order = sample_order(samples, report.cells)
    return Section(
        "quality",
        "Quality per sample",
        {
            "samples": None
            if samples is None
            else view(
                samples,
                SAMPLES,
                caption=f"Samples ({len(samples)}). Medians and shares are over the cells kept.",
                columns=[c.name for c in SAMPLES.columns],
            ),
            "why_no_samples": report.why_missing("samples"),
            "losses": None if ledger is None else _losses(ledger),
            "ledger": None
            if ledger is None
            else view(
                ledger,
                QC_LEDGER,
                caption="Full ledger: every rule in the order applied. "
                "Flagged counts what the rule alone would remove.",
                labels={
                    "n_before": "before",
                    "n_lost": "lost",
                    "n_flagged": "flagged",
                    "n_after": "after",
                },
            ),
            "why_no_ledger": report.why_missing("qc_ledger"),
            "limits": None
            if limits is None
            else view(
                limits,
                QC_LIMITS,
                caption=f"Limits per sample and metric ({len(limits)}), each with the rule that "
                "set it; shares as fractions of one.",
            ),
            "why_no_limits": report.why_missing("qc_limits"),
        },
        tuple(
            _distribution(report, metric, order)
            for metric in METRICS
            if metric in report.cells.columns and report.cells[metric].notna().any()
        ),
    )


def _losses(ledger: pd.DataFrame) -> TableView:
    """One line per sample: cells before, lost to each rule, after."""
    cells = ledger[ledger["unit"] == "cells"]
    rules = [str(r) for r in dict.fromkeys(cells["rule"])]
    names = [str(s) for s in dict.fromkeys(cells["sample"])]
    rows = []
    for name, part in cells.groupby("sample", sort=False):
        before, after = int(part["n_before"].iloc[0]), int(part["n_after"].iloc[-1])
        lost = dict(zip(part["rule"].astype(str), part["n_lost"], strict=True))
        row = [str(name), before, *(int(lost.get(r, 0)) for r in rules), after]
        rows.append([*row, (before - after) / before if before else np.nan])
    columns = [
        Column("sample", "text", "", "sample"),
        Column("before", "integer", "cells", "cells before the first rule"),
        *(Column(f"rule {i}: {r}", "integer", "cells", "") for i, r in enumerate(rules, 1)),
        Column("kept", "integer", "cells", "cells after the last rule"),
        Column("lost", "number", "fraction", "share of the cells lost to all rules together"),
    ]  # fmt: skip
    table = Table("qc_losses", "Cells lost per sample and rule.", tuple(columns))
    frame = pd.DataFrame(rows, columns=[c.name for c in columns])
    return view(
        frame,
        table,
        caption=f"Cells lost to each rule ({len(names)} samples). A cell is counted once, at the "
        "first rule that removes it.",
    )


def _distribution(report: ReportInput, metric: str, order: list[str]) -> Figure:
    words, log = METRICS[metric]
    unit = next((c.unit for c in CELLS.columns if c.name == metric), "fraction")
    scale, shown = (100.0, "%") if unit == "fraction" else (1.0, unit)
    limits = report.table("qc_limits")
    rows, data = [], []
    groups = dict(tuple(report.cells.groupby(report.cells["sample"].astype(str), observed=True)))
    for name in order:
        values = (
            groups[name][metric].to_numpy(dtype=float) * scale if name in groups else np.array([])
        )
        values = values[np.isfinite(values)]
        points = tuple(float(v) for v in np.percentile(values, POINTS)) if len(values) else None
        low, high = _limits(limits, name, metric, scale)
        box = figures.Box(name, len(values), points, tuple(v for v in (low, high) if v is not None))  # type: ignore[arg-type]
        rows.append(box)
        data.append([name, len(values), *(points or [None] * 5), low, high])
    title = f"{words} in each sample (n = {len(report.cells):,} cells kept)"
    columns = ["sample", "n_cells", *(f"p{p}" for p in POINTS), "limit_low", "limit_high"]
    axis = f"{words} ({shown}{', logarithmic' if log else ''})" if shown else words
    return Figure(
        f"qc_{metric}",
        title,
        figures.boxes(rows, title=title, axis_title=axis, log=log, simulated=report.simulated),
        pd.DataFrame(data, columns=columns),
        chart="boxes",
        note="Box: 25 to 75 % of the cells, line: median, whiskers: 5 to 95 %. "
        "Dashed: limits applied; the cells beyond them are gone.",
        options={"axis": axis, "log": log},
    )


def _limits(
    limits: pd.DataFrame | None, sample: str, metric: str, scale: float
) -> tuple[float | None, float | None]:
    if limits is None:
        return None, None
    row = limits[(limits["sample"].astype(str) == sample) & (limits["metric"] == metric)]
    if not len(row):
        return None, None
    low, high = float(row["low"].iloc[0]) * scale, float(row["high"].iloc[0]) * scale
    return (low if np.isfinite(low) else None), (high if np.isfinite(high) else None)
