"""Counts to principal components in four streaming passes, for any source and any size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource
from imscope.engine.hvg import GeneMoments, HvgResult, compute_gene_moments, select_variable_genes
from imscope.engine.normalise import compute_size_factors
from imscope.engine.pca import PcaResult, compute_pca
from imscope.engine.qc import (
    QcResult,
    QcSettings,
    apply_qc,
    compute_count_sums,
    record_genes,
    suggest_qc,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class StandardPca:
    """Result of :func:`standard_pca`; per-cell arrays other than ``pca`` cover all cells.

    Attributes
    ----------
    metrics, limits, qc
        See :mod:`imscope.engine.qc`. The ledger ends with the genes.
    samples
        Names of the samples, in the order of ``moments``.
    size_factors
        Shape ``(n_cells,)``; 0 for cells not kept.
    moments, hvg, pca
        See :mod:`imscope.engine.hvg` and :mod:`imscope.engine.pca`; of kept cells.
    """

    metrics: "pd.DataFrame"
    limits: "pd.DataFrame"
    qc: QcResult
    samples: list[str]
    size_factors: NDArray[np.float64]
    moments: GeneMoments
    hvg: HvgResult
    pca: PcaResult


def standard_pca(
    source: BlockSource,
    classes: Mapping[str, NDArray[np.bool_]],
    samples: ArrayLike,
    *,
    settings: QcSettings | None = None,
    n_genes: int = 2_000,
    n_components: int = 50,
    threads: int | None = None,
) -> StandardPca:
    """Run quality control, normalisation, variable genes and PCA without holding the matrix.

    Parameters
    ----------
    source
        Counts; read four times in blocks.
    classes
        Classes of genes; see :func:`imscope.engine.qc.compute_qc`.
    samples
        Sample of each cell, shape ``(n_cells,)``.
    settings
        Rules of quality control.
    n_genes, n_components
        Variable genes and components wanted.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Raises
    ------
    DataError
        See the steps.
    """
    import pandas as pd

    sums = compute_count_sums(source, classes, threads=threads)
    limits = suggest_qc(sums.cells, samples, settings=settings)
    qc = apply_qc(sums.cells, samples, limits)
    code, names = pd.factorize(np.asarray(samples, dtype=object))
    code = np.where(qc.keep, code, -1)
    factors = np.zeros(source.n_cells)
    factors[qc.keep] = compute_size_factors(
        sums.cells["n_umi"].to_numpy()[qc.keep], np.asarray(samples, dtype=object)[qc.keep]
    )
    moments = compute_gene_moments(source, factors, code, n_samples=len(names), threads=threads)
    hvg = select_variable_genes(moments, n_genes=n_genes)
    pca = compute_pca(
        source,
        factors,
        hvg.selected,
        n_components=n_components,
        batches=np.where(qc.keep, 0, -1),
        threads=threads,
    )
    genes = record_genes(sums.gene_cells, moments.n_detected.sum(axis=0))
    ledger = pd.concat([qc.ledger, genes], ignore_index=True)
    return StandardPca(
        sums.cells,
        limits,
        QcResult(qc.keep, ledger),
        [str(n) for n in names],
        factors,
        moments,
        hvg,
        pca,
    )
