"""Which programmes differ between groups: units are replicates, random sets the measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.moderate import fit_moderated, moderated_f
from imscope.core.rng import spawn
from imscope.engine.markers import adjust_p_values

Floats = NDArray[np.float64]
WINDOW = 100
"""Genes of nearest mean expression from which a random set draws in place of each gene."""
PRIOR_COUNT = 2.0
"""Added to every count before the logarithm, at mean library size."""


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Two sides to compare.

    Attributes
    ----------
    name
        In words.
    first, second
        Rows of the profiles on each side.
    paired
        Whether row ``k`` of both sides is the same unit.
    why_not
        Why units give no test; empty when they do.
    """

    name: str
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    paired: bool
    why_not: str

    def weights(self, n_rows: int) -> Floats:
        """Weights of the rows whose sum is the difference of means."""
        out = np.zeros(n_rows)
        if len(self.first) and len(self.second):
            np.add.at(out, self.first, 1 / len(self.first))
            np.add.at(out, self.second, -1 / len(self.second))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class ContrastTest:
    """Result of one contrast, one entry per programme, NaN where nothing is estimated."""

    effect: Floats
    z_set: Floats
    p_unit: Floats
    p_set: Floats
    p_value: Floats
    q_value: Floats


def log_profiles(sums: Floats) -> Floats:
    """Log2 counts per million with a prior count in proportion to the library.

    Parameters
    ----------
    sums
        Counts, shape ``(n_profiles, n_genes)``; every profile has some.

    Examples
    --------
    >>> log_profiles(np.array([[8.0, 0.0], [80.0, 0.0]])).round(2)[:, 1].round(1).tolist()
    [15.4, 15.4]
    """
    total = sums.sum(axis=1, keepdims=True)
    prior = PRIOR_COUNT * total / total.mean()
    return np.asarray(np.log2((sums + prior) / (total + 2 * prior) * 1e6), dtype=np.float64)


def compare_sets(
    sums: Floats,
    sets: Sequence[NDArray[np.int64]],
    contrasts: Sequence[Contrast],
    *,
    random_sets: int,
    seed: int,
) -> list[ContrastTest]:
    """Test every set in every contrast.

    Parameters
    ----------
    sums
        Pseudobulk counts, shape ``(n_profiles, n_genes)``.
    sets
        Columns of the genes of each set.
    contrasts
        What to compare.
    random_sets
        Random sets per set; at least 1,000 for a use in earnest.
    seed
        Of the random sets.

    Notes
    -----
    A profile's score of a set is the mean of its genes on the log scale less the mean over the
    random sets, which removes what depth and composition do to all genes of like expression. The
    moderated t borrows variance over sets.
    """
    logs = log_profiles(sums)
    level = logs.mean(axis=0)
    usable = sums.sum(axis=0) > 0
    weights = np.column_stack([c.weights(len(sums)) for c in contrasts])
    scores = np.empty((len(sums), len(sets)))
    spread = np.empty((len(contrasts), len(sets)))
    p_set = np.empty((len(contrasts), len(sets)))
    for k, genes in enumerate(sets):
        drawn = random_scores(
            logs, level, genes, usable=usable, n=random_sets, rng=spawn(seed, "random sets", k)
        )
        middle = drawn.mean(axis=0)
        scores[:, k] = logs[:, genes].mean(axis=1) - middle
        null = (drawn - middle) @ weights
        effect = scores[:, k] @ weights
        spread[:, k] = null.std(axis=0, ddof=1)
        reached = (np.abs(null) >= np.abs(effect)).sum(axis=0)
        p_set[:, k] = (1 + reached) / (1 + random_sets)
    return [_one(c, scores, weights[:, j], spread[j], p_set[j]) for j, c in enumerate(contrasts)]


def random_scores(
    logs: Floats,
    level: Floats,
    genes: NDArray[np.int64],
    *,
    usable: NDArray[np.bool_],
    n: int,
    rng: np.random.Generator,
) -> Floats:
    """Mean of random sets in every profile, each gene replaced by one of like expression.

    Returns
    -------
    scores
        Shape ``(n, n_profiles)``. Unit: log2 counts per million.
    """
    import scipy.sparse as sp

    own = np.zeros(len(level), dtype=bool)
    own[genes] = True
    pool = np.flatnonzero(usable & ~own)
    pool = pool[np.argsort(level[pool], kind="stable")]
    width = min(WINDOW, len(pool))
    if not width:
        return np.tile(logs[:, genes].mean(axis=1), (n, 1))
    place = np.searchsorted(level[pool], level[genes])
    start = np.clip(place - width // 2, 0, len(pool) - width)
    picked = pool[start[None, :] + rng.integers(0, width, (n, len(genes)))]
    rows = np.repeat(np.arange(n), len(genes))
    choose = sp.csr_array(
        (np.full(picked.size, 1 / len(genes)), (rows, picked.ravel())), shape=(n, len(level))
    )
    return np.asarray(choose @ np.ascontiguousarray(logs.T), dtype=np.float64)


def _one(
    contrast: Contrast, scores: Floats, weights: Floats, spread: Floats, p_set: Floats
) -> ContrastTest:
    n = scores.shape[1]
    nothing = np.full(n, np.nan)
    if not (len(contrast.first) and len(contrast.second)):
        return ContrastTest(nothing, nothing, nothing, nothing, nothing, nothing)
    effect = weights @ scores
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(spread > 0, effect / spread, np.nan)
    if contrast.why_not:
        return ContrastTest(effect, z, nothing, p_set, nothing, nothing)
    p_unit = _moderated(contrast, scores)
    p = np.maximum(p_unit, p_set)
    return ContrastTest(effect, z, p_unit, p_set, p, adjust_p_values(p))


def _moderated(contrast: Contrast, scores: Floats) -> Floats:
    if contrast.paired:
        response = scores[contrast.first] - scores[contrast.second]
        design, column = np.ones((len(response), 1)), 0
    else:
        response = scores[np.concatenate([contrast.first, contrast.second])]
        side = np.zeros(len(response))
        side[: len(contrast.first)] = 1
        design, column = np.column_stack([np.ones(len(response)), side]), 1
    fit = fit_moderated(response, design)
    _, p = moderated_f(fit, [column])
    return np.where(fit.variance > 0, p, np.nan)
