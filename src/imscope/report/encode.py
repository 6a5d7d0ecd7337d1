"""Cells, genes and figures packed for the page: compressed where long, harmless as text."""

import base64
import json
import math
import zlib
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from imscope.core.schema import CELLS, DESIGN_FACTORS
from imscope.report.inputs import PanelExpression, ReportInput
from imscope.report.palette import MANY, SEQUENTIAL
from imscope.report.section import Figure, natural, sample_order
from imscope.report.typeset import is_missing
from imscope.report.views import TableView, label

MOST_CLASSES = 254
"""A text column with more distinct values is no class to colour by (a barcode, say)."""

MOST_STEPS = 30
"""A numeric design factor with up to so many distinct values is coloured as classes."""

MISSING_LEVEL = "not given"
NO_VALUE = 65535
HARMLESS = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def safe_json(value: Any) -> Markup:
    r"""Write JSON that cannot end its script element, whatever the names in it.

    Examples
    --------
    >>> str(safe_json(["</script>"]))
    '["\\u003c/script\\u003e"]'
    """
    words = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(words.translate(HARMLESS))  # noqa: S704


def pack(array: NDArray[Any]) -> str:
    """Compress the bytes of an array (little endian) and write them in base 64."""
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return base64.b64encode(zlib.compress(little.tobytes(), 6)).decode("ascii")


def pack_text(values: list[str]) -> str:
    """Compress a list of words as JSON."""
    words = json.dumps(values, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return base64.b64encode(zlib.compress(words, 6)).decode("ascii")


def page_data(
    report: ReportInput, figures: list[Figure], tables: list[tuple[str, TableView]]
) -> dict[str, Any]:
    """Collect what the front end needs, and what a machine may want to read from the page."""
    return {
        "format": 1,
        "title": str(report.results.get("title", "")),
        "simulated": report.simulated,
        "palette": {"classes": list(MANY), "values": list(SEQUENTIAL)},
        "cells": cells_data(report),
        "figures": {
            f.key: {"title": f.title, "chart": f.chart, "options": dict(f.options)} | frame(f.data)
            for f in figures
        },
        "tables": {key: {"title": v.caption} | frame(v.frame) for key, v in tables},
    }


def frame(data: pd.DataFrame) -> dict[str, Any]:
    """Write a table as columns and rows of plain values, empty cells as null."""
    columns = [str(c) for c in data.columns]
    values = [[_plain(v) for v in data[c].tolist()] for c in data.columns]
    return {"columns": columns, "rows": [list(row) for row in zip(*values, strict=True)]}


def _plain(value: Any) -> Any:
    if is_missing(value):
        return None
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


def cells_data(report: ReportInput) -> dict[str, Any] | None:
    """Pack coordinates, names, every column to colour by, and the gene panel.

    Returns
    -------
    packed
        Nothing when there are no cells or no coordinates.
    """
    cells = report.cells
    if not len(cells) or not {"umap_1", "umap_2"} <= set(cells.columns):
        return None
    xy = cells[["umap_1", "umap_2"]].to_numpy(dtype=np.float64)
    if not np.isfinite(xy).all():
        return None
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    codes = np.rint((xy - low) / span * 65535).astype(np.uint16)
    names = cells["cell"].astype(str).tolist() if "cell" in cells.columns else []
    return {
        "n": len(cells),
        "low": low.tolist(),
        "span": span.tolist(),
        "x": pack(codes[:, 0]),
        "y": pack(codes[:, 1]),
        "names": pack_text(names or [str(i) for i in range(len(cells))]),
        "fields": _fields(report),
        "genes": _genes(report.panel),
    }


def _genes(panel: PanelExpression | None) -> list[dict[str, Any]]:
    if panel is None:
        return []
    return [
        {"name": str(name), "max": round(float(most), 6), "data": pack(row.astype(np.uint8))}
        for name, most, row in zip(panel.genes, panel.maxima, panel.values, strict=True)
    ]


def _fields(report: ReportInput) -> list[dict[str, Any]]:
    cells = report.cells
    skipped = {"cell", "umap_1", "umap_2", "barcode"}
    first = [c for c in ("sample", "cluster") if c in cells.columns]
    rest = [str(c) for c in cells.columns if c not in skipped and c not in first]
    order = first + [c for c in rest if c in DESIGN_FACTORS]
    order += [c for c in rest if c not in DESIGN_FACTORS]
    packed = (_field(report, name) for name in order)
    return [field for field in packed if field is not None]


def _field(report: ReportInput, name: str) -> dict[str, Any] | None:
    column = report.cells[name]
    kinds = pd.api.types
    number = kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column)
    steps = int(column.nunique())
    if number and not (name in DESIGN_FACTORS and steps <= MOST_STEPS):
        return _value_field(name, column.to_numpy(dtype=np.float64, na_value=np.nan))
    if not steps or (steps > MOST_CLASSES and name not in ("sample", "cluster")):
        return None
    words = column.astype(object).where(column.notna(), MISSING_LEVEL)
    if number:
        words = words.map(lambda v: v if isinstance(v, str) else f"{v:g}")
    words = words.astype(str)
    levels = natural(words.unique())
    if name == "sample":
        wanted = sample_order(report.table("samples"), report.cells)
        levels = [s for s in wanted if s in set(levels)] + [s for s in levels if s not in wanted]
    place = {level: i for i, level in enumerate(levels)}
    codes = words.map(place).to_numpy(dtype=np.uint16)
    narrow = codes.astype(np.uint8) if len(levels) <= 256 else codes
    return {
        "key": name,
        "label": label(name),
        "kind": "class",
        "levels": levels,
        "bytes": narrow.dtype.itemsize,
        "data": pack(narrow),
    }


def _value_field(name: str, values: NDArray[np.float64]) -> dict[str, Any] | None:
    finite = np.isfinite(values)
    if not finite.any():
        return None
    low, high = float(values[finite].min()), float(values[finite].max())
    span = high - low if high > low else 1.0
    codes = np.full(len(values), NO_VALUE, dtype=np.uint16)
    codes[finite] = np.rint((values[finite] - low) / span * (NO_VALUE - 1)).astype(np.uint16)
    unit = next((c.unit for c in CELLS.columns if c.name == name), "")
    return {
        "key": name,
        "label": label(name),
        "kind": "value",
        "unit": unit,
        "low": low,
        "span": span,
        "integer": bool(np.all(values[finite] == np.rint(values[finite]))),
        "data": pack(codes),
    }
