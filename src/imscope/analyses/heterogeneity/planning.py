"""Study planner: how many units a claim needs, from the operating characteristics of the tests."""

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from imscope.analyses.heterogeneity.between import spread_power
from imscope.analyses.heterogeneity.inference import MAX_PERMUTATIONS, labellings
from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.rng import spawn

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.heterogeneity.compute import Heterogeneity

ALPHA = 0.05
WANTED = 0.80


@dataclass(frozen=True, slots=True)
class Power:
    """What a design can see.

    Attributes
    ----------
    power_superiority
        Chance that claim A is called superior at the stated ratio.
    power_equivalence
        Chance that two alike groups are called equivalent.
    type_one_error
        Chance that two alike groups are called different, one-sided.
    smallest_detectable_ratio
        Ratio closest to one that is seen with a chance of 80 %; NaN when there is none above 0.05.
    power_between
        Chance to see that the lots of one group spread half as far (claim B).
    sentence
        In words, with what to change when equivalence is out of reach.
    """

    power_superiority: float
    power_equivalence: float
    type_one_error: float
    smallest_detectable_ratio: float
    power_between: float
    sentence: str


def compute_power(
    units: int,
    *,
    sd: float,
    ratio: float = 0.7,
    margin: tuple[float, float] = (0.80, 1.25),
    simulations: int = 4_000,
    seed: int = 0,
) -> Power:
    """Find what a comparison with so many units per group can show.

    Parameters
    ----------
    units
        Replicate units (lots, donors) in each group, at least 3.
    sd
        Standard deviation of log HI2 between units of one group.
    ratio
        HI2 of the test group over the reference, below 1.
    margin
        Equivalence margin on the ratio.
    simulations
        Simulated studies; the error of a chance is at most ``0.5 / sqrt(simulations)``.
    seed
        Of the simulated studies.

    Raises
    ------
    UsageError
        Fewer than 3 units, or a value out of range.

    Notes
    -----
    The studies are tested as :func:`compare` tests claim A alone: exact permutation while there are
    at most 20,000 relabellings, then Welch. With claims B and C beside it, Holm's adjustment costs
    some power.

    Examples
    --------
    >>> p = compute_power(4, sd=0.2, ratio=0.6)
    >>> round(p.power_superiority, 1), p.power_equivalence < 0.1, p.type_one_error < 0.06
    (0.9, True, True)
    """
    _check(units, sd, ratio)
    noise = spawn(seed, "power", units).normal(0.0, sd, (simulations, 2 * units))
    superiority = _superior(noise, units, ratio)
    equivalence = _equivalent(noise, units, margin)
    smallest = _smallest(noise, units)
    return Power(
        superiority,
        equivalence,
        _superior(noise, units, 1.0),
        smallest,
        spread_power(units, units),
        _sentence(units, sd, margin, equivalence, smallest, seed),
    )


def plan_units(
    *,
    sd: float,
    ratio: float | None = None,
    claim: str = "A",
    power: float = WANTED,
    margin: tuple[float, float] = (0.80, 1.25),
    largest: int = 60,
    seed: int = 0,
) -> int | None:
    """Find the smallest number of units per group for a claim; ``None`` beyond ``largest``.

    Parameters
    ----------
    sd
        Standard deviation of log HI2 between units.
    ratio
        Ratio to show for claim A, or of the spreads (standard deviations) for claim B; ``None``
        asks for equivalence.
    claim
        ``A`` or ``B``.
    power, margin, largest, seed
        Wanted chance; equivalence margin; units tried; seed.

    Examples
    --------
    >>> plan_units(sd=0.2, claim="B", ratio=0.5)
    15
    """
    for units in range(3, largest + 1):
        if claim == "B":
            reached = spread_power(units, units, sd_ratio=0.5 if ratio is None else ratio)
        else:
            _check(units, sd, 1.0 if ratio is None else ratio)
            noise = spawn(seed, "power", units).normal(0.0, sd, (2_000, 2 * units))
            reached = (
                _equivalent(noise, units, margin)
                if ratio is None
                else _superior(noise, units, ratio)
            )
        if reached >= power:
            return units
    return None


def _check(units: int, sd: float, ratio: float) -> None:
    for name, ok, found in (
        ("units", units >= 3, units),
        ("sd", 0 < sd <= 5, sd),
        ("ratio", 0.01 <= ratio <= 1, ratio),
    ):
        if not ok:
            raise UsageError(
                f"{name} is out of range",
                found=f"{name} = {found}",
                fix="units >= 3, 0 < sd <= 5, 0.01 <= ratio <= 1",
                code=codes.CONFIG_VALUE,
            )


def _superior(noise: NDArray[np.float64], units: int, ratio: float) -> float:
    x = noise.copy()
    x[:, :units] += np.log(ratio)
    if comb(2 * units, units) <= MAX_PERMUTATIONS:
        own = x[:, :units].sum(axis=1)
        count = np.zeros(len(x))
        choices = labellings(2 * units, units)
        for low in range(0, len(x), 500):
            part = slice(low, low + 500)
            count[part] = (x[part] @ choices.T <= own[part, None] + 1e-12).sum(axis=1)
        return float((count / len(choices) <= ALPHA).mean())
    difference, error, df = _welch(x, units)
    return float((student.cdf(difference / error, df) <= ALPHA).mean())


