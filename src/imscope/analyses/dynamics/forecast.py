"""Forecast of a fraction over passages, and the last passage that is safe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.curve_fit import (
    CurveFit,
    FitChoices,
    curve_draws,
    fit_curve_model,
    with_noise,
)
from imscope.analyses.dynamics.curves import Points, available, points_of
from imscope.analyses.dynamics.series import Series
from imscope.analyses.dynamics.stack import Unseen, forecast_unseen, stacking_weights
from imscope.core import codes
from imscope.core.errors import DataError, MethodError
from imscope.core.rng import spawn
from imscope.core.schema import FORECAST_CURVE, FORECAST_MODELS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
ONE_DONOR = (
    "one donor: the spread between donors is not known, so no limit for other lots; "
    "state it (donor_sd) to get one"
)


@dataclass(frozen=True, slots=True)
class ForecastSettings:
    """Limit, probability, and what is assumed.

    Attributes
    ----------
    limit
        Largest fraction allowed.
    probability
        With which every passage up to the last safe one keeps the limits.
    pdl_limit
        Most population doublings allowed; None for no such limit.
    donor_sd
        Stated standard deviation between donors, of the log odds; needed with one donor.
    horizon
        Last passage forecast; by default half the observed span beyond the last one.
    interval
        Share of new measurements the band of the curve is to hold.
    days_per_passage
        Taken where days are not known.
    draws, seed
        Of the posterior.
    """

    limit: float = 0.10
    probability: float = 0.95
    pdl_limit: float | None = None
    donor_sd: float | None = None
    horizon: float | None = None
    interval: float = 0.90
    days_per_passage: float = 4.0
    draws: int = 2_000
    seed: int = 0

    def __post_init__(self) -> None:
        good = (
            0 < self.limit < 1
            and 0.5 <= self.probability < 1
            and 0.5 <= self.interval < 1
            and (self.pdl_limit is None or self.pdl_limit > 0)
            and (self.donor_sd is None or self.donor_sd > 0)
            and self.days_per_passage > 0
            and self.draws >= 100
        )
        if not good:
            raise DataError(
                "a setting of the forecast is out of range",
                found=str(self),
                fix="limit between 0 and 1, probability from 0.5 to below 1, positive spreads, "
                "100 draws or more",
                code=codes.DYNAMICS_OPTION,
            )


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What is foretold, and how far it can be trusted.

    Attributes
    ----------
    last_safe_passage, median_passage
        None where none can be given; ``reason`` says why. The median one is the passage up to which
        half of the lots keep the limit.
    curve, models
        ``forecast_curve`` and ``forecast_models`` as declared in :mod:`imscope.core.schema`.
    status
        ``ok``, ``at least`` (still safe at the horizon), ``none`` (no passage is safe) or
        ``NOT TESTABLE``.
    reason
        One sentence.
    measure_next
        Passage whose measurement would tell most about the last safe one; None without a limit.
    notes
        What was assumed and left out.
    settings
        As given.
    """

    last_safe_passage: float | None
    median_passage: float | None
    curve: "pd.DataFrame"
    models: "pd.DataFrame"
    status: str
    reason: str
    measure_next: float | None
    notes: tuple[str, ...]
    settings: ForecastSettings


