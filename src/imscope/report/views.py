"""Tables made ready for print: captions, units, meanings and cells as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imscope.core.schema import Column, Table
from imscope.report import typeset


@dataclass(frozen=True)
class Header:
    """Head of one column."""

    label: str
    unit: str
    numeric: bool
    meaning: str


@dataclass(frozen=True)
class Entry:
    """One table cell: its text, its value for sorting and how it is dressed."""

    text: str
    sort: str
    style: str


@dataclass(frozen=True)
class TableView:
    """One table as it is printed, and the values behind it in full."""

    name: str
    caption: str
    headers: tuple[Header, ...]
    rows: tuple[tuple[Entry, ...], ...]
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """Whether any cell is empty, so that the dash needs its explanation."""
        return any(e.text == typeset.MISSING for row in self.rows for e in row)


LONGEST_BADGE = 30
"""Letters of a verdict that is dressed as a badge; longer words are a sentence."""

LABELS = {
    "n_cells_in": "cells in file",
    "n_cells": "cells",
    "n_units": "units",
    "median_umi": "median UMI per cell",
    "median_genes": "median genes per cell",
    "mito_frac": "mitochondrial",
    "doublet_frac": "doublets",
    "ambient_frac": "ambient",
    "hi2": "HI2",
    "hi2_low": "HI2 low",
    "hi2_high": "HI2 high",
    "bcv_percent": "biological CV",
    "bcv_low": "CV low",
    "bcv_high": "CV high",
    "hi_c": "coordinated HI",
    "mad": "MAD",
    "auc": "AUC",
    "log2_fc": "log2 fold change",
    "frac_in": "seen in cluster",
    "frac_out": "seen outside",
    "frac": "share of sample",
    "p_value": "p",
    "q_value": "q",
    "symbol": "gene",
    "feature_id": "gene id",
    "low": "low",
    "high": "high",
}


def label(name: str) -> str:
    """Give a column its name in print.

    Examples
    --------
    >>> label("bcv_percent"), label("test_group")
    ('biological CV', 'test group')
    """
    return LABELS.get(name, name.replace("_", " "))


def view(
    frame: pd.DataFrame,
    table: Table,
    *,
    caption: str = "",
    columns: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    merge: Mapping[str, tuple[str, str]] | None = None,
    notes: Sequence[str] = (),
) -> TableView:
    """Dress a declared table for print.

    Parameters
    ----------
    frame
        The table, one row per line to print.
    table
        Its declaration: units and meanings come from here.
    caption
        What is shown, and over which n; by default the caption of the declaration.
    columns
        Which columns to print, in order; by default those the declaration names, else all. Absent
        ones are left out.
    labels
        Heads that differ from the usual ones and from the declared ones.
    merge
        Value columns to the columns of their interval, which are then printed behind the value;
        by default those of the declaration.
    notes
        Sentences below the table.
    """
    wish = columns or table.shown or list(map(str, frame.columns))
    every = [c for c in wish if c in frame.columns]
    labels = {**table.labels, **(labels or {})}
    caption = caption or (table.caption or table.meaning).format(n=len(frame))
    asked = table.merge if merge is None else merge
    merged = {v: ends for v, ends in asked.items() if {v, *ends} <= set(frame.columns)}
    ends = {name for pair in merged.values() for name in pair}
    wanted = [c for c in every if c not in ends]
    declared = {c.name: c for c in table.columns}
    specs = [declared.get(c) or _undeclared(c, frame[c]) for c in wanted]
    heads = tuple(
        Header(
            _head(spec.name, labels, with_interval=spec.name in merged),
            _unit(spec),
            spec.kind in ("number", "integer"),
            spec.meaning,
        )
        for spec in specs
    )
    columns_of_entries = []
    for spec in specs:
        entries = [entry(v, spec) for v in frame[spec.name].tolist()]
        if spec.name in merged:
            low, high = merged[spec.name]
            bounds = zip(frame[low].tolist(), frame[high].tolist(), strict=True)
            entries = [_behind(e, a, b, spec) for e, (a, b) in zip(entries, bounds, strict=True)]
        columns_of_entries.append(entries)
    rows = tuple(zip(*columns_of_entries, strict=True))
    return TableView(table.name, caption, heads, rows, frame[every], tuple(notes))


def entry(value: Any, spec: Column) -> Entry:
    """Write one value as its column asks for."""
    numeric = spec.kind in ("number", "integer")
    if typeset.is_missing(value):
        return Entry(typeset.MISSING, "", "number" if numeric else "text")
    if not numeric:
        text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        badge = spec.name in ("verdict", "status") and len(text.partition(": ")[0]) <= LONGEST_BADGE
        return Entry(text, text, "verdict" if badge else "text")
    if spec.kind == "integer":
        text = typeset.count(value)
    elif spec.unit == "fraction":
        text = typeset.percent(value)
    elif spec.unit == "probability" and spec.name != "auc":
        text = typeset.probability(value)
    else:
        text = typeset.number(value)
    return Entry(text, repr(float(value)), "number")


def _head(name: str, labels: Mapping[str, str], *, with_interval: bool) -> str:
    words = labels.get(name) or label(name)
    return f"{words} (95 % interval)" if with_interval else words


def _unit(spec: Column) -> str:
    return {"fraction": "%", "probability": ""}.get(spec.unit, spec.unit)


def _behind(value: Entry, low: Any, high: Any, spec: Column) -> Entry:
    """Put an interval behind its value."""
    if value.text == typeset.MISSING or typeset.is_missing(low) or typeset.is_missing(high):
        return value
    words = typeset.interval(low, high)
    if spec.unit == "fraction":  # the value stands in percent, so do its ends
        words = f"{typeset.percent(low)} to {typeset.percent(high)}"
    return Entry(f"{value.text} ({words})", value.sort, value.style)


def _undeclared(name: str, column: "pd.Series[Any]") -> Column:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return Column(name, "number" if numeric else "text", "", "from the sample sheet")
