"""Doublets in three steps: score by simulated neighbours, suggest a threshold, call.

Every sample is treated by itself: two cells of different samples never shared a droplet.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError, MethodError, UsageError
from imscope.core.rng import spawn
from imscope.core.views import select_rows
from imscope.engine.execute import map_blocks, thread_count
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.normalise import compute_size_factors, values_of
from imscope.engine.pca import PcaResult, compute_pca
from imscope.engine.search import augmented, search_exactly

if TYPE_CHECKING:
    import scipy.sparse as sp

MIN_CELLS = 50
"""Samples with fewer cells are not scored."""
RATE_PER_CELL = 0.008 / 1_000
"""Expected share of doublets per cell recovered: 0.8 % per 1,000 cells, the guidance of 10x."""
N_GENES, N_COMPONENTS = 500, 30
PART = 20_000
"""Larger samples are scored in random parts of this size, so that time grows with cells only."""
MAX_NEIGHBOURS = 100
SIMULATED_QUERIES = 4_000
"""Simulated doublets of a part that are scored themselves, to place the threshold."""

BANDWIDTH = 0.25
"""Smoothing of the scores' histogram, in standard deviations of the log odds."""
VALLEY, MIN_HUMP = 0.5, 0.1
"""A valley counts at or below this part of the lower hump, with this share on either side."""
MAX_RATE = 0.3
"""Calls that would mean a larger share of doublets, seen and unseen, are not believed."""


@dataclass(frozen=True, slots=True)
class DoubletResult:
    """Doublet scores and calls.

    Attributes
    ----------
    score
        float64, shape ``(n_cells,)``: probability-like, from 0 to 1; missing where not estimated.
    called
        Cells above the threshold of their sample, shape ``(n_cells,)``.
    table
        One row per sample: ``sample``, ``n_cells``, ``rate_expected`` (fraction), ``threshold``
        (score), ``rate`` (fraction called), ``status`` (in words).
    """

    score: NDArray[np.float64]
    called: NDArray[np.bool_]
    table: pd.DataFrame


def score_doublets(
    source: BlockSource,
    samples: ArrayLike,
    *,
    seed: int = 0,
    expected_rate: float | None = None,
    threads: int | None = None,
) -> DoubletResult:
    r"""Score every cell by how many of its neighbours are simulated doublets.

    In each sample, doublets are simulated as the summed counts of two random cells and placed
    among the cells in principal components. With :math:`q` the share of doublets among the
    :math:`k` nearest neighbours (smoothed as :math:`(m + 1)/(k + 2)`), :math:`r` doublets simulated
    per cell and :math:`\rho` the expected rate, the score is

    .. math:: \frac{q\rho/r}{q\rho/r + (1 - q)(1 - \rho)},

    the chance of a doublet at a place where cells that are not and simulated ones lie as dense as
    the neighbours show. The threshold is the valley between the two humps of the scores of the
    simulated doublets: those of two unlike cells and those of two alike, which nothing can tell
    from a single cell. Where there is no valley (a uniform sample), no cell is called;
    neither where the share called, over the share of simulated doublets above the threshold, would
    mean more than 30 % doublets: such a threshold cuts through the cells themselves.

    Parameters
    ----------
    source
        UMI counts of ``n`` cells, after removal of damaged cells.
    samples
        Sample of each cell, shape ``(n,)``.
    seed
        Seed; each sample has its own stream.
    expected_rate
        Share of doublets expected in every sample, in (0, 0.5). By default 0.8 % per 1,000 cells of
        the sample, the guidance of 10x Genomics for its droplets, at most 40 %. It scales scores
        and moves no call: the threshold is scaled with them.
    threads
        Threads; changes no digit.

    Returns
    -------
    result
        Scores, calls and the table.

    Raises
    ------
    DataError
        Samples and cells differ in number.
    UsageError
        The expected rate is not in (0, 0.5).

    Notes
    -----
    Finds doublets of unlike cells only. Cells on the way between two states look like doublets of
    the two ends: where many are called, look at the map before removing them.

    References
    ----------
    .. [1] Wolock SL, Lopez R, Klein AM (2019). Scrublet. Cell Syst 8:281-291.
       doi:10.1016/j.cels.2018.11.005

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array(np.ones((3, 4), dtype=int)))
    >>> score_doublets(source, ["a"] * 3).table["status"].item()
    'not estimated: 3 cells, fewer than 50'
    """
    names = np.asarray(samples).astype(str)
    if len(names) != source.n_cells:
        raise DataError(
            "every cell needs a sample", found=f"{source.n_cells} cells, {len(names)} samples"
        )
    if expected_rate is not None and not 0 < expected_rate < 0.5:
        raise UsageError(
            "the expected doublet rate must be above 0 and below 0.5", found=str(expected_rate)
        )
    score = np.full(len(names), np.nan)
    called = np.zeros(len(names), dtype=bool)
    rows = []
    for sample in dict.fromkeys(names.tolist()):
        here = np.flatnonzero(names == sample)
        n = len(here)
        rate = min(0.4, RATE_PER_CELL * n) if expected_rate is None else expected_rate
        row = {"sample": sample, "n_cells": n, "rate_expected": rate}
        if n < MIN_CELLS:
            reason = f"not estimated: {n} cells, fewer than {MIN_CELLS}"
            rows.append(row | {"threshold": np.nan, "rate": np.nan, "status": reason})
            continue
        cells = select_rows(source, here)
        try:
            own, simulated = _score_sample(cells, rate, (seed, sample), thread_count(threads))
        except MethodError as error:
            reason = f"not estimated: {error.problem}"
            rows.append(row | {"threshold": np.nan, "rate": np.nan, "status": reason})
            continue
        score[here] = own
        threshold, status = suggest_threshold(simulated)
        if np.isfinite(threshold):
            implied = float((own > threshold).mean() / (simulated > threshold).mean())
            if implied <= MAX_RATE:
                called[here] = own > threshold
            else:
                status = f"none called: the threshold would mean {100 * implied:.0f} % doublets"
        rows.append(
            row | {"threshold": threshold, "rate": float(called[here].mean()), "status": status}
        )
    columns = ["sample", "n_cells", "rate_expected", "threshold", "rate", "status"]
    return DoubletResult(score, called, pd.DataFrame(rows, columns=columns))


