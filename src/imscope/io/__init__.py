"""Files in and out: guarded readers, the sample sheet, gene names, atomic writers.

Examples
--------
>>> from imscope import io
>>> io.read_counts.__name__
'read_counts'
"""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.io.cells import write_cells
    from imscope.io.counts import read_counts
    from imscope.io.fcs import FlowData, compensate, read_fcs
    from imscope.io.fragments import parse_peaks, read_fragments
    from imscope.io.gating_ml import RectangleGate, read_gating_ml, write_gating_ml
    from imscope.io.gating_scheme import Scheme, read_gating_scheme
    from imscope.io.genes import gene_classes, gene_table, map_genes
    from imscope.io.multimodal import MultiModal, read_mudata_file, write_mudata
    from imscope.io.notice import Notice
    from imscope.io.open import annotate, open_cells
    from imscope.io.raw import Modality
    from imscope.io.sheet import SampleRow, SampleSheet, read_sheet, sample_sheet_schema
    from imscope.io.store import open_store, write_store

_HOMES = {
    "write_gating_ml": "gating_ml",
    "read_gating_ml": "gating_ml",
    "read_gating_scheme": "gating_scheme",
    "Scheme": "gating_scheme",
    "read_fcs": "fcs",
    "compensate": "fcs",
    "RectangleGate": "gating_ml",
    "FlowData": "fcs",
    "Modality": "raw",
    "MultiModal": "multimodal",
    "Notice": "notice",
    "SampleRow": "sheet",
    "SampleSheet": "sheet",
    "gene_classes": "genes",
    "gene_table": "genes",
    "map_genes": "genes",
    "open_store": "store",
    "parse_peaks": "fragments",
    "read_counts": "counts",
    "read_fragments": "fragments",
    "read_mudata_file": "multimodal",
    "read_sheet": "sheet",
    "sample_sheet_schema": "sheet",
    "write_cells": "cells",
    "write_mudata": "multimodal",
    "write_store": "store",
    "annotate": "open",
    "open_cells": "open",
}

__all__ = [
    "FlowData",
    "Modality",
    "MultiModal",
    "Notice",
    "RectangleGate",
    "SampleRow",
    "SampleSheet",
    "Scheme",
    "annotate",
    "compensate",
    "gene_classes",
    "gene_table",
    "map_genes",
    "open_cells",
    "open_store",
    "parse_peaks",
    "read_counts",
    "read_fcs",
    "read_fragments",
    "read_gating_ml",
    "read_gating_scheme",
    "read_mudata_file",
    "read_sheet",
    "sample_sheet_schema",
    "write_cells",
    "write_gating_ml",
    "write_mudata",
    "write_store",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
