"""Does a target make the product more or less uniform? Heterogeneity of its cells over control."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import stats

from imscope.core.blocks import MemoryBlocks
from imscope.core.rng import spawn
from imscope.engine.moments import UnitMoments, compute_unit_moments
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.moderate import squeeze

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MARGIN = (0.8, 1.25)
"""Ratios inside are called EQUIVALENT, as in the comparison of groups."""
MIN_CELLS, MIN_UNIT, MIN_UNITS = 60, 15, 2
MIN_COUNTS = 30.0
"""Counts of a gene in the cells of a target below which its relative variance is not known."""
MOST_CELLS = 500
"""Cells of a target the coordinated part is computed from; the cost grows with the square."""


@dataclass(frozen=True, slots=True, eq=False)
class Uniformity:
    """One value per target; ratios are over non-targeting cells.

    Attributes
    ----------
    ratio, low, high
        Heterogeneity (HI2) of the target over control, with interval.
    coordinated
        The same for coordinated heterogeneity (HI_c).
    naive
        Plain variance ratio of log-normalised expression, for comparison: it moves with depth.
    p_value, q_value
        Two-sided, that the ratio is 1.
    n_cells, n_units
        Cells and guides (or guides by replicate) used.
    verdict, reason
        SUPERIOR is more uniform than control, INFERIOR less, EQUIVALENT within 0.8 to 1.25,
        INCONCLUSIVE, or NOT TESTABLE and why.
    """

    ratio: Floats
    low: Floats
    high: Floats
    coordinated: Floats
    naive: Floats
    p_value: Floats
    q_value: Floats
    n_cells: Integers
    n_units: Integers
    verdict: NDArray[np.str_]
    reason: NDArray[np.str_]


def compare_uniformity(
    counts: sp.csr_array,
    target: Integers,
    unit: Integers,
    *,
    control: NDArray[np.bool_],
    n_targets: int,
    seed: int = 0,
    level: float = 0.95,
) -> Uniformity:
    r"""Compare the heterogeneity of the cells of every target with that of control cells.

    .. math:: HI^2_T=\sum_g w_g\,\frac{s^2_g(y)-\overline{y(1-y)/(N-1)}}{\bar y_{gT}^2}

    with y the share of gene g in a cell of N counts. Each gene is taken relative to its mean in the
    same cells, so a target that only moves means changes nothing, and the sampling noise of the
    counts is taken off, so depth changes nothing.

    Parameters
    ----------
    counts
        UMI, cells by genes.
    target
        Number of the target of each cell, -1 for others.
    unit
        Number of the replicate unit of each cell: guide, or guide by replicate.
    control
        Non-targeting cells.
    n_targets
        How many targets there are.
    seed
        Of thinning for the coordinated part.
    level
        Of intervals.

    Notes
    -----
    Variance is taken within units, so a difference of means between guides does not count. The
    error of a target comes from the differences of its units (log scale, by cells), drawn to those
    of all targets, and the centre and scale of the statistic from the middle half of the targets
    when there are 20 or more. Weights w are shares of genes in control cells, the same for all
    targets.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.dirichlet(np.full(150, 3.0))
    >>> def draw(n, sd):
    ...     q = p * np.exp(rng.normal(0, sd, (n, 150)))
    ...     return np.array([rng.multinomial(3000, v / v.sum()) for v in q])
    >>> x = sp.csr_array(np.vstack([draw(400, 0.4), draw(240, 0.6)]))
    >>> target = np.repeat([-1, 0], [400, 240])
    >>> unit = np.concatenate([np.arange(400) // 100, 4 + np.arange(240) // 80])
    >>> got = compare_uniformity(x, target, unit, control=target < 0, n_targets=1)
    >>> bool(got.ratio[0] > 1.5), str(got.verdict[0])
    (True, 'INFERIOR')
    """
    used = (target >= 0) | control
    group = np.where(control, n_targets, target)
    units, code = np.unique(unit[used], return_inverse=True)
    owner = np.full(len(units), -1)
    owner[code] = group[used]
    every = np.full(len(target), -1, dtype=np.int32)
    every[used] = code
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    kept = np.ones(counts.shape[1], dtype=bool)
    moments = compute_unit_moments(source, every, len(units), kept=kept, threads=1)
    within, n, means = _within(moments, owner, n_targets)
    weights = means[n_targets]
    own = _index(within, means, weights, moments, owner, n_targets)
    table = _log_ratios(own, moments.n_cells.astype(np.float64), owner, n_targets)
    coordinated = _coordinated(counts, group, used, means, weights, n_targets, seed)
    naive = _naive(counts, group, used, n_targets)
    return _verdicts(table, n[:-1], owner, moments.n_cells, coordinated, naive, n_targets, level)


def _within(
    moments: UnitMoments, owner: Integers, n_targets: int
) -> tuple[Floats, Integers, Floats]:
    """Noise-free variance of each unit and gene; cells and mean shares of each target."""
    n = moments.n_cells.astype(np.float64)[:, None]
    y, square, noise = (moments.sums[:, :, k] for k in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (square - y * y / n) / (n - 1) - noise / n
    total = np.zeros((n_targets + 1, y.shape[1]))
    cells = np.zeros(n_targets + 1, dtype=np.int64)
    np.add.at(total, owner, y)
    np.add.at(cells, owner, moments.n_cells)
    return variance, cells, total / np.maximum(cells, 1)[:, None]


def _index(
    variance: Floats,
    means: Floats,
    weights: Floats,
    moments: UnitMoments,
    owner: Integers,
    n_targets: int,
) -> Floats:
    """HI2 of each unit and its control, over the genes both know: ``(n_units, 2)``."""
    out = np.full((len(owner), 2), np.nan)
    n = moments.n_cells.astype(np.float64)
    control = np.flatnonzero((owner == n_targets) & (n >= MIN_UNIT))
    depth = np.array([moments.median_depth([u]) for u in range(len(owner))])
    share = (n[control] - 1) / max((n[control] - 1).sum(), 1)
    pooled = share @ variance[control] if len(control) else np.full(variance.shape[1], np.nan)
    for t in range(n_targets + 1):
        mine = np.flatnonzero((owner == t) & (n >= MIN_UNIT))
        if not len(mine) or not len(control):
            continue
        known = (
            np.minimum(
                means[t] * (n[mine] * depth[mine]).sum(),
                means[n_targets] * (n[control] * depth[control]).sum(),
            )
            >= MIN_COUNTS
        )
        w = weights[known]
        out[mine, 0] = variance[np.ix_(mine, np.flatnonzero(known))] @ (w / means[t][known] ** 2)
        out[mine, 1] = pooled[known] @ (w / means[n_targets][known] ** 2)
    return out


def _log_ratios(own: Floats, n: Floats, owner: Integers, n_targets: int) -> dict[str, Floats]:
    """Log ratio of each target, its error from units, and degrees of freedom."""
    value, error, df = (np.full(n_targets, np.nan) for _ in range(3))
    ok = (own > 0).all(axis=1)
    log = np.log(np.where(ok, own[:, 0] / np.where(ok, own[:, 1], 1), 1.0))
    control = ok & (owner == n_targets)
    spread, dof = [], []
    for t in range(n_targets + 1):
        mine = ok & (owner == t)
        if mine.sum() >= 2:
            w = n[mine]
            centre = (w * log[mine]).sum() / w.sum()
            spread.append((w * (log[mine] - centre) ** 2).sum() / (mine.sum() - 1))
            dof.append(mine.sum() - 1)
    spread_a, dof_a = np.array(spread), np.array(dof, dtype=np.float64)
    usual = float((spread_a * dof_a).sum() / dof_a.sum()) if len(spread_a) else np.nan
    d0 = 0.0
    if len(spread_a) >= 10:
        common = float(np.median(dof_a))
        _, d0 = squeeze(spread_a[dof_a == common], common)
        d0 = min(d0, float(dof_a.sum()))
    zero = (n[control] * log[control]).sum() / n[control].sum() if control.any() else np.nan
    for t in range(n_targets):
        mine = ok & (owner == t)
        if not mine.any() or not np.isfinite(usual):
            continue
        w = n[mine]
        value[t] = (w * log[mine]).sum() / w.sum() - zero
        k = int(mine.sum()) - 1
        rest = float((w * (log[mine] - (w * log[mine]).sum() / w.sum()) ** 2).sum())
        variance = (d0 * usual + rest) / (d0 + k) if d0 + k > 0 else np.nan
        error[t] = np.sqrt(variance / w.sum() + usual / n[control].sum())
        df[t] = d0 + k
    return {"value": value, "error": error, "df": df}


def _coordinated(
    counts: sp.csr_array,
    group: Integers,
    used: NDArray[np.bool_],
    means: Floats,
    weights: Floats,
    n_targets: int,
    seed: int,
) -> Floats:
    """HI_c of each target over control: cells in two random halves of their counts.

    Products of two cells in one half times those in the other have no noise of their own.
    """
    genes = np.argsort(-weights)[: min(1500, len(weights))]
    out = np.full(n_targets + 1, np.nan)
    for t in range(n_targets + 1):
        cells = np.flatnonzero(used & (group == t))
        if len(cells) < MIN_CELLS or not (means[t] > 0).any():
            continue
        rng = spawn(seed, "coordinated", t)
        if len(cells) > MOST_CELLS:
            cells = np.sort(rng.choice(cells, MOST_CELLS, replace=False))
        x = counts[cells]
        half = x.copy()
        half.data = rng.binomial(x.data.astype(np.int64), 0.5).astype(np.float64)
        known = genes[means[t][genes] > 0]
        scale = np.sqrt(weights[known]) / means[t][known]
        parts = []
        for y in (half, x - half):
            depth = np.maximum(np.asarray(y.sum(axis=1)).ravel(), 1.0)
            dense = y[:, known].toarray() / depth[:, None]
            parts.append((dense - dense.mean(axis=0)) * scale)
        product = (parts[0] @ parts[0].T) * (parts[1] @ parts[1].T)
        n = len(cells)
        trace = (product.sum() - np.trace(product)) / (n * (n - 1))
        out[t] = np.sqrt(trace) if trace > 0 else np.nan
    return np.asarray(out[:-1] / out[-1])


def _naive(
    counts: sp.csr_array, group: Integers, used: NDArray[np.bool_], n_targets: int
) -> Floats:
    """Sum of variances of log-normalised expression over that of control cells."""
    total = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    x = sp.csr_array(counts, dtype=np.float64)
    x = sp.csr_array(x.multiply((1e4 / total)[:, None]))
    x.data = np.log1p(x.data)
    out = np.full(n_targets + 1, np.nan)
    for t in range(n_targets + 1):
        mine = x[np.flatnonzero(used & (group == t))]
        if mine.shape[0] > 1:
            mean = np.asarray(mine.mean(axis=0)).ravel()
            square = np.asarray(mine.multiply(mine).mean(axis=0)).ravel()
            out[t] = float((square - mean**2).sum() * mine.shape[0] / (mine.shape[0] - 1))
    return np.asarray(out[:-1] / out[-1])


def _verdicts(
    table: dict[str, Floats],
    n_cells: Integers,
    owner: Integers,
    sizes: Integers,
    coordinated: Floats,
    naive: Floats,
    n_targets: int,
    level: float,
) -> Uniformity:
    value, error, df = table["value"], table["error"], np.maximum(table["df"], 1)
    n_units = np.array([((owner == t) & (sizes >= MIN_UNIT)).sum() for t in range(n_targets)])
    control_units = int(((owner == n_targets) & (sizes >= MIN_UNIT)).sum())
    reason = np.full(n_targets, "", dtype="<U90")
    reason[n_units < MIN_UNITS] = f"fewer than {MIN_UNITS} guides with {MIN_UNIT} cells"
    reason[n_cells < MIN_CELLS] = f"fewer than {MIN_CELLS} cells"
    if control_units < MIN_UNITS:
        reason[:] = f"fewer than {MIN_UNITS} non-targeting guides with {MIN_UNIT} cells"
    reason[(reason == "") & ~np.isfinite(value)] = "heterogeneity is not above counting noise"
    ok = reason == ""
    t = np.where(ok, value / error, np.nan)
    scale = 1.0
    if ok.sum() >= 20:  # most targets change nothing: their middle half says what chance does
        z = stats.norm.ppf(np.clip(stats.t.cdf(t[ok], df[ok]), 1e-12, 1 - 1e-12))
        low, high = np.quantile(z, (0.25, 0.75))
        scale = max(float(high - low) / 1.349, 0.9)
    error = error * scale
    p = np.where(ok, 2 * stats.t.sf(np.abs(value / error), df), np.nan)
    half = stats.t.ppf(0.5 + level / 2, df) * error
    ratio, low, high = (
        np.where(ok, np.exp(v), np.nan) for v in (value, value - half, value + half)
    )
    verdict = np.full(n_targets, "INCONCLUSIVE", dtype="<U14")
    verdict[(low > MARGIN[0]) & (high < MARGIN[1])] = "EQUIVALENT"
    verdict[ok & (p < 1 - level) & (value < 0)] = "SUPERIOR"
    verdict[ok & (p < 1 - level) & (value > 0)] = "INFERIOR"
    verdict[~ok] = "NOT TESTABLE"
    for k in np.flatnonzero(ok):
        word = {
            "SUPERIOR": "more uniform than",
            "INFERIOR": "less uniform than",
            "EQUIVALENT": "as uniform as",
        }.get(str(verdict[k]), "not told apart from")
        reason[k] = f"{n_units[k]} guides against {control_units}: {word} non-targeting cells"
    return Uniformity(
        ratio,
        low,
        high,
        np.where(ok, coordinated, np.nan),
        naive,
        p,
        benjamini_hochberg(p),
        n_cells,
        n_units,
        verdict,
        reason,
    )
