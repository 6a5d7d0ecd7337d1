"""Nested decomposition: how much heterogeneity each level of the design adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.groups import groups_by, make_group, why_not
from imscope.analyses.heterogeneity.levels import Nesting, nest_levels
from imscope.analyses.heterogeneity.statistics import BOOTSTRAP_UNITS, Reduced
from imscope.core.errors import MethodError
from imscope.core.rng import spawn
from imscope.core.schema import HETEROGENEITY_LEVELS

if TYPE_CHECKING:
    import pandas as pd

MIN_JACKKNIFE = 3


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Heterogeneity by level of the design.

    Attributes
    ----------
    table
        As ``heterogeneity_levels`` in :mod:`imscope.core.schema`: levels coarse to fine, the last
        one ``cell``; first for all genes, then per programme.
    total_hi2
        Sum of the levels over all genes.
    merged
        Levels that cannot be told apart, in words.
    untestable
        What can therefore not be claimed, one sentence each.
    interval
        How the intervals were made.
    """

    table: "pd.DataFrame"
    total_hi2: float
    merged: tuple[str, ...]
    untestable: tuple[str, ...]
    interval: str


def decompose(
    h: Heterogeneity,
    levels: Sequence[str],
    *,
    programmes: bool = True,
    strata: NDArray[np.int64] | None = None,
) -> Decomposition:
    """Split heterogeneity into what each nested level adds.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`; its cells carry the columns of ``levels``.
    levels
        Columns, coarse to fine, such as ``["source_class", "donor", "batch"]``. The cell is always
        the last level.
    programmes
        Also decompose every gene set with enough genes.
    strata
        Only these rows of ``h.strata``; all by default.

    Returns
    -------
    decomposition
        Components add up to the total; one that is below zero is kept and called
        ``not above zero``.

    Raises
    ------
    DataError
        A column does not exist.
    MethodError
        The cells cannot be compared (platforms mixed, too shallow, too few), or a cell has no
        value for a level.

    Notes
    -----
    Moments of unbalanced nested designs (Henderson's first method) on noise-corrected sums. The
    interval is over the coarsest level with 6 or more groups (else 3): its own component by leaving
    out one group at a time, because copies of a group in a bootstrap widen it; finer components by
    bootstrap of whole groups inside the levels above, or by leaving out with 3 to 5 groups. Cells
    are never resampled. Coarser levels have too few groups for an interval.

    References
    ----------
    .. [1] Henderson CR (1953). Biometrics 9:226-252. doi:10.2307/3001853

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.analyses.heterogeneity import compute_heterogeneity
    >>> from imscope.core.blocks import MemoryBlocks
    >>> rng = np.random.default_rng(0)
    >>> donors = rng.dirichlet(np.full(100, 30.0), size=6)
    >>> counts = np.vstack([rng.multinomial(3000, p, size=30) for p in donors])
    >>> genes = pd.DataFrame({"feature_id": [f"G{k}" for k in range(100)]})
    >>> cells = pd.DataFrame({"sample": np.repeat([f"d{k}" for k in range(6)], 30)})
    >>> h = compute_heterogeneity(MemoryBlocks.from_csr(sp.csr_array(counts)),
    ...     genes.assign(symbol=genes["feature_id"]), cells, classes={})
    >>> table = decompose(h, ["sample"]).table
    >>> table["level"].tolist(), bool(table["share"].iloc[0] > 0.9)
    (['sample', 'cell'], True)
    """
    import pandas as pd

    chosen = np.arange(len(h.strata)) if strata is None else strata
    group = make_group(h, "decomposition", chosen)
    for level in levels:
        groups_by(h, level)  # names a column that does not exist
    reason = why_not(h, group)
    if reason:
        raise MethodError(f"heterogeneity cannot be decomposed: {reason}", fix="split the samples")
    nesting = nest_levels(h.strata.iloc[chosen], list(levels), unit=h.replicate_column)
    position = np.searchsorted(chosen, h.stratum[group.units])
    codes = [c[position] for c in nesting.codes]
    unit_level = resampled_level(nesting)
    rows: list[dict[str, object]] = []
    sets = {"all": h.all_genes} | (h.programmes if programmes else {})
    method = ""
    for name, reduced in sets.items():
        parts = _components(h, reduced.subset(group.units), codes, unit_level)
        rows += _rows(name, parts, nesting)
        method = parts.method
    table = HETEROGENEITY_LEVELS.check(pd.DataFrame(rows))
    total = float(table.loc[table["programme"] == "all", "hi2"].sum())
    return Decomposition(table, total, nesting.merged, nesting.untestable, method)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    value: NDArray[np.float64]  # (n_levels,), the cell last
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    informing: NDArray[np.int64]  # (n_levels,), resampled groups that inform each component
    n_resampled: int
    method: str


