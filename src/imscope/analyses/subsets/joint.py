"""One population or two, asked of all lots: an axis from some of them, a gap in the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import eigh

from imscope.analyses.subsets.gap import window_p
from imscope.analyses.subsets.population import Floats, residuals, two_sides
from imscope.analyses.subsets.valley import FEWEST, find_valley
from imscope.core.rng import spawn

FEW_LOTS = 8
MOST_DIVISIONS = 5
"""Divisions of the lots in two halves that are tried; twice the median p value is valid."""
FEWEST_ASIDE = 10
"""Cells on the smaller side below which an axis is not followed."""
ROUNDS = 3
IMPLANT_GENES, IMPLANT_FOLD = 40, 2.0
"""The subset that is implanted to learn what could have been seen."""
IMPLANT_SHARES = (0.4, 0.2, 0.1, 0.05)
IMPLANTS = 2
SAME_CELLS = 0.5
"""Cells in both over cells in either from which the implanted subset counts as the one found."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A direction in the space of genes, with the centres of two sides at 0 and 1.

    Attributes
    ----------
    weights
        Per gene, zero where the sides are not surely different.
    low, high
        Centres of the larger and the smaller side before scaling.
    cut
        Place from which a cell belongs to the smaller side, on the scaled axis.
    separation
        Distance of the centres over the spread within sides.
    """

    weights: Floats
    low: float
    high: float
    cut: float
    separation: float

    def place(self, table: Floats) -> Floats:
        """Places of cells, shape ``(n_cells,)``."""
        return np.asarray((table @ self.weights - self.low) / (self.high - self.low))


@dataclass(frozen=True, slots=True, eq=False)
class JointSplit:
    """Result of :func:`test_lots` on one set of lots.

    Attributes
    ----------
    p_value
        Upper bound of the chance of such gaps when every lot is one population along every axis.
    axis
        From all lots; nothing where no two sides were found.
    sides
        Cells of the smaller side, one array per lot.
    """

    p_value: float
    axis: Axis | None
    sides: tuple[NDArray[np.bool_], ...]


def centred(counts: Floats, depth: Floats) -> Floats:
    """Deviance residuals of one lot against its own profile, centred per gene."""
    table = residuals(counts, depth)
    return np.asarray(table - table.mean(axis=0))


def split_lots(tables: Sequence[Floats], k: int) -> JointSplit:
    r"""Test lots for two populations along directions they share; the lots are the replicates.

    Half of the lots give an axis: components of their residuals, the two sides of the cells on
    them, and the genes that surely differ between the sides. The cells of every lot of the other
    half are placed on that axis and held against all densities with one mode; these p values are
    independent given the axis and are combined by Fisher's method. Then the halves change their
    parts and the better is doubled. All (or five) divisions into halves are tried, and twice the
    median is a valid p value whatever their dependence.

    Parameters
    ----------
    tables
        Residuals per lot, see :func:`centred`, shapes ``(n_cells, n_genes)``; two lots or more.
    k
        Principal components.

    References
    ----------
    .. [1] Meinshausen N, Meier L, Bühlmann P (2009). J Am Stat Assoc 104:1671-1681.
       doi:10.1198/jasa.2009.tm08647
    .. [2] Dümbgen L, Walther G (2008). Ann Statist 36:1758-1785. doi:10.1214/07-AOS521
    """
    p = [_division(tables, first, k) for first in _divisions(len(tables))]
    value = p[0] if len(p) == 1 else min(1.0, 2 * float(np.median(p)))
    axis = find_axis(tables, k)
    if axis is None:
        return JointSplit(1.0, None, tuple(np.zeros(len(t), dtype=bool) for t in tables))
    sides = tuple(axis.place(t) > axis.cut for t in tables)
    return JointSplit(value, axis, sides)


def find_axis(tables: Sequence[Floats], k: int) -> Axis | None:
    """Direction between two sides of the cells of some lots, from the genes that surely differ."""
    table = np.vstack(tables)
    g = table.shape[1]
    _, vector = eigh(table.T @ table, subset_by_index=[max(0, g - k), g - 1])
    side, _, _ = two_sides(table @ vector)
    found = None
    for _ in range(ROUNDS):
        if min(side.sum(), (~side).sum()) < FEWEST_ASIDE:
            return found
        found = _between(table, side)
        if found is None:
            return None
        new = found.place(table) > found.cut
        if (new == side).all():
            break
        side = new
    return found


def _between(table: Floats, side: NDArray[np.bool_]) -> Axis | None:
    """Axis between given sides: difference over variance, without genes that do not surely differ.

    The threshold is what the largest of as many standard normal numbers reaches.
    """
    one, other = table[side], table[~side]
    difference = one.mean(axis=0) - other.mean(axis=0)
    variance = 0.5 * (one.var(axis=0) + other.var(axis=0)) + 1e-9
    error = np.sqrt(one.var(axis=0) / len(one) + other.var(axis=0) / len(other) + 1e-12)
    sure = np.abs(difference / error) > np.sqrt(2 * np.log(len(error)))
    weights = np.where(sure, difference / variance, 0.0)
    score = table @ weights
    low, high = float(np.median(score[~side])), float(np.median(score[side]))
    if not high > low:
        return None
    share = side.mean()
    spread = np.sqrt(share * score[side].var() + (1 - share) * score[~side].var())
    apart = (high - low) / max(float(spread), 1e-12)
    cut = 0.5 + np.log((1 - share) / share) / apart**2
    return Axis(weights, low, high, float(cut), float(apart))


def _divisions(n: int) -> list[tuple[int, ...]]:
    """Lots of the first half: all divisions of a few lots, drawn ones of many."""
    half = n // 2
    if n > FEW_LOTS:
        rng = spawn(0, "divisions of lots", n)
        return [tuple(np.sort(rng.permutation(n)[:half]).tolist()) for _ in range(MOST_DIVISIONS)]
    every = list(combinations(range(n), half))
    if n % 2 == 0:  # a division and its mirror are one
        every = [c for c in every if c[0] == 0]
    step = max(1, len(every) // MOST_DIVISIONS)
    return every[::step][:MOST_DIVISIONS]


def _division(tables: Sequence[Floats], first: tuple[int, ...], k: int) -> float:
    second = tuple(i for i in range(len(tables)) if i not in first)
    p = []
    for learn, ask in ((first, second), (second, first)):
        axis = find_axis([tables[i] for i in learn], k)
        if axis is None:
            p.append(1.0)
            continue
        each = [gap_p(axis.place(tables[i])) for i in ask]
        p.append(float(stats.combine_pvalues(np.clip(each, 1e-300, 1.0)).pvalue))
    return min(1.0, 2 * min(p))


def gap_p(places: Floats) -> float:
    """Chance of such a gap in a density with one mode: the better of two tests, doubled."""
    if len(places) < FEWEST:
        return 1.0
    return min(1.0, 2 * min(window_p(places)[0], find_valley(places).p_value))


def smallest_share(
    lots: Sequence[tuple[Floats, Floats]], k: int, alpha: float, rng: np.random.Generator
) -> float:
    """Smallest share of cells of an implanted subset that the test finds among these very cells.

    In a share of the cells of every lot 40 genes are doubled, by adding as many counts as are
    expected of them. Shares are tried from 40 % down until one of two such subsets is missed.

    Parameters
    ----------
    lots
        Counts and depth per lot. One lot is divided in two.
    k, alpha
        As the test.
    rng
        Draws genes and cells.

    Returns
    -------
    share
        NaN when even 40 % are missed.
    """
    parts = list(lots) if len(lots) > 1 else _halves(lots[0], rng)
    found = float("nan")
    for share in IMPLANT_SHARES:
        if not all(_is_seen(parts, share, k, alpha, rng) for _ in range(IMPLANTS)):
            break
        found = share
    return found


def _is_seen(
    parts: Sequence[tuple[Floats, Floats]],
    share: float,
    k: int,
    alpha: float,
    rng: np.random.Generator,
) -> bool:
    """Implant one subset, and see whether the test finds a gap and the axis these cells."""
    mean = np.vstack([y.sum(axis=0) / d.sum() for y, d in parts]).mean(axis=0)
    genes = rng.choice(len(mean), min(IMPLANT_GENES, len(mean)), replace=False)
    tables, inside = [], []
    for counts, depth in parts:
        more = counts.copy()
        chosen = rng.random(len(depth)) < share
        rate = (IMPLANT_FOLD - 1) * depth[chosen, None] * mean[genes]
        more[np.ix_(np.flatnonzero(chosen), genes)] += rng.poisson(rate)
        tables.append(centred(more, depth))
        inside.append(chosen)
    if _division(tables, tuple(range(len(parts) // 2)), k) > alpha:
        return False
    axis = find_axis(tables, k)
    if axis is None:
        return False
    side = np.concatenate([axis.place(t) > axis.cut for t in tables])
    truth = np.concatenate(inside)
    return max(_overlap(side, truth), _overlap(~side, truth)) >= SAME_CELLS


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Cells in both over cells in either."""
    return float((one & other).sum()) / max(float((one | other).sum()), 1.0)


def _halves(lot: tuple[Floats, Floats], rng: np.random.Generator) -> list[tuple[Floats, Floats]]:
    counts, depth = lot
    half = rng.permutation(len(depth)) < len(depth) // 2
    return [(counts[h], depth[h]) for h in (half, ~half)]
