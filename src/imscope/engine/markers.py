"""Genes that set each group of cells apart from all others: AUC and rank-sum test."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock, block_bounds
from imscope.core.errors import DataError
from imscope.core.schema import MARKERS
from imscope.engine.execute import map_blocks, thread_count
from imscope.engine.kernels.ranks import fill_genes, place_genes, sum_ranks
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MEMORY_MB = 768
"""Memory for the non-zeros of one chunk of genes; more of them means more passes over the cells."""
GENES_PER_TASK = 256


@dataclass(frozen=True, slots=True)
class MarkerStats:
    """Each gene in each group of cells against all other cells.

    All matrices have shape ``(n_groups, n_genes)``. A group that is empty or holds every cell has
    NaN: there is nothing to compare.

    Attributes
    ----------
    genes
        int64, shape ``(n_genes,)``: columns of the source.
    sizes
        int64, shape ``(n_groups,)``. Unit: cells.
    auc
        Probability that a cell of the group exceeds a cell outside, ties counted half.
    p_value
        Two-sided rank-sum test over cells, normal approximation with correction for ties and
        continuity; 1 where all cells are tied.
    log2_fc
        ``mean`` of the group minus the mean of all other cells. Unit: log2.
    mean
        Mean of log2(1 + count / size factor). Unit: log2.
    frac_in, frac_out
        Share of the cells of the group, and of all others, in which the gene is seen.
    """

    genes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    auc: Floats
    p_value: Floats
    log2_fc: Floats
    mean: Floats
    frac_in: Floats
    frac_out: Floats


def score_markers(
    source: BlockSource,
    size_factors: ArrayLike,
    labels: ArrayLike,
    *,
    n_groups: int,
    genes: ArrayLike | None = None,
    threads: int | None = None,
    memory_mb: int = MEMORY_MB,
) -> MarkerStats:
    """Compare every gene between each group and all other cells.

    Counts divided by the size factor of their cell are ranked; a logarithm would not change ranks.
    The non-zeros of a chunk of genes are collected from blocks of cells and sorted gene by gene,
    and all zeros are one block of ties.

    Parameters
    ----------
    source
        Counts, one row per cell.
    size_factors
        Shape ``(n_cells,)``, positive. Unit: that of the depth of a typical cell.
    labels
        Shape ``(n_cells,)``: group from 0 to ``n_groups - 1``; a negative label leaves a cell out.
    n_groups
        Number of groups.
    genes
        Columns to use, all by default.
    threads
        See :func:`imscope.engine.execute.thread_count`; the result is the same for every value.
    memory_mb
        Memory for the non-zeros of one chunk of genes. Decides how often the source is read.

    Raises
    ------
    DataError
        Labels or size factors do not fit the cells, or there is a negative count.

    Notes
    -----
    Cells are not replicates, and groups found in the same data are chosen to differ: the p-values
    order genes, they do not show that a group exists or differs between donors.

    References
    ----------
    .. [1] Mann HB, Whitney DR (1947). Annals of Mathematical Statistics 18:50-60.
       doi:10.1214/aoms/1177730491

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[5, 1], [4, 0], [0, 1], [0, 0]]))
    >>> score_markers(source, np.ones(4), [0, 0, 1, 1], n_groups=2).auc
    array([[1. , 0.5],
           [0. , 0.5]])
    """
    factors, groups = _checked(source, size_factors, labels, n_groups)
    columns = np.arange(source.n_features) if genes is None else np.asarray(genes)
    if columns.dtype == bool:
        columns = np.flatnonzero(columns)
    columns = columns.astype(np.int64)
    sizes = np.bincount(groups[groups >= 0], minlength=n_groups)
    slots = np.full(source.n_features, -1, dtype=np.int32)
    slots[columns] = np.arange(len(columns), dtype=np.int32)

    passes = _Passes(source, factors, groups, threads)
    counts = passes.count(slots, len(columns))
    ranks, logs = np.zeros((2, len(columns), n_groups))
    seen = np.zeros((len(columns), n_groups), dtype=np.int64)
    ties = np.zeros(len(columns))
    for low, high in _chunks(counts.sum(axis=0), memory_mb * 131_072):
        mine = np.where((slots >= low) & (slots < high), slots - low, -1).astype(np.int32)
        keys, border = passes.fill(mine, counts[:, low:high])
        out = (ranks[low:high], logs[low:high], seen[low:high], ties[low:high])
        _rank_genes(keys, border, sizes, out, thread_count(threads))
    return _statistics(columns, sizes, ranks.T, logs.T, seen.T, ties)


def marker_table(
    stats: MarkerStats,
    features: "pd.DataFrame",
    *,
    top: int | None = 25,
    max_q: float = 0.05,
    min_auc: float = 0.5,
) -> "pd.DataFrame":
    """List the genes that are higher in each group, best first.

    Parameters
    ----------
    stats
        Result of :func:`score_markers`.
    features
        One row per column of the source, with ``feature_id`` and ``symbol``.
    top
        Most genes listed per group; ``None`` lists all that qualify.
    max_q
        Largest q-value, Benjamini-Hochberg over all genes and groups that were compared.
    min_auc
        A listed gene has an AUC above this.

    Returns
    -------
    table
        Columns of :data:`imscope.core.schema.MARKERS`; ranked by AUC, then by the order of genes.

    References
    ----------
    .. [1] Benjamini Y, Hochberg Y (1995). Journal of the Royal Statistical Society B 57:289-300.
       doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    import pandas as pd

    q = benjamini_hochberg(stats.p_value)
    found = []
    for group in range(len(stats.sizes)):
        with np.errstate(invalid="ignore"):
            kept = np.flatnonzero((stats.auc[group] > min_auc) & (q[group] <= max_q))
        best = kept[np.argsort(-stats.auc[group, kept], kind="stable")][:top]
        found.append(
            pd.DataFrame(
                {
                    "cluster": np.full(len(best), str(group), dtype=object),
                    "rank": np.arange(1, len(best) + 1),
                    "feature_id": features["feature_id"].to_numpy()[stats.genes[best]],
                    "symbol": features["symbol"].to_numpy()[stats.genes[best]],
                    **{
                        name: getattr(stats, name)[group, best]
                        for name in ("log2_fc", "auc", "frac_in", "frac_out", "p_value")
                    },
                    "q_value": q[group, best],
                }
            )
        )
    return MARKERS.check(pd.concat(found, ignore_index=True))


