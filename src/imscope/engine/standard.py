"""From counts to principal components in four passes over the rows, in memory or from a file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource
from imscope.core.errors import MethodError
from imscope.core.views import select_rows
from imscope.engine.hvg import VariableGenes, compute_gene_moments, select_variable_genes
from imscope.engine.normalise import compute_size_factors
from imscope.engine.pca import PcaResult, compute_pca
from imscope.engine.qc import QcResult, QcSettings, apply_qc, compute_qc, suggest_qc


@dataclass(frozen=True, slots=True)
class StandardPca:
    """Components of the cells that pass quality control, and how they were reached.

    Attributes
    ----------
    metrics, limits, quality
        Quality metrics of all cells, the limits, the cells kept and the ledger.
    size_factors
        Of the cells kept, shape ``(n_kept,)``.
    variable
        Variable genes.
    pca
        Components of the cells kept.
    """

    metrics: pd.DataFrame
    limits: pd.DataFrame
    quality: QcResult
    size_factors: NDArray[np.float64]
    variable: VariableGenes
    pca: PcaResult


def standard_pca(
    source: BlockSource,
    classes: Mapping[str, NDArray[np.bool_]],
    samples: ArrayLike,
    *,
    n_genes: int = 2000,
    n_components: int = 50,
    settings: QcSettings | None = None,
    threads: int | None = None,
) -> StandardPca:
    """Run quality control, size factors, variable genes and components with suggested limits.

    Parameters
    ----------
    source
        Counts of ``n`` cells; read four times, never held.
    classes
        Masks of the genes of the classes ``mito``, ``ribo`` and ``haemoglobin``, as for
        :func:`imscope.engine.qc.compute_qc`.
    samples
        Sample of each cell, shape ``(n,)``. Limits are set and variable genes are found per sample.
    n_genes
        Variable genes wanted.
    n_components
        Components wanted.
    settings
        Of quality control.
    threads
        Threads; changes no digit.

    Returns
    -------
    result
        Every intermediate table with the components.

    Raises
    ------
    MethodError
        No cell is left after quality control, or too few for components.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> counts = np.random.default_rng(0).poisson(3.0, (80, 300))
    >>> source = MemoryBlocks.from_csr(sp.csr_array(counts))
    >>> result = standard_pca(source, {}, ["a"] * 80, n_genes=50, n_components=5)
    >>> result.pca.coordinates.shape == (result.quality.keep.sum(), 5)
    True
    """
    names = np.asarray(samples).astype(str)
    metrics = compute_qc(source, classes, threads=threads)
    limits = suggest_qc(metrics, names, settings=settings)
    quality = apply_qc(metrics, names, limits)
    kept = np.flatnonzero(quality.keep)
    if not kept.size:
        raise MethodError(
            "no cell is left after quality control",
            found=f"{len(names)} cells before",
            fix="look at the metrics, then set other limits",
        )
    cells = source if len(kept) == source.n_cells else select_rows(source, kept)
    factors = compute_size_factors(metrics["n_umi"].to_numpy(np.float64)[kept])
    levels, codes = np.unique(names[kept], return_inverse=True)
    moments = compute_gene_moments(cells, factors, codes, len(levels), threads=threads)
    variable = select_variable_genes(moments, n_genes=n_genes)
    pca = compute_pca(cells, factors, variable.selected, n_components=n_components, threads=threads)
    return StandardPca(metrics, limits, quality, factors, variable, pca)
