"""Heterogeneity of cells inside a gate: where gates and heterogeneity meet."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.gates.cells import GateCells
from imscope.analyses.gates.sorting import Measure
from imscope.analyses.heterogeneity import compute_heterogeneity, index_table
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.genes import gene_classes, map_genes

COLUMN, LEFT_OUT = "gate_group", "left out by the gate"


def measure_heterogeneity(cells: GateCells) -> Measure:
    """Make the function that measures heterogeneity per group of some of the cells.

    Parameters
    ----------
    cells
        With RNA counts.

    Raises
    ------
    DataError
        The cells have no RNA.
    """
    source = cells.source
    if source is None:
        raise DataError(
            "heterogeneity needs RNA counts, and these cells have none", code=codes.GATE_INPUT
        )
    features, _ = map_genes(list(cells.genes))
    classes = gene_classes(features)

    def measure(chosen: NDArray[np.bool_], groups: NDArray[np.str_]) -> pd.DataFrame:
        names = pd.Series(LEFT_OUT, index=cells.obs.index, dtype="object")
        names[chosen] = groups
        obs = pd.DataFrame({COLUMN: names.astype("str")})
        table = index_table(compute_heterogeneity(source, features, obs, classes=classes), COLUMN)
        return table.loc[table["group"] != LEFT_OUT, ["group", "hi2", "hi2_low", "hi2_high"]]

    return measure