def resampled_level(nesting: Nesting) -> int:
    """Level whose groups are resampled: the coarsest with 6, else with 3 groups; -1 if none."""
    sizes = nesting.sizes
    for least in (BOOTSTRAP_UNITS, MIN_JACKKNIFE):
        for k, size in enumerate(sizes):
            if size >= least and _free(nesting, k) >= least - 1:
                return k
    return -1


def _free(nesting: Nesting, level: int) -> int:
    """Groups of a level less the groups above it."""
    return nesting.sizes[level] - (nesting.sizes[level - 1] if level else 1)


def _components(
    h: Heterogeneity, reduced: Reduced, codes: list[NDArray[np.int64]], unit_level: int
) -> _Parts:
    n_levels = len(codes) + 1
    if unit_level < 0:
        unit = np.zeros(len(reduced.n), dtype=np.int64) if not codes else codes[-1]
        value = _solve(_tally(reduced, codes, unit), np.ones((1, int(unit.max()) + 1)))[0]
        nothing = np.full(n_levels, np.nan)
        none = np.zeros(n_levels, dtype=np.int64)
        return _Parts(value, nothing, nothing, none, 0, "none: fewer than 3 groups")
    unit = codes[unit_level]
    tally = _tally(reduced, codes, unit)
    k = int(unit.max()) + 1
    value = _solve(tally, np.ones((1, k)))[0]
    parent = tally.above[-1] if tally.above else np.zeros(k, dtype=np.int64)
    left_out = _solve(tally, 1.0 - np.eye(k)), float((k - 1) / np.sqrt(k))
    finer, word = left_out, "jackknife"
    if k >= BOOTSTRAP_UNITS:
        rng = spawn(h.settings.seed, "decompose", k)
        times = resample_within(parent, h.settings.bootstrap, rng)
        m = k / (int(parent.max()) + 1)  # resampling m units makes the variance (m - 1) / m small
        finer = _solve(tally, times), float(np.sqrt(m / (m - 1)))
        word = f"bootstrap of {h.settings.bootstrap}"
    quantile = float(student.ppf(0.5 + h.settings.confidence / 2, k - 1 - int(parent.max())))
    low, high = np.full(n_levels, np.nan), np.full(n_levels, np.nan)
    informing = _informing(codes, unit_level)
    for level in range(unit_level, n_levels):
        if informing[level] < MIN_JACKKNIFE:
            continue
        replicates, factor = left_out if level == unit_level else finer
        low[level], high[level] = _limits(value[level], replicates[:, level], factor, quantile)
    return _Parts(value, low, high, informing, k, f"{k} groups, {word}")


def _informing(codes: list[NDArray[np.int64]], unit_level: int) -> NDArray[np.int64]:
    """Resampled groups with two or more sub-groups at a level: only they tell of its component."""
    unit = codes[unit_level]
    k = int(unit.max()) + 1
    out = np.zeros(len(codes) + 1, dtype=np.int64)
    out[unit_level] = out[-1] = k
    groups = np.ones(k, dtype=np.int64)
    for level in range(unit_level + 1, len(codes)):
        pairs = np.unique(np.stack([unit, codes[level]], axis=1), axis=0)
        finer = np.bincount(pairs[:, 0], minlength=k)
        out[level] = int((finer > groups).sum())
        groups = finer
    return out


def _limits(
    value: float, replicates: NDArray[np.float64], factor: float, quantile: float
) -> tuple[float, float]:
    good = replicates[np.isfinite(replicates)]
    if len(good) < 3:
        return float("nan"), float("nan")
    plain = factor * float(np.std(good, ddof=0))
    if value > 0 and (good > 0).mean() > 0.99 and plain < value:
        step = quantile * factor * float(np.std(np.log(good[good > 0]), ddof=0))
        return float(value * np.exp(-step)), float(value * np.exp(step))
    step = quantile * plain
    return float(value - step), float(value + step)