def suggest_threshold(simulated: ArrayLike) -> tuple[float, str]:
    """Suggest a threshold from the scores of simulated doublets.

    Parameters
    ----------
    simulated
        Scores in (0, 1).

    Returns
    -------
    threshold, status
        Score above which a cell is called, missing if the scores have no clear valley; and why.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> low, high = rng.normal(-4, 0.5, 500), rng.normal(1, 0.5, 500)
    >>> threshold, status = suggest_threshold(1 / (1 + np.exp(-np.concatenate([low, high]))))
    >>> 0.1 < threshold < 0.4, status
    (True, 'called: 50 % of simulated doublets lie above the threshold')
    >>> suggest_threshold(1 / (1 + np.exp(-low)))
    (nan, 'none called: the scores of simulated doublets have no clear valley')
    """
    scores = np.asarray(simulated, dtype=np.float64)
    logits = np.log(scores) - np.log1p(-scores)
    none = "none called: the scores of simulated doublets have no clear valley"
    low, high = logits.min(), logits.max()
    if high - low < 1e-9:
        return np.nan, none
    grid = np.linspace(low - 0.5, high + 0.5, 256)
    step = grid[1] - grid[0]
    counts = np.histogram(logits, bins=np.append(grid, grid[-1] + step) - step / 2)[0]
    width = BANDWIDTH * logits.std() / step
    reach = np.arange(-int(4 * width) - 1, int(4 * width) + 2)
    density = np.convolve(counts, np.exp(-0.5 * (reach / width) ** 2), mode="same")
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])) + 1
    best_depth, cut = np.inf, np.nan
    for left in peaks:
        for right in peaks[peaks > left]:
            valley = left + int(density[left : right + 1].argmin())
            depth = float(density[valley] / min(density[left], density[right]))
            upper = float((logits > grid[valley]).mean())
            deep = depth <= VALLEY and upper >= MIN_HUMP and 1 - upper >= MIN_HUMP
            if deep and depth < best_depth:
                best_depth, cut = depth, float(grid[valley])
    if np.isnan(cut):
        return np.nan, none
    share = float((logits > cut).mean())
    status = f"called: {100 * share:.0f} % of simulated doublets lie above the threshold"
    return 1 / (1 + float(np.exp(-cut))), status


