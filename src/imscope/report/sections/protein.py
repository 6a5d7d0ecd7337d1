"""Protein: what zero means for each marker, and whether RNA agrees."""

from imscope.core.schema import PROTEIN_AGREEMENT, PROTEIN_MARKERS
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import view

PLACE = 140


def build(report: ReportInput) -> Section | None:
    """Print the tables; nothing at all when the run had no protein."""
    markers = report.table("protein_markers")
    agreement = report.table("protein_agreement")
    if markers is None and agreement is None:
        return None
    context: dict[str, object] = {
        "markers": None,
        "agreement": None,
        "why_no_agreement": report.why_missing("protein_agreement"),
    }
    if markers is not None:
        shown = ["batch", "antigen", "n_cells", "background", "separation", "positive_frac"]
        context["markers"] = view(
            markers,
            PROTEIN_MARKERS,
            caption=f"Background and modes of each marker ({len(markers)} rows).",
            columns=[*shown, "scale", "status", "reason"],
            notes=("A marker with one mode and no control has no sign: it is not called.",),
        )
    if agreement is not None:
        shown = ["group", "antigen", "gene", "n_cells", "n_units", "rna_frac", "correlation"]
        context["agreement"] = view(
            agreement,
            PROTEIN_AGREEMENT,
            caption=f"Agreement of RNA and protein ({len(agreement)} rows).",
            columns=[
                *shown, "correlation_low", "correlation_high", "detected_frac", "detected_low",
                "detected_high", "interval_over", "status", "reason",
            ],
            merge={
                "correlation": ("correlation_low", "correlation_high"),
                "detected_frac": ("detected_low", "detected_high"),
            },
            notes=("Rows of a lot have intervals over cells; `all lots` over lots.",),
        )  # fmt: skip
    return Section("protein", "Surface protein", context)