@dataclass(frozen=True, slots=True)
class _Passes:
    """Passes over the blocks that count non-zeros per gene, then write them out gene by gene."""

    source: BlockSource
    factors: Floats
    groups: NDArray[np.int32]
    threads: int | None

    def count(self, slots: NDArray[np.int32], n_slots: int) -> NDArray[np.int64]:
        """Non-zeros per block and gene; int64, shape ``(n_blocks, n_slots)``."""
        no_values = np.zeros(0, dtype=np.float32)

        def task(block: CsrBlock) -> NDArray[np.int64]:
            if block.data.size and block.data.min() < 0:
                raise DataError(
                    "counts must not be negative",
                    found=f"{block.data.min()}",
                    code=codes.PATH_LABELS,
                )
            cursor = np.zeros(n_slots, dtype=np.int64)
            self._run(block, slots, cursor, no_values)
            return cursor

        parts = list(map_blocks(self.source, task, threads=self.threads))
        return np.array(parts, dtype=np.int64).reshape(len(parts), n_slots)

    def fill(
        self, slots: NDArray[np.int32], counts: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Keys of all non-zeros, gene by gene, and the border of each gene."""
        border = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
        keys = np.empty(border[-1], dtype=np.uint64)
        before = np.cumsum(counts, axis=0) - counts + border[:-1]
        starts = np.cumsum(counts, axis=1) - counts
        number = {low: i for i, (low, _) in enumerate(block_bounds(self.source.n_cells))}

        def task(block: CsrBlock) -> NDArray[np.uint64]:
            mine = number[block.start]
            piece = np.empty(int(counts[mine].sum()), dtype=np.uint64)
            self._run(block, slots, starts[mine].copy(), piece.view(np.float32))
            return piece

        if len(keys):
            pieces = map_blocks(self.source, task, threads=self.threads)
            for own, to, piece in zip(counts, before, pieces, strict=True):
                place_genes(piece, np.ascontiguousarray(own), np.ascontiguousarray(to), keys)
        return keys, border

    def _run(
        self,
        block: CsrBlock,
        slots: NDArray[np.int32],
        cursor: NDArray[np.int64],
        values: NDArray[np.float32],
    ) -> None:
        rows = slice(block.start, block.start + block.n_rows)
        fill_genes(
            _writable(block.indptr, np.int64),
            _writable(block.indices, np.int32),
            _writable(block.data, np.float32),
            self.factors[rows],
            self.groups[rows],
            slots,
            cursor,
            values,
            values.view(np.int32),
        )


def _chunks(counts: NDArray[np.int64], limit: int) -> Iterator[tuple[int, int]]:
    """Cut genes into runs with at most ``limit`` non-zeros, or of one gene."""
    low, held = 0, 0
    for gene, count in enumerate(counts.tolist()):
        if gene > low and held + count > limit:
            yield low, gene
            low, held = gene, 0
        held += count
    if len(counts):
        yield low, len(counts)


def _rank_genes(
    keys: NDArray[np.uint64],
    border: NDArray[np.int64],
    sizes: NDArray[np.int64],
    out: tuple[Floats, Floats, NDArray[np.int64], Floats],
    workers: int,
) -> None:
    values, groups = keys.view(np.float32), keys.view(np.int32)

    def task(low: int) -> None:
        high = min(low + GENES_PER_TASK, len(border) - 1)
        for first, last in pairwise(border[low : high + 1].tolist()):
            keys[first:last].sort()
        part = (each[low:high] for each in out)
        sum_ranks(values, groups, border[low : high + 1], sizes, *part)

    tasks = range(0, len(border) - 1, GENES_PER_TASK)
    if workers == 1:
        for low in tasks:
            task(low)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(task, tasks):
            pass


def _statistics(
    genes: NDArray[np.int64],
    sizes: NDArray[np.int64],
    ranks: Floats,
    logs: Floats,
    seen: NDArray[np.int64],
    ties: Floats,
) -> MarkerStats:
    from scipy.special import ndtr

    n_in = sizes[:, None].astype(np.float64)
    n = float(sizes.sum())
    n_out = n - n_in
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = n_in * n_out
        exceed = ranks - n_in * (n_in + 1) / 2
        spread = np.sqrt(pairs / 12 * ((n + 1) - ties / (n * (n - 1))))
        z = (np.maximum(exceed, pairs - exceed) - pairs / 2 - 0.5) / spread
        p_value = np.minimum(2 * ndtr(-z), 1.0)
        p_value[np.broadcast_to(pairs == 0, p_value.shape)] = np.nan
        mean = logs / n_in
        return MarkerStats(
            genes=genes,
            sizes=sizes,
            auc=exceed / pairs,
            p_value=p_value,
            log2_fc=mean - (logs.sum(axis=0) - logs) / n_out,
            mean=mean,
            frac_in=seen / n_in,
            frac_out=(seen.sum(axis=0) - seen) / n_out,
        )


def _writable[T: np.generic](array: ArrayLike, dtype: type[T]) -> NDArray[T]:
    """Copy only if need be: kernels take no other kind of array, mapped files are read-only."""
    return np.require(array, dtype, ["C", "W"])


def _checked(
    source: BlockSource, size_factors: ArrayLike, labels: ArrayLike, n_groups: int
) -> tuple[Floats, NDArray[np.int32]]:
    factors = _writable(size_factors, np.float64)
    groups = _writable(labels, np.int32)
    n = source.n_cells
    if factors.shape != (n,) or groups.shape != (n,):
        raise DataError(
            "there must be one size factor and one label per cell",
            found=f"{factors.shape} size factors, {groups.shape} labels, {n} cells",
            code=codes.PATH_LABELS,
        )
    if groups.max(initial=-1) >= n_groups:
        raise DataError(
            "a label is outside the groups",
            found=f"label {groups.max()}, {n_groups} groups",
            code=codes.PATH_LABELS,
        )
    used = factors[groups >= 0]
    bad = np.flatnonzero(~(np.isfinite(used) & (used > 0)))
    if bad.size:
        raise DataError(
            "size factors must be finite and positive",
            found=f"{bad.size} of {used.size} are not",
            fix="remove empty cells first",
            code=codes.PATH_LABELS,
        )
    return factors, groups
