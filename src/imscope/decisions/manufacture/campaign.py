"""From lots to a campaign: how many are needed, by when, and what a dose costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.decisions.manufacture.plan_file import Plan

if TYPE_CHECKING:
    from imscope.decisions.manufacture.lots import Lots

CAMPAIGNS = 2_000
"""Campaigns drawn from the lots."""
MOST_DRAWN = 4_000_000
"""Lots drawn for them in all; larger campaigns are taken as normal."""
WEEK = 7.0
MANY = 10_000_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Campaign:
    """What a demand asks for.

    Attributes
    ----------
    lots_needed
        Fewest lots that meet the demand with the wanted probability; nothing without a demand, or
        when no number of lots does.
    p_target
        Probability of meeting the demand with the lots the facility can make in the horizon, or,
        without one, with ``lots_needed``.
    p_target_error
        Standard error of it.
    lots
        Number of lots ``p_target`` speaks of.
    sources_needed, approached
        Donors or vials, and donors approached, for ``lots_needed``.
    cost_per_dose
        5, 50 and 95 % points over campaigns: sum of costs over sum of released doses.
    cost_per_dose_mean
        The same ratio over all lots.
    weeks_first
        5, 50 and 95 % points of the weeks from start to the release of a lot.
    weeks_all
        Weeks until the last of ``lots_needed`` is released; nothing without a demand.
    lots_per_year
        Of the facility.
    """

    lots_needed: int | None
    p_target: float | None
    p_target_error: float | None
    lots: int | None
    sources_needed: int | None
    approached: float | None
    cost_per_dose: tuple[float, float, float]
    cost_per_dose_mean: float
    weeks_first: tuple[float, float, float]
    weeks_all: float | None
    lots_per_year: float


def plan_campaign(plan: Plan, lots: "Lots", *, seed: int = 0) -> Campaign:
    """Lots needed, chance, weeks and cost per dose of a plan.

    Parameters
    ----------
    plan
        The plan.
    lots
        Its lots.
    seed
        Of the draws of campaigns.
    """
    process, demand, facility = (plan.sections[k] for k in ("process", "demand", "facility"))
    per = process["source"]["lots_per_source"]
    hold = process["qc"]["hold_d"].median
    turn = float(np.mean(lots.days)) + facility["changeover_d"].median
    per_week = facility["suites"] * WEEK / max(turn, 1e-9)
    totals = _by_source(lots, per)
    doses, wanted = demand["doses"], demand["probability"].median
    needed = capacity = p = error = None
    if doses is not None:
        needed = _lots_needed(totals, doses, wanted, per, seed)
        capacity = _capacity(demand, per_week, lots, hold) if demand["horizon_weeks"] else needed
        if capacity is not None:
            p, error = _chance(totals, doses, capacity, per, seed)
    sources = None if needed is None else -(-needed // per)
    eligible = process["source"]["donor_eligible_frac"].mean
    many = needed if needed is not None else 10
    weeks = np.quantile((lots.days + hold) / WEEK, [0.05, 0.5, 0.95])
    return Campaign(
        lots_needed=needed,
        p_target=p,
        p_target_error=error,
        lots=capacity,
        sources_needed=sources,
        approached=None if sources is None else sources / max(eligible, 1e-9),
        cost_per_dose=_cost_per_dose(lots, min(many, 2_000), seed),
        cost_per_dose_mean=_ratio(lots.cost.sum(), lots.doses.sum()),
        weeks_first=(float(weeks[0]), float(weeks[1]), float(weeks[2])),
        weeks_all=None if needed is None else _weeks_all(needed, per_week, lots, hold),
        lots_per_year=float(per_week * 365.25 / WEEK),
    )


def _by_source(lots: "Lots", per: int) -> Floats:
    """Doses by source and lot; a last source without all of its lots is dropped."""
    whole = len(lots) // per * per
    return lots.doses[:whole].reshape(-1, per)


def _capacity(demand: Mapping[str, Any], per_week: float, lots: "Lots", hold: float) -> int:
    """Lots that are released within the horizon: started early enough, one after another."""
    left = demand["horizon_weeks"].median - (float(np.mean(lots.days)) + hold) / WEEK
    return max(0, int(np.floor(left * per_week + 1e-9)) + 1) if left >= 0 else 0


def _weeks_all(needed: int, per_week: float, lots: "Lots", hold: float) -> float:
    return float((needed - 1) / max(per_week, 1e-12) + (np.mean(lots.days) + hold) / WEEK)


def _chance(totals: Floats, doses: int, lots: int, per: int, seed: int) -> tuple[float, float]:
    """Probability that so many lots give the doses, with its standard error."""
    if lots <= 0:
        return 0.0, 0.0
    sources, rest = divmod(lots, per)
    mean, var = totals.mean(axis=0), float(totals.sum(axis=1).var())
    if lots * CAMPAIGNS > MOST_DRAWN:
        from scipy.special import ndtr

        middle = sources * float(totals.sum(axis=1).mean()) + float(mean[:rest].sum())
        sd = np.sqrt(max(sources * var + float(totals[:, :rest].sum(axis=1).var()), 1e-12))
        return float(ndtr((middle - doses + 0.5) / sd)), 0.0
    rng = spawn(seed, "campaigns", lots)
    sums = np.zeros(CAMPAIGNS)
    whole = totals.sum(axis=1)
    for _ in range(sources):
        sums += whole[rng.integers(0, len(whole), CAMPAIGNS)]
    if rest:
        sums += totals[rng.integers(0, len(totals), CAMPAIGNS), :rest].sum(axis=1)
    p = float((sums >= doses).mean())
    return p, float(np.sqrt(max(p * (1 - p), 1 / CAMPAIGNS) / CAMPAIGNS))


def _lots_needed(totals: Floats, doses: int, wanted: float, per: int, seed: int) -> int | None:
    """Fewest lots that reach the doses with the wanted probability."""
    mean = float(totals.mean())
    if mean <= 0:
        return None
    high = max(1, int(np.ceil(doses / mean)))
    while _chance(totals, doses, high, per, seed)[0] < wanted:
        high *= 2
        if high > MANY:
            return None
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if _chance(totals, doses, middle, per, seed)[0] >= wanted:
            high = middle
        else:
            low = middle
    return high


def _cost_per_dose(lots: "Lots", many: int, seed: int) -> tuple[float, float, float]:
    """Points of the cost per dose over campaigns: a ratio of sums, never a mean of ratios."""
    rng = spawn(seed, "cost per dose")
    ratios = np.empty(CAMPAIGNS)
    for k in range(CAMPAIGNS):
        pick = rng.integers(0, len(lots), many)
        ratios[k] = _ratio(lots.cost[pick].sum(), lots.doses[pick].sum())
    low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95], method="nearest")
    return float(low), float(middle), float(high)


def _ratio(cost: float, doses: float) -> float:
    return float(cost / doses) if doses > 0 else float("inf")
