"""Rank score of gene sets in every cell: how high the genes of a set stand among all genes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.engine.execute import map_blocks
from imscope.engine.kernels.rank_scores import add_rank_sums

MAX_RANK = 1_500
"""Ranks beyond are one: with UMI counts nothing can be told apart there."""


@dataclass(frozen=True, slots=True, eq=False)
class RankScores:
    """Scores of all cells.

    Attributes
    ----------
    scores
        float32, shape ``(n_cells, n_sets)``, from 0 (no gene of the set among the first
        ``max_rank``) to 1 (its genes are the first); NaN for a set without a gene.
    max_rank
        Rank at which ranks were cut.
    """

    scores: NDArray[np.float32]
    max_rank: int


def score_ranks(
    source: BlockSource,
    sets: Sequence[ArrayLike],
    *,
    max_rank: int = MAX_RANK,
    threads: int | None = None,
) -> RankScores:
    r"""Score gene sets in every cell by the truncated rank-sum statistic, all sets in one pass.

    .. math:: s = \frac{n (R + 1) - \sum_g \min(r_g, R + 1)}{n (R + 1) - n (n + 1) / 2}

    Parameters
    ----------
    source
        Counts, or expression values that are not negative; all genes, not only those of the sets.
    sets
        Columns of the genes of each set; a column that stands twice counts once.
    max_rank
        :math:`R`; never more than the number of features.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    scores
        See :class:`RankScores`.

    Raises
    ------
    DataError
        A column does not exist, ``max_rank`` is not positive, or a value is negative.

    Notes
    -----
    Rank 1 is the highest value, ties share their mean rank and so do all zeros. A factor on all
    counts of a cell changes nothing; a change of depth changes which genes are seen at all, so at
    very low depth scores fall. Scores of different sets are not on one scale.

    References
    ----------
    .. [1] Andreatta M, Carmona SJ (2021). Comput Struct Biotechnol J 19:3796-3798.
       doi:10.1016/j.csbj.2021.06.043

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[9, 5, 0, 0], [0, 0, 5, 9]]))
    >>> score_ranks(source, [[0, 1]], max_rank=2).scores.ravel().tolist()
    [1.0, 0.0]
    """
    members = [np.unique(np.asarray(s, dtype=np.int64)) for s in sets]
    _check(source, members, max_rank)
    cut = min(max_rank, source.n_features)
    sizes = np.array([len(m) for m in members], dtype=np.int64)
    first, member = _by_gene(members, source.n_features)
    worst = sizes * (cut + 1.0)
    ranked = np.minimum(sizes, cut)
    span = ranked * (cut + 1.0) - ranked * (ranked + 1) / 2
    out = np.empty((source.n_cells, len(members)), dtype=np.float32)

    def work(block: CsrBlock) -> tuple[int, NDArray[np.float32]]:
        sums = np.empty((block.n_rows, len(members)))
        add_rank_sums(
            np.require(block.indptr, np.int64, ["C", "W"]),
            np.require(block.indices, np.int32, ["C", "W"]),
            _whole(block),
            first,
            member,
            sizes,
            block.n_features,
            cut,
            sums,
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = np.clip((worst - sums) / span, 0.0, 1.0)
        return block.start, scores.astype(np.float32)

    for start, scores in map_blocks(source, work, threads=threads):
        out[start : start + len(scores)] = scores
    return RankScores(out, cut)


def _by_gene(
    members: list[NDArray[np.int64]], n_features: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Sets of each gene, as pointers into one list."""
    genes = np.concatenate([*members, np.zeros(0, dtype=np.int64)])
    owner = np.repeat(np.arange(len(members)), [len(m) for m in members])
    order = np.argsort(genes, kind="stable")
    first = np.searchsorted(genes[order], np.arange(n_features + 1)).astype(np.int64)
    return first, np.ascontiguousarray(owner[order], dtype=np.int32)


def _whole(block: CsrBlock) -> NDArray[np.int32]:
    """Counts as they are; other values as whole numbers in the same order."""
    if len(block.data) and block.data.min() < 0:
        raise DataError(
            "rank scores need values that are not negative",
            found=f"{block.data.min():g} in rows from {block.start}",
            fix="give counts or log-normalised values, not scaled ones",
            code=codes.RANK_SCORES_INPUT,
        )
    if np.issubdtype(block.data.dtype, np.integer):
        return np.require(block.data, np.int32, ["C", "W"])
    values = np.unique(np.concatenate([[0], block.data]))
    return np.searchsorted(values, block.data).astype(np.int32)


def _check(source: BlockSource, members: list[NDArray[np.int64]], max_rank: int) -> None:
    wrong = [
        k
        for k, m in enumerate(members)
        if len(m) and (int(m[0]) < 0 or int(m[-1]) >= source.n_features)
    ]
    if wrong or max_rank < 1:
        raise DataError(
            "a gene set names a column that does not exist" if wrong else "max_rank is too small",
            found=f"set {wrong[0]} of {len(members)}; {source.n_features} features"
            if wrong
            else f"{max_rank}",
            fix="give columns of this matrix" if wrong else "use 1 or more",
            code=codes.RANK_SCORES_INPUT,
        )
