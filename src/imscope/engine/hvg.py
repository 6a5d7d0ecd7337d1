"""Moments of every gene in every sample, and the genes that vary more than their mean predicts."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks
from imscope.engine.kernels.counts import add_moments
from imscope.engine.passes import count_arrays, local_codes

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_CELLS = 20
"""Samples with fewer cells have no usable trend and do not vote."""
MIN_DETECTED = 3
"""A gene seen in fewer cells of a sample has no usable variance there."""
BIN = 150
"""Genes per step of the trend: the median of so many residuals is known to about a tenth."""


@dataclass(frozen=True, slots=True)
class GeneMoments:
    """Sums over the cells of each sample; adding two results joins their cells.

    Attributes
    ----------
    n
        int64, shape ``(n_samples,)``: cells.
    sum, sum_squares
        Shape ``(n_samples, n_features)``: of log-normalised values.
    n_detected
        int64, shape ``(n_samples, n_features)``: cells in which the gene is seen.
    """

    n: Ints
    sum: Floats
    sum_squares: Floats
    n_detected: Ints

    def __add__(self, other: "GeneMoments") -> "GeneMoments":
        return GeneMoments(
            self.n + other.n,
            self.sum + other.sum,
            self.sum_squares + other.sum_squares,
            self.n_detected + other.n_detected,
        )


@dataclass(frozen=True, slots=True)
class HvgResult:
    """Result of :func:`select_variable_genes`.

    Attributes
    ----------
    table
        One row per feature: ``mean`` and ``excess`` (variance above the trend; both averaged over
        samples), ``median_rank`` (1 is the most variable; NaN if no sample could judge),
        ``n_samples`` that could judge it, ``selected``.
    selected
        Features chosen, rising.
    n_samples
        Samples that took part.
    """

    table: "pd.DataFrame"
    selected: Ints
    n_samples: int


def _moment_block(block: CsrBlock, factors: Floats, groups: Ints) -> tuple[Ints, Ints, Floats]:
    rows = slice(block.start, block.start + block.n_rows)
    present, local = local_codes(groups[rows])
    out = np.zeros((len(present), block.n_features, 3))
    add_moments(*count_arrays(block), factors[rows], local, out)
    return present, np.bincount(local[local >= 0], minlength=len(present)), out


def compute_gene_moments(
    source: BlockSource,
    size_factors: Floats,
    sample_codes: NDArray[np.integer],
    *,
    n_samples: int,
    threads: int | None = None,
) -> GeneMoments:
    """Sum log-normalised values and their squares per sample and gene in one pass.

    Parameters
    ----------
    source
        Counts.
    size_factors
        Shape ``(n_cells,)``; see :func:`imscope.engine.normalise.compute_size_factors`.
    sample_codes
        Number of each cell's sample, shape ``(n_cells,)``; -1 leaves the cell out.
    n_samples
        Number of samples.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Raises
    ------
    DataError
        Lengths differ, a code is out of range, or a used cell has no positive size factor.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[1, 0], [1, 2], [0, 9]]))
    >>> m = compute_gene_moments(source, np.ones(3), np.array([0, 0, -1]), n_samples=1)
    >>> m.n_detected, m.sum.round(3)
    (array([[2, 1]]), array([[1.386, 1.099]]))
    """
    factors, groups = check_cells(source, size_factors, sample_codes, n_samples)
    n = np.zeros(n_samples, dtype=np.int64)
    total = np.zeros((n_samples, source.n_features, 3))
    work = partial(_moment_block, factors=factors, groups=groups)
    for present, cells, part in map_blocks(source, work, threads=threads):
        n[present] += cells
        for k, group in enumerate(present):
            total[group] += part[k]
    return GeneMoments(
        n, total[..., 0].copy(), total[..., 1].copy(), total[..., 2].astype(np.int64)
    )


def check_cells(
    source: BlockSource, size_factors: Floats, groups: NDArray[np.integer], n_groups: int
) -> tuple[Floats, Ints]:
    """Check size factors and group numbers against a source; return them in kernel types."""
    factors = np.ascontiguousarray(size_factors, dtype=np.float64)
    numbers = np.ascontiguousarray(groups, dtype=np.int64)
    if factors.shape != (source.n_cells,) or numbers.shape != (source.n_cells,):
        raise DataError(
            "every cell needs one size factor and one group number",
            found=f"{source.n_cells} cells, shapes {factors.shape} and {numbers.shape}",
            code=codes.ENGINE_SHAPE,
        )
    if numbers.size and (numbers.max() >= n_groups or numbers.min() < -1):
        raise DataError(
            "a group number is out of range",
            found=f"{numbers.min()} to {numbers.max()}, allowed -1 to {n_groups - 1}",
            code=codes.ENGINE_SHAPE,
        )
    bad = np.flatnonzero((numbers >= 0) & ~(np.isfinite(factors) & (factors > 0)))
    if bad.size:
        raise DataError(
            "a cell in use has no positive size factor",
            found=f"{bad.size} cells, first is row {bad[0]}: {factors[bad[0]]}",
            fix="leave cells without counts out (code -1)",
            code=codes.ENGINE_EMPTY,
        )
    return factors, numbers


def select_variable_genes(
    moments: GeneMoments, *, n_genes: int = 2_000, exclude: NDArray[np.bool_] | None = None
) -> HvgResult:
    """Choose genes whose variance exceeds the trend of variance on mean, in most samples.

    In each sample the variance of the log-normalised values is compared with the median variance
    of genes of like mean; genes are ranked by the excess. A gene's final rank is the median of its
    ranks over samples (last where a sample cannot judge it), so a gene that differs only *between*
    samples or batches gains nothing, and no single sample decides.

    Parameters
    ----------
    moments
        See :func:`compute_gene_moments`.
    n_genes
        Genes to choose; fewer if fewer can be judged.
    exclude
        Features never chosen, shape ``(n_features,)``.

    Raises
    ------
    DataError
        No sample has enough cells, no gene can be judged, or ``exclude`` has the wrong length.

    Notes
    -----
    With two samples the median is the mean of both ranks. The trend is the median over genes, so
    it misleads where most genes vary biologically.

    References
    ----------
    .. [1] Lun ATL, McCarthy DJ, Marioni JC (2016). F1000Research 5:2122.
       doi:10.12688/f1000research.9501.2
    """
    import pandas as pd

    n_features = moments.sum.shape[1]
    allowed = np.ones(n_features, dtype=np.bool_)
    if exclude is not None:
        if np.shape(exclude) != (n_features,):
            raise DataError(
                "the list of excluded genes needs one value per feature",
                found=f"shape {np.shape(exclude)} for {n_features} features",
                code=codes.ENGINE_SHAPE,
            )
        allowed &= ~np.asarray(exclude, dtype=np.bool_)
    voters = np.flatnonzero(moments.n >= MIN_CELLS)
    if not voters.size:
        raise DataError(
            f"variable genes need a sample with at least {MIN_CELLS} cells",
            found=f"the largest has {int(moments.n.max(initial=0))}",
            fix="look at the ledger of losses",
            code=codes.ENGINE_EMPTY,
        )
    judged, means, excess, ranks = _votes(moments, voters, allowed)
    n_judged = judged.sum(axis=0)
    median = np.where(n_judged > 0, np.median(ranks, axis=0), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = np.where(judged, excess, 0.0).sum(axis=0) / n_judged
    candidates = np.flatnonzero(n_judged > 0)
    if not candidates.size:
        raise DataError(
            "no gene is seen in enough cells to judge its variance",
            found=f"genes need {MIN_DETECTED} cells in one sample",
            code=codes.ENGINE_EMPTY,
        )
    order = np.lexsort((candidates, -average[candidates], median[candidates]))
    chosen = np.sort(candidates[order[:n_genes]])
    selected = np.zeros(n_features, dtype=np.bool_)
    selected[chosen] = True
    table = pd.DataFrame(
        {
            "mean": means.mean(axis=0),
            "excess": average,
            "median_rank": median,
            "n_samples": n_judged,
            "selected": selected,
        }
    )
    return HvgResult(table, chosen.astype(np.int64), len(voters))


def _votes(
    moments: GeneMoments, voters: Ints, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """For each voting sample: genes it can judge, means, excess variance, ranks."""
    shape = (len(voters), moments.sum.shape[1])
    judged = np.zeros(shape, dtype=np.bool_)
    means, excess = np.zeros(shape), np.zeros(shape)
    ranks = np.full(shape, float(shape[1]))
    for row, k in enumerate(voters):
        n = float(moments.n[k])
        means[row] = moments.sum[k] / n
        variance = np.maximum(moments.sum_squares[k] - n * means[row] ** 2, 0.0) / (n - 1)
        usable = (moments.n_detected[k] >= MIN_DETECTED) & (variance > 0)
        if not usable.any():
            continue
        mine = np.flatnonzero(usable & allowed)
        trend = fit_trend(means[row, usable], variance[usable], means[row, mine])
        judged[row, mine] = True
        excess[row, mine] = variance[mine] - trend
        order = mine[np.argsort(-excess[row, mine], kind="stable")]
        ranks[row, order] = np.arange(1, len(order) + 1)
    return judged, means, excess, ranks


def fit_trend(mean: Floats, variance: Floats, at: Floats) -> Floats:
    """Median of log variance in steps of equally many genes, joined by lines over log mean.

    Parameters
    ----------
    mean, variance
        Positive, shape ``(n_genes,)``.
    at
        Means at which the trend is wanted.

    Returns
    -------
    trend
        Variance expected at each of ``at``.

    Examples
    --------
    >>> mean = np.linspace(0.1, 2, 400)
    >>> fit_trend(mean, 0.5 * mean, np.array([0.5, 1.0])).round(2)
    array([0.25, 0.5 ])
    """
    x, y = np.log(mean), np.log(variance)
    order = np.argsort(x, kind="stable")
    n_bins = max(1, round(len(x) / BIN))
    knots = [(np.median(x[part]), np.median(y[part])) for part in np.array_split(order, n_bins)]
    kx, ky = np.array(knots).T
    kx, first = np.unique(kx, return_index=True)
    ky = ky[first]
    if len(kx) == 1:
        # too few genes for a trend: variance proportional to the mean
        return np.asarray(np.exp(ky[0] + np.log(at) - kx[0]))
    inside = np.interp(np.log(at), kx, ky)
    left = (ky[1] - ky[0]) / (kx[1] - kx[0]) * np.minimum(np.log(at) - kx[0], 0.0)
    right = (ky[-1] - ky[-2]) / (kx[-1] - kx[-2]) * np.maximum(np.log(at) - kx[-1], 0.0)
    return np.asarray(np.exp(inside + left + right))
