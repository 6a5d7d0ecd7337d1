"""The heterogeneity step: index per sample, lot and group, and what may be claimed of it."""

import numpy as np
import pandas as pd

from imscope.core.schema import DESIGN_FACTORS
from imscope.study.stages import Context


def cell_design(context: Context, rows: np.ndarray) -> pd.DataFrame:
    """Design of every kept cell: its sample's row of the sheet, known factors only."""
    sheet = context.sheet
    names = ["sample", *(c for c in sheet.columns if c in DESIGN_FACTORS)]
    extra = [c for c in sheet.columns if c not in names and c not in _PATHS]
    per_sample = sheet[names + extra].reset_index(drop=True)
    return per_sample.iloc[context.cohort.codes[rows]].reset_index(drop=True)


_PATHS = ("path", "raw_path", "sample_key", "select")
