"""Weights of models by how well each foretold passages it had not seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.curve_fit import (
    FitChoices,
    curve_draws,
    fit_curve_model,
    log_density,
)
from imscope.analyses.dynamics.curves import CurveModel, Points, carried
from imscope.analyses.dynamics.series import Series
from imscope.core.rng import spawn

Floats = NDArray[np.float64]

FLOOR = 0.25
"""Least weight of the linear baseline."""
PSEUDO = 1.0
"""Points' worth of equal weights added: few unseen passages change little."""
FEWEST = 3
"""Passages a model is fitted to at the least."""


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """Forecasts of passages that were left out.

    Attributes
    ----------
    density
        Log predictive density of each unseen value by each model, shape ``(n_values, n_models)``.
    forecast
        Median forecast, same shape.
    truth
        Measured fraction, shape ``(n_values,)``.
    cut
        Last passage the forecast was made from, shape ``(n_values,)``.
    """

    density: Floats
    forecast: Floats
    truth: Floats
    cut: Floats

    def rmse(self) -> Floats:
        """Root mean squared error of each model; not a number without unseen values."""
        if not len(self.truth):
            return np.full(self.forecast.shape[1], np.nan)
        return np.asarray(np.sqrt(((self.forecast - self.truth[:, None]) ** 2).mean(axis=0)))


def forecast_unseen(
    models: list[CurveModel],
    series: Series,
    choices: FitChoices,
    *,
    cuts: Floats | None = None,
    seed: int = 0,
) -> Unseen:
    """Fit every model to the passages up to each cut and forecast the later ones."""
    passages = np.unique(series.passage)
    if cuts is None:
        cuts = passages[FEWEST - 1 : -1]
    density, forecast, truth, at_cut = [], [], [], []
    for cut in cuts:
        seen, later = series.before(cut), series.part(series.passage > cut)
        known = np.isin(later.donor, seen.donor)
        later = later.part(known)
        if not len(later.donor) or len(np.unique(seen.passage)) < 2:
            continue
        at = _points(seen, later, choices.days_per_passage)
        columns, medians = [], []
        for m, model in enumerate(models):
            fit = fit_curve_model(model, seen, choices, spawn(seed, "forecast", int(1e3 * cut), m))
            draws = curve_draws(fit, at)
            columns.append(log_density(fit, later, draws))
            medians.append(np.median(draws, axis=0))
        density.append(np.array(columns).T)
        forecast.append(np.array(medians).T)
        truth.append(later.fraction)
        at_cut.append(np.full(len(later.donor), cut))
    if not density:
        nothing = np.zeros((0, len(models)))
        return Unseen(nothing, nothing, np.zeros(0), np.zeros(0))
    return Unseen(
        np.concatenate(density),
        np.concatenate(forecast),
        np.concatenate(truth),
        np.concatenate(at_cut),
    )


def _points(seen: Series, later: Series, days_per_passage: float) -> Points:
    """Where the unseen values lie, with the growth known at the cut carried on."""
    n = len(later.donor)
    time, pdl, days = np.zeros(n), np.zeros(n), np.zeros(n)
    for d in np.unique(later.donor):
        old, new = seen.donor == d, later.donor == d
        pdl[new] = carried(seen.passage[old], seen.pdl[old], later.passage[new])
        days[new] = carried(seen.passage[old], seen.days[old], later.passage[new])
        time[new] = (days[new] + seen.days[old][0]) / days_per_passage
    return Points(later.donor, time, pdl, days)


def stacking_weights(density: Floats) -> Floats:
    """Weights that foretell best together; the first model keeps its floor.

    Parameters
    ----------
    density
        Log predictive densities, shape ``(n_values, n_models)``.

    Returns
    -------
    weights
        Shape ``(n_models,)``, at least the floor for the first model; equal ones without values.

    References
    ----------
    .. [1] Yao Y et al. (2018). Bayesian Anal 13:917-1007. doi:10.1214/17-BA1091
    .. [2] Bürkner P-C, Gabry J, Vehtari A (2020). J Stat Comput Simul 90:2499-2523.
       doi:10.1080/00949655.2020.1783262

    Examples
    --------
    >>> stacking_weights(np.array([[0.0, -9.0]] * 30)).round(2).tolist()
    [0.98, 0.02]
    """
    n, m = density.shape
    weights = np.full(m, 1 / m)
    if not n or m == 1:
        return weights
    scaled = np.exp(density - density.max(axis=1, keepdims=True))
    for _ in range(500):
        share = scaled * weights
        share /= share.sum(axis=1, keepdims=True)
        new = (share.sum(axis=0) + PSEUDO / m) / (n + PSEUDO)
        if np.abs(new - weights).max() < 1e-9:
            break
        weights = new
    if weights[0] < FLOOR:
        weights[1:] *= (1 - FLOOR) / weights[1:].sum()
        weights[0] = FLOOR
    return np.asarray(weights, dtype=np.float64)
