"""What every format hands over before genes are mapped and modalities are told apart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource
from imscope.core.cells import Modality
from imscope.io.notice import Notice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Modality", "RawCounts"]


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
    columns: dict[str, list[str]] = field(default_factory=dict)
    obs: "pd.DataFrame | None" = None
    var: "pd.DataFrame | None" = None
    modalities: dict[str, Modality] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    stored_per_cell: NDArray[np.int64] | None = None
    close: Callable[[], None] = lambda: None
