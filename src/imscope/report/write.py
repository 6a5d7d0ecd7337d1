"""From a finished run to ``report.html`` in its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from imscope.io.atomic import write_text
from imscope.report.inputs import PanelExpression, ReportInput
from imscope.report.payload import render

if TYPE_CHECKING:
    from imscope.study.run import RunResult


def write_report(result: "RunResult") -> Path:
    """Render the report of a run and write it beside the results.

    Parameters
    ----------
    result
        What :func:`imscope.study.run_study` returned.

    Returns
    -------
    path
        ``report.html`` in the run folder: one file, offline.
    """
    panel = PanelExpression(result.panel.genes, result.panel.values, result.panel.maxima)
    page = render(
        ReportInput(
            results=result.results,
            tables=result.tables,
            cells=result.tables["cells"],
            panel=panel,
            provenance=result.stamp,
        )
    )
    path = result.folder / "report.html"
    write_text(path, page)
    return path
