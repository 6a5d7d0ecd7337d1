"""Whether few cells lie between the sides of a split, on cells the split was not made with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import eigh
from scipy.special import xlogy

from imscope.analyses.subsets.population import two_sides
from imscope.analyses.subsets.valley import FEWEST, find_valley

Floats = NDArray[np.float64]

BETWEEN = (0.35, 0.5, 0.65)
"""Where a gap is looked for; the centres of the sides are at 0 and 1."""
HALF_WIDTH = 0.15
SAME_AXIS = 0.5
"""Correlation from which the axes of two halves of the cells are one axis."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Evidence that a split has a gap.

    Attributes
    ----------
    p_value
        Upper bound of the chance of such a gap in one population whose density along the axis
        between the sides has one mode.
    between
        Cells in the emptiest window between the sides over cells in the window at the centre of
        the smaller side, 0 for a clean gap; not a number when the windows are empty.
    """

    p_value: float
    between: float


def find_gap(
    counts: Floats, depth: Floats, k: int, *, rng: np.random.Generator, repeats: int = 3
) -> Gap:
    """Split one half of the cells, and look for a gap among the other half, and the reverse.

    Both halves get their residuals, components, tree and discriminant axis without the other. On
    that axis the cells left out are held against every density with one mode: windows of equal
    width (:func:`window_p`), and :func:`imscope.analyses.subsets.valley.find_valley`, which needs
    no places; the better of the two is doubled. The division into halves is repeated, and twice
    the median is a valid p value whatever their dependence.

    Parameters
    ----------
    counts
        Shape ``(n_cells, n_genes)``. Unit: UMI.
    depth
        Total UMI per cell, shape ``(n_cells,)``.
    k
        Principal components.
    rng
        Divides the cells.
    repeats
        Times they are divided.

    References
    ----------
    .. [1] Meinshausen N, Meier L, Bühlmann P (2009). J Am Stat Assoc 104:1671-1681.
       doi:10.1198/jasa.2009.tm08647
    """
    found = [_once(counts, depth, k, rng) for _ in range(repeats)]
    p = min(1.0, 2 * float(np.median([f.p_value for f in found])))
    known = [f.between for f in found if np.isfinite(f.between)]
    return Gap(p, float(np.median(known)) if known else float("nan"))


def window_p(scores: Floats) -> tuple[float, float]:
    """Test for a gap between 0 and 1 against every density with one mode.

    If the density has one mode, so has the mass of a window as it moves; a window between two
    others of its width then holds no less than the lesser of them. Of the cells in a pair of
    windows at most half are expected in the outer one: an exact binomial test, at the less clear
    of both sides, times the number of places between.

    Parameters
    ----------
    scores
        Places of the cells, with the centres of the sides at 0 and 1, shape ``(n_cells,)``.

    Returns
    -------
    p, between
        As in :class:`Gap`.

    Examples
    --------
    >>> window_p(np.repeat([0.0, 1.0], 20))[0] < 1e-4
    True
    >>> window_p(np.linspace(-0.5, 1.5, 500))[0]
    1.0
    """

    def inside(at: float) -> int:
        return int((np.abs(scores - at) <= HALF_WIDTH).sum())

    outer = (inside(0.0), inside(1.0))
    best, fewest = 1.0, min(inside(at) for at in BETWEEN)
    for at in BETWEEN:
        n = inside(at)
        sides = [float(stats.binom.sf(o - 1, o + n, 0.5)) if o + n else 1.0 for o in outer]
        best = min(best, len(BETWEEN) * max(sides))
    return best, fewest / min(outer) if min(outer) else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    left_out: NDArray[np.int64]
    scores: Floats
    """Of all cells."""


def _once(counts: Floats, depth: Floats, k: int, rng: np.random.Generator) -> Gap:
    order = rng.permutation(len(depth))
    halves = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    axes = [_axis(counts, depth, k, halves[i], halves[1 - i]) for i in (0, 1)]
    one, two = axes
    if one is None or two is None:
        return Gap(1.0, float("nan"))
    same = float(np.corrcoef(one.scores, two.scores)[0, 1])
    if abs(same) < SAME_AXIS:
        parts = [_both_tests(a.scores[a.left_out]) for a in (one, two)]
        return Gap(min(1.0, 2 * min(p.p_value for p in parts)), parts[0].between)
    second = two.scores if same > 0 else 1 - two.scores
    return _both_tests(np.concatenate([one.scores[one.left_out], second[two.left_out]]))


def _both_tests(scores: Floats) -> Gap:
    if len(scores) < FEWEST:
        return Gap(1.0, float("nan"))
    p, between = window_p(scores)
    return Gap(min(1.0, 2 * min(p, find_valley(scores).p_value)), between)


def _axis(
    counts: Floats,
    depth: Floats,
    k: int,
    learn: NDArray[np.int64],
    left_out: NDArray[np.int64],
) -> _Axis | None:
    """Axis between the sides of the learning cells, with their centres at 0 and 1."""
    ok = counts[learn].sum(axis=0) > 0
    share = counts[learn][:, ok].sum(axis=0) / depth[learn].sum()
    table = _against(counts[:, ok], depth, share)
    centre = table[learn].mean(axis=0)
    own = table[learn] - centre
    g = own.shape[1]
    _, vector = eigh(own.T @ own, subset_by_index=[max(0, g - k), g - 1])
    points = (table - centre) @ vector
    side, _, axis = two_sides(points[learn])
    if not 0 < side.sum() < len(side):
        return None
    along = points @ axis
    zero, one = np.median(along[learn][~side]), np.median(along[learn][side])
    return None if zero == one else _Axis(left_out, (along - zero) / (one - zero))


def _against(counts: Floats, depth: Floats, share: Floats) -> Floats:
    """Signed roots of the Poisson deviance against a profile given beforehand."""
    expected = depth[:, None] * share
    deviance = 2 * (xlogy(counts, counts / expected) - (counts - expected))
    return np.asarray(np.sign(counts - expected) * np.sqrt(np.maximum(deviance, 0.0)))
