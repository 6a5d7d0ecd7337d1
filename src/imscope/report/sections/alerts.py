"""Warnings of the run, each with its meaning and its remedy."""

from typing import Any

from imscope.core.codes import CODES
from imscope.report.inputs import ReportInput
from imscope.report.section import Section

PLACE = 190


def build(report: ReportInput) -> Section:
    """List every warning; equal ones for several samples stand together."""
    found: dict[tuple[str, str], list[str]] = {}
    for warning in report.results.get("warnings", []):
        key = (str(warning.get("code", "")), str(warning.get("message", "")))
        sample = warning.get("sample")
        found.setdefault(key, []).extend([str(sample)] if sample else [])
    return Section(
        "alerts",
        "Warnings",
        {"alerts": [_alert(code, message, names) for (code, message), names in found.items()]},
    )


def _alert(code: str, message: str, samples: list[str]) -> dict[str, Any]:
    known = CODES.get(code)
    return {
        "code": code,
        "message": message,
        "samples": samples,
        "meaning": known.meaning if known else "",
        "fix": known.fix if known else "",
    }
