"""One offline page of manufacture plans, and their tables as files."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from imscope import __version__
from imscope.core.schema import CELLS
from imscope.decisions.manufacture import PlanResult
from imscope.io.atomic import write_bytes, write_text, write_tsv
from imscope.report.inputs import ReportInput
from imscope.report.payload import render


def joined_tables(
    results: Sequence[PlanResult], compared: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """Tables of several plans below one another, with the comparison where there is one."""
    parts = [r.tables() for r in results]
    tables = {name: pd.concat([p[name] for p in parts], ignore_index=True) for name in parts[0]}
    return tables if compared is None else tables | {"manufacture_compare": compared}


def write_manufacture_page(
    results: Sequence[PlanResult], compared: pd.DataFrame | None, path: Path
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    results
        One or more plans.
    compared
        Table ``manufacture_compare``, or nothing.
    path
        File to write (``.html``).
    """
    title = " and ".join(dict.fromkeys(r.plan.name for r in results))
    answer = [line for r in results for line in r.sentences()]
    warnings = [
        {"code": n.code, "message": n.message, "sample": n.subject}
        for r in results
        for n in r.notices
    ]
    about = {
        "title": f"Manufacture: {title}",
        "imscope_version": __version__,
        "answer": answer,
        "warnings": warnings,
    }
    empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    report = ReportInput(about, joined_tables(results, compared), empty)
    write_text(path, render(report, only=("answer", "alerts", "manufacture")))


def write_manufacture_files(
    results: Sequence[PlanResult], compared: pd.DataFrame | None, folder: Path
) -> list[str]:
    """Write every table, one workbook and the result into a folder; return their names."""
    folder.mkdir(exist_ok=True)
    tables = joined_tables(results, compared)
    for name, frame in tables.items():
        write_tsv(folder / f"{name}.tsv", frame)
    book = io.BytesIO()
    with pd.ExcelWriter(book, engine="openpyxl") as writer:
        for name, frame in tables.items():
            frame.to_excel(writer, sheet_name=name.removeprefix("manufacture_"), index=False)
    write_bytes(folder / "manufacture.xlsx", book.getvalue())
    content = [r.content() for r in results]
    text = json.dumps(content[0] if len(content) == 1 else content, indent=1, allow_nan=False)
    write_text(folder / "manufacture.json", text + "\n")
    return [*(f"{name}.tsv" for name in tables), "manufacture.xlsx", "manufacture.json"]
