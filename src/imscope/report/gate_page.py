"""One offline page of a gate design: the gates, and what is recorded about their markers."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from imscope import __version__
from imscope.core.schema import CELLS
from imscope.evidence.answers import evidence_notes
from imscope.io.atomic import write_text
from imscope.report.inputs import ReportInput
from imscope.report.payload import render


def write_gate_page(tables: Mapping[str, pd.DataFrame], path: Path, title: str) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    tables
        Tables of a :class:`imscope.analyses.gates.GateDesign`.
    path
        File to write (``.html``).
    title
        Heading of the page.
    """
    markers = dict.fromkeys(
        name for text in tables["gate_designs"]["markers"] for name in text.split(", ")
    )
    shown = {**tables, "evidence_notes": evidence_notes(markers)}
    results = {"title": title, "imscope_version": __version__, "answer": []}
    empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    write_text(path, render(ReportInput(results, shown, empty), only=("gates", "evidence")))
