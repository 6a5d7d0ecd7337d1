"""Manufacture: closed forms, published processes, and what a million lots cost."""

import time
from typing import Any

import numpy as np
import yaml
from scipy.optimize import brentq

from imscope.decisions.manufacture import (
    plan_campaign,
    plan_dose,
    read_plan,
    read_template,
    simulate_lots,
    template_text,
)
from validation.common import Row, Study, met, number, percent


def _template(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(template_text(name))
    return content


def _fixed(passages: int, fold: float, start: float, dose: float) -> dict[str, Any]:
    """No loss, no noise: so many passages of one fold."""
    passage = {"seed_per_cm2": 1000, "limit_per_cm2": 1e9, "harvest_per_cm2": 1000 * fold,
               "t_max_d": 90}  # fmt: skip
    return {
        "process": {
            "name": "closed form",
            "source": {"kind": "marrow", "volume_ml": 1, "msc_per_ml": start},
            "passages": [dict(passage) for _ in range(passages)],
            "growth": {"doubling_d": 2.0},
            "cryo": {"vial_cells": 1},
            "cost": {"reagents_per_lot": 1000},
        },
        "demand": {"dose_cells": dose},
    }


def _closed() -> list[Row]:
    lots = simulate_lots(read_plan(_fixed(1, 50, 2e6, 1e8)), 1)
    rows = [
        Row("V1: 2e6 to 1e8 cells", "doublings", "5.644 +- .001", number(lots.doublings[0], 3),
            met(abs(lots.doublings[0] - 5.644) <= 1e-3)),
    ]  # fmt: skip
    want = [(5e7, 1e8), (7e7, 1.4e8), (1e8, 2e8), (1e8, 2e8)]
    got = [
        (plan_dose(per_kg=1e6, weight=w, cap=1e8).dose_cells,
         plan_dose(per_kg=2e6, weight=w, cap=2e8).dose_cells)
        for w in (50, 70, 100, 120)
    ]  # fmt: skip
    rows.append(
        Row("V2: per kg with caps, 50 to 120 kg", "doses", "exact",
            "exact" if got == want else str(got), met(got == want))
    )  # fmt: skip
    lots = simulate_lots(read_plan(_fixed(3, 8, 1e6, 1e8)), 2)
    campaign = plan_campaign(read_plan(_fixed(3, 8, 1e6, 1e8)), lots)
    good = lots.doses[0] == np.floor(1e6 * 2**9 / 1e8) and abs(
        campaign.cost_per_dose_mean - 1000 / lots.doses[0]
    ) < 1e-9 * 1000  # fmt: skip
    rows.append(Row("V8: no loss, no noise", "doses and cost per dose", "closed form",
                    f"{lots.doses[0]:.0f} doses, {campaign.cost_per_dose_mean:.4f}", met(good)))  # fmt: skip
    bank = read_template("imsc-wcb")
    doses = 200 * 200 * simulate_lots(bank, 20_000).doses.mean()
    rows.append(Row("V10: one clone, 200 x 200 vials", "doses", "more than 1e6", f"{doses:.2e}",
                    met(doses > 1e6)))  # fmt: skip
    return rows


def _doubling(n: int) -> list[Row]:
    """V3: 5.4e5 to 2.5e8 cells in 21 d (doi:10.1111/j.1582-4934.2010.01157.x)."""

    def days(td: float) -> float:
        plan = _fixed(3, 2 ** (np.log2(2.5e8 / 5.4e5) / 3), 5.4e5, 1e8)
        plan["process"]["growth"]["doubling_d"] = td
        return float(simulate_lots(read_plan(plan), 1).days[0]) - 1

    fit = brentq(lambda td: days(td) - 21, 0.5, 6)
    plan = _fixed(3, 200, 5.4e5, 1e8)
    plan["process"]["growth"] = {"doubling_d": fit, "donor_cv": 0.045}
    for passage in plan["process"]["passages"]:
        passage["t_max_d"] = 7
    cells = simulate_lots(read_plan(plan), n).steps["passage 3"]
    middle, cv = float(np.median(cells)), float(cells.std() / cells.mean())
    return [
        Row("V3: 8.85 doublings in 21 d", "doubling time (d)", "2.2 to 2.5", number(fit, 2),
            met(2.2 <= fit <= 2.5)),
        Row("V3: planned with it", "median cells", "2.5e8 within 15 %", f"{middle:.2e}",
            met(abs(middle / 2.5e8 - 1) <= 0.15)),
        Row("V3: donors differ by 4.5 % in doubling time", "SD over mean", ".28 +- .10",
            number(cv, 2), met(abs(cv - 0.28) <= 0.1),
            "the 4.5 % are what the published spread of yields asks for"),
    ]  # fmt: skip


def _released(n: int) -> list[Row]:
    """V4: 11 collections of 12 ml, 8 released (doi:10.1186/1479-5876-10-23)."""
    plan = _template("academic-marrow")
    plan["process"]["source"]["volume_ml"] = 12
    plan["demand"]["dose_cells"] = 1e6  # a bank of vials, not one dose, is the aim
    plan["process"]["cryo"]["vial_cells"] = 1e6
    lots = simulate_lots(read_plan(plan), n)
    p = float(lots.released.mean())
    low, high = np.quantile(np.random.default_rng(0).binomial(11, p, 20_000), [0.025, 0.975])
    donors = 17 * 10.5 / 18
    return [
        Row("V4: 11 collections of 12 ml", "released lots, 95 % predictive", "contains 8",
            f"{low:.0f} to {high:.0f}", met(low <= 8 <= high)),
        Row("V4: the same", "expected released lots", "6.5 to 9.5", number(11 * p, 1),
            met(6.5 <= 11 * p <= 9.5)),
        Row("V4: 17 approached", "eligible donors", "10 +- 3", number(donors, 1),
            met(abs(donors - 10) <= 3)),
    ]  # fmt: skip


def _costs(n: int) -> list[Row]:
    """V5, V6: published costs (doi:10.3390/cells10061320; BioPharm Int 25(7):36)."""
    fold = 0.28 * 3.6 + 0.49 * 1.9 + 0.11 * 5.3 + 0.12 * 1.0
    plan = read_template("academic-marrow")
    lots = simulate_lots(plan, n)
    filled = lots.doses > 0
    cells = lots.doses[filled].sum() * 7e7
    per = float(lots.cost.sum() / cells * 1e8)
    rows = [
        Row("V5: shares times fold changes", "cost ratio", "2.64 against 2.52 published, 6 %",
            number(fold, 2), met(abs(fold / 2.52 - 1) <= 0.06)),
        Row("V5: academic marrow", "EUR per 1e8 released cells", "3,500 to 8,310",
            f"{per:,.0f}", met(3_500 <= per <= 8_310)),
    ]  # fmt: skip
    one, hundred = _lot_sizes()
    ratio = one / hundred
    rows.append(Row("V6: one dose a lot against a hundred", "ratio of costs per dose", "2.0 to 3.3",
                    number(ratio, 2), met(2.0 <= ratio <= 3.3)))  # fmt: skip
    return rows


def _lot_sizes() -> tuple[float, float]:
    """Cost per dose of an autologous and an allogeneic plan that differ in the size of a lot."""
    costs = []
    for doses in (1, 100):
        plan = _fixed(3, 8, doses * 1e8 / 512 * 1.001, 1e8)
        plan["process"]["cost"] = {"media_per_l": 300, "vessel_per_cm2": 0.01,
                                   "reagents_per_lot": 300, "labour_h_per_lot": 20,
                                   "labour_per_h": 60, "qc_per_lot": 900}  # fmt: skip
        made = read_plan(plan)
        costs.append(plan_campaign(made, simulate_lots(made, 2)).cost_per_dose_mean)
    return costs[0], costs[1]


def _space() -> list[Row]:
    """V7: passages x harvest days that meet all limits, marrow against cord (doi:10.1002/bit.29001)."""
    counts = {}
    for name, td, half in (("marrow", 3.4, 16.0), ("cord", 1.7, 34.0)):
        good = 0
        for passages in range(1, 16):
            for day in range(2, 13):
                plan = _fixed(passages, 30, 1e6, 1e7)
                plan["process"]["growth"] = {"doubling_d": td, "lifespan_pd": half,
                                             "senescence_width_pd": 3.0}  # fmt: skip
                plan["process"]["release"] = {"senescent_limit_frac": 0.1}
                for p in plan["process"]["passages"]:
                    p.update({"limit_per_cm2": 40_000, "harvest_per_cm2": 32_000,
                              "seed_per_cm2": 3_000, "t_max_d": day})  # fmt: skip
                lots = simulate_lots(read_plan(plan), 1)
                good += bool(lots.released[0] and lots.doses[0] >= 10)
        counts[name] = good
    return [
        Row("V7: 165 conditions", "feasible, cord over marrow", "more than 3-fold",
            f"{counts['cord']} against {counts['marrow']}", met(counts["cord"] > 3 * counts["marrow"]),
            "rates are illustrations; the paper's own rates were not at hand"),
    ]  # fmt: skip


def _switch() -> list[Row]:
    """V9: planar is cheaper for small lots, microcarriers for large ones (doi:10.1002/bit.25008)."""
    cheaper = []
    for doses in (10, 100, 1_000, 10_000):
        costs = {}
        for vessel in ("planar", "microcarrier"):
            plan = _fixed(3, 8, doses * 1e8 / 512 * 1.001, 1e8)
            more = {"vessel": vessel}
            if vessel == "microcarrier":
                more |= {"carrier_g_per_l": 15, "carrier_cm2_per_g": 360}
            for p in plan["process"]["passages"]:
                p.update(more)
            per_lot = 20_000 if vessel == "microcarrier" else 2_000
            plan["process"]["cost"] = {"vessel_per_cm2": 0.02, "carrier_per_g": 4, "vessel_per_l": 40,
                                       "reagents_per_lot": per_lot}  # fmt: skip
            made = read_plan(plan)
            costs[vessel] = plan_campaign(made, simulate_lots(made, 1)).cost_per_dose_mean
        cheaper.append(min(costs, key=lambda v: costs[v]))
    good = cheaper[0] == "planar" and cheaper[-1] == "microcarrier" and sorted(
        cheaper, reverse=True) == cheaper  # fmt: skip
    return [Row("V9: 10, 100, 1,000, 10,000 doses a lot", "cheaper vessel", "switches once, upwards",
                ", ".join(cheaper), met(good))]  # fmt: skip


def _cost_of_lots(n: int) -> list[Row]:
    rows = []
    for name in ("academic-marrow", "cord-bank", "imsc-wcb"):
        plan = read_template(name)
        simulate_lots(plan, 1000)
        start = time.process_time()
        lots = simulate_lots(plan, n)
        spent = (time.process_time() - start) * 1e6 / n
        rows.append(Row(f"{name}: {n:,} lots", "CPU s per 1e6 lots", "at most 1.0", number(spent, 2),
                        met(spent <= 1.0), f"released {percent(float(lots.released.mean()))}"))  # fmt: skip
    return rows


def run(quick: bool) -> list[Row]:
    n = 5_000 if quick else 100_000
    return [*_closed(), *_doubling(n), *_released(n), *_costs(n), *_space(), *_switch(),
            *_cost_of_lots(50_000 if quick else 1_000_000)]  # fmt: skip


STUDY = Study(
    "manufacture",
    "Manufacture planner",
    "Closed forms, published processes, and time.",
    run,
)
