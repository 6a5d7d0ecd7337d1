"""Exact principal components from one pass of cross products; memory does not grow with cells."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError, UsageError
from imscope.engine.execute import map_blocks
from imscope.engine.hvg import check_cells
from imscope.engine.kernels.counts import fill_chosen, project_cells
from imscope.engine.passes import count_arrays, local_codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TILE = 1_000
"""Cells made dense at a time: 8 MB for 2,000 genes, and short sums in single precision."""

MIN_SINGLE = 400
"""Genes from which on single precision with a correcting step is worth while."""
SPARE = 10
"""Components found beyond those wanted, which make the correcting step sharper."""


@dataclass(frozen=True, slots=True)
class PcaResult:
    """Result of :func:`compute_pca`.

    Attributes
    ----------
    coordinates
        float32, shape ``(n_used_cells, n_components)``, in the order of the source.
    loadings
        Shape ``(n_genes, n_components)``; orthonormal, the largest entry of each is positive.
    mean
        Shape ``(n_batches, n_genes)``: what was subtracted; one row without batches.
    scale
        Shape ``(n_genes,)``: what centred values were divided by; ones unless scaled.
    explained_variance
        Shape ``(n_components,)``: variance along each component (``n - 1`` in the denominator).
    explained_variance_ratio
        Its share in the variance of all chosen genes.
    n_components
        Components found; may be fewer than asked for.
    status
        ``ok``, or why there are fewer.
    """

    coordinates: NDArray[np.float32]
    loadings: Floats
    mean: Floats
    scale: Floats
    explained_variance: Floats
    explained_variance_ratio: Floats
    n_components: int
    status: str


def compute_pca(
    source: BlockSource,
    size_factors: Floats,
    genes: NDArray[np.integer],
    *,
    n_components: int = 50,
    batches: NDArray[np.integer] | None = None,
    scale: bool = False,
    threads: int | None = None,
) -> PcaResult:
    """Compute principal components of log-normalised counts, exactly and in two passes.

    The first pass sums the products of every two chosen genes, the second projects the cells.
    Centring and scaling are done on the sums; no matrix of cells by genes is ever made.

    Parameters
    ----------
    source
        Counts.
    size_factors
        Shape ``(n_cells,)``.
    genes
        Features to use, such as the variable genes; no feature twice.
    n_components
        Components wanted.
    batches
        Shape ``(n_cells,)``: -1 leaves a cell out; otherwise each batch is centred on its own
        mean. All zeros is the usual PCA of all cells, which is also the default.
    scale
        Divide each gene by its standard deviation (within batches). Off by default: it gives rare,
        noisy genes the weight of strong ones.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Same digits for any number of threads.

    Raises
    ------
    DataError
        No gene or fewer than two cells are given, or lengths differ.
    UsageError
        ``n_components`` is below 1.

    Notes
    -----
    Cost per cell grows with the square of the number of genes, so this suits a few thousand genes,
    not all of them. Products are summed in single precision within a block and in double precision
    over blocks: eigenvalues agree with a double-precision decomposition to about 1e-6. Centring
    per batch removes real differences between batches too.

    References
    ----------
    .. [1] Jolliffe IT (2002). Principal Component Analysis, 2nd ed. Springer.
       doi:10.1007/b98835
    """
    chosen = _check_genes(source, genes, n_components)
    groups = np.zeros(source.n_cells, dtype=np.int64) if batches is None else batches
    n_groups = int(np.max(groups, initial=-1)) + 1
    factors, groups = check_cells(source, size_factors, groups, max(n_groups, 1))
    n = np.bincount(groups[groups >= 0], minlength=max(n_groups, 1))
    if n.sum() < 2:
        raise DataError(
            "principal components need at least two cells",
            found=f"{int(n.sum())}",
            fix="look at the ledger of losses",
            code=codes.ENGINE_EMPTY,
        )
    place = np.full(source.n_features, -1, dtype=np.int32)
    place[chosen] = np.arange(len(chosen), dtype=np.int32)
    gram, sums = _products(source, factors, groups, place, n_groups, threads)
    mean = sums / np.maximum(n, 1)[:, None]
    gram -= (mean * n[:, None]).T @ mean
    gram /= n.sum() - 1
    variance = np.maximum(np.diagonal(gram), 0.0)
    divisor = np.sqrt(np.where(variance > 0, variance, 1.0)) if scale else np.ones(len(chosen))
    gram /= divisor[:, None] * divisor[None, :]
    total = float(np.maximum(np.diagonal(gram), 0.0).sum())
    values, loadings = _largest(gram, n_components, int(n.sum()) - int((n > 0).sum()))
    del gram
    found = len(values)
    weights = np.ascontiguousarray(loadings / divisor[:, None])
    coordinates = _project(source, factors, groups, place, weights, mean @ weights, threads)
    status = (
        "ok"
        if found == n_components
        else (
            f"{found} of {n_components} components: {int(n.sum())} cells and {len(chosen)} genes "
            "hold no more"
        )
    )
    ratio = values / total if total > 0 else np.zeros(found)
    return PcaResult(coordinates, loadings, mean, divisor, values, ratio, found, status)


def project_cells_on(
    result: PcaResult,
    source: BlockSource,
    size_factors: Floats,
    genes: NDArray[np.integer],
    *,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Place other cells on components found before; only for results with one batch.

    Parameters
    ----------
    result
        From :func:`compute_pca` without batches.
    source, size_factors, genes, threads
        As for :func:`compute_pca`, for the new cells and the same genes.

    Returns
    -------
    coordinates
        float32, shape ``(n_cells, n_components)``.

    Raises
    ------
    DataError
        The result has several batches, or the genes do not fit.
    """
    chosen = _check_genes(source, genes, 1)
    if result.mean.shape != (1, len(chosen)):
        raise DataError(
            "other cells can be placed only with one batch and the same genes",
            found=f"means of shape {result.mean.shape}, {len(chosen)} genes",
            code=codes.ENGINE_SHAPE,
        )
    zeros = np.zeros(source.n_cells, dtype=np.int64)
    factors, groups = check_cells(source, size_factors, zeros, 1)
    place = np.full(source.n_features, -1, dtype=np.int32)
    place[chosen] = np.arange(len(chosen), dtype=np.int32)
    weights = np.ascontiguousarray(result.loadings / result.scale[:, None])
    return _project(source, factors, groups, place, weights, result.mean @ weights, threads)


