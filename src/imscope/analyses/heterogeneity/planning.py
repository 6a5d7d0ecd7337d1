"""Study planner: how many units a claim needs, by the very tests and rules of the comparison."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.between import spread_power
from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.analyses.heterogeneity.verdicts import smallest_p
from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.rng import spawn
from imscope.stats.contrast import least_p, one_sided

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.heterogeneity.compute import Heterogeneity

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
    smallest_p
        Smallest adjusted probability the design can give; above 0.05 nothing can be shown.
    sentence
        In words, with what to change when equivalence is out of reach.
    """

    power_superiority: float
    power_equivalence: float
    type_one_error: float
    smallest_detectable_ratio: float
    power_between: float
    smallest_p: float
    sentence: str


def compute_power(
    units: int,
    *,
    sd: float,
    ratio: float = 0.7,
    reference_units: int | None = None,
    settings: HeterogeneitySettings | None = None,
    simulations: int = 4_000,
    seed: int = 0,
) -> Power:
    """Find what a comparison with so many units per group can show.

    Parameters
    ----------
    units
        Replicate units (lots, donors) in the test group, at least 3.
    sd
        Standard deviation of log HI2 between units of one group.
    ratio
        HI2 of the test group over the reference, below 1.
    reference_units
        Units of the reference group; as many as of the test group by default.
    settings
        Margin, level, order and adjustment of the claims; the documented procedure by default.
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
    Simulated studies get the verdict that :func:`compare` gives: the same tests, and with Holm's
    method the same adjustment, claim B beside A being one that is not shown.

    Examples
    --------
    >>> p = compute_power(4, sd=0.2, ratio=0.6)
    >>> round(p.power_superiority, 1), p.power_equivalence < 0.1, p.type_one_error < 0.06
    (0.9, True, True)
    """
    chosen = settings or HeterogeneitySettings()
    other = reference_units or units
    _check(units, sd, ratio)
    _check(other, sd, ratio)
    study = _Study(units, other, chosen)
    noise = spawn(seed, "power", units).normal(0.0, sd, (simulations, units + other))
    smallest = _smallest(study, noise)
    equivalence = study.equivalent(noise)
    least = smallest_p(units, other, settings=chosen)
    return Power(
        study.superior(noise, ratio),
        equivalence,
        study.superior(noise, 1.0),
        smallest,
        spread_power(units, other),
        least,
        _sentence(study, sd, equivalence, smallest, least, seed),
    )


@dataclass(frozen=True, slots=True)
class _Study:
    """Verdicts of many studies of claim A at once."""

    units: int
    other: int
    settings: HeterogeneitySettings

    def superior(self, noise: NDArray[np.float64], ratio: float) -> float:
        """Share of studies called superior at a true ratio."""
        x = noise.copy()
        x[:, : self.units] += np.log(ratio)
        p = one_sided(x, self.units)[0]
        if self.settings.adjustment == "holm":
            # claim B is true to its null: the smaller of its two sides is uniform up to a half,
            # and like that of A never below what so many units can give
            beside = spawn(0, "beside", len(p)).uniform(0.0, 0.5, len(p))
            beside = np.maximum(beside, least_p(self.units, self.other))
            p = np.where(p <= beside, 2 * p, np.maximum(2 * beside, p))
        return float((p <= self.settings.alpha).mean())

    def equivalent(self, noise: NDArray[np.float64]) -> float:
        """Share of studies called equivalent at a ratio of 1."""
        p = np.zeros(len(noise))
        for side, end in ((1, self.settings.margin_low), (0, self.settings.margin_high)):
            x = noise.copy()
            x[:, : self.units] -= np.log(end)
            p = np.maximum(p, one_sided(x, self.units)[side])
        factor = 2.0 if self.settings.adjustment == "holm" else 1.0
        return float((factor * p <= self.settings.alpha).mean())


power = compute_power
"""The verb of the command: :func:`compute_power`."""


def plan_units(
    *,
    sd: float = 0.2,
    ratio: float | None = None,
    claim: str = "A",
    power: float = WANTED,
    settings: HeterogeneitySettings | None = None,
    largest: int = 60,
    seed: int = 0,
) -> int | None:
    """Find the smallest number of units per group that reaches a power, or ``None``.

    Parameters
    ----------
    sd
        Standard deviation of log HI2 between units.
    ratio
        Ratio to show for claim A, or of the spreads (standard deviations) for claim B; ``None``
        asks for equivalence.
    claim
        ``A`` or ``B``.
    power, settings, largest, seed
        Wanted chance; as for :func:`compute_power`; units tried; seed.

    Examples
    --------
    >>> plan_units(sd=0.2, claim="B", ratio=0.5)
    15
    """
    chosen = settings or HeterogeneitySettings()
    for units in range(3, largest + 1):
        if claim == "B":
            reached = spread_power(units, units, sd_ratio=0.5 if ratio is None else ratio)
        else:
            _check(units, sd, 1.0 if ratio is None else ratio)
            study = _Study(units, units, chosen)
            noise = spawn(seed, "power", units).normal(0.0, sd, (2_000, 2 * units))
            reached = study.equivalent(noise) if ratio is None else study.superior(noise, ratio)
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


def _smallest(study: _Study, noise: NDArray[np.float64]) -> float:
    """Ratio closest to one that is seen with a chance of 80 %."""
    low, high = 0.05, 1.0
    noise = noise[:1_000] if study.units + study.other > 14 else noise
    if study.superior(noise, low) < WANTED:
        return float("nan")
    while high - low > 0.005:
        middle = (low + high) / 2
        if study.superior(noise, middle) >= WANTED:
            low = middle
        else:
            high = middle
    return round(low, 3)


def _sentence(
    study: _Study, sd: float, equivalence: float, smallest: float, least: float, seed: int
) -> str:
    design = f"{study.units} v {study.other} units"
    if least > study.settings.alpha:
        return (
            f"{design} can show nothing: no probability below {least:.2f} can occur; only the "
            "interval can be given"
        )
    seen = (
        f"{design} see a reduction of {100 * (1 - smallest):.0f} % or more"
        if np.isfinite(smallest)
        else f"{design} see no reduction with a chance of 80 %"
    )
    if equivalence >= WANTED:
        return f"{seen}; equivalence is within reach (chance {100 * equivalence:.0f} %)"
    needed = plan_units(sd=sd, settings=study.settings, seed=seed)
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