def forecast_series(series: Series, *, settings: ForecastSettings | None = None) -> Forecast:
    """Forecast a fraction and say up to which passage it stays below its limit.

    Parameters
    ----------
    series
        From :func:`read_series`.
    settings
        See :class:`ForecastSettings`.

    Returns
    -------
    forecast
        Curve of a new lot of the process (of this culture with one donor), the models with their
        weights and errors on unseen passages, and the last safe passage.

    Raises
    ------
    MethodError
        Fewer than three passages were measured.

    Notes
    -----
    Four models: linear in time (the baseline), log odds linear in time, log odds linear in
    doublings, and two states whose conversion rises in time; the last two only where doublings are
    known. Weights come from forecasts of passages that were left out; the baseline keeps at least
    0.25. Doublings to come are the recent ones carried on.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.analyses.dynamics import read_series
    >>> table = pd.DataFrame({"passage": [3, 5, 7, 9], "positive": [2, 4, 9, 20], "cells": 200})
    >>> found = forecast_series(read_series(table))
    >>> found.last_safe_passage is None, found.status
    (True, 'NOT TESTABLE')
    """
    s = settings or ForecastSettings()
    if len(np.unique(series.passage)) < 3:
        raise MethodError(
            "a forecast needs three passages or more",
            found=f"{len(np.unique(series.passage))} passages",
            fix="measure further passages",
            code=codes.DYNAMICS_SERIES,
        )
    models, notes = available(series)
    donors = len(np.unique(series.donor))
    factor = None
    if donors == 1 and s.donor_sd is not None:
        factor = 1.0
        notes.append(f"spread between donors as stated: {s.donor_sd:g} on the log odds scale")
    choices = FitChoices(s.draws, factor, s.days_per_passage)
    unseen = forecast_unseen(models, series, choices, seed=s.seed)
    weights = stacking_weights(unseen.density)
    fits = [
        fit_curve_model(m, series, choices, spawn(s.seed, "forecast fit", i))
        for i, m in enumerate(models)
    ]
    grid = _grid(series, s)
    lots, noisy = _lots(fits, weights, series, grid, s)
    curve = _curve(grid, noisy, lots, s)
    table = _models(models, weights, unseen)
    notes = [*series.notes, *notes]
    if not len(unseen.truth):
        notes.append("too few passages to score any model on unseen ones: weights are equal")
    if donors == 1 and s.donor_sd is None:
        return Forecast(None, None, curve, table, "NOT TESTABLE", ONE_DONOR, None, tuple(notes), s)
    pdl = _doublings_at(series, grid, s)
    last, median, status, reason = _limit(grid, lots, pdl, s)
    following = _most_telling(grid, lots, noisy, series, s)
    return Forecast(last, median, curve, table, status, reason, following, tuple(notes), s)


def _grid(series: Series, s: ForecastSettings) -> Floats:
    first, last = float(series.passage.min()), float(series.passage.max())
    horizon = s.horizon if s.horizon is not None else last + max(2.0, (last - first) / 2)
    step = 1.0 if series.time_unit == "passage" else s.days_per_passage
    if horizon < last:
        raise DataError(
            "the horizon lies before the last passage measured",
            found=f"horizon {horizon:g}, last {last:g}",
            fix="name a later horizon, or leave it out",
            code=codes.DYNAMICS_OPTION,
        )
    if float(np.floor(first)) == first:
        return np.arange(first, np.floor(horizon) + 1e-9, step)
    return np.arange(np.ceil(first), np.floor(horizon) + 1e-9, step)


def _lots(
    fits: list[CurveFit], weights: Floats, series: Series, grid: Floats, s: ForecastSettings
) -> tuple[Floats, Floats]:
    """Draws of a new lot at each passage, without and with the noise of a measurement."""
    rng = spawn(s.seed, "forecast lots")
    shares = rng.multinomial(s.draws, weights)
    at = _mean_points(series, grid, s)
    several = len(np.unique(series.donor)) > 1
    curves, noisy = [], []
    for fit, n in zip(fits, shares, strict=True):
        if not n:
            continue
        part = CurveFit(
            fit.model, fit.parameters[:n], fit.shifts[:n], fit.between[:n], fit.noise[:n]
        )
        new = rng.standard_normal((n, len(fit.model.mean)))
        if not several:
            new = new * (0.0 if s.donor_sd is None else _stated(fit, s.donor_sd))
        draws = curve_draws(part, at, new=new)
        curves.append(draws)
        noisy.append(with_noise(part, draws, rng))
    return np.concatenate(curves), np.concatenate(noisy)


def _stated(fit: CurveFit, sd: float) -> float:
    """Factor that makes the spread of the first parameter the stated one, on the log odds scale."""
    typical = 0.5 if fit.model.scale == "fraction" else float(fit.model.between[0])
    return sd / typical