def _check_genes(source: BlockSource, genes: NDArray[np.integer], n_components: int) -> Ints:
    if n_components < 1:
        raise UsageError("at least one component is needed", found=f"{n_components}")
    chosen = np.asarray(genes, dtype=np.int64)
    if chosen.ndim != 1 or not chosen.size:
        raise DataError(
            "principal components need at least one gene",
            found=f"genes of shape {chosen.shape}",
            code=codes.ENGINE_EMPTY,
        )
    if (
        chosen.min() < 0
        or chosen.max() >= source.n_features
        or np.unique(chosen).size != chosen.size
    ):
        raise DataError(
            "genes must be different column numbers of the source",
            found=f"{chosen.size} numbers, {np.unique(chosen).size} different, "
            f"{chosen.min()} to {chosen.max()}, {source.n_features} columns",
            code=codes.ENGINE_SHAPE,
        )
    return chosen


def _product_block(
    block: CsrBlock, factors: Floats, groups: Ints, place: NDArray[np.int32], m: int
) -> tuple[NDArray[np.float32], Ints, Floats]:
    """Products of the genes over one block: tiles of dense rows, lower triangle of the result."""
    from scipy.linalg.blas import ssyrk

    rows = slice(block.start, block.start + block.n_rows)
    present, local = local_codes(groups[rows])
    indptr, indices, data = count_arrays(block)
    gram = np.zeros((m, m), dtype=np.float32, order="F")
    sums = np.zeros((len(present), m))
    for low in range(0, block.n_rows, TILE):
        high = min(low + TILE, block.n_rows)
        tile = np.zeros((high - low, m), dtype=np.float32)
        pointers = indptr[low : high + 1]
        mine = slice(rows.start + low, rows.start + high)
        fill_chosen(pointers, indices, data, factors[mine], local[low:high], place, tile, sums)
        gram = ssyrk(1.0, tile.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return gram, present, sums


def _products(
    source: BlockSource,
    factors: Floats,
    groups: Ints,
    place: NDArray[np.int32],
    n_groups: int,
    threads: int | None,
) -> tuple[Floats, Floats]:
    """Sum of products of every two genes (full matrix) and sums per group."""
    from threadpoolctl import threadpool_limits

    m = int(place.max()) + 1
    gram = np.zeros((m, m), order="F")
    sums = np.zeros((n_groups, m))
    work = partial(_product_block, factors=factors, groups=groups, place=place, m=m)
    with threadpool_limits(1, user_api="blas"):  # one thread per block, so digits cannot move
        for part, present, part_sums in map_blocks(source, work, threads=threads):
            gram += part
            sums[present] += part_sums
    for p in range(m - 1):
        gram[p, p + 1 :] = gram[p + 1 :, p]
    return gram, sums


def _largest(gram: Floats, wanted: int, rank: int) -> tuple[Floats, Floats]:
    """Largest eigenvalues, falling, and their vectors with a fixed sign."""
    from scipy.linalg import eigh
    from threadpoolctl import threadpool_limits

    m = len(gram)
    count = min(wanted, m, max(rank, 1))
    with threadpool_limits(1, user_api="blas"):
        if m < MIN_SINGLE:
            values, vectors = eigh(gram, subset_by_index=[m - count, m - 1], check_finite=False)
        else:
            values, vectors = _refined(gram, count)
    values, vectors = values[::-1], vectors[:, ::-1]
    real = values > max(values[0], 0.0) * 1e-12
    real[0] = True
    values, vectors = np.maximum(values[real], 0.0), vectors[:, real]
    peak = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return values, np.ascontiguousarray(vectors * np.where(peak < 0, -1.0, 1.0))


def _refined(gram: Floats, count: int) -> tuple[Floats, Floats]:
    """Decompose in single precision, then one step of subspace iteration in double precision.

    The step squares the error: eigenvalues agree with those of a decomposition in double precision
    to about 1e-11, at half the cost.
    """
    from scipy.linalg import eigh, qr

    m = len(gram)
    spare = min(m, count + SPARE)
    scale = float(np.abs(gram).max()) or 1.0
    rough = eigh(
        (gram / scale).astype(np.float32),
        subset_by_index=[m - spare, m - 1],
        check_finite=False,
        overwrite_a=True,
    )[1].astype(np.float64)
    basis = qr(gram @ qr(rough, mode="economic")[0], mode="economic")[0]
    inner = basis.T @ (gram @ basis)
    values, turned = eigh((inner + inner.T) / 2)
    return values[-count:], (basis @ turned)[:, -count:]


def _project_block(
    block: CsrBlock,
    factors: Floats,
    groups: Ints,
    place: NDArray[np.int32],
    weights: Floats,
    offset: Floats,
) -> NDArray[np.float32]:
    rows = slice(block.start, block.start + block.n_rows)
    used = groups[rows] >= 0
    out = np.zeros((block.n_rows, weights.shape[1]))
    out[used] = -offset[groups[rows][used]]
    project_cells(*count_arrays(block), factors[rows], groups[rows], place, weights, out)
    return out[used].astype(np.float32)


def _project(
    source: BlockSource,
    factors: Floats,
    groups: Ints,
    place: NDArray[np.int32],
    weights: Floats,
    offset: Floats,
    threads: int | None,
) -> NDArray[np.float32]:
    coordinates = np.empty((int((groups >= 0).sum()), weights.shape[1]), dtype=np.float32)
    work = partial(
        _project_block, factors=factors, groups=groups, place=place, weights=weights, offset=offset
    )
    at = 0
    for part in map_blocks(source, work, threads=threads):
        coordinates[at : at + len(part)] = part
        at += len(part)
    return coordinates
