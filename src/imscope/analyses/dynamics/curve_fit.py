"""Fit a model of a fraction: a normal posterior at every node of a grid over two spreads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from imscope.analyses.dynamics.curves import CurveModel, Points, points_of
from imscope.analyses.dynamics.series import Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOISE = np.exp(np.linspace(-2.5, 2.0, 10))
"""Nodes of the spread of a passage around the curve, times its prior median."""
FACTOR = np.exp(np.linspace(-2.5, 1.25, 7))
"""Nodes of the factor of the spreads between donors."""
DIFFERENCE = 1e-4
STEPS = 30


@dataclass(frozen=True, slots=True, eq=False)
class CurveFit:
    """Draws of the posterior of one model.

    Attributes
    ----------
    model
        What was fitted.
    parameters
        Of the population, shape ``(n_draws, n_parameters)``.
    shifts
        Of each donor, shape ``(n_draws, n_donors, n_parameters)``.
    between
        Standard deviations between donors, shape ``(n_draws, n_parameters)``.
    noise
        Of a passage around the curve, shape ``(n_draws,)``.
    """

    model: CurveModel
    parameters: Floats
    shifts: Floats
    between: Floats
    noise: Floats


@dataclass(frozen=True, slots=True)
class FitChoices:
    """Numbers the fit is made with.

    Attributes
    ----------
    draws
        Draws of the posterior.
    donor_factor
        Fixed factor of the spreads between donors; None when it is estimated.
    days_per_passage
        Days in a passage.
    """

    draws: int = 2_000
    donor_factor: float | None = None
    days_per_passage: float = 4.0


def fit_curve_model(
    model: CurveModel, series: Series, choices: FitChoices, rng: np.random.Generator
) -> CurveFit:
    """Draw from the posterior of a model of the series."""
    at = points_of(series, None, choices.days_per_passage)
    z, v = _observed(model, series)
    donors, m = len(series.donors), len(model.mean)
    several = len(np.unique(series.donor)) > 1
    factors = FACTOR if several else np.array([1.0])
    if choices.donor_factor is not None:
        factors = np.array([choices.donor_factor])
    mean = np.r_[model.mean, np.zeros(donors * m)]
    start, nodes = mean, []
    for f in factors:
        shift_sd = model.between * f if several else np.full(m, 1e-6)
        sd = np.r_[model.sd, np.tile(shift_sd, donors)]
        for noise in model.noise * NOISE:
            x, covariance, evidence = _normal(model, at, (z, v + noise**2), (mean, sd), start)
            prior = -0.5 * np.log(noise / model.noise) ** 2 - 0.5 * f**2 + np.log(f)
            nodes.append((evidence + prior, x, covariance, f, noise))
            start = x
    score = np.array([n[0] for n in nodes])
    weight = np.exp(score - score.max())
    picked = rng.choice(len(nodes), size=choices.draws, p=weight / weight.sum())
    x = np.empty((choices.draws, len(mean)))
    for n in np.unique(picked):
        mine = picked == n
        root = np.linalg.cholesky(nodes[n][2] + 1e-14 * np.eye(len(mean)))
        x[mine] = nodes[n][1] + rng.standard_normal((int(mine.sum()), len(mean))) @ root.T
    between = np.array([n[3] for n in nodes])[picked][:, None] * model.between
    noise_at = np.array([n[4] for n in nodes])[picked]
    shifts = x[:, m:].reshape(choices.draws, donors, m)
    return CurveFit(model, x[:, :m], shifts, between, noise_at)


def _observed(model: CurveModel, series: Series) -> tuple[Floats, Floats]:
    if model.scale == "log odds":
        return series.logit, series.variance
    p = np.clip(series.fraction, 0.01, 0.99)
    own = series.variance * (p * (1 - p)) ** 2
    return series.fraction, np.full(len(own), own.mean())  # the plain baseline weighs all alike


def _normal(
    model: CurveModel,
    at: Points,
    data: tuple[Floats, Floats],
    prior: tuple[Floats, Floats],
    start: Floats,
) -> tuple[Floats, Floats, float]:
    """Mode, covariance and log evidence; exact for a linear model, else Laplace's."""
    (z, v), (mean, sd) = data, prior

    def misfit(x: Floats) -> float:
        off = z - _of_donors(model, x, at)
        return float(0.5 * (off**2 / v).sum() + 0.5 * (((x - mean) / sd) ** 2).sum())

    x = mean if model.linear else start
    for _ in range(1 if model.linear else STEPS):
        value, j = _of_donors(model, x, at), _slope(model, x, at)
        information = j.T @ (j / v[:, None]) + np.diag(1 / sd**2)
        pull = j.T @ ((z - value) / v) - (x - mean) / sd**2
        step = np.linalg.solve(information, pull)
        here, size = misfit(x), 1.0
        while not model.linear and misfit(x + size * step) > here and size > 1e-3:
            size /= 2
        x = x + size * step
        if np.abs(size * step).max() < 1e-4:
            break
    covariance = np.linalg.inv(information)
    log_det = float(np.linalg.slogdet(information)[1])
    evidence = -misfit(x) - 0.5 * np.log(v).sum() - np.log(sd).sum() - 0.5 * log_det
    return x, (covariance + covariance.T) / 2, float(evidence)