def resample_within(
    parent: NDArray[np.int64], replicates: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How often each unit is drawn when units are resampled inside their parents."""
    times = np.zeros((replicates, len(parent)))
    for p in range(int(parent.max()) + 1):
        mine = np.flatnonzero(parent == p)
        times[:, mine] = rng.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), replicates)
    return times


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """Sums per resampled unit, so that any number of copies of units is a matrix product."""

    n: NDArray[np.float64]  # (K,) cells
    above: list[NDArray[np.int64]]  # codes (K,) of the levels coarser than the unit
    merged: Reduced  # per unit
    sums: NDArray[np.float64]  # (levels from the unit on, K): T_l
    sizes: NDArray[np.float64]  # (levels, levels, K): sum over m-groups of n_h^2 / n_parent(l)
    squares: NDArray[np.float64]  # (levels from the unit on, K): sum over m-groups of n_h^2


def _tally(reduced: Reduced, codes: list[NDArray[np.int64]], unit: NDArray[np.int64]) -> _Tally:
    k = int(unit.max()) + 1
    level = next((i for i, c in enumerate(codes) if c is unit), 0)
    inside = codes[level:] if codes else []
    merged = reduced.merge(unit)
    n_in = len(inside) + 1  # and the cell
    sums, squares = np.zeros((n_in, k)), np.zeros((n_in, k))
    sizes = np.zeros((n_in, n_in, k))
    fine = []
    for i, code in enumerate(inside):
        groups = reduced.merge(code)
        owner = np.zeros(len(groups.n), dtype=np.int64)
        owner[code] = unit
        value = (np.diag(groups.gram) - groups.noise) / groups.n
        sums[i] = np.bincount(owner, value, minlength=k)
        squares[i] = np.bincount(owner, groups.n**2, minlength=k)
        fine.append((code, groups.n, owner))
    sums[-1] = np.bincount(unit, reduced.square - reduced.noise, minlength=k)
    squares[-1] = merged.n
    for i, (code, n_parent, owner) in enumerate(fine):
        for j in range(i + 1, n_in):
            if j == n_in - 1:
                sizes[i, j] = np.bincount(owner, minlength=k)
                continue
            child, n_child, child_owner = fine[j]
            parent = np.zeros(len(n_child), dtype=np.int64)
            parent[child] = code
            sizes[i, j] = np.bincount(child_owner, n_child**2 / n_parent[parent], minlength=k)
    above = [_of_unit(c, unit, k) for c in codes[:level]]
    return _Tally(merged.n, above, merged, sums, sizes, squares)


def _of_unit(code: NDArray[np.int64], unit: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    out = np.zeros(k, dtype=np.int64)
    out[unit] = code
    return out


def _solve(tally: _Tally, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Components for every row of ``times``: solve E[T] = A s, levels coarse to fine."""
    r = len(times)
    coarse = [np.zeros(len(tally.n), dtype=np.int64), *tally.above]
    n_c, n_in = len(coarse), len(tally.sums)
    size = n_c + n_in
    n = times @ tally.n
    a = np.zeros((r, size, size))
    t = np.zeros((r, size))
    a[:, np.tril_indices(size)[0], np.tril_indices(size)[1]] = n[:, None]
    for i, code in enumerate(coarse):
        one = np.eye(int(code.max()) + 1)[code]  # (K, groups)
        weight = times[:, :, None] * one  # (R, K, groups)
        n_group = np.einsum("rkg,k->rg", weight, tally.n)
        inner = np.einsum("rkg,kl,rlg->rg", weight, tally.merged.gram, weight, optimize=True)
        noise = np.einsum("rkg,k->rg", weight, tally.merged.noise)
        t[:, i] = _over(inner - noise, n_group).sum(axis=1)
        for j in range(i + 1, size):
            if j < n_c:
                child = np.eye(int(coarse[j].max()) + 1)[coarse[j]]
                n_child = (times * tally.n) @ child
                parent = np.zeros(child.shape[1], dtype=np.int64)
                parent[coarse[j]] = code
                a[:, i, j] = _over(n_child**2, n_group[:, parent]).sum(axis=1)
            else:
                per_unit = times * tally.squares[j - n_c]
                a[:, i, j] = _over(per_unit @ one, n_group).sum(axis=1)
    for i in range(n_in):
        t[:, n_c + i] = times @ tally.sums[i]
        for j in range(i + 1, n_in):
            a[:, n_c + i, n_c + j] = times @ tally.sizes[i, j]
    return _solve_rows(a, t)[:, 1:]


def _over(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _solve_rows(a: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full(t.shape, np.nan)
    scale = a[:, -1, -1][:, None, None]
    good = (scale[:, 0, 0] > 0) & (np.abs(np.linalg.det(a / np.maximum(scale, 1.0))) > 1e-12)
    if good.any():
        out[good] = np.linalg.solve(a[good], t[good][:, :, None])[:, :, 0]
    return out


def _rows(name: str, parts: _Parts, nesting: Nesting) -> list[dict[str, object]]:
    total = float(parts.value.sum())
    names = [*nesting.names, "cell"]
    groups = [*nesting.sizes, nesting.n_cells]
    rows = []
    for k, level in enumerate(names):
        value = float(parts.value[k])
        status = "ok" if value > 0 else "not above zero"
        if np.isnan(parts.low[k]):
            few = 0 < parts.informing[k] < MIN_JACKKNIFE
            status += (
                f"; no interval: only {parts.informing[k]} of {parts.n_resampled} groups inform it"
                if few
                else f"; no interval: {groups[k]} groups"
                if level != "cell"
                else "; no interval"
            )
        rows.append(
            {
                "programme": name,
                "level": level,
                "hi2": value,
                "low": float(parts.low[k]),
                "high": float(parts.high[k]),
                "share": value / total if total > 0 else float("nan"),
                "n_groups": groups[k],
                "status": status,
            }
        )
    return rows
