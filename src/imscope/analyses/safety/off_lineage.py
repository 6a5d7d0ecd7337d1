"""Cells of unwanted lineages: neural, epithelial, endoderm, cardiac, blood, trophoblast."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from imscope.analyses.safety.detection import CallRule, MarkerRates
from imscope.analyses.safety.residual import ResidualResult, candidate_table, known_ambient
from imscope.analyses.safety.screen import (
    ResidualSettings,
    screen_panel,
    take_cells,
)
from imscope.core.blocks import BlockSource
from imscope.core.schema import OFF_LINEAGE
from imscope.evidence.gene_sets import load

if TYPE_CHECKING:
    from imscope.engine.ambient import AmbientResult

LINEAGES = ("neural", "epithelial", "endoderm", "cardiac", "blood", "trophoblast")
ASSUMED_RATE = 3.0
"""Rate of a lineage's gene in a cell of the lineage when none was measured, per 10,000 UMI."""


def find_off_lineage(
    source: BlockSource,
    features: pd.DataFrame,
    obs: pd.DataFrame,
    *,
    group: str = "sample",
    ambient: "Mapping[str, AmbientResult] | None" = None,
    settings: ResidualSettings | None = None,
    threads: int | None = None,
) -> ResidualResult:
    """Search every group for cells of lineages that a product must not hold.

    Parameters
    ----------
    source, features, obs, group, ambient, threads
        As in :func:`imscope.analyses.safety.find_residual_pluripotent`.
    settings
        As there. The rule is at least 2 genes and 3 UMI, because the lists are short.

    Returns
    -------
    result
        One row per group and lineage, and the candidates.

    Raises
    ------
    DataError
        The values are no counts, or the cell table does not fit.

    Notes
    -----
    The lists are sentinels, not validated panels. Marker rates in the unwanted cells are assumed,
    so the corrected share is an order of magnitude. Epithelial genes are also those of pluripotent
    cells: look at both lists of cells.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> genes = [*load()["unwanted_cardiac"].genes, "COL1A1"]
    >>> counts = np.zeros((50, 5), dtype=int)
    >>> counts[:, -1] = 8000
    >>> counts[3, :3] = [9, 2, 4]
    >>> source = MemoryBlocks.from_csr(sp.csr_array(counts))
    >>> features, cells = pd.DataFrame({"symbol": genes}), pd.DataFrame(index=range(50))
    >>> found = find_off_lineage(source, features, cells)
    >>> found.groups.set_index("lineage").loc["cardiac", "n_called"]
    np.int64(1)
    """
    settings = ResidualSettings() if settings is None else settings
    settings = replace(settings, rule=CallRule(2, 3, settings.rule.min_log_ratio))
    cells = take_cells(source, obs, group, ambient=known_ambient(ambient))
    groups, listed = [], []
    for lineage in LINEAGES:
        genes = load()[f"unwanted_{lineage}"].genes
        rates = MarkerRates(np.full(len(genes), ASSUMED_RATE), shape=1.0, log_sd=0.7)
        screen = screen_panel(
            source,
            features,
            cells,
            lineage=lineage,
            genes=genes,
            settings=replace(settings, rates=rates, reference=None),
            threads=threads,
        )
        groups.append(screen.groups)
        listed += [screen.cells] if len(screen.cells) else []
    table = pd.concat(groups, ignore_index=True)
    found = pd.concat(listed, ignore_index=True) if listed else pd.DataFrame()
    return ResidualResult(OFF_LINEAGE.check(table), candidate_table(found), settings)