def _score_sample(
    cells: BlockSource, rate: float, stream: tuple[int, str], workers: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of the cells of one sample and of doublets simulated from them."""
    seed, sample = stream
    rng = spawn(seed, "doublets", sample)
    totals = np.concatenate(list(map_blocks(cells, _totals, threads=workers)))
    factors = compute_size_factors(totals)
    n = cells.n_cells
    moments = compute_gene_moments(cells, factors, np.zeros(n, np.int32), 1, threads=workers)
    genes = select_variable_genes(moments, n_genes=N_GENES).selected
    pca = compute_pca(cells, factors, genes, n_components=N_COMPONENTS, threads=workers)
    counts = _columns(cells, genes, workers)
    score = np.empty(n)
    simulated = []
    order = rng.permutation(n)
    for part in np.array_split(order, -(-n // PART)):
        part = np.sort(part)
        ratio = 2 if len(part) <= PART // 4 else 1
        pairs = _pairs(rng, len(part), ratio * len(part))
        doublets = _simulate(counts[part], factors[part], pairs, pca)
        points = np.concatenate([pca.coordinates[part], doublets])
        both = _shares(points, len(part), workers)
        log_odds = np.log(both) - np.log1p(-both) + np.log(rate / (1 - rate) / ratio)
        values = 1 / (1 + np.exp(-log_odds))
        score[part] = values[: len(part)]
        simulated.append(values[len(part) :])
    return score, np.concatenate(simulated)


def _totals(block: CsrBlock) -> NDArray[np.float64]:
    row = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
    return np.bincount(row, values_of(block), minlength=block.n_rows)


def _columns(cells: BlockSource, genes: NDArray[np.int64], workers: int) -> "sp.csr_array":
    """Counts of a few genes."""
    import scipy.sparse as sp

    column = np.full(cells.n_features, -1, dtype=np.int32)
    column[genes] = np.arange(len(genes), dtype=np.int32)

    def take(block: CsrBlock) -> sp.csr_array:
        new = column[block.indices]
        kept = new >= 0
        before = np.concatenate([[0], np.cumsum(kept)])
        parts = (values_of(block)[kept], new[kept], before[block.indptr])
        return sp.csr_array(parts, shape=(block.n_rows, len(genes)))

    return sp.csr_array(sp.vstack(list(map_blocks(cells, take, threads=workers)), format="csr"))


def _pairs(rng: np.random.Generator, n: int, wanted: int) -> NDArray[np.int64]:
    """Pairs of two different cells, shape ``(2, wanted)``."""
    first = rng.integers(0, n, wanted)
    return np.stack([first, (first + rng.integers(1, n, wanted)) % n])


def _simulate(
    counts: "sp.csr_array",
    factors: NDArray[np.float64],
    pairs: NDArray[np.int64],
    pca: PcaResult,
) -> NDArray[np.float32]:
    """Components of the summed counts of pairs of cells."""
    out = np.empty((pairs.shape[1], pca.loadings.shape[1]), dtype=np.float32)
    offset = pca.mean @ pca.loadings
    for low in range(0, len(out), 1_000):
        a, b = pairs[:, low : low + 1_000]
        dense = (counts[a] + counts[b]).toarray().astype(np.float64)
        dense /= (factors[a] + factors[b])[:, None]
        out[low : low + 1_000] = np.log1p(dense, out=dense) @ pca.loadings - offset
    return out


def _shares(points: NDArray[np.float32], n_cells: int, workers: int) -> NDArray[np.float64]:
    """Smoothed share of simulated doublets near each cell and near some of the doublets."""
    ratio = len(points) / n_cells
    k = max(5, min(MAX_NEIGHBOURS, round(0.5 * n_cells**0.5 * ratio)))
    queries = np.arange(min(len(points), n_cells + SIMULATED_QUERIES), dtype=np.int32)
    near, _ = search_exactly(augmented(points), queries, k, workers=workers)
    return np.asarray(((near >= n_cells).sum(axis=1) + 1) / (k + 2))