def _equivalent(noise: NDArray[np.float64], units: int, margin: tuple[float, float]) -> float:
    difference, error, df = _welch(noise, units)
    above = student.sf((difference - np.log(margin[0])) / error, df)
    below = student.cdf((difference - np.log(margin[1])) / error, df)
    return float((np.maximum(above, below) <= ALPHA).mean())


def _welch(
    x: NDArray[np.float64], units: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    a, b = x[:, :units], x[:, units:]
    va, vb = a.var(axis=1, ddof=1) / units, b.var(axis=1, ddof=1) / units
    df = (va + vb) ** 2 / ((va**2 + vb**2) / (units - 1))
    return a.mean(axis=1) - b.mean(axis=1), np.sqrt(va + vb), df


def _smallest(noise: NDArray[np.float64], units: int) -> float:
    low, high = 0.05, 1.0
    noise = noise[:1_000] if comb(2 * units, units) > 5_000 else noise
    if _superior(noise, units, low) < WANTED:
        return float("nan")
    while high - low > 0.005:
        middle = (low + high) / 2
        if _superior(noise, units, middle) >= WANTED:
            low = middle
        else:
            high = middle
    return round(low, 3)


def _sentence(
    units: int,
    sd: float,
    margin: tuple[float, float],
    equivalence: float,
    smallest: float,
    seed: int,
) -> str:
    seen = (
        f"{units} v {units} units see a reduction of {100 * (1 - smallest):.0f} % or more"
        if np.isfinite(smallest)
        else f"{units} v {units} units see no reduction with a chance of 80 %"
    )
    if equivalence >= WANTED:
        return f"{seen}; equivalence is within reach (chance {100 * equivalence:.0f} %)"
    needed = plan_units(sd=sd, margin=margin, seed=seed)
    then = f"{needed} per group are needed" if needed else "more than 60 per group are needed"
    return (
        f"{seen}; equivalence is out of reach (chance {100 * equivalence:.0f} % at ratio 1), {then}"
    )


def pilot_table(h: "Heterogeneity", group: str, *, unit: str | None = None) -> "pd.DataFrame":
    """Tabulate the power of the user's own design from its pilot, by units and cells.

    Parameters
    ----------
    h
        Pilot data, from :func:`compute_heterogeneity`.
    group
        Column of the groups to compare.
    unit
        Column of the replicate units.

    Returns
    -------
    table
        For several numbers of units and of cells per unit: ``units``, ``cells``, ``sd`` of log HI2
        (between units plus sampling of cells), ``power_ratio_70`` and ``power_equivalence``.

    Raises
    ------
    UsageError
        Fewer than 2 units of a group can be estimated.
    """
    import pandas as pd

    from imscope.analyses.heterogeneity.arms import make_arm, within_hi2
    from imscope.analyses.heterogeneity.groups import groups_by

    column = unit or h.replicate_column
    deviations, errors, cells = [], [], []
    freedom = 0
    for one in groups_by(h, group):
        units = make_arm(h, one, column).units
        logs = np.log(np.maximum([within_hi2(h, u) for u in units], 1e-12))
        if len(logs) >= 2:
            deviations.append(((logs - logs.mean()) ** 2).sum())
            freedom += len(logs) - 1
        for u in units:
            errors.append(_log_sampling_error(h, u.units) ** 2)
            cells.append(int(h.moments.n_cells[u.units].sum()))
    if not freedom:
        raise UsageError("a pilot needs 2 units in a group", found=f"no group with 2 {column}")
    sampling = float(np.mean(errors)) * float(np.mean(cells))  # of one cell
    between = max(float(np.sum(deviations)) / freedom - float(np.mean(errors)), 0.0)
    rows = []
    for n in (3, 4, 6, 8, 12, 16):
        for n_cells in (100, 500, 2_000):
            sd = max(float(np.sqrt(between + sampling / n_cells)), 1e-3)
            got = compute_power(n, sd=sd, ratio=0.7, simulations=1_000)
            rows.append(
                {
                    "units": n,
                    "cells": n_cells,
                    "sd": sd,
                    "power_ratio_70": got.power_superiority,
                    "power_equivalence": got.power_equivalence,
                }
            )
    return pd.DataFrame(rows)


def _log_sampling_error(h: "Heterogeneity", units: NDArray[np.int64]) -> float:
    from imscope.analyses.heterogeneity.statistics import hi2

    blocks = h.all_genes.subset(units).merge(np.unique(h.block[units], return_inverse=True)[1])
    k = len(blocks.n)
    values = hi2(blocks, 1.0 - np.eye(k))
    if k < 3 or not (values > 0).all():
        return 0.0
    logs = np.log(values)
    return float(np.sqrt((k - 1) / k * ((logs - logs.mean()) ** 2).sum()))
