"""Blocks of cells within which variable genes are ranked and batches aligned."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core import codes as known
from imscope.core.errors import UsageError
from imscope.study.step import Run


def block_codes(run: Run, codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Block of each cell: its level of the batch column, or its sample."""
    column = run.config.path.batch
    if column is None:
        return codes, len(run.samples)
    if column not in run.sheet:
        raise UsageError(
            f"path.batch names the column {column!r}, which the sample sheet does not have",
            found=", ".join(map(str, run.sheet.columns)),
            code=known.CONFIG_VALUE,
        )
    levels, _ = pd.factorize(run.sheet[column].astype(str), sort=True)
    return levels.astype(np.int32)[codes], int(levels.max()) + 1
