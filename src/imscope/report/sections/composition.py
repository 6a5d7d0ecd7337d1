"""Composition: how many subsets each unit has, and which shares differ."""

from imscope.core.schema import COMPOSITION, DIFFERENTIAL_ABUNDANCE, SUBSET_CALLS
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import view


def build(report: ReportInput) -> Section | None:
    """Print the tables; nothing at all when the run made none of them."""
    hill = report.table("composition")
    abundance = report.table("differential_abundance")
    calls = report.table("subset_calls")
    if hill is None and abundance is None and calls is None:
        return None
    context: dict[str, object] = {
        "calls": None,
        "hill": None,
        "abundance": None,
        "why_no_abundance": report.why_missing("differential_abundance"),
    }
    if calls is not None:
        shown = ["group", "n_used", "n_subsets", "shape", "sharing", "replication", "reason"]
        context["calls"] = view(
            calls,
            SUBSET_CALLS,
            caption=f"More than one population? One verdict per unit ({len(calls)} units).",
            columns=shown,
        )
    if hill is not None:
        context["hill"] = view(
            hill,
            COMPOSITION,
            caption=f"Effective number of subsets at equal coverage ({len(hill)} rows).",
            columns=["group", "order", "n_cells", "coverage", "hill", "low", "high", "basis"],
            merge={"hill": ("low", "high")},
            notes=("Intervals are over cells of the unit and say nothing about other units.",),
        )
    if abundance is not None:
        context["abundance"] = view(
            abundance,
            DIFFERENTIAL_ABUNDANCE,
            caption=f"Shares that differ, with units as replicates ({len(abundance)} rows).",
            merge={"effect": ("low", "high")},
        )
    return Section("composition", "Composition", context)