def _of_donors(model: CurveModel, x: Floats, at: Points) -> Floats:
    m = len(model.mean)
    shifts = x[m:].reshape(-1, m)
    return model.curve(x[:m] + shifts[at.donor], at)


def _slope(model: CurveModel, x: Floats, at: Points) -> Floats:
    """Derivative by population parameters, and by each donor's shift of them."""
    m, donors = len(model.mean), (len(x) - len(model.mean)) // len(model.mean)
    each = x[:m] + x[m:].reshape(-1, m)[at.donor]
    out = np.zeros((len(at.time), len(x)))
    for i in range(m):
        d = np.zeros(m)
        d[i] = DIFFERENCE
        by = (model.curve(each + d, at) - model.curve(each - d, at)) / (2 * DIFFERENCE)
        out[:, i] = by
        for donor in range(donors):
            out[:, m + donor * m + i] = by * (at.donor == donor)
    return out


def curve_draws(fit: CurveFit, at: Points, *, new: Floats | None = None) -> Floats:
    """Fractions at points for every draw, without the noise of a passage.

    Parameters
    ----------
    fit
        From :func:`fit_curve_model`.
    at
        Points; donors are those of the series.
    new
        Standard normal numbers, shape ``(n_draws, n_parameters)``, that make a new donor of all
        points; None for the donors of the series.

    Returns
    -------
    fractions
        Shape ``(n_draws, n_points)``.
    """
    model = fit.model
    out = np.empty((len(fit.parameters), len(at.time)))
    if model.linear:
        own = fit.shifts[:, at.donor] if new is None else (fit.between * new)[:, None, :]
        each = fit.parameters[:, None, :] + own
        flat = np.broadcast_to(each, (*out.shape, each.shape[-1])).reshape(-1, each.shape[-1])
        own_of = {k: np.tile(getattr(at, k), len(out)) for k in ("donor", "time", "pdl", "days")}
        many = Points(**own_of)
        out[:] = model.curve(flat, many).reshape(out.shape)
    else:
        for n in range(len(out)):
            own = fit.shifts[n, at.donor] if new is None else fit.between[n] * new[n]
            each = np.atleast_2d(fit.parameters[n] + own)
            out[n] = model.curve(np.broadcast_to(each, (len(at.time), each.shape[-1])), at)
    return np.clip(out, 0, 1) if model.scale == "fraction" else np.asarray(expit(out))


def with_noise(fit: CurveFit, fractions: Floats, rng: np.random.Generator) -> Floats:
    """Add what a passage strays from its curve."""
    e = rng.standard_normal(fractions.shape) * fit.noise[:, None]
    if fit.model.scale == "fraction":
        return np.clip(fractions + e, 0, 1)
    p = np.clip(fractions, 1e-6, 1 - 1e-6)
    return np.asarray(expit(np.log(p / (1 - p)) + e), dtype=np.float64)


def log_density(fit: CurveFit, series: Series, fractions: Floats) -> Floats:
    """Log predictive density of measured fractions, per unit of fraction."""
    z, v = _observed(fit.model, series)
    spread = v + fit.noise[:, None] ** 2
    if fit.model.scale == "fraction":
        middle, jacobian = fractions, np.zeros(len(z))
    else:
        p = np.clip(fractions, 1e-9, 1 - 1e-9)
        middle = np.log(p / (1 - p))
        s = expit(series.logit)
        jacobian = -np.log(s * (1 - s))
    each = -0.5 * (z - middle) ** 2 / spread - 0.5 * np.log(2 * np.pi * spread)
    top = each.max(axis=0)
    return np.asarray(top + np.log(np.exp(each - top).mean(axis=0)) + jacobian)
