"""What a gate's markers do in donors that had no part in setting their thresholds."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates.fit import Cuts
from imscope.analyses.gates.gate import rates
from imscope.analyses.gates.nested import (
    INNER_FOLDS,
    Choice,
    Problem,
    SearchSpace,
    draw_problem,
    fit_choice,
    mean_f,
    outer_groups,
    outer_parts,
    stratified_folds,
)
from imscope.core.rng import spawn

EARNED = 0.005
"""Mean gain of F over left-out donors that a marker must bring, and its standard error at least."""
GRID = 8


@dataclass(frozen=True)
class LeftOut:
    """Counts per donor of gates whose thresholds were set without it.

    Attributes
    ----------
    donor
        Donors, ``(n_donors,)``; with one donor, whose folds are left out, that donor.
    tp, fp, n_target, n_other
        Shape ``(n_donors,)``.
    """

    donor: NDArray[np.int64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    n_target: NDArray[np.int64]
    n_other: NDArray[np.int64]

    def f1(self, space: SearchSpace) -> NDArray[np.float64]:
        """F1 of each donor."""
        found = rates(self.tp, self.fp, self.n_target, self.n_other, prevalence=space.prevalence)
        return np.nan_to_num(found["f1"])

    def score(self, space: SearchSpace) -> float:
        """Mean over donors, as the folds score gates."""
        return mean_f(self.tp, self.fp, self.n_target, self.n_other, space)


class Judge:
    """Judges sets of literals on left-out donors; each set once."""

    def __init__(self, problem: Problem, space: SearchSpace, kind: str) -> None:
        self.problem, self.space, self.kind = problem, space, kind
        self.known: dict[frozenset[tuple[int, bool]], LeftOut] = {}

    def judge(self, cuts: Cuts) -> LeftOut:
        """Thresholds of these markers and signs, set anew without each donor, counted on it."""
        key = frozenset(zip(cuts.marker, cuts.above, strict=True))
        if key not in self.known:
            self.known[key] = self._judge(self.problem.only(cuts))
        return self.known[key]

    def earned(self, cuts: Cuts) -> bool:
        """Whether every marker earns its place on left-out donors, a single one against no gate."""
        own = self.judge(cuts)
        whole = own.f1(self.space)
        if len(cuts.marker) == 1:
            nothing = LeftOut(own.donor, own.n_target, own.n_other, own.n_target, own.n_other)
            return _gains(whole - nothing.f1(self.space))
        return all(
            _gains(whole - self.judge(_without(cuts, k)).f1(self.space))
            for k in range(len(cuts.marker))
        )

    def _judge(self, problem: Problem) -> LeftOut:
        donors = np.unique(problem.donor[problem.target])
        size = int(problem.donor.max()) + 1
        tp, fp = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        if len(donors) > 1:
            parts = outer_parts(problem, outer_groups(problem))
        else:
            fold = stratified_folds(problem, spawn(self.space.seed, "held-out cells"))
            parts = outer_parts(problem, fold)
        k = problem.x.shape[1]
        space = replace(self.space.share(0.1, INNER_FOLDS), top=1, polish=1)
        for g, train, test in parts:
            rng = spawn(self.space.seed, "left out", g)
            drawn = draw_problem(train, space.max_cells, rng)
            found = fit_choice(drawn, space, Choice(k, GRID, self.kind))[0][k - 1]
            if found:
                inside = found[0].inside(test.x)
                tp += np.bincount(test.donor[inside & test.target], minlength=size)
                fp += np.bincount(test.donor[inside & ~test.target], minlength=size)
        p = np.bincount(problem.donor[problem.target], minlength=size)
        n = np.bincount(problem.donor, minlength=size)
        return LeftOut(donors, tp[donors], fp[donors], p[donors], n[donors] - p[donors])


def _gains(gain: NDArray[np.float64]) -> bool:
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
    return bool(gain.mean() >= max(EARNED, error))


def _without(cuts: Cuts, k: int) -> Cuts:
    keep = [j for j in range(len(cuts.marker)) if j != k]
    return Cuts(
        tuple(cuts.marker[j] for j in keep),
        tuple(cuts.above[j] for j in keep),
        tuple(cuts.cut[j] for j in keep),
        0.0,
    )
