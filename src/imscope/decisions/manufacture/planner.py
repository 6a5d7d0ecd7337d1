"""A whole plan: lots, campaign, levers, and what must be known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imscope.core.result import Notice
from imscope.decisions.manufacture import codes
from imscope.decisions.manufacture.campaign import Campaign, plan_campaign
from imscope.decisions.manufacture.levers import SOBOL_POWER, Lever, find_levers
from imscope.decisions.manufacture.lots import Lots, simulate_lots
from imscope.decisions.manufacture.plan_file import Plan, read_plan

if TYPE_CHECKING:
    import pandas as pd

POINTS = ("p5", "p50", "p95")
LOTS = 100_000
"""Lots simulated unless told."""


@dataclass(frozen=True)
class PlanResult:
    """Everything a plan says.

    Attributes
    ----------
    plan, lots, campaign, levers
        The plan that was read, its simulated lots, the campaign, and levers by total effect.
    notices
        What must be known to read the figures.
    seed
        Of all draws.
    """

    plan: Plan
    lots: Lots
    campaign: Campaign
    levers: tuple[Lever, ...]
    notices: tuple[Notice, ...]
    seed: int

    def content(self) -> dict[str, Any]:
        """The JSON document of the plan."""
        lots, campaign = self.lots, self.campaign
        doses = lots.doses
        n = len(lots)
        p_release = float(lots.released.mean())
        return {
            "process": self.plan.name,
            "n_lots": n,
            "doses_per_lot": {**_points(doses), "mean": float(doses.mean())},
            "p_release": p_release,
            "p_one_dose": float((doses >= 1).mean()),
            "p_target": campaign.p_target,
            "lots_needed": campaign.lots_needed,
            "sources_needed": campaign.sources_needed,
            "donors_approached": campaign.approached,
            "cost_per_dose": {
                **dict(zip(POINTS, map(_finite, campaign.cost_per_dose), strict=True)),
                "mean": _finite(campaign.cost_per_dose_mean),
                "currency": self.plan.sections["process"]["cost"]["currency"],
            },
            "cost_per_lot": _points(lots.cost),
            "weeks": {
                **dict(zip(POINTS, campaign.weeks_first, strict=True)),
                "all_lots": campaign.weeks_all,
                "lots_per_year": campaign.lots_per_year,
            },
            "pdl_at_dose": _points(lots.doublings),
            "senescent_frac": _points(lots.senescent),
            "composition": {k: dict(zip(("mean", "p5", "p95"), v, strict=True))
                            for k, v in lots.composition.items()},
            "failed": dict(lots.failed),
            "levers": [asdict(lever) for lever in self.levers],
            "bank": bank_supply(self.plan, campaign.lots_per_year, float(doses.mean())),
            "mc_error": {
                "p_target": campaign.p_target_error,
                "p_release": float(np.sqrt(p_release * (1 - p_release) / n)),
                "mean_doses": float(doses.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
            },
            "seed": self.seed,
            "warnings": [f"{x.code}: {x.message}" for x in self.notices],
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """The answer in words: sides, quantity, caveat."""
        from imscope.decisions.manufacture.show import plan_sentences

        return plan_sentences(self)

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Every table of the plan by name, see :mod:`imscope.decisions.manufacture.tables`."""
        from imscope.decisions.manufacture.show import plan_tables

        return plan_tables(self)


def run_plan(
    source: Path | str | Mapping[str, Any] | Plan,
    *,
    n_lots: int = LOTS,
    power: int = SOBOL_POWER,
    seed: int = 0,
) -> PlanResult:
    """Plan a process from start material to doses, with uncertainty, cost and weeks.

    Parameters
    ----------
    source
        A plan, or anything :func:`read_plan` reads.
    n_lots
        Lots simulated.
    power
        The Sobol sequence of the levers has ``2**power`` points.
    seed
        Same seed, same digits.

    Returns
    -------
    result
        Lots, campaign, levers and notices.

    Raises
    ------
    DataError
        The plan is wrong; the message has its line.

    Examples
    --------
    >>> from imscope.decisions.manufacture import read_template
    >>> result = run_plan(read_template("cord-bank"), n_lots=2000, power=5)
    >>> result.content()["doses_per_lot"]["p50"] > 0
    True
    """
    plan = source if isinstance(source, Plan) else read_plan(source)
    lots = simulate_lots(plan, n_lots, seed=seed)
    campaign = plan_campaign(plan, lots, seed=seed)
    levers = tuple(find_levers(plan, power=power, seed=seed))
    return PlanResult(plan, lots, campaign, levers, tuple(_notices(plan, lots, campaign)), seed)


