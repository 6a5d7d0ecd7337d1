"""Residual pluripotent cells: called cells, their share with bounds, and what a dose may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.safety.dose import NOT_A_RELEASE_TEST
from imscope.analyses.safety.screen import (
    ResidualSettings,
    screen_panel,
    take_cells,
)
from imscope.core.blocks import BlockSource
from imscope.core.schema import RESIDUAL_CELLS, RESIDUAL_PLURIPOTENT
from imscope.evidence.gene_sets import load

if TYPE_CHECKING:
    from imscope.engine.ambient import AmbientResult


@dataclass(frozen=True)
class ResidualResult:
    """Cells that should not be there.

    Attributes
    ----------
    groups
        One row per group and lineage: :data:`imscope.core.schema.RESIDUAL_PLURIPOTENT` or
        :data:`imscope.core.schema.OFF_LINEAGE`.
    cells
        Every candidate, as :data:`imscope.core.schema.RESIDUAL_CELLS`.
    settings
        Settings in use.
    statement
        The sentence that must stand beside the numbers.
    """

    groups: pd.DataFrame
    cells: pd.DataFrame
    settings: ResidualSettings
    statement: str = NOT_A_RELEASE_TEST


def known_ambient(
    ambient: "Mapping[str, AmbientResult] | None",
) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Ambient share and profile by sample, of those that were estimated."""
    return {
        k: (v.fraction, v.profile)
        for k, v in (ambient or {}).items()
        if len(v.profile) and np.isfinite(v.fraction)
    }


def candidate_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Candidates as the declared table, the surest first; also when there are none."""
    if not len(cells):
        kinds = {"text": "str", "integer": "int64", "number": "float64"}
        empty = {c.name: pd.Series(dtype=kinds[c.kind]) for c in RESIDUAL_CELLS.columns}
        return RESIDUAL_CELLS.check(pd.DataFrame(empty))
    order = ["group", "lineage", "log_ratio"]
    ranked = cells.sort_values(order, ascending=[True, True, False], kind="stable")
    return RESIDUAL_CELLS.check(ranked.reset_index(drop=True))


def find_residual_pluripotent(
    source: BlockSource,
    features: pd.DataFrame,
    obs: pd.DataFrame,
    *,
    group: str = "sample",
    ambient: "Mapping[str, AmbientResult] | None" = None,
    settings: ResidualSettings | None = None,
    threads: int | None = None,
) -> ResidualResult:
    r"""Search every group for residual pluripotent cells.

    A cell is called when it shows at least 3 of the bundled marker genes with at least 4 UMI, its
    counts are 1,000 times as likely in a pluripotent cell as from ambient RNA and background, and
    it is no doublet. The share called is corrected for sensitivity and false calls.

    Parameters
    ----------
    source
        Whole counts, cells by genes.
    features
        One row per feature, with ``symbol``.
    obs
        One row per cell with the group; a column ``doublet``, if there is one, is believed.
    group
        Column that groups the cells; every group is taken as one library.
    ambient
        Ambient share and profile per group. Where none is known the share of the settings is
        assumed with the mean profile of the group, and the status says so.
    settings
        Settings, by default :class:`ResidualSettings`. They name the group of pluripotent cells to
        measure marker rates in, and the clean groups that give a limit of blank.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Groups and candidates.

    Raises
    ------
    DataError
        The values are no counts, or the cell table does not fit.

    Notes
    -----
    This is characterisation, never a release limit test. With no cell called among n the upper
    bound is about 3 / n over the sensitivity. The sensitivity rests on the rates of the marker
    genes: give a reference or measured rates where there are any. A residual cell stuck to a
    product cell is a doublet and is listed, not called.

    References
    ----------
    .. [1] Rogan WJ, Gladen B (1978). Am J Epidemiol 107:71-76.
       doi:10.1093/oxfordjournals.aje.a112510

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> genes = [*load()["residual_psc_msc_safe"].genes, "COL1A1"]
    >>> counts = np.zeros((200, len(genes)), dtype=int)
    >>> counts[:, -1] = 5000
    >>> counts[0, :4] = [3, 6, 2, 2]
    >>> cells = pd.DataFrame({"sample": ["lot 1"] * 200})
    >>> source = MemoryBlocks.from_csr(sp.csr_array(counts))
    >>> found = find_residual_pluripotent(source, pd.DataFrame({"symbol": genes}), cells)
    >>> found.groups[["n_cells", "n_called"]].values.tolist(), found.cells["genes"].tolist()
    ([[200, 1]], ['POU5F1 6; LIN28A 3; NANOG 2; DPPA4 2'])
    """
    settings = ResidualSettings() if settings is None else settings
    cells = take_cells(source, obs, group, ambient=known_ambient(ambient))
    screen = screen_panel(
        source,
        features,
        cells,
        lineage="pluripotent",
        genes=load()["residual_psc_msc_safe"].genes,
        settings=settings,
        threads=threads,
    )
    return ResidualResult(
        RESIDUAL_PLURIPOTENT.check(screen.groups), candidate_table(screen.cells), settings
    )
