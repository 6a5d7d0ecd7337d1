"""What every format hands over before genes are mapped and modalities are told apart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource
from imscope.io.notice import Notice

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp


@dataclass(frozen=True)
class Modality:
    """Features of another kind, measured in the same cells.

    Attributes
    ----------
    features
        One row per feature: ``feature_id``, ``symbol``.
    counts
        Shape ``(n_cells, n_features)``; int32 counts, or float32 if they are not whole.
    """

    features: "pd.DataFrame"
    counts: "sp.csr_array"


@dataclass
class RawCounts:
    """A matrix as it stands in the file: all features, names as found."""

    format: str
    where: str
    whole: bool
    rows: BlockSource
    cells: NDArray[np.object_]
    names: list[str]
    symbols: list[str] | None = None
    types: list[str] | None = None
    obs: "pd.DataFrame | None" = None
    modalities: dict[str, Modality] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    stored_per_cell: NDArray[np.int64] | None = None
    close: Callable[[], None] = lambda: None
