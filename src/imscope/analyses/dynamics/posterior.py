"""Posterior of the population model: value, gradient and information at given spreads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, zeta

from imscope.analyses.dynamics.cultures import PassageData
from imscope.analyses.dynamics.layout import Edge, Layout, build_layout
from imscope.analyses.dynamics.motion import transition
from imscope.analyses.dynamics.settings import RateSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST = 1e-12
"""Share below which a subset counts as absent: keeps digamma finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Spreads:
    """Precisions and standard deviations the posterior is taken at.

    Attributes
    ----------
    precision
        Dirichlet precision of each assay.
    total_sd
        Of log(harvested / seeded).
    donor_growth, donor_conversion
        Between donors.
    """

    precision: Floats
    total_sd: float
    donor_growth: float
    donor_conversion: float


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Shares at every node and log fold up to it, with derivatives by the parameters."""

    shares: Floats
    d_shares: Floats
    log_fold: Floats
    d_log_fold: Floats
    d_rates: Floats
    steps: tuple["Step", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One interval of all cultures that have it: what a walk back in time needs."""

    rows: Ints
    interval: Ints
    matrix: Floats
    by_rate: Floats
    total: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """The posterior around one point.

    Attributes
    ----------
    value, gradient
        Of minus the log posterior.
    search
        Information for steps, always positive definite: Gauss-Newton, and the curvature of rates
        that are exponentials of parameters where it adds.
    information
        With that curvature whole: close to the full second derivative around a mode.
    """

    value: float
    gradient: Floats
    search: Floats
    information: Floats


