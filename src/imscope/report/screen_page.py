"""One offline page of a screen, from the parts of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imscope.core.schema import CELLS
from imscope.io.atomic import write_text
from imscope.report.inputs import ReportInput
from imscope.report.payload import render


def write_screen_page(
    path: Path,
    title: str,
    tables: Mapping[str, pd.DataFrame],
    *,
    method: Mapping[str, Any],
    warnings: Sequence[str],
    simulated: bool = False,
) -> None:
    """Write the page of a screen.

    Parameters
    ----------
    path
        The HTML file.
    title
        Of the page.
    tables
        Of the result, by name.
    method
        Method, version, options and numbers.
    warnings
        Sentences.
    simulated
        The data come from a simulator.
    """
    results = {
        "title": title,
        "imscope_version": str(method.get("version", "")),
        "answer": [],
        "method": dict(method),
        "screen_warnings": list(warnings),
        "simulated": simulated,
    }
    empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    write_text(path, render(ReportInput(results, tables, empty), only=("screens",)))
