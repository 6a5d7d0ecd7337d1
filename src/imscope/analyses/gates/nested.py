"""Choose size, grid and objective inside the data, and judge the choice on donors it never saw."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates.fit import Cuts, FitSettings, fit_gates
from imscope.analyses.gates.grid import Modality
from imscope.analyses.gates.search import BETA, Objective
from imscope.core.rng import spawn

INNER_FOLDS = 5
FEW_IN_FOLD = 10
"""Target cells below which donors of a fold are counted together."""
MOST_OUTER = 10
"""Donors beyond this number are left out in groups."""
FIT_CELLS = 60_000
"""Cells a gate that is judged on left-out donors is fitted on at most."""
HALF_WAY = 0.5
"""Between the negative and the positive peak, in aligned units."""
LACKS = 1 / 3
"""Share of the target cells that must be on the side of a literal for it to be allowed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Cells of a gate design, aligned.

    Attributes
    ----------
    x
        Shape ``(n_cells, n_markers)``.
    target, donor, lab
        Shape ``(n_cells,)``; donors and labs as numbers from 0.
    modality
        ``protein`` or ``rna``.
    plus_only
        Markers that may only be asked to be positive.
    signs
        Where ``+`` and where ``-`` is allowed, when this is already settled.
    other_weight
        Weight of an other cell per donor, when targets were drawn more often than others.
    """

    x: NDArray[np.float64]
    target: NDArray[np.bool_]
    donor: NDArray[np.int64]
    lab: NDArray[np.int64]
    modality: Modality
    plus_only: NDArray[np.bool_]
    signs: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None
    other_weight: NDArray[np.float64] | None = None

    def take(self, cells: NDArray[np.int64]) -> "Problem":
        """Some of the cells; donors keep their numbers."""
        return replace(
            self,
            x=self.x[cells],
            target=self.target[cells],
            donor=self.donor[cells],
            lab=self.lab[cells],
        )

    def only(self, cuts: Cuts) -> "Problem":
        """The markers of a gate alone, each with the sign it has there."""
        chosen, above = list(cuts.marker), np.array(cuts.above, dtype=bool)
        return replace(
            self, x=self.x[:, chosen], plus_only=self.plus_only[chosen], signs=(above, ~above)
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """What the inner folds choose: size, thresholds per sign and marker, and objective."""

    size: int
    per_sign: int
    kind: str


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What may be chosen, and limits of each search.

    Attributes
    ----------
    max_size, per_sign, kinds
        Sizes 1 to ``max_size``, grids and objectives to choose among.
    beta, blend, recall_floor
        Of the objective; see :class:`~imscope.analyses.gates.search.Objective`.
    top, polish
        Gates kept and gates polished per size.
    prevalence
        In the tube to be sorted; ``None`` keeps each donor's own.
    max_cells
        Cells drawn for the inner folds.
    seconds
        Budget of the whole design, in seconds of a usual core, counted in steps.
    seed
        Of folds and draws.
    """

    max_size: int = 4
    per_sign: tuple[int, ...] = (4, 8)
    kinds: tuple[str, ...] = ("blend", "pooled")
    beta: float = BETA
    blend: float = 0.5
    recall_floor: float = 0.0
    top: int = 50
    polish: int = 20
    prevalence: float | None = None
    max_cells: int = 20_000
    seconds: float = 30.0
    seed: int = 0

    def share(self, part: float, n: int = 1) -> "SearchSpace":
        """The same with one of ``n`` equal parts of a share of the budget."""
        return replace(self, seconds=max(self.seconds * part / max(n, 1), 0.01))

    def objective(self, kind: str) -> Objective:
        """The objective of one kind."""
        return Objective(kind, self.blend, self.beta, self.recall_floor)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Unseen:
    """Counts of gates on donors that had no part in choosing or fitting them.

    Attributes
    ----------
    donor
        The donor left out.
    tp, fp
        Shape ``(n,)``.
    gates
        The gate each was judged with.
    choices
        What the inner folds chose.
    by
        ``donor``, ``lab`` or ``donor group``.
    """

    donor: NDArray[np.int64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    gates: tuple[Cuts, ...]
    choices: tuple[Choice, ...]
    by: str
    gap: float = 0.0
    notes: tuple[str, ...] = field(default=())


def weights_to(
    target: NDArray[np.bool_], donor: NDArray[np.int64], prevalence: float | None
) -> NDArray[np.float64] | None:
    """Weight of a false positive per donor that moves its share of targets to ``prevalence``."""
    if prevalence is None:
        return None
    n = int(donor.max()) + 1
    p = np.bincount(donor[target], minlength=n)
    q = np.maximum(np.bincount(donor[~target], minlength=n), 1)
    return np.asarray((1 - prevalence) / prevalence * p / q)


def allowed_signs(problem: Problem) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where ``+`` and ``-`` are allowed: on the side where target cells are.

    A protein the targets lack is not asked to be positive however low its threshold, so a gate
    still means what its text says. RNA is asked for where targets hold more of it than others.
    """
    if problem.signs is not None:
        return problem.signs
    x, y = problem.x, problem.target
    if problem.modality == "rna":
        inside, others = np.log1p(x[y]).mean(axis=0), np.log1p(x[~y]).mean(axis=0)
        return inside >= others, (inside <= others) & ~problem.plus_only
    there = np.isfinite(x[y])
    n = np.maximum(there.sum(axis=0), 1)
    high = ((x[y] > HALF_WAY) & there).sum(axis=0) / n
    return high >= LACKS, (1 - high >= LACKS) & ~problem.plus_only


def draw_problem(problem: Problem, most: int, rng: np.random.Generator) -> Problem:
    """Draw cells, targets more often where they are few, with the weights that undo it."""
    cells = draw_cells(problem, most, rng)
    part = problem.take(cells)
    if len(cells) == len(problem.target):
        return part
    n = int(problem.donor.max()) + 1

    def kept(wanted: NDArray[np.bool_], of: NDArray[np.bool_]) -> NDArray[np.float64]:
        drawn = np.bincount(part.donor[of], minlength=n)
        return np.asarray(drawn / np.maximum(np.bincount(problem.donor[wanted], minlength=n), 1))

    targets, others = kept(problem.target, part.target), kept(~problem.target, ~part.target)
    return replace(part, other_weight=np.where(others > 0, targets / np.maximum(others, 1e-12), 1))


def fit_choice(
    problem: Problem, space: SearchSpace, choice: Choice, *, sizes: int | None = None
) -> tuple[tuple[tuple[Cuts, ...], ...], float, tuple[str, ...]]:
    """Gates of every size up to the choice (or ``sizes``), with gap and notes."""
    have = np.unique(problem.donor[problem.target])
    cells = np.flatnonzero(np.isin(problem.donor, have))
    code = np.searchsorted(have, problem.donor[cells])
    y = problem.target[cells]
    weight = weights_to(y, code, space.prevalence)
    if weight is None and problem.other_weight is not None:
        weight = problem.other_weight[have]
    fit = fit_gates(
        problem.x[cells],
        y,
        code,
        settings=FitSettings(
            objective=space.objective(choice.kind),
            modality=problem.modality,
            per_sign=choice.per_sign,
            max_size=choice.size if sizes is None else sizes,
            top=space.top,
            polish=space.polish,
            seconds=space.seconds,
        ),
        weight=weight,
        signs=allowed_signs(problem),
    )
    return fit.by_size, fit.gap, fit.notes


def choose(problem: Problem, space: SearchSpace, *, item: int = 0) -> Choice:
    """Pick size, grid and objective by five folds and the one-standard-error rule.

    Folds are stratified by donor and label. Every choice is judged by the same mean over
    donors on the held-out cells. Of the choices within one standard error of the best,
    the one with the fewest markers is taken, then the best score, then the coarser grid.

    References
    ----------
    .. [1] Hastie T, Tibshirani R, Friedman J (2009). The Elements of Statistical Learning, 2nd ed.,
       section 7.10. doi:10.1007/978-0-387-84858-7
    """
    rng = spawn(space.seed, "inner folds", item)
    cells = draw_cells(problem, space.max_cells, rng)
    small = problem.take(cells)
    fold = stratified_folds(small, rng)
    choices = [
        Choice(k, g, o)
        for k in range(1, space.max_size + 1)
        for g in sorted(space.per_sign)
        for o in space.kinds
    ]
    scores = np.full((INNER_FOLDS, len(choices)), np.nan)
    each = _quick(space).share(1.0, INNER_FOLDS * len(space.per_sign) * len(space.kinds))
    for f in range(INNER_FOLDS):
        train, test = small.take(np.flatnonzero(fold != f)), small.take(np.flatnonzero(fold == f))
        if not train.target.any() or not test.target.any():
            continue
        for grid in space.per_sign:
            for kind in space.kinds:
                by_size, _, _ = fit_choice(train, each, Choice(space.max_size, grid, kind))
                for k, gates in enumerate(by_size, start=1):
                    at = choices.index(Choice(k, grid, kind))
                    scores[f, at] = score(gates[0], test, space) if gates else 0.0
    used = scores[np.isfinite(scores).all(axis=1)]
    if not len(used):
        return choices[0]
    mean = used.mean(axis=0)
    best = int(np.argmax(mean))
    error = float(used[:, best].std(ddof=1) / np.sqrt(len(used))) if len(used) > 1 else 0.0
    near = np.flatnonzero(mean >= mean[best] - error)
    order = sorted(
        near.tolist(),
        key=lambda i: (choices[i].size, -round(float(mean[i]), 12), choices[i].per_sign),
    )
    return choices[order[0]]


def score(gate: Cuts, problem: Problem, space: SearchSpace) -> float:
    """Mean over donors of the F of one gate; donors with few target cells are one donor.

    The minimum over donors is not used here: on the few target cells of a fold it is mostly noise.
    """
    n = np.bincount(problem.donor[problem.target], minlength=int(problem.donor.max()) + 1)
    have = np.flatnonzero(n > 0)
    tp, fp, p = counts(gate.inside(problem.x), problem, have)
    q = np.bincount(problem.donor[~problem.target], minlength=int(have.max()) + 1)[have]
    return mean_f(tp, fp, p, q, space)


def mean_f(
    tp: NDArray[np.int64],
    fp: NDArray[np.int64],
    p: NDArray[np.int64],
    q: NDArray[np.int64],
    space: SearchSpace,
) -> float:
    """Mean over donors of the F of counts; donors with few target cells are one donor."""
    weight = None
    if space.prevalence is not None:
        weight = (1 - space.prevalence) / space.prevalence * p / np.maximum(q, 1)
    few = p < FEW_IN_FOLD
    w = np.ones(len(p)) if weight is None else weight
    wrong = w * fp
    parts = [(tp[~few], wrong[~few], p[~few])]
    if few.any():
        parts.append(
            (tp[few].sum(keepdims=True), wrong[few].sum(keepdims=True), p[few].sum(keepdims=True))
        )
    b2 = space.beta**2
    f = [(1 + b2) * a / (a + b + b2 * c) for a, b, c in parts]
    return float(np.concatenate(f).mean())


def counts(
    inside: NDArray[np.bool_], problem: Problem, donors: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Target and other cells inside, and all targets, of the donors asked for."""
    n = int(problem.donor.max()) + 1
    d, y = problem.donor, problem.target
    out = [np.bincount(d[w], minlength=n)[donors] for w in (inside & y, inside & ~y, y)]
    return out[0], out[1], out[2]


def judge_unseen(problem: Problem, space: SearchSpace, *, by: str = "donor") -> Unseen:
    """Leave out each donor (or lab), choose and fit on the rest, count on the one left out.

    Parameters
    ----------
    by
        ``donor`` or ``lab``. More than ten donors are left out in ten groups.
    """
    group = problem.lab if by == "lab" else outer_groups(problem)
    name = by if by == "lab" or len(np.unique(problem.donor)) <= MOST_OUTER else "donor group"
    donor, tp, fp = [], [], []
    gates, choices = [], []
    parts = list(outer_parts(problem, group))
    for g, train, test in parts:
        choice = choose(train, space.share(0.8, len(parts)), item=g + 1)
        drawn = draw_problem(train, FIT_CELLS, spawn(space.seed, f"unseen {by}", g))
        by_size, _, _ = fit_choice(drawn, _quick(space).share(0.2, len(parts)), choice)
        found = [s for s in by_size if s]
        if not found:
            continue
        best = found[-1][0]
        inside = best.inside(test.x)
        for d in np.unique(test.donor).tolist():
            a, b, _ = counts(inside, test, np.array([d]))
            donor.append(d)
            tp.append(int(a[0]))
            fp.append(int(b[0]))
        gates.append(best)
        choices.append(choice)
    return Unseen(
        np.array(donor, dtype=np.int64),
        np.array(tp, dtype=np.int64),
        np.array(fp, dtype=np.int64),
        tuple(gates),
        tuple(choices),
        name,
    )


def judge_within(problem: Problem, space: SearchSpace, choice: Choice) -> Unseen:
    """One donor: counts on held-out cells of its own folds, no evidence about other donors."""
    fold = stratified_folds(problem, spawn(space.seed, "held-out cells"))
    n = int(problem.donor.max()) + 1
    tp, fp = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    gates = []
    for f in range(INNER_FOLDS):
        train = problem.take(np.flatnonzero(fold != f))
        test = problem.take(np.flatnonzero(fold == f))
        found = [
            s for s in fit_choice(train, _quick(space).share(1.0, INNER_FOLDS), choice)[0] if s
        ]
        if found:
            a, b, _ = counts(found[-1][0].inside(test.x), test, np.array([test.donor.max()]))
            tp[-1] += a[0]
            fp[-1] += b[0]
            gates.append(found[-1][0])
    return Unseen(np.arange(n), tp, fp, tuple(gates), (choice,), "cells of one donor")


def _quick(space: SearchSpace) -> SearchSpace:
    """Only the best gate of each size is needed."""
    return replace(space, top=5, polish=2)


def outer_parts(
    problem: Problem, group: NDArray[np.int64]
) -> Iterator[tuple[int, Problem, Problem]]:
    """Group left out, the others, and the group itself."""
    for g in np.unique(group).tolist():
        train = problem.take(np.flatnonzero(group != g))
        test = problem.take(np.flatnonzero(group == g))
        if train.target.any() and not train.target.all() and len(test.target):
            yield g, train, test


def outer_groups(problem: Problem) -> NDArray[np.int64]:
    """Group of each cell: its donor, or one of ten groups of donors."""
    donors = np.unique(problem.donor)
    return np.searchsorted(donors, problem.donor) % MOST_OUTER


def stratified_folds(problem: Problem, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold of each cell: donors and labels spread evenly."""
    fold = np.empty(len(problem.target), dtype=np.int64)
    stratum = problem.donor * 2 + problem.target
    for s in np.unique(stratum):
        cells = rng.permutation(np.flatnonzero(stratum == s))
        fold[cells] = (np.arange(len(cells)) + rng.integers(INNER_FOLDS)) % INNER_FOLDS
    return fold


def draw_cells(problem: Problem, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Cells for the inner folds: all, or as many as allowed with targets drawn first."""
    n = len(problem.target)
    if n <= most:
        return np.arange(n)
    share = most / n
    chosen = []
    stratum = problem.donor * 2 + problem.target
    for s in np.unique(stratum):
        cells = rng.permutation(np.flatnonzero(stratum == s))
        chosen.append(cells[: max(int(np.ceil(share * len(cells))), min(len(cells), 200))])
    return np.sort(np.concatenate(chosen))
