"""Step: expression of a few genes in every cell, small enough to travel in the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.result import Result
from imscope.core.views import select_rows
from imscope.engine.execute import map_blocks
from imscope.study.step import Had, Run, Step
from imscope.study.store import Finished

IDENTITY = (
    "NT5E",
    "THY1",
    "ENG",
    "MCAM",
    "NGFR",
    "VCAM1",
    "PDGFRA",
    "PDGFRB",
    "CD44",
    "PTPRC",
    "CD34",
    "CD14",
    "CD19",
    "HLA-DRA",
    "COL1A1",
    "ACTA2",
    "RUNX2",
    "SOX9",
    "PPARG",
    "POU5F1",
    "NANOG",
    "LIN28A",
    "SOX10",
    "PECAM1",
    "EPCAM",
    "MKI67",
    "TOP2A",
    "CDKN1A",
    "CDKN2A",
)
"""Genes a mesenchymal stromal cell report is asked for first; shown where the file lists them."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Expression of a few genes in every kept cell.

    Attributes
    ----------
    genes
        Symbols.
    values
        uint8, shape ``(n_genes, n_cells)``: 0 to 255 of each gene's largest value.
    maxima
        float32, shape ``(n_genes,)``: the log-normalised expression 255 stands for.
    """

    genes: tuple[str, ...]
    values: NDArray[np.uint8]
    maxima: NDArray[np.float32]


def work_panel(run: Run, had: Had) -> Result:
    """Take expression of the report's genes in the kept cells."""
    genes = panel_genes(
        run.cohort.features,
        run.config.report.panel,
        had["markers"].table("markers"),
        limit=run.config.report.max_panel_genes,
    )
    source = select_rows(run.cohort.source, run.rows(had))
    factors = had["components"].array("size_factors")
    values, maxima = quantise_panel(source, factors, genes, threads=run.threads)
    symbols = run.cohort.features["symbol"].astype(str).to_numpy()[genes]
    return Result(
        arrays={"values": values, "maxima": maxima}, facts={"genes": [str(s) for s in symbols]}
    )


def read_panel(done: Finished) -> Panel:
    """The panel a finished step kept."""
    return Panel(tuple(done.fact("genes")), done.array("values"), done.array("maxima"))


def panel_genes(
    features: pd.DataFrame, wanted: Sequence[str], markers: pd.DataFrame, *, limit: int
) -> NDArray[np.int64]:
    """Rows of ``features`` for the panel: wanted genes, identity genes, then top markers.

    Parameters
    ----------
    features
        Gene table with ``symbol`` and ``feature_id``.
    wanted
        Symbols or ids asked for in the configuration.
    markers
        Table ``markers``.
    limit
        Most genes to take.
    """
    top = markers.sort_values(["rank", "cluster"], kind="stable")["feature_id"].astype(str)
    order = [*wanted, *IDENTITY, *top]
    by_name = {str(s): i for i, s in reversed(list(enumerate(features["symbol"])))}
    by_id = {str(s): i for i, s in enumerate(features["feature_id"])}
    rows = [by_id.get(name, by_name.get(name, -1)) for name in order]
    unique = list(dict.fromkeys(row for row in rows if row >= 0))
    return np.array(unique[:limit], dtype=np.int64)


def quantise_panel(
    source: BlockSource,
    size_factors: NDArray[np.float64],
    genes: NDArray[np.int64],
    *,
    threads: int | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Log-normalised expression of some genes, 0 to 255 of each gene's largest value.

    Parameters
    ----------
    source
        Counts of ``n`` cells.
    size_factors
        Shape ``(n,)``.
    genes
        Columns to take, shape ``(m,)``.

    Returns
    -------
    values
        uint8, shape ``(m, n)``.
    maxima
        float32, shape ``(m,)``: the expression that 255 stands for. Unit: log1p of counts.
    """
    column = np.full(source.n_features, -1, dtype=np.int32)
    column[genes] = np.arange(len(genes), dtype=np.int32)

    def gather(block: CsrBlock) -> NDArray[np.float32]:
        values = np.zeros((len(genes), block.n_rows), dtype=np.float32)
        place = column[block.indices]
        hit = np.flatnonzero(place >= 0)
        rows = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))[hit]
        scale = size_factors[block.start + rows]
        values[place[hit], rows] = np.log1p(block.data[hit] / scale)
        return values

    parts = list(map_blocks(source, gather, threads=threads))
    dense = np.concatenate(parts, axis=1) if parts else np.zeros((len(genes), 0), np.float32)
    maxima = dense.max(axis=1, initial=0.0)
    scale = np.where(maxima > 0, 255 / np.where(maxima > 0, maxima, 1), 0)
    return np.rint(dense * scale[:, None]).astype(np.uint8), maxima.astype(np.float32)


STEP = Step(
    "panel",
    "gene panel",
    work_panel,
    needs=("qc", "components", "markers"),
    settings=lambda run: (
        run.settings()
        | {"panel": run.config.report.panel, "most": run.config.report.max_panel_genes}
    ),
    share=0.5,
    rank=230,
)
