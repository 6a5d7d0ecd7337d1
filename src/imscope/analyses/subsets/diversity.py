"""Effective number of subsets (Hill numbers), compared at equal sample coverage."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

ORDERS = (0, 1, 2)
REPLICATES = 100
"""Bootstrap replicates behind an interval; enough for a standard error to 7 %."""
NORMAL_95 = 1.959963984540054


def hill_table(
    counts: "pd.DataFrame", *, seed: int = 0, replicates: int = REPLICATES
) -> "pd.DataFrame":
    r"""Compute Hill numbers of order 0, 1 and 2 per group, as counted and at equal coverage.

    .. math:: D_q = \Bigl(\sum_s p_s^q\Bigr)^{1/(1-q)},\qquad D_1 = e^{-\sum_s p_s \ln p_s}

    Parameters
    ----------
    counts
        Cells per group (rows) and subset (columns). Unit: cells.
    seed
        Of the bootstrap.
    replicates
        Bootstrap replicates, at least 20.

    Returns
    -------
    table
        One row per group and order: ``group``, ``order``, ``n_cells``, ``coverage``, ``observed``,
        ``at_coverage`` (coverage all groups are brought to), ``cells_at_coverage``, ``hill``,
        ``low``, ``high``, ``status``, ``reason``. Unit of Hill numbers: subsets.

    Raises
    ------
    DataError
        Counts are negative, not whole or not finite, or there are too few replicates.

    Notes
    -----
    Groups are thinned, by the exact expectation, to the coverage of the group with the lowest one:
    nothing is extrapolated. The interval is over cells of the group, not over lots, so it says how
    well this group was counted and nothing about another lot.

    References
    ----------
    .. [1] Hill MO (1973). Ecology 54:427-432. doi:10.2307/1934352
    .. [2] Chao A, Jost L (2012). Ecology 93:2533-2547. doi:10.1890/11-1952.1

    Examples
    --------
    >>> import pandas as pd
    >>> table = hill_table(pd.DataFrame({"a": [50, 98], "b": [50, 1], "c": [0, 1]}, ["x", "y"]))
    >>> table.loc[table["order"] == 2, "observed"].round(3).tolist()
    [2.0, 1.041]
    """
    import pandas as pd

    values = _checked(counts, replicates)
    totals = values.sum(axis=1)
    usable = totals >= 2
    coverage = np.array(
        [sample_coverage(x) if ok else np.nan for x, ok in zip(values, usable, strict=True)]
    )
    target = float(np.min(coverage[usable])) if usable.any() else float("nan")
    rows: list[dict[str, object]] = []
    for k, name in enumerate(counts.index):
        head = {"group": str(name), "n_cells": int(totals[k]), "coverage": coverage[k]}
        if not usable[k] or target <= 0:
            why = (
                "fewer than 2 cells"
                if not usable[k]
                else "a group has no subset seen twice, so its coverage is zero"
            )
            rows += [{**head, "order": q, "status": "not estimable", "reason": why} for q in ORDERS]
            continue
        x = values[k][values[k] > 0]
        size = cells_at(x, target)
        hill = rarefied(x, size)
        error = _bootstrap(x, target, spawn(seed, "hill", str(name)), replicates)
        for q in ORDERS:
            low, high = hill[q] - NORMAL_95 * error[q], hill[q] + NORMAL_95 * error[q]
            rows.append(
                {
                    **head,
                    "order": q,
                    "observed": rarefied(x, int(totals[k]))[q],
                    "at_coverage": target,
                    "cells_at_coverage": float(size),
                    "hill": hill[q],
                    "low": max(low, 1.0),
                    "high": high,
                    "status": "ok",
                    "reason": "",
                }
            )
    names = ("group", "order", "n_cells", "coverage", "observed", "at_coverage")
    columns = [*names, "cells_at_coverage", "hill", "low", "high", "status", "reason"]
    frame = pd.DataFrame(rows, columns=columns)
    numbers = [c for c in columns if c not in ("group", "order", "n_cells", "status", "reason")]
    return frame.astype(dict.fromkeys(numbers, np.float64))


def sample_coverage(counts: ArrayLike, size: int | None = None) -> float:
    """Estimate the share of the population that belongs to subsets seen in a sample.

    Parameters
    ----------
    counts
        Cells per subset, shape ``(n_subsets,)``.
    size
        Coverage after drawing so many of the cells; all of them by default.

    Examples
    --------
    >>> round(sample_coverage([10, 1, 1]), 4)
    0.859
    """
    x = np.asarray(counts, dtype=np.float64)
    x = x[x > 0]
    n = float(x.sum())
    if size is not None and size < n:
        keep = x <= n - size
        a = x[keep]
        log_miss = _log_choose(n - a, size) - _log_choose(n - 1, size)
        return float(1 - (a / n * np.exp(log_miss)).sum())
    once, twice = float((x == 1).sum()), float((x == 2).sum())
    if once == 0:
        return 1.0
    if twice > 0:
        rest = (n - 1) * once / ((n - 1) * once + 2 * twice)
    else:
        rest = (n - 1) * (once - 1) / ((n - 1) * (once - 1) + 2) if once > 1 else 0.0
    return float(1 - once / n * rest)


def cells_at(counts: ArrayLike, coverage: float) -> int:
    """Find the smallest number of drawn cells that reaches a coverage; at most all cells."""
    x = np.asarray(counts, dtype=np.float64)
    low, high = 1, int(x.sum())
    if sample_coverage(x) <= coverage:
        return high
    while low < high:
        middle = (low + high) // 2
        if sample_coverage(x, middle) >= coverage:
            high = middle
        else:
            low = middle + 1
    return low


def rarefied(counts: ArrayLike, size: int) -> Floats:
    """Expected Hill numbers of order 0, 1, 2 of a random draw of cells without replacement.

    Parameters
    ----------
    counts
        Cells per subset, shape ``(n_subsets,)``, each above 0.
    size
        Cells drawn, from 1 to all.

    Examples
    --------
    >>> rarefied([2, 2], 2).round(3)
    array([1.667, 1.587, 1.5  ])
    """
    x = np.asarray(counts, dtype=np.int64)
    n, m = int(x.sum()), int(size)
    if m >= n:
        p = x / n
        return np.array([len(x), np.exp(-xlogy(p, p).sum()), 1 / (p**2).sum()])
    log_all = _log_choose(n, m)
    k = np.arange(1, m + 1)
    possible = (k <= x[:, None]) & (m - k <= n - x[:, None])
    a = np.where(possible, x[:, None], m)
    log_p = (
        _log_choose(a, np.where(possible, k, 0))
        + _log_choose(n - a, np.where(possible, m - k, 0))
        - log_all
    )
    expected = np.where(possible, np.exp(log_p), 0.0).sum(axis=0)
    pairs = (x * (x - 1.0)).sum() / (n * (n - 1.0))
    richness = expected.sum()
    entropy = -(xlogy(k / m, k / m) * expected).sum()
    return np.array([richness, np.exp(entropy), 1 / (1 / m + (m - 1) / m * pairs)])


def _log_choose(n: ArrayLike, k: ArrayLike) -> Floats:
    a, b = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    return np.asarray(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1), dtype=np.float64)


def _bootstrap(x: Floats, target: float, rng: np.random.Generator, replicates: int) -> Floats:
    """Standard error of the three numbers, drawing from a population with the unseen subsets."""
    n = int(x.sum())
    once, twice = float((x == 1).sum()), float((x == 2).sum())
    unseen = once**2 / (2 * twice) if twice else once * (once - 1) / 2
    unseen *= (n - 1) / n
    extra = int(np.ceil(unseen))
    missing = 1 - sample_coverage(x)
    p = x / n
    shrink = missing / (p * (1 - p) ** n).sum() if missing > 0 and (p < 1).any() else 0.0
    p = p * (1 - shrink * (1 - p) ** n)
    if extra:
        p = np.concatenate([p, np.full(extra, missing / extra)])
    draws = rng.multinomial(n, p / p.sum(), size=replicates)
    found = []
    for draw in draws:
        seen = draw[draw > 0]
        found.append(rarefied(seen, cells_at(seen, target)))
    return np.asarray(np.std(found, axis=0, ddof=1), dtype=np.float64)


def _checked(counts: "pd.DataFrame", replicates: int) -> Floats:
    values = counts.to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values) | (values < 0) | (values % 1 != 0)
    if bad.any() or replicates < 20:
        raise DataError(
            "Hill numbers need whole, non-negative counts and at least 20 replicates",
            found=f"{int(bad.sum())} unusable counts, {replicates} replicates",
            fix="give cells per group and subset",
            code=codes.SUBSETS_COUNTS,
        )
    return values
