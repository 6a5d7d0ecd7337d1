"""Cell-cycle phase of every cell: a fitted position on a circle, with depth taken into account."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.identity.fractions import Groups
from imscope.core.rng import spawn
from imscope.core.schema import CYCLE_PHASES
from imscope.engine.panel_counts import PanelCounts
from imscope.evidence.gene_sets import load
from imscope.stats.shares import share_over_units

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
GRID = 36
"""Positions on the circle."""
THIRD = 2 * np.pi / 3
"""S genes peak at 0, G2/M genes a third of the circle later, resting cells two thirds later."""
LEAST_CELLS = 100
"""Cells needed to fit the circle."""
MOST_CELLS = 4_000
"""Cells the circle is fitted on; all cells are then placed on it."""
STEPS = 60
LEAST_SWING, SWING, SWING_WEIGHT = 0.1, 0.5, 4.0


@dataclass(frozen=True, slots=True, eq=False)
class CycleModel:
    """Genes on a circle: log share is ``level + swing * cos(angle - peak)``.

    Attributes
    ----------
    genes
        Genes used, those of S first.
    level, swing, peak, weight
        Per gene; ``weight`` is below one for genes noisier than Poisson.
    prior
        Share of the cells at each position of the grid, sums to one.
    coordination
        Variance of the cells' mean G2/M residual over what independent genes would give, less
        one, in standard errors.
    """

    genes: tuple[str, ...]
    level: Floats
    swing: Floats
    peak: Floats
    weight: Floats
    prior: Floats
    coordination: float

    @property
    def grid(self) -> Floats:
        """Positions on the circle in radians."""
        return np.asarray(2 * np.pi * np.arange(GRID) / GRID, dtype=np.float64)

    def posterior(self, counts: Floats, depth: Floats) -> Floats:
        """Probability of every position for every cell, shape ``(n_cells, GRID)``."""
        eta = self.level + self.swing * np.cos(self.grid[:, None] - self.peak)
        return _posterior(counts, depth, eta, self.weight, self.prior)[0]


@dataclass(frozen=True, slots=True, eq=False)
class CycleCells:
    """Phase of every cell.

    Attributes
    ----------
    angle
        Position in radians, 0 to 2 pi; NaN without a fit.
    p_s, p_g2m
        Probabilities of the phases; NaN without a fit.
    phase
        ``G1`` (with resting cells), ``S``, ``G2M``, or ``not called``.
    model
        The fit, or nothing.
    why_not
        Why there is no phase; empty when there is one.
    """

    angle: Floats
    p_s: Floats
    p_g2m: Floats
    phase: NDArray[np.object_]
    model: CycleModel | None
    why_not: str


def score_cycle(panel: PanelCounts, groups: Groups, *, seed: int = 0) -> CycleCells:
    r"""Place every cell on the cycle.

    Parameters
    ----------
    panel
        Counts of (at least) the genes of ``cc_s`` and ``cc_g2m``.
    groups
        Groups of the cells; the fit takes as many cells of each.
    seed
        Of the choice of cells.

    Returns
    -------
    cells
        See :class:`CycleCells`.

    Notes
    -----
    The share of gene :math:`g` at position :math:`\theta` is
    :math:`\exp(a_g + b_g \cos(\theta - \theta_g))`, the counts of a cell of depth :math:`N` are
    overdispersed Poisson around it (quasi-likelihood weights). Peaks :math:`\theta_g` are fixed: S
    genes at 0, G2/M genes at a third of the circle; levels, swings and the share of cells at each
    position are fitted by expectation-maximisation. The phases are the thirds of the circle around
    the peaks; the last third is G1 with resting cells. Levels of expression alone cannot tell a
    population in which every cell rests from one in which every cell is in S; the prior therefore
    puts half of its weight on the resting third. Nothing is regressed out anywhere.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> panel = PanelCounts(("PCNA",), sp.csc_array([[1.0], [0.0]]), np.array([9.0, 8.0]))
    >>> two = Groups(["all"], np.zeros(2, dtype=np.int64), np.array(["a", "a"], dtype=object))
    >>> score_cycle(panel, two).why_not
    '1 of 43 S genes and 0 of 54 G2/M genes are detected, half of each is needed'
    """
    s, g2m = load()["cc_s"].genes, load()["cc_g2m"].genes
    own = [panel.detected(s), panel.detected([g for g in g2m if g not in set(s)])]
    why = _why_not(panel, own, (len(s), len(g2m)))
    n = len(panel.depth)
    if why:
        return _nothing(n, why)
    genes = [*own[0], *own[1]]
    rows = _balanced(panel.depth, groups, seed)
    model = fit_cycle(panel.of(genes, rows), panel.depth[rows], n_s=len(own[0]), genes=tuple(genes))
    if model.coordination < 4:
        why = (
            "the genes of G2 and M do not go together in these cells (no cell "
            "divides, or the depth is too low)"
        )
        return _nothing(n, why, model)
    spread = np.empty((n, GRID))
    for low in range(0, n, 20_000):
        part = np.arange(low, min(low + 20_000, n))
        spread[part] = model.posterior(panel.of(genes, part), panel.depth[part])
    return _called(spread, model)


def fit_cycle(
    counts: Floats, depth: Floats, *, n_s: int, genes: tuple[str, ...] = ()
) -> CycleModel:
    """Fit the circle to cells.

    Parameters
    ----------
    counts
        Shape ``(n_cells, n_genes)``, the S genes first. Unit: UMI.
    depth
        All counts of each cell, shape ``(n_cells,)``; none is zero.
    n_s
        Number of S genes.
    genes
        Their names.
    """
    n_genes = counts.shape[1]
    grid = 2 * np.pi * np.arange(GRID) / GRID
    peak = np.where(np.arange(n_genes) < n_s, 0.0, THIRD)
    wave = np.cos(grid[:, None] - peak)
    mean = counts.mean(axis=0)
    level = np.log(np.maximum(counts.sum(axis=0), 0.5) / depth.sum())
    swing = np.full(n_genes, SWING)
    weight = 1 / (1 + 0.2 * mean)
    rest = np.exp(np.cos(grid - 2 * THIRD))
    rest /= rest.sum()
    prior = rest
    smooth = np.exp((np.cos(grid[:, None] - grid) - 1) / 0.16)
    smooth /= smooth.sum(axis=1, keepdims=True)
    for _ in range(STEPS):
        eta = level + swing * wave
        share, _ = _posterior(counts, depth, eta, weight, prior)
        prior = smooth @ (share.sum(axis=0) + len(counts) * rest)
        prior /= prior.sum()
        seen, exposure = share.T @ counts, (share.T @ depth)[:, None]
        for _ in range(2):
            level, swing = _newton(seen, exposure, level, swing, weight=weight, wave=wave)
        rate = np.exp(level + swing * wave)
        first = (share @ rate) * depth[:, None]
        second = (share @ rate**2) * (depth**2)[:, None]
        excess = (counts**2 - 2 * counts * first + second - first).sum(axis=0)
        noise = np.clip(excess / second.sum(axis=0), 0, 5)
        weight = 1 / (1 + noise * mean)
    return CycleModel(
        genes, level, swing, peak, weight, prior, coordination(counts[:, n_s:], depth)
    )


def coordination(counts: Floats, depth: Floats) -> float:
    """How much genes go together: variance of their mean over that of independent genes.

    Returns
    -------
    z
        Excess of the ratio over one in its standard errors.
    """
    expected = depth[:, None] * (counts.sum(axis=0) / depth.sum())
    z = (counts - expected) / np.sqrt(np.maximum(expected, 1e-12))
    z = np.clip(z, -np.sqrt(len(z)), np.sqrt(len(z)))
    alone = z.var(axis=0, ddof=1).sum() / z.shape[1] ** 2
    ratio = float(z.mean(axis=1).var(ddof=1) / max(alone, 1e-12))
    return (ratio - 1) / float(np.sqrt(2 / (len(z) - 1)))


def cycle_table(cells: CycleCells, groups: Groups) -> "pd.DataFrame":
    """Share of each phase in each group: table ``cycle_phases``."""
    rows = []
    for g, name in enumerate(groups.names):
        mine = groups.group == g
        for phase in ("G1", "S", "G2M", "S+G2M"):
            row = CYCLE_PHASES.blank(
                group=name,
                phase=phase,
                n_cells=int(mine.sum()),
                n_units=groups.n_units(g),
                status="not estimable" if cells.why_not else "ok",
                reason=cells.why_not,
            )
            if not cells.why_not:
                called = np.isin(cells.phase[mine].astype(str), phase.split("+"))
                row |= asdict(share_over_units(called, groups.unit[mine]))
            rows.append(row)
    return CYCLE_PHASES.frame(rows)


def _posterior(
    counts: Floats, depth: Floats, eta: Floats, weight: Floats, prior: Floats
) -> tuple[Floats, float]:
    log = counts @ (weight * eta).T - depth[:, None] * (np.exp(eta) @ weight) + np.log(prior)
    top = log.max(axis=1, keepdims=True)
    share = np.exp(log - top)
    total = share.sum(axis=1, keepdims=True)
    return share / total, float((top + np.log(total)).sum())


def _newton(
    seen: Floats, exposure: Floats, level: Floats, swing: Floats, *, weight: Floats, wave: Floats
) -> tuple[Floats, Floats]:
    """One Newton step of every gene's weighted Poisson regression on the positions."""
    fit = exposure * np.exp(level + swing * wave)
    rest = seen - fit
    a = weight * rest.sum(axis=0)
    b = weight * (rest * wave).sum(axis=0) - SWING_WEIGHT * (swing - SWING)
    aa = weight * fit.sum(axis=0)
    ab = weight * (fit * wave).sum(axis=0)
    bb = weight * (fit * wave**2).sum(axis=0) + SWING_WEIGHT
    size = np.maximum(aa * bb - ab**2, 1e-12)
    step_a = np.clip((bb * a - ab * b) / size, -1, 1)
    step_b = np.clip((aa * b - ab * a) / size, -1, 1)
    return level + step_a, np.clip(swing + step_b, LEAST_SWING, 2.0)


