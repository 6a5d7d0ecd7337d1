"""Clusters: their share in each sample, and the genes that mark them."""

import pandas as pd

from imscope.core.schema import MARKERS
from imscope.report import figures
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section, natural, sample_order
from imscope.report.views import view

PLACE = 80

MOST_MARKERS = 20
"""Markers per cluster printed in the report; the run folder holds all of them."""


def build(report: ReportInput) -> Section:
    """Draw the composition per sample and print the first markers of each cluster."""
    clusters, markers = report.table("clusters"), report.table("markers")
    context: dict[str, object] = {
        "why_no_clusters": report.why_missing("clusters"),
        "why_no_markers": report.why_missing("markers"),
        "markers": None,
    }
    if markers is not None:
        shown = markers[markers["rank"] <= MOST_MARKERS]
        context["markers"] = view(
            shown,
            MARKERS,
            caption=f"Marker genes: the first {MOST_MARKERS} per cluster ({len(shown)} of "
            f"{len(markers)} rows; all of them in tables/markers.tsv).",
            labels={"p_value": "p, descriptive", "q_value": "q, descriptive"},
            notes=(
                "p and q are over cells and descriptive only: cells of one sample are not "
                "replicates, so they are no evidence about lots or donors.",
            ),
        )
    drawn = () if clusters is None else (_figure(report, clusters),)
    return Section("clusters", "Clusters and their markers", context, drawn)


def _figure(report: ReportInput, clusters: pd.DataFrame) -> Figure:
    names = natural(clusters["cluster"].astype(str).unique())
    wide = clusters.astype({"cluster": str, "sample": str}).pivot_table(
        index="sample", columns="cluster", values="n_cells", aggfunc="sum", fill_value=0
    )
    rows = []
    for sample in sample_order(report.table("samples"), clusters):
        if sample not in wide.index:
            continue
        counts = [int(wide.loc[sample, name]) for name in names]  # type: ignore[arg-type]
        total = sum(counts)
        shares = tuple(c / total if total else 0.0 for c in counts)
        rows.append(figures.Stack(sample, f"n={total:,}", shares))
    n_cells = int(clusters["n_cells"].sum())
    title = (
        f"Share of each cluster in each sample ({len(names)} clusters, {len(rows)} samples, "
        f"n = {n_cells:,} cells)"
    )
    return Figure(
        "composition",
        title,
        figures.stacks(
            rows,
            names,
            title=title,
            axis_title="share of the sample's cells (%)",
            simulated=report.simulated,
        ),
        clusters,
        chart="stacks",
        note="Clusters are groups found by an algorithm; they are not cell types. "
        "n counts cells kept.",
        options={
            "axis": "share of the sample's cells (%)",
            "samples": [row.name for row in rows],
            "parts": names,
        },
    )
