"""What a target does to shares of subsets, to programmes, and to the whole profile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core.rng import spawn
from imscope.stats.moderate import squeeze

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
PERMUTATIONS, MOST_CELLS = 199, 200


@dataclass(frozen=True, slots=True, eq=False)
class UnitContrast:
    """Difference of targets from control over replicate units, ``(n_targets, n_columns)``."""

    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    n_units: Integers


def contrast_units(values: Floats, size: Floats, owner: Integers, n_targets: int) -> UnitContrast:
    """Compare units of every target with units of control; variances are drawn together.

    Parameters
    ----------
    values
        One row per unit (guide, or guide by replicate), ``(n_units, n_columns)``.
    size
        Cells of each unit, which weigh it.
    owner
        Number of the target of each unit; ``n_targets`` is control.
    n_targets
        How many targets there are.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> v = rng.normal(0, 1, (44, 1))
    >>> v[:4] += 6
    >>> owner = np.arange(44) // 4
    >>> got = contrast_units(v, np.full(44, 50.0), owner, 10)
    >>> bool(got.p_value[0, 0] < 1e-6), bool(got.p_value[1:, 0].min() > 0.001)
    (True, True)
    """
    k = values.shape[1]
    mean, weight = np.full((n_targets + 1, k), np.nan), np.zeros(n_targets + 1)
    rest, df = np.zeros((n_targets + 1, k)), np.zeros(n_targets + 1)
    for t in range(n_targets + 1):
        mine = owner == t
        if not mine.any():
            continue
        w = size[mine][:, None]
        mean[t] = (w * values[mine]).sum(axis=0) / w.sum()
        weight[t] = float(w.sum())
        rest[t] = (w * (values[mine] - mean[t]) ** 2).sum(axis=0)
        df[t] = mine.sum() - 1
    out = [np.full((n_targets, k), np.nan) for _ in range(4)]
    total = df.sum()
    if total > 0 and weight[-1] > 0:
        usual = rest.sum(axis=0) / total
        known = df[:-1] > 0
        common = float(np.median(df[:-1][known])) if known.any() else 1.0
        for j in range(k):
            own = rest[:-1, j][df[:-1] == common] / common
            d0 = squeeze(own, common)[1] if len(own) >= 10 else total / (n_targets + 1)
            d0 = min(d0, total)
            variance = (d0 * usual[j] + rest[:-1, j]) / (d0 + df[:-1])
            with np.errstate(divide="ignore", invalid="ignore"):
                error = np.sqrt(variance / weight[:-1] + usual[j] / weight[-1])
                difference = mean[:-1, j] - mean[-1, j]
                dof = d0 + df[:-1]
                half = stats.t.ppf(0.975, dof) * error
                p = 2 * stats.t.sf(np.abs(difference / error), dof)
            for column, v in zip(
                out, (difference, difference - half, difference + half, p), strict=True
            ):
                column[:, j] = v
    n = np.array([(owner == t).sum() for t in range(n_targets)])
    return UnitContrast(out[0], out[1], out[2], out[3], n)


def unit_shares(label: Integers, unit: Integers, n_units: int, n_labels: int) -> Floats:
    """Log odds of every label in every unit, half a cell added on both sides.

    Examples
    --------
    >>> unit_shares(np.array([0, 0, 1]), np.array([0, 0, 0]), 1, 2).round(2).tolist()
    [[0.51, -0.51]]
    """
    counts = np.zeros((n_units, n_labels))
    ok = (label >= 0) & (unit >= 0)
    np.add.at(counts, (unit[ok], label[ok]), 1)
    rest = counts.sum(axis=1, keepdims=True) - counts
    return np.asarray(np.log((counts + 0.5) / (rest + 0.5)))


def energy_distance(
    points: Floats, target: Integers, control: NDArray[np.bool_], n_targets: int, *, seed: int = 0
) -> tuple[Floats, Floats]:
    r"""Energy distance of each target from control with equal cell numbers, and permutation p.

    .. math:: E = 2\,E|x-y| - E|x-x'| - E|y-y'|

    Parameters
    ----------
    points
        Principal components, cells by components.
    target, control, n_targets
        As in :func:`imscope.analyses.screens.target_scores.target_effects`.
    seed
        Of the choice of cells (200 on each side at most) and 199 permutations.

    References
    ----------
    .. [1] Peidli S et al. (2024). Nat Methods 21:531-540. doi:10.1038/s41592-023-02144-y

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(0, 1, (200, 3))
    >>> x[:60] += 2
    >>> target = np.where(np.arange(200) < 60, 0, -1)
    >>> _, p = energy_distance(x, target, target < 0, 1)
    >>> float(p[0])
    0.005
    """
    distance, p = np.full(n_targets, np.nan), np.full(n_targets, np.nan)
    own = np.flatnonzero(control)
    for t in range(n_targets):
        rng = spawn(seed, "energy", t)
        mine = np.flatnonzero(target == t)
        n = min(len(mine), len(own), MOST_CELLS)
        if n < 10:
            continue
        chosen = np.concatenate(
            [rng.choice(mine, n, replace=False), rng.choice(own, n, replace=False)]
        )
        x = points[chosen]
        square = (x**2).sum(axis=1)
        d = np.sqrt(np.maximum(square[:, None] + square[None] - 2 * x @ x.T, 0))
        np.fill_diagonal(d, 0)
        side = np.concatenate([np.ones(n), -np.ones(n)])
        # with as many cells on both sides the three means are one quadratic form of the signs
        signs = np.array([side, *(rng.permutation(side) for _ in range(PERMUTATIONS))])
        form = np.einsum("ri,ij,rj->r", signs, d, signs)
        total = d.sum()
        between, within = (total - form) / 2, (total + form) / 2
        values = between / n**2 - within / (n * (n - 1))
        distance[t] = values[0]
        p[t] = (1 + (values[1:] >= values[0] - 1e-12).sum()) / (1 + PERMUTATIONS)
    return distance, p
