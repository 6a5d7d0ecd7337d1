"""Identity: ISCT panel, cell cycle, senescence, HOX code, sex and match of the donor."""

from collections.abc import Mapping, Sequence

import pandas as pd

from imscope.core.schema import TABLES
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import view

PLACE = 130

_SHOWN: dict[str, tuple[str, Sequence[str] | None, Mapping[str, tuple[str, str]]]] = {
    "isct_panel": (
        "ISCT panel: 95 % or more positive, 2 % or fewer negative",
        ("group", "antigen", "rule", "source", "frac", "low", "high", "expected_seen", "verdict",
         "reason"),
        {"frac": ("low", "high")},
    ),
    "cycle_phases": (
        "Cell cycle: share of cells in S, G2 and M",
        ("group", "phase", "frac", "low", "high", "n_cells", "n_units", "basis", "status",
         "reason"),
        {"frac": ("low", "high")},
    ),
    "senescence": (
        "Senescent cells: arrest, SASP, rest and low LMNB1 together",
        ("group", "frac", "low", "high", "chance_frac", "arrest_frac", "sasp_frac", "resting_frac",
         "lmnb1_ratio", "relative_to", "basis", "status", "reason"),
        {"frac": ("low", "high")},
    ),
    "senescence_profiles": ("Senescence of whole samples against the reference", None, {}),
    "hox_code": (
        "HOX position code",
        ("group", "n_present", "present", "n_decided", "nearest", "similarity", "status", "reason"),
        {},
    ),
    "donor_sex": ("Sex of the donor", None, {}),
    "donor_match": ("Samples of one donor, and samples that contradict the sheet", None, {}),
}  # fmt: skip


def build(report: ReportInput) -> Section | None:
    """Print the tables; nothing at all when the run made none of them."""
    there = {name: report.table(name) for name in _SHOWN}
    if all(frame is None for frame in there.values()):
        return None
    context: dict[str, object] = {"why": {}}
    missing: dict[str, str] = {}
    for name, (caption, columns, merge) in _SHOWN.items():
        frame = there[name]
        kept = None if frame is None else _kept(name, frame)
        context[name] = None
        if kept is None:
            missing[name] = report.why_missing(name)
        elif len(kept):
            context[name] = view(
                kept,
                TABLES[name],
                caption=f"{caption} ({len(kept)} rows).",
                columns=columns,
                labels={"frac": "share", "expected_seen": "seen if all were alike"},
                merge=merge,
            )
    context["why"] = missing
    return Section("identity", "Identity, cycle and ageing", context)


def _kept(name: str, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Rows worth print: the run folder holds all of them."""
    if name == "cycle_phases":
        return frame[frame["phase"].isin(["S", "G2M", "S+G2M"])]
    if name == "donor_match":
        return frame[frame["same_donor"] | (frame["verdict"] == "contradicts")]
    if name == "senescence_profiles" and (frame["reason"] == "there is no reference profile").all():
        return frame.iloc[:0]
    return frame
