"""Test every split of a unit's tree of cells against one simulated population."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.subsets.gap import find_gap
from imscope.analyses.subsets.population import (
    Floats,
    Population,
    components,
    fit_population,
    residuals,
    two_sides,
)
from imscope.analyses.subsets.settings import SubsetSettings
from imscope.core.rng import spawn

OVERDISPERSED = 0.005
"""Excess squared coefficient of variation from which halves are drawn as negative binomial."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitCells:
    """Cells of one unit.

    Attributes
    ----------
    name
        The unit.
    counts
        Chosen genes, shape ``(n_cells, n_genes)``. Unit: UMI.
    depth
        UMI over all genes, shape ``(n_cells,)``.
    covariates
        Values by name, each of shape ``(n_cells,)``, that could explain a split.
    """

    name: str
    counts: Floats
    depth: Floats
    covariates: dict[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One tested split; see the table ``subset_splits``."""

    node: str
    cells: NDArray[np.int64]
    side: NDArray[np.bool_]
    statistic: float
    null_mean: float
    null_sd: float
    n_nulls: int
    p_value: float
    alpha_node: float
    direction: Floats
    thinning: str = ""
    auc_half: float = float("nan")
    p_half: float = float("nan")
    p_gap: float = float("nan")
    between: float = float("nan")
    alpha_gap: float = float("nan")
    explained_by: str = ""
    explained_auc: float = float("nan")
    status: str = "one population"
    reason: str = ""
    n_units_seen: int = 0

    @property
    def significant(self) -> bool:
        """Whether one population does not explain the split."""
        return self.p_value <= self.alpha_node

    @property
    def counted(self) -> bool:
        """Whether the split is significant, holds on other counts and is not explained."""
        return self.status == "split"


def split_unit(unit: UnitCells, settings: SubsetSettings) -> list[Split]:
    """Follow the tree from all cells down, as long as splits are significant.

    A split that is significant but not counted, such as a cut through a continuum, may hide another
    below it. Each such cut above a node halves the level of its test for a gap, so that the levels
    of all tests of one population add up to alpha.
    """
    done: list[Split] = []
    waiting = [("root", np.arange(len(unit.depth), dtype=np.int64), 1)]
    while waiting:
        node, cells, cuts = waiting.pop(0)
        split = _test_node(unit, node, cells, settings, cuts=cuts)
        if split is None:
            continue
        done.append(split)
        if split.significant:
            stem = "" if node == "root" else node
            cuts += not split.counted
            waiting += [
                (stem + "0", cells[~split.side], cuts),
                (stem + "1", cells[split.side], cuts),
            ]
    return done


def _test_node(
    unit: UnitCells, node: str, cells: NDArray[np.int64], settings: SubsetSettings, *, cuts: int
) -> Split | None:
    if len(cells) < max(2 * settings.min_side, 30):
        return None
    counts, depth = unit.counts[cells], unit.depth[cells]
    seen = counts.sum(axis=0) > 0
    table = residuals(counts[:, seen], depth)
    side, statistic, _ = two_sides(components(table, settings.components)[0])
    population = fit_population(counts[:, seen], depth)

    def simulated(k: int) -> tuple[float, float]:
        rng = spawn(settings.seed, "subsets", unit.name, node, k)
        drawn = population.draw(rng)
        drawn = drawn[:, drawn.sum(axis=0) > 0]
        again = fit_population(drawn, depth).draw(rng)
        return _cut(drawn, depth, settings), _cut(again, depth, settings)

    alpha = settings.alpha * (len(cells) - 1) / max(len(unit.depth) - 1, 1)
    nulls, p = _sequential(statistic, simulated, alpha, settings)
    direction = np.zeros(len(seen))
    direction[seen] = table[side].mean(axis=0) - table[~side].mean(axis=0)
    split = Split(
        node, cells, side, statistic, float(nulls.mean()), float(nulls.std(ddof=1)),
        len(nulls), p, alpha, direction, alpha_gap=alpha / 2**cuts,
    )  # fmt: skip
    return _checked(unit, split, population, seen, settings) if split.significant else split


def _cut(counts: Floats, depth: Floats, settings: SubsetSettings) -> float:
    return two_sides(components(residuals(counts, depth), settings.components)[0])[1]


def _sequential(
    statistic: float,
    simulated: Callable[[int], tuple[float, float]],
    alpha: float,
    settings: SubsetSettings,
) -> tuple[Floats, float]:
    """Simulate few populations, and more where few leave the answer open.

    A population fitted to simulated cells and simulated again shows by how much a refit changes
    the statistic. The same change stands between the data and their fit, so the nulls are moved
    and spread by it.
    """
    pairs = [simulated(k) for k in range(settings.first_nulls)]
    nulls = _refit_corrected(pairs)
    p = tail_p(statistic, nulls)
    if alpha / 20 < p < min(6 * alpha, 0.5):
        pairs += [simulated(k) for k in range(settings.first_nulls, settings.most_nulls)]
        nulls = _refit_corrected(pairs)
        p = tail_p(statistic, nulls)
    return nulls, p


def _refit_corrected(pairs: list[tuple[float, float]]) -> Floats:
    once, twice = np.array(pairs).T
    return np.asarray(once.mean() + once - twice, dtype=np.float64)


def tail_p(value: float, nulls: Floats) -> float:
    """Chance that a further draw from the normal the nulls come from reaches the value.

    Mean and spread are estimated from the nulls, so the tail is that of Student's t, which becomes
    the normal tail when there are many.

    Examples
    --------
    >>> round(tail_p(0.0, np.array([-1.0, 1.0, -1.0, 1.0])), 3)
    0.5
    """
    m = len(nulls)
    spread = float(nulls.std(ddof=1))
    if spread == 0:
        return 1.0 if value <= nulls.mean() else 0.0
    return float(stats.t.sf((value - nulls.mean()) / (spread * np.sqrt(1 + 1 / m)), m - 1))


def _checked(
    unit: UnitCells,
    split: Split,
    population: Population,
    seen: NDArray[np.bool_],
    settings: SubsetSettings,
) -> Split:
    """Look at a significant split on other counts, and beside covariates."""
    counts, depth = unit.counts[split.cells][:, seen], unit.depth[split.cells]
    rng = spawn(settings.seed, "subset halves", unit.name, split.node)
    half, thinning = draw_half(counts, population.noise, rng)
    auc, p = _other_half(half, counts - half, depth, settings.components)
    gap = find_gap(
        counts, depth, settings.components, rng=spawn(settings.seed, "gap", unit.name, split.node)
    )
    name, explained = strongest({k: v[split.cells] for k, v in unit.covariates.items()}, split.side)
    strong = abs(explained - 0.5) + 0.5 >= settings.explained_auc
    n_smaller = int(split.side.sum())
    why = ""
    if n_smaller < settings.min_side:
        why = f"{n_smaller} cells on the smaller side"
    elif not p <= settings.alpha:
        why = "does not hold on the other half of the counts"
    elif strong:
        why = f"explained by {name}"
    elif not gap.p_value <= split.alpha_gap:
        why = "no gap between the sides, a continuum is enough"
    return replace(
        split,
        thinning=thinning,
        auc_half=auc,
        p_half=p,
        p_gap=gap.p_value,
        between=gap.between,
        explained_by=name if strong else "",
        explained_auc=explained,
        status="not counted" if why else "split",
        reason=why,
    )


def draw_half(counts: Floats, noise: float, rng: np.random.Generator) -> tuple[Floats, str]:
    """Put every count into one of two halves that are independent given the cell's rate.

    Binomial for Poisson counts. With overdispersion ``noise`` = 1/r, the share of a count that goes
    to the first half is Beta(r/2, r/2): then the halves of a negative binomial are independent.
    """
    whole = counts.astype(np.int64)
    if noise <= OVERDISPERSED:
        return rng.binomial(whole, 0.5).astype(np.float64), "binomial"
    shape = 0.5 / noise
    return rng.binomial(whole, rng.beta(shape, shape, whole.shape)).astype(
        np.float64
    ), "negative binomial"


def _other_half(first: Floats, second: Floats, depth: Floats, k: int) -> tuple[float, float]:
    """Split on one half of the counts, and see whether the sides differ on the other half."""
    ok = (first.sum(axis=0) > 0) & (second.sum(axis=0) > 0)
    if ok.sum() < 2:
        return float("nan"), float("nan")
    a, b = residuals(first[:, ok], depth), residuals(second[:, ok], depth)
    side, _, _ = two_sides(components(a, k)[0])
    if not 0 < side.sum() < len(side):
        return float("nan"), float("nan")
    axis = a[side].mean(axis=0) - a[~side].mean(axis=0)
    score = b @ axis
    test = stats.mannwhitneyu(score[side], score[~side], alternative="greater")
    return float(test.statistic / side.sum() / (~side).sum()), float(test.pvalue)


def strongest(covariates: Mapping[str, Floats], side: NDArray[np.bool_]) -> tuple[str, float]:
    """Covariate that separates the sides best, and how well."""
    best, found = "", 0.5
    for name, value in covariates.items():
        known = np.isfinite(value)
        a, b = value[side & known], value[~side & known]
        if len(a) and len(b):
            auc = float(stats.mannwhitneyu(a, b).statistic / len(a) / len(b))
            if abs(auc - 0.5) > abs(found - 0.5):
                best, found = name, auc
    return best, found
