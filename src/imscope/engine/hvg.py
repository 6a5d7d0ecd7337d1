"""Variable genes: variance of log-normalised values above the trend, within each sample."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError, MethodError
from imscope.engine.execute import map_blocks
from imscope.engine.kernels.counts import add_moments
from imscope.engine.normalise import scratch, values_of

TREND_BINS = 50
ROUNDING = 1e-12
MIN_CELLS = 3
"""A gene seen in fewer cells of a sample has no usable variance there."""


@dataclass(frozen=True, slots=True)
class GeneMoments:
    """Sums of log-normalised values per group of cells; additive over cells and groups.

    Attributes
    ----------
    n_cells
        Cells per group, shape ``(n_groups,)``.
    total, squares
        Sum and sum of squares, shape ``(n_groups, n_features)``.
    n_detected
        Cells with the gene, int64, shape ``(n_groups, n_features)``.
    """

    n_cells: NDArray[np.int64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    n_detected: NDArray[np.int64]

    def mean(self) -> NDArray[np.float64]:
        """Mean per group and gene."""
        return self.total / np.maximum(self.n_cells, 1)[:, None]

    def variance(self) -> NDArray[np.float64]:
        """Sample variance per group and gene; zero in groups of one cell."""
        n = self.n_cells[:, None].astype(np.float64)
        spread = self.squares - self.total**2 / np.maximum(n, 1)
        spread[spread < ROUNDING * self.squares] = 0  # what is left of equal values
        return spread / np.maximum(n - 1, 1)


@dataclass(frozen=True, slots=True)
class VariableGenes:
    """Variable genes.

    Attributes
    ----------
    table
        One row per feature: ``mean``, ``variance``, ``excess`` (mean over groups of the variance
        above the trend), ``n_groups`` (groups in which the gene is among the most variable),
        ``rank`` (median over those groups), ``selected``.
    selected
        Columns of the variable genes, ascending.
    """

    table: pd.DataFrame
    selected: NDArray[np.int64]


def compute_gene_moments(
    source: BlockSource,
    size_factors: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    *,
    threads: int | None = None,
) -> GeneMoments:
    """Gather gene moments per group of cells in one pass.

    Parameters
    ----------
    source
        Counts of ``n`` cells.
    size_factors
        Shape ``(n,)``.
    groups
        Sample or batch of each cell, from 0 to ``n_groups - 1``.
    n_groups
        Number of groups.
    threads
        Threads; changes no digit.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 0], [3, 1]]))
    >>> compute_gene_moments(source, [1.0, 1.0], [0, 0], 1).total.round(3)
    array([[2.079, 0.693]])
    """
    scale = 1 / np.ascontiguousarray(size_factors, dtype=np.float64)
    codes = np.ascontiguousarray(groups, dtype=np.int32)
    if len(scale) != source.n_cells or len(codes) != source.n_cells:
        raise DataError(
            "size factors and groups need one value per cell",
            found=f"{source.n_cells} cells, {len(scale)} size factors, {len(codes)} groups",
        )
    if codes.size and (codes.min() < 0 or codes.max() >= n_groups):
        raise DataError("a group is out of range", found=f"{codes.max()} of {n_groups}")

    def gather(block: CsrBlock) -> tuple[int, NDArray[np.float64]]:
        rows = slice(block.start, block.start + block.n_rows)
        first = int(codes[rows].min())
        here = codes[rows] - np.int32(first)
        out = np.zeros((int(here.max()) + 1, block.n_features, 3))
        values = values_of(block)
        add_moments(block.indptr, block.indices, values, scale[rows], here, scratch(), out)
        return first, out

    sums = np.zeros((n_groups, source.n_features, 3))
    for first, part in map_blocks(source, gather, threads=threads):
        sums[first : first + len(part)] += part
    return GeneMoments(
        n_cells=np.bincount(codes, minlength=n_groups).astype(np.int64),
        total=sums[:, :, 0].copy(),
        squares=sums[:, :, 1].copy(),
        n_detected=np.rint(sums[:, :, 2]).astype(np.int64),
    )


def select_variable_genes(
    moments: GeneMoments, *, n_genes: int = 2000, exclude: ArrayLike | None = None
) -> VariableGenes:
    """Choose the genes whose variance exceeds the trend in as many groups as possible.

    Within each group the trend of variance on mean is the running median over equally filled bins
    of the mean; a gene's excess is its variance minus the trend at its mean. Genes are ordered by
    the number of groups in which they are among the ``n_genes`` largest excesses, then by the
    median rank there. So a gene that differs only between groups is not rewarded.

    Parameters
    ----------
    moments
        From :func:`compute_gene_moments`.
    n_genes
        Genes wanted; fewer if fewer have any variance.
    exclude
        Genes that may not be chosen, shape ``(n_features,)``.

    Returns
    -------
    result
        The table and the chosen genes.

    Raises
    ------
    MethodError
        No gene has variance in any group.

    References
    ----------
    .. [1] Lun ATL et al. (2016). F1000Research 5:2122. doi:10.12688/f1000research.9501.2

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> counts = rng.poisson(3.0, (60, 30))
    >>> counts[:30, 4] += 20
    >>> moments = compute_gene_moments(
    ...     MemoryBlocks.from_csr(sp.csr_array(counts)), np.ones(60), np.zeros(60, int), 1
    ... )
    >>> int(select_variable_genes(moments, n_genes=1).selected[0])
    4
    """
    mean, variance = moments.mean(), moments.variance()
    usable = moments.n_detected >= MIN_CELLS
    if exclude is not None:
        usable = usable & ~np.asarray(exclude, dtype=bool)
    usable &= variance > 0
    if not usable.any():
        raise MethodError(
            "no gene varies among the cells of any sample",
            found=f"{int(moments.n_cells.sum())} cells",
            fix="check what quality control removed",
        )
    excess = np.full(mean.shape, np.nan)
    ranks = np.full(mean.shape, np.nan)
    for g in range(len(mean)):
        here = np.flatnonzero(usable[g])
        if here.size == 0:
            continue
        excess[g, here] = variance[g, here] - _trend(mean[g, here], variance[g, here])
        order = np.argsort(-excess[g, here], kind="stable")[:n_genes]
        ranks[g, here[order]] = np.arange(len(order))
    n_groups = np.isfinite(ranks).sum(axis=0)
    median_rank = _nan_median(ranks)
    mean_excess = _nan_mean(excess)
    candidates = np.flatnonzero(n_groups > 0)
    order = np.lexsort(
        (candidates, -mean_excess[candidates], median_rank[candidates], -n_groups[candidates])
    )
    selected = np.sort(candidates[order[:n_genes]])
    flag = np.zeros(mean.shape[1], dtype=bool)
    flag[selected] = True
    weights = moments.n_cells / max(1, int(moments.n_cells.sum()))
    table = pd.DataFrame(
        {
            "mean": weights @ mean,
            "variance": weights @ variance,
            "excess": mean_excess,
            "n_groups": n_groups,
            "rank": median_rank,
            "selected": flag,
        }
    )
    return VariableGenes(table, selected)


def _trend(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running median of variance on mean, joined by straight lines."""
    order = np.argsort(mean, kind="stable")
    bins = np.array_split(order, min(TREND_BINS, max(1, len(order) // 10)))
    x = np.array([np.median(mean[b]) for b in bins])
    y = np.array([np.median(variance[b]) for b in bins])
    trend: NDArray[np.float64] = np.interp(mean, x, y)
    return trend


def _nan_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(axis=0)
    out[some] = np.nanmedian(values[:, some], axis=0)
    return out


def _nan_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(axis=0)
    out[some] = np.nanmean(values[:, some], axis=0)
    return out
