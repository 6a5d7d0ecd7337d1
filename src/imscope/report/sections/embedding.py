"""The map of cells: for looking only."""

from imscope.report.inputs import ReportInput
from imscope.report.section import Section

PLACE = 40


def build(report: ReportInput) -> Section:
    """Announce the map; the front end draws it from the cells packed into the page."""
    there = {"umap_1", "umap_2"} <= set(report.cells.columns) and len(report.cells) > 0
    there = there and bool(report.cells[["umap_1", "umap_2"]].notna().all(axis=None))
    return Section(
        "embedding",
        "Map of the cells",
        {
            "there": there,
            "n_cells": len(report.cells),
            "n_genes": len(report.panel.genes) if report.panel is not None else 0,
            "why": report.why_missing("cells")
            if not len(report.cells)
            else "Not shown: the cells have no coordinates.",
        },
    )
