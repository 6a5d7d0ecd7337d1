"""Doublet scores: how many of a cell's neighbours are simulated sums of two cells."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, MemoryBlocks
from imscope.core.errors import DataError
from imscope.core.rng import spawn
from imscope.core.views import map_features, select_rows
from imscope.engine.execute import map_blocks
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.pca import compute_pca, project_cells_on
from imscope.engine.qc import compute_count_sums

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

Floats = NDArray[np.float64]
Points = NDArray[np.float32]

MIN_CELLS = 50
N_GENES = 1_000
N_COMPONENTS = 30
RATIO = 2  # simulated doublets per cell
RATE_PER_CELL = 8e-6  # 0.8 % per 1,000 cells recovered, as droplet instruments are specified
MAX_RATE = 0.25
MIN_AUC = 0.6  # below, simulated doublets cannot be told from the cells they were made of
MAX_EXCESS = 2.0  # more calls than this times the expected rate mean that the score misleads
STEPS = 100  # candidate thresholds
QUERIES = 128


@dataclass(frozen=True, slots=True)
class DoubletResult:
    """Result of :func:`score_doublets`.

    Attributes
    ----------
    score
        Shape ``(n_cells,)``: probability, given the expected rate, that the cell is a doublet of
        unlike cells; NaN where not estimated.
    called
        Shape ``(n_cells,)``: score above the threshold of its sample.
    table
        One row per sample: ``sample``, ``n_cells``, ``expected_rate``, ``threshold``,
        ``n_called``, ``called_frac``, ``auc`` (how well simulated doublets are told from cells)
        and ``status``.
    seed
        Seed of the simulated pairs.
    """

    score: Floats
    called: NDArray[np.bool_]
    table: "pd.DataFrame"
    seed: int


@dataclass(slots=True)
class _Sample:
    rows: NDArray[np.int64]
    rate: float
    score: Floats = field(init=False)
    auc: float = float("nan")
    threshold: float = float("nan")
    status: str = "ok"

    def __post_init__(self) -> None:
        self.score = np.full(len(self.rows), np.nan)


def score_doublets(
    source: BlockSource,
    samples: ArrayLike,
    *,
    seed: int,
    expected_rate: float | None = None,
    threads: int | None = None,
) -> DoubletResult:
    """Score every cell against simulated doublets of its own sample, and call doublets.

    Random pairs of cells of a sample are added up. Cells and sums are placed on the sample's
    principal components; a cell among whose neighbours the sums abound is probably a doublet.

    Parameters
    ----------
    source
        Counts.
    samples
        Sample (droplet run) of each cell, shape ``(n_cells,)``.
    seed
        Seed; every sample draws its own stream, by name.
    expected_rate
        Doublets expected, as a fraction. Default: 0.8 % per 1,000 cells of the sample.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Same digits for any number of threads. Samples with fewer than 50 cells are not estimated,
        and none is called where simulated doublets look like single cells.

    Raises
    ------
    DataError
        There is not one sample name per cell, or the rate is not between 0 and 1.

    Notes
    -----
    Cells are called above the score that best splits the simulated doublets. If that calls far more
    than expected, the score is not believed and none is called; the status says so.

    Doublets of two like cells cannot be seen this way. A cell on the way between two types looks
    like a doublet of them: look at the calls before removing cells of a differentiation series.

    References
    ----------
    .. [1] Wolock SL, Lopez R, Klein AM (2019). Cell Systems 8:281-291.
       doi:10.1016/j.cels.2018.11.005
    """
    import pandas as pd

    if np.shape(samples) != (source.n_cells,):
        raise DataError(
            "every cell needs one sample name",
            found=f"{source.n_cells} cells, sample names of shape {np.shape(samples)}",
            code=codes.ENGINE_SHAPE,
        )
    if expected_rate is not None and not 0 < expected_rate < 1:
        raise DataError("the expected doublet rate is a fraction", found=f"{expected_rate}")
    member, names = pd.factorize(np.asarray(samples, dtype=object))
    score = np.full(source.n_cells, np.nan)
    called = np.zeros(source.n_cells, dtype=np.bool_)
    rows = []
    for k, name in enumerate(names):
        mine = np.flatnonzero(member == k).astype(np.int64)
        rate = expected_rate or min(RATE_PER_CELL * len(mine), MAX_RATE)
        found = _score_sample(
            source, _Sample(mine, rate), spawn(seed, "doublets", str(name)), threads
        )
        score[mine] = found.score
        hits = found.score > found.threshold
        called[mine] = hits
        n_called = int(hits.sum())
        rows.append(
            (str(name), len(mine), rate, found.threshold, n_called, n_called / len(mine), found.auc,
             found.status)
        )  # fmt: skip
    columns = ["sample", "n_cells", "expected_rate", "threshold", "n_called", "called_frac",
               "auc", "status"]  # fmt: skip
    return DoubletResult(score, called, pd.DataFrame(rows, columns=columns), seed)


def _score_sample(
    source: BlockSource, sample: _Sample, rng: np.random.Generator, threads: int | None
) -> _Sample:
    mine = select_rows(source, sample.rows)
    total = np.zeros(0)
    if mine.n_cells >= MIN_CELLS:
        total = compute_count_sums(mine, {}, threads=threads).cells["n_umi"].to_numpy(np.float64)
    filled = np.flatnonzero(total > 0)
    if len(filled) < MIN_CELLS:
        sample.status = f"not estimated: fewer than {MIN_CELLS} cells with counts"
        return sample
    mine, total = select_rows(mine, filled), total[filled]
    middle = float(np.median(total))
    zeros = np.zeros(len(filled), dtype=np.int64)
    moments = compute_gene_moments(mine, total / middle, zeros, n_samples=1, threads=threads)
    try:
        genes = select_variable_genes(moments, n_genes=N_GENES).selected
    except DataError as error:
        sample.status = f"not estimated: {error.problem}"
        return sample
    counts = _chosen_counts(mine, genes, threads)
    pairs = rng.integers(0, len(filled), size=(RATIO * len(filled), 2))
    sums = counts[pairs[:, 0]] + counts[pairs[:, 1]]
    sums_total = total[pairs].sum(axis=1)
    cells, simulated = MemoryBlocks.from_csr(counts), MemoryBlocks.from_csr(sums)
    columns = np.arange(len(genes))
    wanted = min(N_COMPONENTS, len(genes), len(filled) - 1)
    pca = compute_pca(cells, total / middle, columns, n_components=wanted, threads=threads)
    others = project_cells_on(pca, simulated, sums_total / middle, columns, threads=threads)
    values = _neighbour_scores(pca.coordinates, others, sample.rate)
    sample.score[filled] = values[: len(filled)]
    _suggest(sample, values[: len(filled)], values[len(filled) :])
    return sample


def _suggest(sample: _Sample, cells: Floats, simulated: Floats) -> None:
    """Set the threshold where simulated scores split best, if that makes a believable number."""
    sample.auc = _auc(simulated, cells)
    if sample.auc < MIN_AUC:
        sample.status = "not separable: simulated doublets look like single cells; none called"
        return
    threshold = split_scores(simulated)
    share = float((cells > threshold).mean())
    if share > MAX_EXCESS * sample.rate + 3 * (sample.rate / len(cells)) ** 0.5:
        sample.status = (
            f"not separable: {share:.1%} of cells score like two cells in one "
            f"droplet where the loading predicts {sample.rate:.1%}; none called"
        )
        return
    sample.threshold = threshold


def split_scores(scores: Floats) -> float:
    """Split scores in two groups with the largest variance between them (Otsu's rule).

    Done on the logit scale, where scores near 0 and 1 are told apart.

    Parameters
    ----------
    scores
        Scores of simulated doublets, above 0 and below 1.

    Returns
    -------
    threshold
        Middle of the two group means on the logit scale, back on the scale of the scores.

    References
    ----------
    .. [1] Otsu N (1979). IEEE Trans Syst Man Cybern 9:62-66. doi:10.1109/TSMC.1979.4310076

    Examples
    --------
    >>> round(split_scores(np.array([0.1, 0.1, 0.1, 0.9, 0.9])), 3)
    0.5
    """
    x = np.log(scores / (1 - scores))
    best, threshold = -1.0, float(x.max())
    for cut in np.linspace(x.min(), x.max(), STEPS + 2)[1:-1]:
        high = x > cut
        share = high.mean()
        if 0 < share < 1:
            low_mean, high_mean = x[~high].mean(), x[high].mean()
            between = float(share * (1 - share) * (high_mean - low_mean) ** 2)
            if between > best:
                best, threshold = between, float((low_mean + high_mean) / 2)
    return 1 / (1 + float(np.exp(-threshold)))


def _chosen_counts(
    source: BlockSource, genes: NDArray[np.int64], threads: int | None
) -> "sp.csr_array":
    """Gather the counts of the chosen genes in memory."""
    import scipy.sparse as sp

    mapping = np.full(source.n_features, -1, dtype=np.int64)
    mapping[genes] = np.arange(len(genes))
    view = map_features(source, mapping, len(genes))
    parts = [
        sp.csr_array((b.data, b.indices, b.indptr), shape=(b.n_rows, b.n_features))
        for b in map_blocks(view, lambda block: block, threads=threads)
    ]
    return sp.csr_array(sp.vstack(parts, format="csr"))


def _neighbour_scores(cells: Points, simulated: Points, rate: float) -> Floats:
    """Posterior of being a doublet, first for the cells, then for as many simulated ones.

    With share ``q`` of simulated among the neighbours, ``r`` simulated per cell and rate ``p``:
    ``q p / r / (1 - p - q (1 - p - p / r))``.
    """
    from threadpoolctl import threadpool_limits

    n = len(cells)
    points = np.vstack([cells, simulated])
    r = len(simulated) / n
    k = min(max(5, round(0.5 * n**0.5 * (1 + r))), len(points) - 1)
    half = (0.5 * (points.astype(np.float64) ** 2).sum(axis=1)).astype(np.float32)
    share = np.empty(2 * n)
    with threadpool_limits(1, user_api="blas"):
        for low in range(0, 2 * n, QUERIES):
            rows = np.arange(low, min(low + QUERIES, 2 * n))
            near = half - points[rows] @ points.T
            near[np.arange(len(rows)), rows] = np.inf  # a point is not its own neighbour
            index = np.argpartition(near, k - 1, axis=1)[:, :k]
            share[rows] = ((index >= n).sum(axis=1) + 1) / (k + 2)
    return np.asarray(share * rate / r / (1 - rate - share * (1 - rate - rate / r)))


def _auc(high: Floats, low: Floats) -> float:
    _, place, counts = np.unique(
        np.concatenate([high, low]), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # ties share their mean rank
    n = len(high)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(low)))
