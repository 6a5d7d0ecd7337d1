"""Which programmes differ between groups: units are replicates, random sets the measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.moderate import fit_moderated, moderated_f
from imscope.stats.random_sets import log_profiles, random_scores

Floats = NDArray[np.float64]


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
    return ContrastTest(effect, z, p_unit, p_set, p, benjamini_hochberg(p))


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
