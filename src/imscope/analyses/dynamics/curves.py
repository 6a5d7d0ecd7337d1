"""Models of a fraction over passages: each a function of few parameters with a prior."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.series import Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RECENT = 3
"""Passages whose mean growth stands for the passages to come."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Where a model is evaluated.

    Attributes
    ----------
    donor
        Position of the donor, shape ``(n_points,)``.
    time
        Days since the first value of any donor, over the days of a passage.
    pdl, days
        Doublings and days since the first value of the donor.
    """

    donor: Ints
    time: Floats
    pdl: Floats
    days: Floats


@dataclass(frozen=True, slots=True, eq=False)
class CurveModel:
    """One model.

    Attributes
    ----------
    name
        As shown.
    scale
        ``fraction`` or ``log odds``: where values are normal around the curve.
    mean, sd
        Prior of the parameters.
    between
        Typical standard deviation of each between donors; multiplied by one estimated factor.
    noise
        Prior median of the standard deviation of a passage around the curve.
    curve
        Parameters of each point, shape ``(n_points, n_parameters)``, and points to values.
    linear
        Whether the curve is linear in its parameters.
    """

    name: str
    scale: Literal["fraction", "log odds"]
    mean: Floats
    sd: Floats
    between: Floats
    noise: float
    curve: Callable[[Floats, Points], Floats]
    linear: bool


def available(series: Series) -> tuple[list[CurveModel], list[str]]:
    """Models the series can be fitted with, the linear baseline first, and why others are not."""
    models = [
        _straight("linear in time", "fraction", "time", (0.1, 0.0), (0.3, 0.2), (0.05, 0.01)),
        _straight("log odds in time", "log odds", "time", (-2.5, 0.0), (2.0, 0.5), (0.5, 0.1)),
    ]
    if not np.isfinite(series.pdl).all():
        return models, ["doublings are not known: models in doublings are left out"]
    models.append(
        _straight("log odds in doublings", "log odds", "pdl", (-2.5, 0.0), (2.0, 0.3), (0.5, 0.05))
    )
    models.append(
        CurveModel(
            "two states",
            "log odds",
            np.array([-2.5, np.log(0.01), 0.0, np.log(0.02)]),
            np.array([2.0, 1.5, 0.03, 1.0]),
            np.array([0.3, 0.4, 0.005, 0.2]),
            0.2,
            _two_states,
            linear=False,
        )
    )
    return models, []


def _straight(
    name: str,
    scale: Literal["fraction", "log odds"],
    along: str,
    mean: tuple[float, float],
    sd: tuple[float, float],
    between: tuple[float, float],
) -> CurveModel:
    def curve(parameters: Floats, at: Points) -> Floats:
        x = at.time if along == "time" else at.pdl
        return np.asarray(parameters[:, 0] + parameters[:, 1] * x, dtype=np.float64)

    noise = 0.03 if scale == "fraction" else 0.2
    return CurveModel(
        name, scale, np.array(mean), np.array(sd), np.array(between), noise, curve, linear=True
    )


def _two_states(parameters: Floats, at: Points) -> Floats:
    r"""Log odds of senescent cells where growing ones turn senescent at a rising rate.

    With measured net growth :math:`\mu` the share follows
    :math:`s' = k(t)(1 - s) - (\mu + d)s`, :math:`k = k_0e^{k_1t}`; each stretch between two points
    of a donor is solved exactly at its middle rate.
    """
    start, log_k, slope, log_d = parameters.T
    s_at = np.empty(len(at.time))
    for donor in np.unique(at.donor):
        mine = np.flatnonzero(at.donor == donor)
        mine = mine[np.argsort(at.days[mine], kind="stable")]
        days, pdl = np.r_[0.0, at.days[mine]], np.r_[0.0, at.pdl[mine]]
        s = 1 / (1 + np.exp(-start[mine[0]]))
        for n, row in enumerate(mine):
            length = days[n + 1] - days[n]
            if length > 0:
                pieces = max(1, int(np.ceil(length / 4)))
                mu = (pdl[n + 1] - pdl[n]) * np.log(2) / length
                for i in range(pieces):
                    t = days[n] + (i + 0.5) * length / pieces
                    k = np.exp(min(log_k[row] + slope[row] * t, 3.0))
                    out = mu + np.exp(log_d[row]) + k
                    rest = np.exp(-out * length / pieces)
                    s = s * rest + k * (-np.expm1(-out * length / pieces) / out if out else 0.0)
                    s = min(max(s, 1e-6), 1 - 1e-6)
            s_at[row] = s
    return np.log(s_at / (1 - s_at))


def points_of(series: Series, passages: Floats | None, days_per_passage: float) -> Points:
    """Points of the series itself, or of every donor at given passages, growth carried on.

    Doublings and days to come are those of the last passages of the donor, continued.
    """
    groups = [np.flatnonzero(series.donor == d) for d in range(len(series.donors))]
    groups = [g for g in groups if len(g)]
    at = [series.passage[g] if passages is None else passages for g in groups]
    donor = [np.full(len(x), series.donor[g[0]]) for g, x in zip(groups, at, strict=True)]
    pdl = [carried(series.passage[g], series.pdl[g], x) for g, x in zip(groups, at, strict=True)]
    days = [carried(series.passage[g], series.days[g], x) for g, x in zip(groups, at, strict=True)]
    time = [(d + series.days[g[0]]) / days_per_passage for d, g in zip(days, groups, strict=True)]
    return Points(*(np.concatenate(v) for v in (donor, time, pdl, days)))


def carried(passage: Floats, value: Floats, at: Floats) -> Floats:
    """Interpolate a rising quantity between passages and carry its recent slope beyond them."""
    known = np.asarray(np.interp(at, passage, value) - value[0], dtype=np.float64)
    recent = slice(max(0, len(passage) - RECENT - 1), None)
    span = passage[recent][-1] - passage[recent][0]
    slope = (value[recent][-1] - value[recent][0]) / span if span > 0 else 0.0
    after = np.maximum(at - passage[-1], 0) * slope
    before = np.minimum(at - passage[0], 0) * slope
    return known + after + before
