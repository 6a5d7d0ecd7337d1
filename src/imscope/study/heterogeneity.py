"""The heterogeneity step: index per sample, lot and group, and what may be claimed of it."""

from pathlib import Path

import numpy as np
import pandas as pd

from imscope.analyses.heterogeneity import (
    HeterogeneitySettings,
    compute_heterogeneity,
    describe_claims,
    index_table,
)
from imscope.core.schema import DESIGN_FACTORS
from imscope.core.views import select_rows
from imscope.io.genes import gene_classes
from imscope.study.design import Design
from imscope.study.stages import Context, load_array


def cell_design(context: Context, rows: np.ndarray) -> pd.DataFrame:
    """Design of every kept cell: its sample's row of the sheet, known factors only."""
    sheet = context.sheet
    names = ["sample", *(c for c in sheet.columns if c in DESIGN_FACTORS)]
    extra = [c for c in sheet.columns if c not in names and c not in _PATHS]
    per_sample = sheet[names + extra].reset_index(drop=True)
    return per_sample.iloc[context.cohort.codes[rows]].reset_index(drop=True)


_PATHS = ("path", "raw_path", "sample_key", "select")
