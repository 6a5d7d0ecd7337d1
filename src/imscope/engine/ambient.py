r"""Ambient RNA: the share of a library's counts that did not come from the cells around them.

A gene that a group of cells does not express is still counted there, at ambient share times the
gene's share of the soup. So the ratio

.. math:: u_{gk} = \frac{x_{gk}}{N_k\, p_g}

(counts of gene :math:`g` in group :math:`k`, total counts of the group, share of the gene in the
soup) is the ambient share where the gene is silent and larger where it is not. The estimate is the
level at which the lowest ratios of many genes agree. Choosing low values makes them look lower than
they are; therefore the cells are halved, genes and groups are chosen on one half and measured on
the other, then the halves change places. Cells give independent counts, so the measurement is not
bent by the choice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError, MethodError
from imscope.core.rng import spawn
from imscope.engine.cluster import find_clusters
from imscope.engine.execute import map_blocks
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.neighbours import find_neighbours, neighbour_graph
from imscope.engine.normalise import compute_size_factors, values_of
from imscope.engine.pca import compute_pca

MAX_EMPTY_UMI = 100
"""Droplets with 1 to this many UMI are taken to be empty."""
MIN_EMPTY, MIN_SOUP_UMI = 200, 10_000
MIN_GROUP = 20
"""Groups of fewer cells are not used."""
MIN_EXPECTED = 100.0
"""Counts of a gene that half a group would have if it were all soup."""
MIN_GENES, MAX_GENES = 10, 30
"""Genes that must agree on the level, and the largest number used: the lowest are the best."""
WIDTH = 1.5
"""Ratios up to this many times the lowest level are taken to agree with it."""
MAX_CROWD = 3.0
"""Largest number of genes just above the level, per gene that agrees with it."""
MAX_FRACTION = 0.25
"""A level above this is the expression of cells that are alike, not soup."""


@dataclass(frozen=True, slots=True)
class AmbientResult:
    """Ambient share of one library.

    Attributes
    ----------
    fraction
        Share of the cells' counts, from 0 to 1; ``None`` where not estimated.
    low, high
        95 % interval over genes; ``None`` where not estimated.
    status
        How it was found, or why not.
    n_genes
        Genes that agree on the estimate.
    """

    fraction: float | None
    low: float | None
    high: float | None
    status: str
    n_genes: int


def estimate_ambient_marker_free(
    cells: BlockSource,
    clusters: ArrayLike,
    *,
    profile: ArrayLike | None = None,
    threads: int | None = None,
) -> AmbientResult:
    """Estimate the ambient share from the genes that are nearly silent in some cluster.

    Parameters
    ----------
    cells
        UMI counts of the ``n`` cells of one library.
    clusters
        Cluster of each cell, integers from 0, shape ``(n,)``.
    profile
        Share of each gene in the soup, shape ``(n_features,)``; by default that of all cells
        together, as if every cell had leaked alike.
    threads
        Threads; changes no digit.

    Returns
    -------
    result
        No fraction is given when there is one population only, when the clusters are too alike, or
        when too few genes agree.

    Raises
    ------
    DataError
        Clusters or profile have the wrong length.

    Notes
    -----
    An upper bound in nature: a gene that is expressed a little everywhere adds to it. On simulated
    libraries whose subsets differ 30-fold and more in their own genes, a true 0, 1, 3, 6, 10 and
    20 % came out as 0.1-0.2, 1.0-1.4, 3.1-3.6, 5.9-7.4, 10.5-11.3 and 20.1-20.8 %. The interval
    is over genes and does not hold this bias. Cultured stromal cells are often too alike: then the
    answer is "not estimated".

    References
    ----------
    .. [1] Young MD, Behjati S (2020). SoupX. GigaScience 9:giaa151.
       doi:10.1093/gigascience/giaa151 (the idea of genes that cannot be expressed).

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array(np.ones((60, 5), dtype=int)))
    >>> estimate_ambient_marker_free(source, np.zeros(60, int)).status
    'not estimated: one population only'
    """
    labels = np.asarray(clusters, dtype=np.int64)
    if len(labels) != cells.n_cells or (labels.size and labels.min() < 0):
        raise DataError(
            "every cell needs a cluster from 0 upwards",
            found=f"{cells.n_cells} cells, {len(labels)} labels",
        )
    sizes = np.bincount(labels) if labels.size else np.zeros(0, np.int64)
    usable = np.flatnonzero(sizes >= MIN_GROUP)
    if len(usable) < 2:
        return _no("one population only")
    number = np.full(len(sizes), len(usable), dtype=np.int64)
    number[usable] = np.arange(len(usable))
    sums = _half_sums(cells, number[labels], len(usable) + 1, threads)
    if profile is None:
        soup = sums.sum(axis=(0, 1))
    else:
        soup = np.asarray(profile, dtype=np.float64)
        if soup.shape != (cells.n_features,) or (soup < 0).any():
            raise DataError(
                "the profile of the soup needs one share per feature, none negative",
                found=f"shape {soup.shape} for {cells.n_features} features",
            )
    if soup.sum() == 0:
        return _no("no counts")
    return _lowest_level(sums[:, :-1], soup / soup.sum())


def estimate_ambient_from_empty(
    raw: BlockSource, cells: BlockSource, *, threads: int | None = None
) -> AmbientResult:
    """Estimate the ambient share with the soup measured in empty droplets.

    Droplets with 1 to 100 UMI give the profile of the soup. The cells are grouped by their own
    expression and the share is found as in :func:`estimate_ambient_marker_free`.

    Parameters
    ----------
    raw
        Counts of all droplets of the library, unfiltered.
    cells
        Counts of the cells of the same library, over the same features.
    threads
        Threads; changes no digit.

    Returns
    -------
    result
        No fraction is given when there are too few empty droplets or when cells are too alike.

    Raises
    ------
    DataError
        The two matrices have different features.

    Notes
    -----
    The profile is measured, so it holds also when few cells leaked most; the share itself is still
    read from genes silent in some cells. Accuracy as in :func:`estimate_ambient_marker_free`.

    References
    ----------
    .. [1] Young MD, Behjati S (2020). SoupX. GigaScience 9:giaa151.
       doi:10.1093/gigascience/giaa151

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array(np.ones((60, 5), dtype=int)))
    >>> estimate_ambient_from_empty(source, source).status
    'not estimated: 60 empty droplets, fewer than 200'
    """
    if raw.n_features != cells.n_features:
        raise DataError(
            "raw matrix and cells need the same features",
            found=f"{raw.n_features} and {cells.n_features}",
        )
    n_empty, soup = 0, np.zeros(raw.n_features)
    for n, part in map_blocks(raw, _soup, threads=threads):
        n_empty += n
        soup += part
    if n_empty < MIN_EMPTY:
        return _no(f"{n_empty} empty droplets, fewer than {MIN_EMPTY}")
    if soup.sum() < MIN_SOUP_UMI:
        return _no(f"{soup.sum():.0f} UMI in empty droplets, fewer than {MIN_SOUP_UMI:,}")
    try:
        labels = _groups(cells, threads)
    except MethodError as error:
        return _no(error.problem)
    return estimate_ambient_marker_free(cells, labels, profile=soup, threads=threads)


def _totals(block: CsrBlock) -> NDArray[np.float64]:
    row = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
    return np.bincount(row, values_of(block), minlength=block.n_rows)


def _soup(block: CsrBlock) -> tuple[int, NDArray[np.float64]]:
    total = _totals(block)
    empty = (total >= 1) & (total <= MAX_EMPTY_UMI)
    mine = np.repeat(empty, np.diff(block.indptr))
    values = values_of(block)[mine]
    profile = np.bincount(block.indices[mine], values, minlength=block.n_features)
    return int(empty.sum()), profile


def _groups(cells: BlockSource, threads: int | None) -> NDArray[np.int32]:
    """Group cells by expression, as the standard path does with default settings."""
    n = cells.n_cells
    if n < 2 * MIN_GROUP:
        raise MethodError(f"{n} cells, fewer than {2 * MIN_GROUP}")
    totals = np.concatenate(list(map_blocks(cells, _totals, threads=threads)))
    factors = compute_size_factors(totals)
    moments = compute_gene_moments(cells, factors, np.zeros(n, np.int32), 1, threads=threads)
    genes = select_variable_genes(moments, n_genes=1_000).selected
    pca = compute_pca(cells, factors, genes, n_components=20, threads=threads)
    graph = neighbour_graph(find_neighbours(pca.coordinates, threads=threads))
    return find_clusters(graph).labels


def _half_sums(
    cells: BlockSource, groups: NDArray[np.int64], n_groups: int, threads: int | None
) -> NDArray[np.float64]:
    """Counts per half, group and gene; the halves are drawn cell by cell."""
    half = spawn(0, "ambient").permutation(cells.n_cells) % 2
    place = half * n_groups + groups
    p = cells.n_features

    def add(block: CsrBlock) -> NDArray[np.float64]:
        row = np.repeat(place[block.start : block.start + block.n_rows], np.diff(block.indptr))
        where = row * p + block.indices
        return np.bincount(where, values_of(block), minlength=2 * n_groups * p)

    total = np.zeros(2 * n_groups * p)
    for part in map_blocks(cells, add, threads=threads):
        total += part
    return total.reshape(2, n_groups, p)


def _lowest_level(sums: NDArray[np.float64], soup: NDArray[np.float64]) -> AmbientResult:
    """The level on which the lowest ratios agree, and whether that can be soup."""
    found = [_agreeing(sums[0], sums[1], soup), _agreeing(sums[1], sums[0], soup)]
    for side in found:
        if isinstance(side, str):
            return _no(side)
    counts, expected, genes = (
        np.concatenate([side[i] for side in found if not isinstance(side, str)]) for i in range(3)
    )
    for _ in range(5):  # a gene that a few cells of the other half burst with is not silent
        level = counts.sum() / expected.sum()
        calm = counts <= level * expected + 4 * np.sqrt(level * expected) + 2
        counts, expected, genes = counts[calm], expected[calm], genes[calm]
    fraction = float(counts.sum() / expected.sum())
    unique, place = np.unique(genes, return_inverse=True)
    if len(unique) < MIN_GENES:
        return _no(f"clusters do not differ enough, {len(unique)} genes agree")
    if fraction > MAX_FRACTION:
        return _no("clusters do not differ enough, no gene is nearly silent in one of them")
    x, e = np.bincount(place, counts), np.bincount(place, expected)
    weights = spawn(0, "ambient", "interval").poisson(1.0, (1_000, len(unique)))
    draws = (weights @ x) / np.maximum(weights @ e, 1e-300)
    low, high = np.quantile(draws, [0.025, 0.975])
    words = f"estimated from {len(unique)} genes nearly silent in a cluster; an upper bound if not"
    return AmbientResult(fraction, float(low), float(high), words + " quite silent", len(unique))


Side = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def _agreeing(
    first: NDArray[np.float64], second: NDArray[np.float64], soup: NDArray[np.float64]
) -> Side | str:
    """Choose genes on the first half; return counts, expected counts and genes on the second."""
    if not first.sum(axis=1).all() or not second.sum(axis=1).all():
        return "a cluster has no counts"
    expected = first.sum(axis=1)[:, None] * soup
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(expected >= MIN_EXPECTED, (first + 0.5) / expected, np.inf)
    group = ratio.argmin(axis=0)
    ratio = ratio.min(axis=0)
    genes = np.flatnonzero(np.isfinite(ratio))
    if len(genes) < 10 * MIN_GENES:
        return f"{len(genes)} genes have enough counts, fewer than {10 * MIN_GENES}"
    genes = genes[np.argsort(ratio[genes], kind="stable")]
    counts = second[group[genes], genes]
    scale = second.sum(axis=1)[group[genes]] * soup[genes]
    level = counts[:MIN_GENES].sum() / scale[:MIN_GENES].sum()
    for _ in range(2):  # the first few genes lie low by chance, those near them give the level
        agree = max(MIN_GENES, int(np.searchsorted(ratio[genes], WIDTH * level, side="right")))
        level = counts[:agree].sum() / scale[:agree].sum()
    above = int(np.searchsorted(ratio[genes], WIDTH**3 * level, side="right")) - agree
    if above > MAX_CROWD * agree:
        return "clusters do not differ enough, no level stands out"
    agree = min(agree, MAX_GENES)
    return counts[:agree], scale[:agree], genes[:agree]


def _no(reason: str) -> AmbientResult:
    return AmbientResult(None, None, None, f"not estimated: {reason}", 0)
