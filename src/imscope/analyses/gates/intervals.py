"""Intervals of purity and recall with the donor as the unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, ndtr

from imscope.core.rng import spawn

RHO_POWER = 0.25
"""Prior of the overdispersion on the log scale: rho to this power. 0.5, the Jeffreys form of a
share, covers too often with two donors and 0 too seldom (see the validation page)."""
ONE_DONOR = "one donor: no claim about others"
NEW_DONOR = "a new donor"
NO_CELLS = "not estimable: no cell is in the gate"
_M = (np.arange(80) + 0.5) / 80
_RHO = np.geomspace(1e-4, 0.7, 60)


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval and what it speaks about."""

    low: float
    high: float
    kind: str


def purity_interval(
    tp: ArrayLike,
    fp: ArrayLike,
    n_target: ArrayLike,
    n_other: ArrayLike,
    *,
    prevalence: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """95 % interval of the purity that a new donor will show, from counts per donor.

    Counts are beta-binomial, and their spread between donors is integrated over a Jeffreys-type
    prior, whatever the number of donors. With one donor the interval is over its cells only.
    Give counts of donors that had no part in setting the thresholds.

    Parameters
    ----------
    tp, fp, n_target, n_other
        Counts per donor, shape ``(n_donors,)``.
    prevalence
        Of the target in the tube to be sorted; ``None`` uses the shares of the data.

    Examples
    --------
    >>> i = purity_interval([90, 70], [10, 30], [100, 100], [900, 900])
    >>> i.kind, i.low < 0.6 < 0.95 < i.high
    ('a new donor', True)
    """
    a, b, p, q = (np.asarray(v, dtype=np.int64) for v in (tp, fp, n_target, n_other))
    ok = (p > 0) & (q > 0)
    a, b, p, q = a[ok], b[ok], p[ok], q[ok]
    if not len(a) or (a + b).sum() == 0:
        return Interval(float("nan"), float("nan"), NO_CELLS)
    rng = spawn(seed, "purity interval")
    one = len(a) == 1
    if one:
        recall, wrong = _cells(a, p, draws, rng)[:, 0], _cells(b, q, draws, rng)[:, 0]
        share = float(p[0] / (p + q)[0]) if prevalence is None else prevalence
        values = _purity(recall, wrong, share)
    elif prevalence is None:
        values = predict_donor(a, a + b, draws, rng)
    else:
        recall, wrong = predict_donor(a, p, draws, rng), predict_donor(b, q, draws, rng)
        values = _purity(recall, wrong, prevalence)
    return _percentiles(values, one)


def recall_interval(
    tp: ArrayLike, n_target: ArrayLike, *, draws: int = 1000, seed: int = 0
) -> Interval:
    """95 % interval of the recall that a new donor will show; see :func:`purity_interval`.

    Examples
    --------
    >>> i = recall_interval([90, 70], [100, 100])
    >>> i.kind, i.low < 0.7 < 0.9 < i.high
    ('a new donor', True)
    """
    a, p = np.asarray(tp, dtype=np.int64), np.asarray(n_target, dtype=np.int64)
    a, p = a[p > 0], p[p > 0]
    if not len(a):
        return Interval(float("nan"), float("nan"), NO_CELLS)
    rng = spawn(seed, "recall interval")
    one = len(a) == 1
    return _percentiles(
        _cells(a, p, draws, rng)[:, 0] if one else predict_donor(a, p, draws, rng), one
    )


def _percentiles(values: NDArray[np.float64], one: bool) -> Interval:
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(float("nan"), float("nan"), NO_CELLS)
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high), ONE_DONOR if one else NEW_DONOR)


def donor_intervals(tp: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jeffreys 95 % intervals of each donor's own share, cells as the unit.

    Examples
    --------
    >>> low, high = donor_intervals([50], [100])
    >>> round(float(low[0]), 2), round(float(high[0]), 2)
    (0.4, 0.6)
    """
    from scipy.stats import beta

    a, m = np.asarray(tp, dtype=np.float64), np.asarray(n, dtype=np.float64)
    low = np.where(a > 0, beta.ppf(0.025, a + 0.5, m - a + 0.5), 0.0)
    high = np.where(a < m, beta.ppf(0.975, a + 0.5, m - a + 0.5), 1.0)
    return np.where(m > 0, low, 0.0), np.where(m > 0, high, 1.0)


def predict_donor(
    k: NDArray[np.int64], n: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    r"""Draw the share a new donor will have, given counts of a few donors.

    .. math:: k_d \sim \mathrm{BetaBinomial}(n_d, m, \rho),\quad \pi(m, \rho) \propto
        [m(1-m)]^{-1/2}\, \rho^{-3/4} (1-\rho)^{-1/2}

    Parameters
    ----------
    k, n
        Successes and trials per donor, shape ``(n_donors,)``; donors without trials are left out.
    """
    k, n = k[n > 0], n[n > 0]
    if not len(k):
        return np.full(draws, np.nan)
    scale = (1 - _RHO) / _RHO
    a, b = np.outer(_M, scale), np.outer(1 - _M, scale)
    log = -0.5 * np.log(_M * (1 - _M))[:, None] + RHO_POWER * np.log(_RHO) - 0.5 * np.log(1 - _RHO)
    # the grid of rho is even in log(rho): a density there is one factor rho more than in rho
    for kd, nd in zip(k.tolist(), n.tolist(), strict=True):
        log = log + betaln(a + kd, b + nd - kd) - betaln(a, b)
    weight = np.exp(log - log.max()).ravel()
    chosen = rng.choice(weight.size, size=draws, p=weight / weight.sum())
    return np.asarray(rng.beta(a.ravel()[chosen], b.ravel()[chosen]))


def _cells(
    k: NDArray[np.int64], n: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    return np.asarray(rng.beta(k + 0.5, n - k + 0.5, (draws, len(k))))


def _purity(
    recall: NDArray[np.float64], wrong: NDArray[np.float64], prevalence: float
) -> NDArray[np.float64]:
    kept = prevalence * recall
    return kept / np.maximum(kept + (1 - prevalence) * wrong, 1e-300)


def above_chance(tp: int, inside: int, share: float) -> float:
    """One-sided normal p value of the targets in a gate against their share of all cells.

    Examples
    --------
    >>> above_chance(50, 100, 0.5)
    0.5
    """
    if inside == 0 or not 0 < share < 1:
        return 1.0
    z = (tp - inside * share) / np.sqrt(inside * share * (1 - share))
    return float(ndtr(-z))
