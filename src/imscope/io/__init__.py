"""Files in and out: guarded readers, the sample sheet, gene names, atomic writers.

Examples
--------
>>> from imscope import io
>>> io.read_counts.__name__
'read_counts'
"""

from importlib import import_module
from typing import Any

_HOME = {
    "read_counts": "imscope.io.counts",
    "CountData": "imscope.io.counts",
    "Modality": "imscope.io.raw",
    "Notice": "imscope.io.notice",
    "read_sheet": "imscope.io.sheet",
    "sample_sheet_schema": "imscope.io.sheet",
    "gene_classes": "imscope.io.genes",
    "gene_table": "imscope.io.genes",
    "map_genes": "imscope.io.genes",
    "open_store": "imscope.io.store",
    "write_store": "imscope.io.store",
    "write_cells": "imscope.io.cells",
    "write_modalities": "imscope.io.cells",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'imscope.io' has no attribute {name!r}")
