"""Probability that a regulator is key, by a frozen model fitted on simulated worlds."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from imscope.core.errors import InternalError

Floats = NDArray[np.float64]
FEATURES = (
    "activity", "expression", "reach", "activity_x_reach", "tested", "screen", "activity_x_screen",
    "discordant", "silent",
)  # fmt: skip
SIGNS = (1, 1, 1, 1, 0, 1, 1, -1, -1)
"""Direction each coefficient must keep; 0 is free."""
MOST_Z = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Evidence for each regulator; NaN where a channel has none. Shapes ``(n_regulators,)``.

    Attributes
    ----------
    activity, expression
        z over units, with the sign of the difference.
    reach
        z of signed support: positive where raising it should raise the programme.
    screen
        z of raising it in the screen.
    power
        Chance that the screen would have shown a key regulator.
    """

    activity: Floats
    expression: Floats
    reach: Floats
    screen: Floats
    power: Floats


@dataclass(frozen=True, slots=True)
class Model:
    """Frozen coefficients, the last of them the intercept, and the slope above one half."""

    coefficients: tuple[float, ...]
    upper_slope: float
    version: str
    sha256: str


def features_of(channels: Channels) -> Floats:
    """Bounded features of the model, shape ``(n_regulators, 9)``; a missing channel gives zeros.

    Examples
    --------
    >>> one = np.array([3.0]), np.array([1.0]), np.array([2.0]), np.array([np.nan]), np.array([0.9])
    >>> np.abs(features_of(Channels(*one)).round(2)).tolist()
    [[1.39, 0.69, 1.1, 1.52, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    sign = np.sign(np.nan_to_num(channels.activity))
    act = np.log1p(np.minimum(np.abs(np.nan_to_num(channels.activity)), MOST_Z))
    own = np.log1p(np.clip(sign * np.nan_to_num(channels.expression), 0, MOST_Z))
    reach = np.log1p(np.clip(sign * np.nan_to_num(channels.reach), 0, MOST_Z))
    tested = np.isfinite(channels.screen)
    z = sign * np.nan_to_num(channels.screen)
    agree = np.log1p(np.clip(z, 0, MOST_Z))
    against = np.log1p(np.clip(-z, 0, MOST_Z))
    silent = tested * np.nan_to_num(channels.power) * np.exp(-((np.abs(z) / 1.5) ** 2))
    return np.column_stack(
        [act, own, reach, act * reach, tested, agree, act * agree, against, silent]
    ).astype(np.float64)


def fit_posterior(features: Floats, key: NDArray[np.bool_], *, ridge: float = 1.0) -> Floats:
    """Logistic regression with the signs of :data:`SIGNS`; the intercept last.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.abs(rng.normal(size=(4000, 9)))
    >>> key = rng.random(4000) < 1 / (1 + np.exp(3 - 2 * x[:, 0] + x[:, 1]))
    >>> b = fit_posterior(x, key)
    >>> bool(1.6 < b[0] < 2.4), float(b[1])
    (True, 0.0)
    """
    from scipy.optimize import minimize

    x = np.column_stack([features, np.ones(len(features))])
    y = np.where(key, 1.0, -1.0)

    def loss(b: Floats) -> tuple[float, Floats]:
        margin = y * (x @ b)
        value = np.logaddexp(0, -margin).sum() + ridge / 2 * (b[:-1] ** 2).sum()
        slope = -(y / (1 + np.exp(np.clip(margin, -700, 700)))) @ x
        slope[:-1] += ridge * b[:-1]
        return float(value), slope

    bounds = [{1: (0, None), -1: (None, 0), 0: (None, None)}[s] for s in SIGNS]
    found = minimize(
        loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)],
        options={"maxiter": 2000},
    )  # fmt: skip
    return np.asarray(found.x, dtype=np.float64)


def predict(features: Floats, coefficients: Floats, upper_slope: float = 1.0) -> Floats:
    """Probability from features; above one half its logit is drawn in by ``upper_slope``.

    Examples
    --------
    >>> x = np.zeros((1, 9))
    >>> predict(x, np.zeros(10)).tolist()
    [0.5]
    >>> b = np.array([0.0] * 9 + [2.0])
    >>> predict(x, b).round(2).tolist(), predict(x, b, 0.5).round(2).tolist()
    ([0.88], [0.73])
    """
    logit = features @ coefficients[:-1] + coefficients[-1]
    return np.asarray(1 / (1 + np.exp(-np.where(logit > 0, upper_slope * logit, logit))))


def safe_slope(
    worlds: Sequence[tuple[Floats, NDArray[np.bool_]]], coefficients: Floats, *, most: float = 0.05
) -> float:
    """Largest slope above one half under which no kind of world is over-sure.

    Parameters
    ----------
    worlds
        Features and truth of each kind of world, other ones than those of the fit.
    coefficients
        Of :func:`fit_posterior`.
    most
        Mean excess of said over true that is let pass, where anything above one half was said.

    Examples
    --------
    >>> x, b = np.zeros((100, 9)), np.array([0.0] * 9 + [2.0])
    >>> safe_slope([(x, np.arange(100) < 70)], b)
    0.5
    """
    for slope in np.arange(1.0, 0.0, -0.05):
        excess = []
        for features, key in worlds:
            p = predict(features, coefficients, float(slope))
            above = p > 0.5
            excess.append(float((p[above] - key[above]).mean()) if above.any() else 0.0)
        if max(excess, default=0.0) <= most:
            return round(float(slope), 2)
    return 0.0


def digest(values: tuple[float, ...]) -> str:
    """Hash of the numbers of a model as they are written: coefficients, intercept, slope."""
    return hashlib.sha256(json.dumps(list(values)).encode()).hexdigest()


@lru_cache(maxsize=1)
def frozen_model() -> Model:
    """Read the model that ships with imscope.

    Raises
    ------
    InternalError
        The file was changed.

    Examples
    --------
    >>> frozen_model().version
    '1'
    """
    place = files("imscope.analyses.regulators") / "data" / "posterior.json"
    content = json.loads(place.read_text(encoding="utf-8"))
    values = tuple(float(content["coefficients"][n]) for n in (*FEATURES, "intercept"))
    slope = float(content["upper_slope"])
    if digest((*values, slope)) != content["sha256"]:
        raise InternalError(
            "the frozen model of regulators was changed", fix="install imscope anew"
        )
    return Model(values, slope, str(content["version"]), str(content["sha256"]))


def posterior(channels: Channels) -> Floats:
    """Probability that each regulator is key, by the frozen model."""
    model = frozen_model()
    return predict(features_of(channels), np.array(model.coefficients), model.upper_slope)


def rank_probability(
    channels: Channels, degree: NDArray[np.int64], *, draws: int = 2_000, seed: int = 0
) -> Floats:
    """Probability of so good a mean rank when channels know nothing of one another.

    Each channel is permuted among regulators of like numbers of targets (fifths); a regulator's
    mean is over the channels it has.

    Examples
    --------
    >>> z = np.concatenate([[6.0], np.random.default_rng(0).normal(size=99)])
    >>> p = rank_probability(Channels(z, z, z, z * np.nan, z), np.arange(100))
    >>> bool(p[0] < 0.01), bool(np.median(p) > 0.2)
    (True, True)
    """
    from scipy import stats

    sign = np.sign(np.nan_to_num(channels.activity))
    found = [np.abs(channels.activity), sign * channels.expression, sign * channels.reach,
             sign * channels.screen]  # fmt: skip
    ranks = np.array(
        [stats.rankdata(-v, nan_policy="omit") / max(np.isfinite(v).sum(), 1) for v in found]
    )
    place = np.argsort(np.argsort(degree, kind="stable"), kind="stable")
    fifth = place * 5 // max(len(degree), 1)
    rng = np.random.default_rng(seed)
    has = np.isfinite(ranks)
    seen = np.where(has, ranks, 0).sum(axis=0) / np.maximum(has.sum(axis=0), 1)
    beyond = np.zeros(len(degree))
    groups = [np.flatnonzero(fifth == k) for k in range(5)]
    for _ in range(draws):
        total = np.zeros(len(degree))
        for channel, known in zip(ranks, has, strict=True):
            for group in groups:
                rows = group[known[group]]
                total[rows] += channel[rng.permutation(rows)]
        beyond += total / np.maximum(has.sum(axis=0), 1) <= seen + 1e-12
    return np.asarray((1 + beyond) / (1 + draws))
