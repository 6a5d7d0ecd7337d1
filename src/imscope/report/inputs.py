"""What a report is made of: results, declared tables, cells, a gene panel and provenance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.errors import DataError


@dataclass(frozen=True)
class PanelExpression:
    """Expression of a gene panel, quantised so that it fits into one file.

    Parameters
    ----------
    genes
        Names of the genes, as shown; length ``n_genes``.
    values
        Log-normalised expression, shape ``(n_genes, n_cells)``: 0 is zero, 255 the gene's maximum.
        Unit: 1/255 of the maximum.
    maxima
        Largest log-normalised value per gene, shape ``(n_genes,)``. Unit: ln(1 + counts at
        typical depth).
    """

    genes: tuple[str, ...]
    values: NDArray[np.uint8]
    maxima: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = (len(self.genes), len(self.maxima))
        if self.values.ndim != 2 or shape != (self.values.shape[0],) * 2:
            raise DataError(
                "a gene panel needs one name, one maximum and one row of values per gene",
                found=f"{shape[0]} names, {shape[1]} maxima, values of shape {self.values.shape}",
                fix="build all three from the same list of genes",
            )

    @property
    def n_cells(self) -> int:
        """Number of cells the panel was measured in."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class ReportInput:
    """Everything the report shows.

    Parameters
    ----------
    results
        Content of ``results.json``: ``title``, ``imscope_version``, ``schema_version``,
        ``simulated``, ``answer`` (up to six lines), ``claims``, ``headline``, ``warnings``
        (``code``, ``message``, ``sample``), ``config``, ``inputs`` (``path``, ``sha256``,
        ``bytes``) and, optionally, ``skipped``: table name to the reason it was not made.
    tables
        Tables by their name in :data:`imscope.core.schema.TABLES`. A missing one is allowed: its
        section then says why it is not there.
    cells
        One row per kept cell, as :data:`imscope.core.schema.CELLS`, with design factors and
        quality columns beside.
    panel
        Genes by which the embedding can be coloured, or nothing. Columns follow ``cells``.
    provenance
        ``created``, ``versions``, ``threads``, ``steps`` (``step``, ``seconds``, ``cpu_seconds``,
        ``peak_mb``, ``cached``), ``seeds``, ``config_hash``, ``run_stamp``.
    """

    results: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    cells: pd.DataFrame
    panel: PanelExpression | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        width = len(self.cells) if self.panel is None else self.panel.n_cells
        if width != len(self.cells):
            raise DataError(
                "the gene panel and the cell table differ in their number of cells",
                found=f"{width} in the panel, {len(self.cells)} in the table",
                fix="cut both with the same mask of kept cells",
            )

    @property
    def simulated(self) -> bool:
        """Whether the data come from a simulator; the report then says so on every page."""
        return bool(self.results.get("simulated", False))

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table with at least one row, or nothing."""
        frame = self.tables.get(name)
        return frame if frame is not None and len(frame) else None

    def why_missing(self, name: str) -> str:
        """Say in words why a table is not shown."""
        reason = dict(self.results.get("skipped", {})).get(name)
        if reason:
            return f"Not shown: {reason}"
        state = "has no rows" if name in self.tables else "was not made in this run"
        return f"Not shown: the table {name} {state}."
