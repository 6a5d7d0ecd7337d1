"""Exact principal components of sparse counts: a Gram matrix over the variable genes, two passes.

The matrix of log-normalised values is never formed. Memory is that of the Gram matrix (genes
squared) and of the coordinates, whatever the number of cells.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError, MethodError
from imscope.engine.execute import map_blocks
from imscope.engine.kernels.counts import add_gram, project_rows
from imscope.engine.normalise import take_log_genes

PAIR_COST = 100.0
"""Time of adding a pair of stored values, in multiply-and-adds of a matrix product."""
DENSE_ROWS = 500
"""Rows laid out in full at a time: 8 MB with 2,000 genes."""


@dataclass(frozen=True, slots=True)
class PcaResult:
    """Principal components.

    Attributes
    ----------
    coordinates
        float32, shape ``(n_cells, n_components)``.
    loadings
        Shape ``(n_genes, n_components)``, orthonormal columns; the largest entry is positive.
    mean
        Mean log-normalised expression of the genes, shape ``(n_genes,)``.
    explained_variance
        Variance along each component, shape ``(n_components,)``.
    total_variance
        Variance of all variable genes together.
    genes
        The variable genes, shape ``(n_genes,)``.
    """

    coordinates: NDArray[np.float32]
    loadings: NDArray[np.float64]
    mean: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    total_variance: float
    genes: NDArray[np.int64]


def compute_pca(
    source: BlockSource,
    size_factors: ArrayLike,
    genes: ArrayLike,
    *,
    n_components: int = 50,
    batches: ArrayLike | None = None,
    threads: int | None = None,
) -> PcaResult:
    r"""Find the leading principal components of log-normalised expression.

    With :math:`X` the cells x genes matrix, centred over all cells or within each batch, the
    components are the leading eigenvectors of :math:`X^\top X`, and that matrix is a sum over
    cells: it is gathered block by block and solved once, exactly.

    Parameters
    ----------
    source
        Counts of ``n`` cells.
    size_factors
        Shape ``(n,)``.
    genes
        Variable genes: columns of the source.
    n_components
        Components wanted; never more than the data can have.
    batches
        Integer batch of each cell; each batch is centred by itself.
    threads
        Threads; changes no digit.

    Returns
    -------
    result
        Coordinates, loadings and variances.

    Raises
    ------
    DataError
        Lengths disagree, or a gene is out of range.
    MethodError
        Fewer than three cells or genes.

    Notes
    -----
    Time grows with the square of the variable genes seen per cell: made for 2,000 to 3,000 genes.

    References
    ----------
    .. [1] Jolliffe IT, Cadima J (2016). Phil Trans R Soc A 374:20150202. doi:10.1098/rsta.2015.0202

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> counts = np.random.default_rng(0).poisson(2.0, (40, 9))
    >>> source = MemoryBlocks.from_csr(sp.csr_array(counts))
    >>> compute_pca(source, np.ones(40), range(9), n_components=3).coordinates.shape
    (40, 3)
    """
    factors = np.ascontiguousarray(size_factors, dtype=np.float64)
    chosen = np.asarray(genes, dtype=np.int64)
    n, p = source.n_cells, len(chosen)
    groups = np.zeros(n, np.int64) if batches is None else np.asarray(batches, dtype=np.int64)
    _check(n, factors, chosen, groups, source.n_features)
    column = np.full(source.n_features, -1, dtype=np.int32)
    column[chosen] = np.arange(p, dtype=np.int32)
    n_groups = int(groups.max()) + 1

    def gather(block: CsrBlock) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        indptr, columns, values = take_log_genes(block, factors, column)
        gram = _gram(indptr, columns, values, p)
        if n_groups == 1:
            return gram, np.bincount(columns, values, minlength=p)[None, :]
        here = groups[block.start : block.start + block.n_rows]
        place = np.repeat(here, np.diff(indptr)) * p + columns
        return gram, np.bincount(place, values, minlength=n_groups * p).reshape(n_groups, p)

    gram, sums = np.zeros((p, p)), np.zeros((n_groups, p))
    with _one_blas_thread():
        for part, part_sums in map_blocks(source, gather, threads=threads):
            gram += part
            sums += part_sums
            del part
    sizes = np.bincount(groups, minlength=n_groups).astype(np.float64)
    means = sums / np.maximum(sizes, 1)[:, None]
    covariance = gram + gram.T
    covariance[np.diag_indices(p)] /= 2
    del gram
    with _one_blas_thread():
        for low in range(0, p, 500):  # in slabs: no second matrix of this size
            covariance[low : low + 500] -= (means[:, low : low + 500] * sizes[:, None]).T @ means
    covariance /= n - 1
    total_variance = float(np.trace(covariance))
    k = min(n_components, p, n - 1)
    variances, loadings = _leading(covariance, k)
    offset = means @ loadings

    def project(block: CsrBlock) -> NDArray[np.float32]:
        indptr, columns, values = take_log_genes(block, factors, column)
        out = np.ascontiguousarray(-offset[groups[block.start : block.start + block.n_rows]])
        project_rows(indptr, columns, values, loadings, out)
        return out.astype(np.float32)

    coordinates = np.empty((n, k), dtype=np.float32)
    row = 0
    for piece in map_blocks(source, project, threads=threads):
        coordinates[row : row + len(piece)] = piece
        row += len(piece)
    return PcaResult(
        coordinates=coordinates,
        loadings=loadings,
        mean=sums.sum(axis=0) / n,
        explained_variance=variances,
        total_variance=total_variance,
        genes=chosen,
    )


def _gram(
    indptr: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    p: int,
) -> NDArray[np.float64]:
    """Upper or lower part of the Gram matrix: each pair of genes once, the other half zero.

    Pairs of entries are added one by one where rows are sparse; where they are not, stretches of
    rows are laid out in full and multiplied.
    """
    from scipy.linalg.blas import dsyrk

    n = len(indptr) - 1
    stored = np.diff(indptr).astype(np.float64)
    if PAIR_COST * (stored**2).sum() / 2 <= n * float(p) ** 2:
        gram = np.zeros((p, p))
        add_gram(indptr, columns, values, gram)
        return gram
    total = np.zeros((p, p), order="F")
    for low in range(0, n, DENSE_ROWS):
        high = min(low + DENSE_ROWS, n)
        here = slice(int(indptr[low]), int(indptr[high]))
        dense = np.zeros((high - low, p))
        rows = np.repeat(np.arange(high - low), np.diff(indptr[low : high + 1]))
        dense[rows, columns[here]] = values[here]
        total = dsyrk(1.0, dense.T, beta=1.0, c=total, overwrite_c=1)
    return np.asarray(total)


def _one_blas_thread() -> AbstractContextManager[object]:
    """Blocks are the unit of parallel work; so threads move no digit."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def _leading(
    covariance: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leading eigenpairs, largest first, signs fixed; destroys the matrix."""
    from scipy.linalg import eigh

    p = len(covariance)
    with _one_blas_thread():
        values, vectors = eigh(covariance.T, subset_by_index=[p - k, p - 1], overwrite_a=True)
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(k)] < 0, -1.0, 1.0)
    return np.maximum(values, 0.0), np.ascontiguousarray(vectors * signs)


def _check(
    n: int,
    factors: NDArray[np.float64],
    genes: NDArray[np.int64],
    groups: NDArray[np.int64],
    n_features: int,
) -> None:
    if len(factors) != n or len(groups) != n:
        raise DataError(
            "size factors and batches need one value per cell",
            found=f"{n} cells, {len(factors)} size factors, {len(groups)} batches",
        )
    if genes.size and (genes.min() < 0 or genes.max() >= n_features):
        raise DataError(
            "a variable gene is out of range", found=f"{genes.max()} of {n_features} features"
        )
    if n < 3 or len(genes) < 3:
        raise MethodError(
            "components need at least three cells and three variable genes",
            found=f"{n} cells, {len(genes)} variable genes",
            fix="check what quality control removed",
        )