def _called(share: Floats, model: CycleModel) -> CycleCells:
    grid = model.grid
    third = (np.arange(GRID) + GRID // 6) // (GRID // 3) % 3  # 0 around S, 1 around G2/M, 2 G1
    p_s = share[:, third == 0].sum(axis=1)
    p_g2m = share[:, third == 1].sum(axis=1)
    three = np.column_stack([1 - p_s - p_g2m, p_s, p_g2m])
    phase = np.array(["G1", "S", "G2M"], dtype=object)[three.argmax(axis=1)]
    angle = np.angle(share @ np.exp(1j * grid)) % (2 * np.pi)
    return CycleCells(angle, p_s, p_g2m, phase, model, "")


def _nothing(n: int, why: str, model: CycleModel | None = None) -> CycleCells:
    empty = np.full(n, np.nan)
    phase = np.full(n, "not called", dtype=object)
    return CycleCells(empty, empty, empty, phase, model, why)


def _why_not(panel: PanelCounts, own: list[list[str]], sizes: tuple[int, int]) -> str:
    if len(own[0]) < sizes[0] / 2 or len(own[1]) < sizes[1] / 2:
        return (
            f"{len(own[0])} of {sizes[0]} S genes and {len(own[1])} of {sizes[1]} "
            "G2/M genes are detected, half of each is needed"
        )
    n = int((panel.depth > 0).sum())
    if n < LEAST_CELLS:
        return f"{n} cells, {LEAST_CELLS} are needed to fit the cycle"
    return ""


def _balanced(depth: Floats, groups: Groups, seed: int) -> NDArray[np.int64]:
    """As many cells of every group, in order, without empty cells."""
    each = max(MOST_CELLS // len(groups.names), 1)
    chosen = []
    for g, name in enumerate(groups.names):
        rows = np.flatnonzero((groups.group == g) & (depth > 0))
        if len(rows) > each:
            rows = spawn(seed, "cycle", name).choice(rows, each, replace=False)
        chosen.append(np.sort(rows))
    return np.concatenate(chosen).astype(np.int64)
