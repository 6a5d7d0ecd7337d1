"""Karyotype screen: chromosome arms and targets of p53 by lot."""

from imscope.core.schema import ARM_SCREEN, P53_SCREEN
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import view

PLACE = 160

SCREEN = (
    "This is a screen of RNA. It is no karyotype and no release test: G-banding, a SNP array or "
    "whole-genome sequencing decides. Balanced and small changes are invisible."
)


def build(report: ReportInput) -> Section | None:
    """Print findings first, then every lot and region; nothing when no screen was run."""
    arms = report.table("arm_screen")
    p53 = report.table("p53_screen")
    if arms is None and p53 is None:
        return None
    context: dict[str, object] = {
        "screen": SCREEN,
        "found": None,
        "arms": None,
        "nothing": "",
        "p53": None,
        "why_no_arms": report.why_missing("arm_screen"),
        "why_no_p53": report.why_missing("p53_screen"),
    }
    if arms is not None:
        found = arms[arms["verdict"].isin(["gain", "loss"])]
        shown = ["group", "region", "n_cells", "median_umi", "log2_ratio", "log2_low", "log2_high",
                 "frac", "frac_low", "frac_high", "lod_frac", "verdict", "reason"]  # fmt: skip
        merge = {"log2_ratio": ("log2_low", "log2_high"), "frac": ("frac_low", "frac_high")}
        if len(found):
            context["found"] = view(
                found,
                ARM_SCREEN,
                caption=f"Lots and regions with a finding ({len(found)}).",
                columns=shown,
                merge=merge,
            )
        else:
            untested = arms[arms["verdict"] == "NOT TESTABLE"]
            whole = len(untested) == len(arms)
            context["nothing"] = (
                f"NOT TESTABLE: {untested['reason'].iloc[0]}."
                if whole
                else "No gain or loss above the limit of detection of each region. "
                "20q11.21 is not resolvable per cell and is not excluded."
            )
        context["arms"] = view(
            arms,
            ARM_SCREEN,
            caption=f"Every lot and region, with limits of detection ({len(arms)} rows).",
            columns=shown,
            merge=merge,
            notes=("Shares of cells are above what diploid reference lots show.",),
        )
    if p53 is not None:
        context["p53"] = view(
            p53,
            P53_SCREEN,
            caption=f"Targets of p53 against sibling lots ({len(p53)} lots).",
            merge={"log2_ratio": ("low", "high")},
            notes=("A lot that is not low may still carry a TP53 variant.",),
        )
    return Section("karyotype", "Karyotype screen", context)
