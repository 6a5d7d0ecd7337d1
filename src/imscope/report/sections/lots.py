"""The first screen: one row per lot, each value with its status word and a link to its section."""

from typing import Any

from imscope.core.schema.lots import LOT_STATUS
from imscope.report import typeset
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.study.verdicts import plain

PLACE = 5

HEADS = (
    ("cells", "Cells", "quality"),
    ("depth", "UMI per cell", "quality"),
    ("bcv", "Biological CV (95 %); place among reference lots", "heterogeneity"),
    ("identity", "Markers that agree", "identity"),
    ("subsets", "Subsets", "subsets"),
    ("s_g2m", "S+G2M", "identity"),
    ("senescent", "Senescent", "identity"),
    ("residual", "Residual: upper bound / limit of detection", "safety"),
    ("karyotype", "Karyotype screen", "karyotype"),
    ("ambient", "Ambient", "quality"),
    ("warnings", "Warnings", "alerts"),
)
"""First part of the status column, head in print and the section where it is shown in full."""


def build(report: ReportInput) -> Section | None:
    """Dress the table of lots; nothing for results without one."""
    lots = report.table("lots")
    if lots is None:
        return None
    rows = lots.to_dict("records")
    used = {str(row[f"{key}_status"]) for row in rows for key, _, _ in HEADS}
    return Section(
        "lots",
        "Lots at a glance",
        {
            "sentences": [str(s) for s in report.results.get("summary", [])],
            "below": dict(report.results.get("below", {})),
            "heads": [head for _, head, _ in HEADS],
            "rows": [_row({str(k): v for k, v in row.items()}) for row in rows],
            "legend": {word: told for word, told in LOT_STATUS.items() if word in used},
        },
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "lot": str(row["lot"]),
        "source": plain(row["source"]) or typeset.MISSING,
        "samples": typeset.count(row["n_samples"]),
        "cells": [
            {"text": _text(row, key), "status": str(row[f"{key}_status"]), "section": section}
            for key, _, section in HEADS
        ],
    }


def _text(row: dict[str, Any], key: str) -> str:
    """Write one value; a question without an answer has only its status word."""
    if row[f"{key}_status"] == "not tested":
        return ""
    if key == "cells":
        return typeset.count(row["n_cells"])
    if key == "depth":
        return typeset.count(row["median_umi"])
    if key == "bcv":
        ends = "" if typeset.is_missing(row["bcv_low"]) else (
            f" ({row['bcv_low']:.1f} to {row['bcv_high']:.1f})"
        )  # fmt: skip
        return f"{row['bcv_percent']:.1f} %{ends} {row['bcv_place']}"
    if key == "residual":
        found = f"{row['residual_called']} called, " if row["residual_called"] else ""
        most, least = _percent(row["residual_upper"]), _percent(row["residual_lod"])
        return f"{found}at most {most} / {least}"
    if key in ("s_g2m", "senescent", "ambient"):
        most = "at most " if key == "ambient" else ""
        return f"{most}{_percent(row[f'{key}_frac'])}"
    if key == "warnings":
        return typeset.count(row["n_warnings"])
    return str(row[key])


def _percent(share: Any) -> str:
    return typeset.MISSING if typeset.is_missing(share) else f"{100 * share:.2g}\u00a0%"