def compare_plans(
    sources: Sequence[Path | str | Mapping[str, Any] | Plan],
    *,
    n_lots: int = LOTS,
    power: int = SOBOL_POWER,
    seed: int = 0,
) -> "tuple[list[PlanResult], pd.DataFrame]":
    """Plan several processes and put them side by side.

    Parameters
    ----------
    sources
        Plans, or anything :func:`read_plan` reads.
    n_lots, power, seed
        As in :func:`run_plan`.

    Returns
    -------
    results, table
        One result per plan, and ``manufacture_compare`` with one row each.
    """
    from imscope.decisions.manufacture.tables import MANUFACTURE_COMPARE

    results = [run_plan(s, n_lots=n_lots, power=power, seed=seed) for s in sources]
    rows = []
    for r in results:
        c = r.content()
        rows.append(
            {
                "process": c["process"],
                **{f"doses_{k}": c["doses_per_lot"][k] for k in ("p5", "p50", "p95", "mean")},
                "p_release": c["p_release"],
                "p_target": c["p_target"] if c["p_target"] is not None else np.nan,
                "lots_needed": c["lots_needed"] or 0,
                "sources_needed": c["sources_needed"] or 0,
                **{f"cost_{k}": _number(c["cost_per_dose"][k]) for k in ("p5", "p50", "p95")},
                "currency": c["cost_per_dose"]["currency"],
                "weeks": c["weeks"]["p50"],
                "pdl_at_dose": c["pdl_at_dose"]["p50"],
                "senescent_frac": c["senescent_frac"]["p50"],
                "levers": ", ".join(x["parameter"] for x in c["levers"][:5]),
            }
        )
    return results, MANUFACTURE_COMPARE.frame(rows)


def bank_supply(plan: Plan, lots_per_year: float, mean_doses: float) -> dict[str, float] | None:
    """Lots, doses and years that the banks of a plan give; nothing without a bank."""
    source = plan.sections["process"]["source"]
    if source["mcb_vials"] is None or source["wcb_vials_per_mcb_vial"] is None:
        return None
    mcb = max(source["mcb_vials"] - source["draws_per_bank"], 0)
    wcb = max(source["wcb_vials_per_mcb_vial"] - source["draws_per_bank"], 0)
    lots = float(mcb * wcb * source["lots_per_source"])
    return {
        "lots": lots,
        "doses": lots * mean_doses,
        "years": lots / lots_per_year if lots_per_year > 0 else float("nan"),
    }


def _notices(plan: Plan, lots: Lots, campaign: Campaign) -> list[Notice]:
    told = []
    memory = [q.path for q in plan.every() if q.status == "M" and np.isfinite(q.median)]
    if memory:
        more = " and others" if len(memory) > 4 else ""
        names = ", ".join(memory[:4])
        many = "1 number has" if len(memory) == 1 else f"{len(memory)} numbers have"
        told.append(f"{many} no source yet and must be checked before use: {names}{more}")
    if lots.seeded_above > 0:
        told.append(f"{100 * lots.seeded_above:.2g} % of passages were seeded above their harvest "
                    "density and did not grow")  # fmt: skip
    if not lots.doses.any():
        told.append("no lot gave a released dose: cost per dose and lots needed do not exist")
    elif plan.sections["demand"]["doses"] is not None and campaign.lots_needed is None:
        told.append("no number of lots meets the demand with the wanted probability")
    if not any(q.median for q in plan.every() if q.path.startswith("process.cost.")
               and not q.path.endswith("lots_per_bank")):  # fmt: skip
        told.append("the plan holds no price: costs are 0 and mean nothing")
    return [Notice(codes.W_PLAN, words, plan.name) for words in told]


def _points(values: Any) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"p5": float(low), "p50": float(middle), "p95": float(high)}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