class Posterior:
    """The model of one data set; holds no state that changes.

    Parameters
    ----------
    data
        Cultures.
    edges
        ``(from, to)`` of every conversion allowed.
    settings
        Priors.
    """

    def __init__(self, data: PassageData, edges: tuple[Edge, ...], settings: RateSettings) -> None:
        self.data, self.edges, self.settings = data, edges, settings
        self.layout: Layout = build_layout(data, edges, settings)
        k = len(data.subsets)
        self.plating = np.ones(k) if data.plating is None else data.plating
        self.assays = tuple(dict.fromkeys(c.assay for c in data.cultures))
        self._index(data)

    def _index(self, data: PassageData) -> None:
        where, counts, assay, totals, folds = [], [], [], [], []
        for c, culture in enumerate(data.cultures):
            for t in np.flatnonzero(culture.counts.sum(axis=1) > 0):
                if culture.start is None or t > 0:
                    where.append((c, int(t)))
                    counts.append(culture.counts[t])
                    assay.append(self.assays.index(culture.assay))
            for total in culture.totals:
                totals.append((c, total.start, total.end))
                folds.append(total.log_fold)
        self.where: Ints = np.array(where, dtype=np.int64).reshape(-1, 2)
        self.counts: Floats = np.array(counts).reshape(-1, len(data.subsets))
        self.assay: Ints = np.array(assay, dtype=np.int64)
        self.totals: Ints = np.array(totals, dtype=np.int64).reshape(-1, 3)
        self.folds: Floats = np.array(folds)

    def rates(self, x: Floats) -> tuple[Floats, Floats]:
        """Rates of the unique intervals (growth, then log conversion) and their derivatives."""
        lay, k = self.layout, len(self.data.subsets)
        z, d = lay.rows @ x, lay.rows
        if lay.late:
            middle, width = x[lay.logistic][0], np.exp(x[lay.logistic][1])
            t = (lay.middle - middle) / width
            d = d.copy()
            for e in lay.late:
                z[:, k + e] -= np.logaddexp(0, -t)
                rest = 1 / (1 + np.exp(np.clip(t, -500, 500)))
                d[:, k + e, lay.logistic.start] -= rest / width
                d[:, k + e, lay.logistic.start + 1] -= rest * t
        return z, d

    def path(self, x: Floats) -> Path:
        """Carry every culture through its intervals."""
        lay, k = self.layout, len(self.data.subsets)
        n, steps = lay.interval_of.shape
        z, dz = self.rates(x)
        m, dm = transition(z[:, :k], z[:, k:], self.edges, lay.duration)
        shares, d_shares = np.zeros((n, steps + 1, k)), np.zeros((n, steps + 1, k, lay.size))
        fold, d_fold = np.zeros((n, steps + 1)), np.zeros((n, steps + 1, lay.size))
        shares[:, 0], d_shares[:, 0] = self._starts(x)
        walked = []
        for s in range(steps):
            rows = np.flatnonzero(lay.interval_of[:, s] >= 0)
            at = lay.interval_of[rows, s]
            seeded = shares[rows, s] * self.plating
            grown = np.einsum("nij,nj->ni", m[at], seeded)
            by_rate = np.einsum("ndij,nj->nid", dm[at], seeded)
            d_grown = by_rate @ dz[at] + m[at] @ (self.plating[:, None] * d_shares[rows, s])
            total, d_total = grown.sum(axis=1), d_grown.sum(axis=1)
            shares[rows, s + 1] = grown / total[:, None]
            d_shares[rows, s + 1] = (
                d_grown - shares[rows, s + 1][:, :, None] * d_total[:, None]
            ) / total[:, None, None]
            fold[rows, s + 1] = fold[rows, s] + np.log(total)
            d_fold[rows, s + 1] = d_fold[rows, s] + d_total / total[:, None]
            walked.append(Step(rows, at, m[at], by_rate, total))
        return Path(shares, d_shares, fold, d_fold, dz, tuple(walked))

    def _starts(self, x: Floats) -> tuple[Floats, Floats]:
        lay, k = self.layout, len(self.data.subsets)
        logits = x[lay.start].reshape(-1, k)
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        d = np.zeros((*p.shape, lay.size))
        for c, culture in enumerate(self.data.cultures):
            if culture.start is not None:
                p[c] = culture.start
            else:
                at = lay.start.start + c * k
                d[c, :, at : at + k] = np.diag(p[c]) - np.outer(p[c], p[c])
        return p, d

    def prior_sd(self, spreads: Spreads) -> Floats:
        """Prior standard deviations with those between donors put in."""
        sd = self.layout.sd.copy()
        sd[self.layout.shift] = spreads.donor_growth
        sd[self.layout.rate_shift] = spreads.donor_conversion
        return sd

    def evaluate(self, x: Floats, spreads: Spreads) -> Local:
        """Minus log posterior with its derivatives."""
        lay = self.layout
        sd = self.prior_sd(spreads)
        off = (x - lay.mean) / sd
        value = float(0.5 * off @ off + np.log(sd).sum())
        gradient, information = off / sd, np.diag(1 / sd**2)
        path = self.path(x)
        by_share, by_fold = np.zeros_like(path.shares), np.zeros_like(path.log_fold)
        c, t = self.where.T
        phi = spreads.precision[self.assay]
        p, dp = np.maximum(path.shares[c, t], SMALLEST), path.d_shares[c, t]
        alpha, y = phi[:, None] * p, self.counts
        likelihood = (gammaln(y + alpha) - gammaln(alpha)).sum()
        value -= float(likelihood + (gammaln(phi) - gammaln(phi + y.sum(axis=1))).sum())
        pull = phi[:, None] * (digamma(y + alpha) - digamma(alpha))
        weight = phi[:, None] ** 2 * (zeta(2, alpha) - zeta(2, alpha + y))
        flat = dp.reshape(-1, lay.size)
        gradient -= pull.ravel() @ flat
        information += flat.T @ (weight.ravel()[:, None] * flat)
        by_share[c, t] = -pull
        if len(self.folds):
            c, start, end = self.totals.T
            d = (path.d_log_fold[c, end] - path.d_log_fold[c, start]) / spreads.total_sd
            expected = path.log_fold[c, end] - path.log_fold[c, start]
            off = (self.folds - expected) / spreads.total_sd
            value += float(0.5 * off @ off + len(off) * np.log(spreads.total_sd))
            gradient -= off @ d
            information += d.T @ d
            np.add.at(by_fold, (c, end), -off / spreads.total_sd)
            np.add.at(by_fold, (c, start), off / spreads.total_sd)
        by_rate = self.walk_back(path, by_share, by_fold)
        curved = path.d_rates[:, len(self.data.subsets) :].reshape(-1, lay.size)
        bend = by_rate[:, len(self.data.subsets) :].reshape(-1, 1)
        adds = information + curved.T @ (np.maximum(bend, 0) * curved)
        return Local(value, gradient, adds, information + curved.T @ (bend * curved))

    def walk_back(self, path: Path, by_share: Floats, by_fold: Floats) -> Floats:
        """Derivative of minus log likelihood by the rates of each unique interval."""
        lay, k = self.layout, len(self.data.subsets)
        out = np.zeros((len(lay.duration), k + len(self.edges)))
        by_share, by_fold = by_share.copy(), by_fold.copy()
        for s in reversed(range(len(path.steps))):
            step = path.steps[s]
            later, p = by_share[step.rows, s + 1], path.shares[step.rows, s + 1]
            fold = by_fold[step.rows, s + 1]
            inner = (later * p).sum(axis=1)
            grown = (later - inner[:, None] + fold[:, None]) / step.total[:, None]
            np.add.at(out, step.interval, (grown[:, None, :] @ step.by_rate)[:, 0])
            by_share[step.rows, s] += self.plating * (grown[:, None, :] @ step.matrix)[:, 0]
            by_fold[step.rows, s] += fold
        return out

    def first_guess(self) -> Floats:
        """Prior means, and the first counted composition of each culture."""
        x = self.layout.mean.copy()
        k = len(self.data.subsets)
        for c, culture in enumerate(self.data.cultures):
            counted = culture.counts[culture.counts.sum(axis=1) > 0]
            if culture.start is None and len(counted):
                logs = np.log(counted[0] + 0.5)
                at = self.layout.start.start + c * k
                x[at : at + k] = logs - logs.mean()
        return x
