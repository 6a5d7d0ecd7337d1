"""Screens: what a screener looks for first, with the tables behind it."""

from imscope.core.schema import TABLES
from imscope.report.inputs import ReportInput
from imscope.report.screen_figures import cell_figures, plate_figures, pooled_figures
from imscope.report.section import Figure, Section
from imscope.report.views import view

PLACE = 175
SHOWN = 50
_CI = {"log2_fc": ("ci_low", "ci_high")}
_TABLES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "plate_qc": ("Quality of plates", {"z_prime": ("z_prime_low", "z_prime_high")}),
    "plate_rescue": ("Rescue", {"rescue_frac": ("ci_low", "ci_high")}),
    "plate_curves": ("Dose-response curves", {"ec50_um": ("ec50_low", "ec50_high")}),
    "plate_compounds": ("Compounds", {"effect": ("ci_low", "ci_high")}),
    "plate_growth": ("Growth-rate metrics", {}),
    "plate_axis": ("Disease axis", {}),
    "plate_cells": ("Cells along the disease axis", {}),
    "screen_genes": ("Genes", _CI),
    "screen_uniformity": ("Uniformity", {"hi2_ratio": ("hi2_low", "hi2_high")}),
    "screen_targets": ("Targets", {}),
    "screen_effects": ("Effects of targets on genes", {}),
    "screen_responders": ("Responders", {"responders": ("ci_low", "ci_high")}),
    "screen_shares": ("Subsets and programmes", {"difference": ("ci_low", "ci_high")}),
    "screen_sets": ("Known genes", {}),
    "screen_qc": ("Samples", {}),
    "screen_replicates": ("Agreement of samples", {}),
    "screen_arms": ("Chromosome arms", {}),
    "screen_calls": ("Guide assignment", {}),
    "screen_ledger": ("What was left out", {}),
}


def build(report: ReportInput) -> Section | None:
    """Draw and print a screen; nothing at all when there was none."""
    kinds = {
        "screen_genes": pooled_figures,
        "screen_effects": cell_figures,
        "plate_compounds": plate_figures,
    }
    figures: list[Figure] = []
    for name, draw in kinds.items():
        if report.table(name) is not None:
            figures += draw(report)
    views = {}
    for name, (caption, merge) in _TABLES.items():
        table = report.table(name)
        if table is None:
            continue
        words = f"{caption}: {len(table):,} rows"
        words += f", the first {SHOWN} shown." if len(table) > SHOWN else "."
        views[name] = view(table.head(SHOWN), TABLES[name], caption=words, merge=merge)
    if not views:
        return None
    method = dict(report.results.get("method", {}))
    facts = [f"{k.replace('_', ' ')}: {v}" for k, v in method.items() if v not in ("", None)]
    context: dict[str, object] = {
        "facts": facts,
        "warnings": list(report.results.get("screen_warnings", ())),
        "names": list(views),
        **views,
    }
    return Section("screens", "Screen", context, tuple(figures))
