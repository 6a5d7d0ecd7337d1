"""Cells that should not be there: upper bounds, what they mean for a dose, the cells by hand."""

import pandas as pd

from imscope.analyses.safety.dose import NOT_A_RELEASE_TEST, cells_needed
from imscope.core.schema import OFF_LINEAGE, RESIDUAL_CELLS, RESIDUAL_PLURIPOTENT
from imscope.report import typeset
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import TableView, view

PLACE = 150

LISTED = 200
"""Candidates printed at most."""
COLUMNS = (
    *("group", "n_cells", "n_called", "frac", "low", "high", "upper_95", "cells_in_dose"),
    *("sensitivity", "false_positive_rate", "limit_of_detection", "status", "reason"),
)


def build(report: ReportInput) -> Section | None:
    """Print bounds and candidates; nothing when no cells were searched."""
    residual = report.table("residual_pluripotent")
    unwanted = report.table("off_lineage")
    if residual is None and unwanted is None:
        return None
    cells = report.table("residual_cells")
    context: dict[str, object] = {
        "statement": NOT_A_RELEASE_TEST,
        "reach": _reach(),
        "doses": [] if residual is None else _doses(residual),
        "residual": None if residual is None else _residual(residual),
        "why_no_residual": report.why_missing("residual_pluripotent"),
        "unwanted": None if unwanted is None else _unwanted(unwanted),
        "why_no_unwanted": report.why_missing("off_lineage"),
        "cells": None if cells is None else _cells(cells),
    }
    return Section("safety", "Cells that should not be there", context)


def _reach() -> str:
    return (
        "To see one such cell with 95 % chance at full sensitivity takes "
        f"{cells_needed(0.001):,} cells at a share of 0.1 %, {cells_needed(0.0001):,} at 0.01 % "
        f"and {cells_needed(0.00001):,} at 0.001 %."
    )


def _doses(residual: pd.DataFrame) -> list[str]:
    out = []
    for row in residual.to_dict("records"):
        if typeset.is_missing(row["upper_95"]):
            words = f"{row['status']}: {row['reason']}"
            out.append(f"{row['group']}: residual pluripotent cells are {words}.")
            continue
        called = "no" if row["n_called"] == 0 else typeset.count(row["n_called"])
        dosed = not typeset.is_missing(row["dose"])
        in_dose = (
            f", which is {typeset.number(row['cells_in_dose'])} cells in a dose of "
            f"{typeset.number(row['dose'])}"
        )
        out.append(
            f"{row['group']}: {called} pluripotent cells called among "
            f"{typeset.count(row['n_cells'])}; with 95 % confidence at most "
            f"{typeset.number(100 * row['upper_95'])} %{in_dose if dosed else ''}."
        )
    return out


def _residual(table: pd.DataFrame) -> TableView:
    return view(
        table,
        RESIDUAL_PLURIPOTENT,
        caption=f"Residual pluripotent cells ({len(table)} groups).",
        columns=_columns(table, COLUMNS),
        merge={"frac": ("low", "high")},
        notes=(
            "A cell is called with at least 3 marker genes and 4 of their UMI, a likelihood ratio "
            "of 1,000 over ambient RNA, and when it is no doublet.",
        ),
    )


def _unwanted(table: pd.DataFrame) -> TableView:
    return view(
        table,
        OFF_LINEAGE,
        caption=f"Cells of unwanted lineages ({table['group'].nunique()} groups).",
        columns=_columns(table, ("group", "lineage", *COLUMNS[1:8], "status", "reason")),
        merge={"frac": ("low", "high")},
        notes=("The lists are sentinels, not validated panels; their marker rates are assumed.",),
    )


def _columns(table: pd.DataFrame, wanted: tuple[str, ...]) -> list[str]:
    """Columns to print; what concerns a dose only where one was given."""
    undosed = bool(table["cells_in_dose"].isna().all())
    return [c for c in wanted if not (undosed and c == "cells_in_dose")]


def _cells(table: pd.DataFrame) -> TableView:
    some = table.head(LISTED)
    more = len(table) - len(some)
    notes = (f"{typeset.count(more)} more are in the saved table.",) if more else ()
    return view(
        some,
        RESIDUAL_CELLS,
        caption=f"Every cell that meets the rule, to be looked at by hand ({len(table)} cells).",
        notes=notes,
    )