def _mean_points(series: Series, grid: Floats, s: ForecastSettings) -> Points:
    """A new lot passages and grows as the donors do on average."""
    every = points_of(series, grid, s.days_per_passage)
    n = len(grid)
    mean = [v.reshape(-1, n).mean(axis=0) for v in (every.time, every.pdl, every.days)]
    return Points(np.zeros(n, dtype=np.int64), *mean)


def _doublings_at(series: Series, grid: Floats, s: ForecastSettings) -> Floats:
    """Doublings of each donor at each passage, shape ``(n_donors, n_passages)``."""
    every = points_of(series, grid, s.days_per_passage)
    begin = [series.pdl[series.donor == d][0] for d in np.unique(series.donor)]
    return every.pdl.reshape(-1, len(grid)) + np.array(begin)[:, None]


def _curve(grid: Floats, noisy: Floats, lots: Floats, s: ForecastSettings) -> "pd.DataFrame":
    import pandas as pd

    tail = (1 - s.interval) / 2
    low, high = np.quantile(noisy, [tail, 1 - tail], axis=0)
    worst = np.maximum.accumulate(lots, axis=1)
    return FORECAST_CURVE.check(
        pd.DataFrame(
            {
                "passage": grid,
                "median": np.median(lots, axis=0),
                "low": low,
                "high": high,
                "safe_probability": (worst <= s.limit).mean(axis=0),
            }
        )
    )


def _models(models: list, weights: Floats, unseen: Unseen) -> "pd.DataFrame":  # type: ignore[type-arg]
    import pandas as pd

    return FORECAST_MODELS.check(
        pd.DataFrame(
            {
                "name": [m.name for m in models],
                "weight": weights,
                "rmse_unseen": unseen.rmse(),
                "n_unseen": len(unseen.truth),
            }
        )
    )


def _limit(
    grid: Floats, lots: Floats, pdl: Floats, s: ForecastSettings
) -> tuple[float | None, float | None, str, str]:
    safe = np.maximum.accumulate(lots, axis=1) <= s.limit
    what = f"fraction up to {s.limit:g}"
    if s.pdl_limit is not None:
        if not np.isfinite(pdl).all():
            raise MethodError(
                "a limit on doublings needs the doublings of every passage",
                found="doublings are not known",
                fix="give `pdl`, or a table of growth",
                code=codes.DYNAMICS_SERIES,
            )
        within = (pdl <= s.pdl_limit)[np.arange(len(lots)) % len(pdl)]
        safe &= np.minimum.accumulate(within, axis=1)
        what += f", doublings up to {s.pdl_limit:g}"
    chance = safe.mean(axis=0)
    last, half = _last(grid, chance >= s.probability), _last(grid, chance >= 0.5)
    said = f"{what} with a probability of {s.probability:g} at every passage"
    if last is None:
        return None, half, "none", f"no passage keeps the {said}"
    if last == grid[-1]:
        return last, half, "at least", f"the {said} still holds at {last:g}, where forecasts end"
    return last, half, "ok", f"the {said} holds up to {last:g}"


def _last(grid: Floats, good: NDArray[np.bool_]) -> float | None:
    n = int(np.argmin(good)) if not good.all() else len(grid)
    return float(grid[n - 1]) if n else None


def _most_telling(
    grid: Floats, lots: Floats, noisy: Floats, series: Series, s: ForecastSettings
) -> float | None:
    """Passage still to come whose measurement says most about where the limit is crossed."""
    crossing = (np.maximum.accumulate(lots, axis=1) <= s.limit).sum(axis=1).astype(np.float64)
    coming = np.flatnonzero(grid > series.passage.max())
    if not len(coming) or crossing.std() == 0:
        return None
    told = []
    for n in coming:
        y = noisy[:, n]
        told.append(0.0 if y.std() == 0 else abs(float(np.corrcoef(y, crossing)[0, 1])))
    return float(grid[coming[int(np.argmax(told))]])
