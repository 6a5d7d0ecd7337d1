"""Ambient RNA: the share of counts that a droplet took from the solution, or why it is unknown."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks
from imscope.engine.passes import count_arrays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EMPTY_UMI = 100
"""Droplets with at most so many UMI are taken as empty (as in doi:10.1186/s13059-019-1662-y)."""
MIN_EMPTY_UMI = 10_000
"""UMI in empty droplets below which their profile is too noisy."""
MIN_EXPECTED = 20.0
"""Counts a gene must have in a cluster if all its counts were ambient, so that few mean absence."""
MIN_AMBIENT = 50.0
"""Counts a gene must have in the profile: with fewer it may only look frequent there by chance."""
GENES_PER_CLUSTER = 20
FEWEST, WIDTH = 10, 1.5
"""Genes that set the first level; ratios up to this many times the level agree with it."""
MIN_CELLS = 20
MAX_RATIO = 0.5
"""Above this ratio no gene is absent from the cluster, so the cluster says nothing."""
MAX_SIGMA = 3.0
"""A gene this many standard errors above the share of rarer genes is expressed."""
MAX_SHARE = 0.3
"""A bound above this says nothing: the least expressed genes of one population lie there too."""
NO_CLUSTERS = "not estimated: needs at least two clusters of cells with private genes"


@dataclass(frozen=True, slots=True)
class AmbientResult:
    """Ambient share of one library.

    Attributes
    ----------
    fraction, low, high
        Share of the cells' counts that is ambient, with a 95 % interval; NaN when not estimated.
        It is what the least expressed genes allow at most: genes taken as absent from a cluster
        that are in truth expressed there make it too high, never too low.
    status
        How it was found, or ``not estimated`` with the reason.
    profile
        Shape ``(n_features,)``: share of each gene in the ambient RNA; empty when unknown.
    n_genes
        Pairs of cluster and gene behind the number, in both halves of the cells.
    """

    fraction: float
    low: float
    high: float
    status: str
    profile: Floats
    n_genes: int


def estimate_ambient_from_empty(
    raw: BlockSource,
    cells: BlockSource,
    *,
    clusters: ArrayLike | None = None,
    threads: int | None = None,
) -> AmbientResult:
    """Estimate the ambient share of one library from its empty droplets.

    The profile is the sum of droplets with at most 100 UMI. Genes that are frequent in it and
    nearly absent from a cluster of cells show how much of it those cells took up.

    Parameters
    ----------
    raw
        All droplets, same features as ``cells``.
    cells
        Droplets called cells.
    clusters
        Cluster of each cell; without it all cells are one cluster, and only genes that no cell
        expresses can tell.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        ``not estimated`` with the reason if the empty droplets hold too little, or every gene that
        is frequent in them is expressed by all cells.

    Raises
    ------
    DataError
        Features or lengths differ.

    References
    ----------
    .. [1] Young MD, Behjati S (2020). GigaScience 9:giaa151. doi:10.1093/gigascience/giaa151
    .. [2] Lun ATL, et al. (2019). Genome Biology 20:63. doi:10.1186/s13059-019-1662-y
    """
    if raw.n_features != cells.n_features:
        raise DataError(
            "raw and filtered matrix must have the same features",
            found=f"{raw.n_features} and {cells.n_features}",
            code=codes.ENGINE_SHAPE,
        )
    total = np.zeros(raw.n_features)
    for part in map_blocks(raw, _empty_sum, threads=threads):
        total += part
    if total.sum() < MIN_EMPTY_UMI:
        return _unknown(
            f"not estimated: empty droplets hold {int(total.sum())} UMI, {MIN_EMPTY_UMI} are needed"
        )
    labels = np.zeros(cells.n_cells, dtype=np.int64) if clusters is None else clusters
    sums = _half_sums(cells, labels, threads)
    return _estimate(sums, total, "from empty droplets")


def estimate_ambient_marker_free(
    source: BlockSource, clusters: ArrayLike | None, *, threads: int | None = None
) -> AmbientResult:
    """Estimate the ambient share of one library from genes nearly private to some clusters.

    The ambient profile is taken to be the mean of all cells, since it comes from broken ones. A
    gene private to other clusters then appears in a cluster at the ambient share of its mean.

    Parameters
    ----------
    source
        Counts of the cells of one library.
    clusters
        Cluster of each cell, shape ``(n_cells,)``, or ``None`` if there are none.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        ``not estimated`` with the reason if the cells are one population, or no gene is private.

    Raises
    ------
    DataError
        There is not one cluster per cell.

    References
    ----------
    .. [1] Young MD, Behjati S (2020). GigaScience 9:giaa151. doi:10.1093/gigascience/giaa151
    """
    if clusters is None or np.unique(np.asarray(clusters)).size < 2:
        return _unknown(NO_CLUSTERS)
    sums = _half_sums(source, clusters, threads)
    pooled = sums.sum(axis=(0, 1))
    if pooled.sum() == 0:
        return _unknown("not estimated: no counts")
    return _estimate(sums, pooled, "marker-free, profile from the mean of all cells")


def _unknown(reason: str) -> AmbientResult:
    nan = float("nan")
    return AmbientResult(nan, nan, nan, reason, np.zeros(0), 0)


def _empty_sum(block: CsrBlock) -> Floats:
    indptr, indices, data = count_arrays(block)
    before = np.concatenate([[0], np.cumsum(data, dtype=np.int64)])
    umi = before[indptr[1:]] - before[indptr[:-1]]
    empty = np.repeat(umi <= EMPTY_UMI, np.diff(indptr))
    return np.bincount(indices[empty], weights=data[empty], minlength=block.n_features)


def _half_sums(source: BlockSource, clusters: ArrayLike, threads: int | None) -> Floats:
    """Sum counts per half (every second cell of a cluster), cluster and gene; drop small ones."""
    labels = np.asarray(clusters)
    if labels.shape != (source.n_cells,):
        raise DataError(
            "every cell needs one cluster",
            found=f"{source.n_cells} cells, clusters of shape {labels.shape}",
            code=codes.ENGINE_SHAPE,
        )
    _, code = np.unique(labels, return_inverse=True)
    n = np.bincount(code)
    order = np.argsort(code, kind="stable")
    place = np.empty(len(code), dtype=np.int64)
    place[order] = np.arange(len(code)) - np.repeat(np.cumsum(n) - n, n)
    group = (place % 2) * len(n) + code
    sums = np.zeros((2 * len(n), source.n_features))
    work = partial(_group_sum, group=group, n_groups=2 * len(n))
    for part in map_blocks(source, work, threads=threads):
        sums += part
    return sums.reshape(2, len(n), -1)[:, n >= MIN_CELLS]


def _group_sum(block: CsrBlock, group: Ints, n_groups: int) -> Floats:
    import scipy.sparse as sp

    indptr, indices, data = count_arrays(block)
    counts = sp.csr_array((data, indices, indptr), shape=(block.n_rows, block.n_features))
    rows = group[block.start : block.start + block.n_rows]
    each = (np.ones(block.n_rows, dtype=np.int64), (rows, np.arange(block.n_rows)))
    member = sp.csr_array(each, shape=(n_groups, block.n_rows))
    return np.asarray((member @ counts).toarray(), dtype=np.float64)


def _estimate(sums: Floats, ambient: Floats, how: str) -> AmbientResult:
    """Choose absent genes on one half of the cells, measure them on the other, and swap.

    ``ambient`` holds counts, since the noise of the profile is part of the interval.
    """
    profile = ambient / ambient.sum()
    terms: list[Floats] = []
    clusters = set()
    for choose, measure in ((0, 1), (1, 0)):
        for c in range(sums.shape[1]):
            mine = _absent(sums[choose, c], ambient)
            if not mine.size:
                continue
            clusters.add(c)
            expected = sums[measure, c].sum() * profile[mine]
            ratio = (sums[choose, c, mine] + 0.5) / (sums[choose, c].sum() * profile[mine])
            terms.append(np.column_stack([sums[measure, c, mine], expected, mine, ratio]))
    if not terms:
        return _unknown("not estimated: no gene is absent from any cluster; one population?")
    seen, expected, genes, _ = _agreeing(np.concatenate(terms)).T
    fraction = float(seen.sum() / expected.sum())
    low, high = _interval(seen, expected, ambient, genes.astype(np.int64))
    if high > MAX_RATIO:
        return _unknown("not estimated: genes chosen as absent are expressed after all")
    if fraction > MAX_SHARE:
        return _unknown(
            f"not estimated: at most {fraction:.0%}, and no gene is plainly absent from these cells"
        )
    status = f"{how}: at most; {len(seen)} genes taken as absent, in {len(clusters)} clusters"
    return AmbientResult(fraction, low, high, status, profile, len(seen))


def _agreeing(pairs: Floats) -> Floats:
    """Keep the pairs at the lowest level that many share: others are expressed a little.

    Pairs are ordered by the half that chose them; the level is measured on the other half, so that
    what lies low by chance does not pull it down. A gene that a few cells of the other half burst
    with is no absent gene either.
    """
    pairs = pairs[np.argsort(pairs[:, 3], kind="stable")]
    agree = FEWEST
    for _ in range(3):
        level = pairs[:agree, 0].sum() / pairs[:agree, 1].sum()
        agree = max(FEWEST, int(np.searchsorted(pairs[:, 3], WIDTH * level, side="right")))
    pairs = pairs[:agree]
    for _ in range(5):
        wanted = pairs[:, 0].sum() / pairs[:, 1].sum() * pairs[:, 1]
        pairs = pairs[pairs[:, 0] <= wanted + 4 * np.sqrt(wanted) + 2]
    return pairs


def _interval(seen: Floats, expected: Floats, ambient: Floats, genes: Ints) -> tuple[float, float]:
    """95 % interval of the ratio of sums: counting noise, spread among genes, noisy profile."""
    from scipy.special import gammaincinv  # quantiles of chi squared, halved

    fraction = seen.sum() / expected.sum()
    spread = 1.0
    if fraction > 0 and len(seen) > 1:
        wanted = fraction * expected
        spread = max(1.0, float(((seen - wanted) ** 2 / wanted).sum() / (len(seen) - 1)))
    weight = np.bincount(genes, weights=expected, minlength=len(ambient)) / expected.sum()
    used = weight > 0
    profile_noise = float((weight[used] ** 2 / ambient[used]).sum())
    events = 1 / (spread / seen.sum() + profile_noise) if fraction > 0 else 0.0
    exposure = events / fraction if events > 0 else expected.sum()
    low = float(gammaincinv(events, 0.025)) / exposure if events > 0 else 0.0
    return low, min(1.0, float(gammaincinv(events + 1, 0.975)) / exposure)


def _absent(counts: Floats, ambient: Floats) -> Ints:
    """Genes that one ambient share explains, the rarest first.

    Beginning with the gene that is rarest against the profile, the next rarest is added as long
    as its counts agree with the share of those before it. The first that is too frequent is
    expressed, and so are those after it.
    """
    total = ambient.sum()
    expected = counts.sum() * ambient / total
    enough = np.flatnonzero((expected >= MIN_EXPECTED) & (ambient >= MIN_AMBIENT))
    ratio = counts[enough] / expected[enough]
    order = np.argsort(ratio, kind="stable")[:GENES_PER_CLUSTER]
    order = order[ratio[order] < MAX_RATIO]
    chosen: list[int] = []
    seen = exposure = 0.0
    for gene in enough[order]:
        share = seen / exposure if exposure else counts[gene] / expected[gene]
        wanted = share * expected[gene]
        noise = np.sqrt(wanted + 1 + wanted**2 / ambient[gene])
        if counts[gene] > wanted + MAX_SIGMA * noise:
            break
        chosen.append(int(gene))
        seen, exposure = seen + counts[gene], exposure + expected[gene]
    return np.array(chosen, dtype=np.int64)
