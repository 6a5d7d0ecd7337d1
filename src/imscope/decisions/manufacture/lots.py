"""Lots from start material to doses: the equations of a plan, over many lots at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from imscope.core.rng import spawn
from imscope.decisions.manufacture.bridge import Bridge, read_bridge
from imscope.decisions.manufacture.cost import cost_parts
from imscope.decisions.manufacture.dose import mean_dose
from imscope.decisions.manufacture.draws import Draws
from imscope.decisions.manufacture.literals import Quantity
from imscope.decisions.manufacture.passage import Culture, grow_passage
from imscope.decisions.manufacture.plan_file import Plan
from imscope.decisions.manufacture.variants import variant_share

Floats = NDArray[np.float64]
CHUNK = 1 << 16
"""Lots made in one piece; pieces have generators of their own, so digits do not depend on cores."""
KEPT = 20_000
"""Lots whose cells at every step are kept for the picture."""
LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Lots:
    """Simulated lots, one value each.

    Attributes
    ----------
    doses
        Released doses; 0 for a lot that is not released.
    made
        Doses filled, released or not.
    released
        Whether the lot passes everything.
    chance
        Its chance of release before the draw.
    cost
        Of the lot, in the plan's currency.
    days
        From start to the end of downstream processing.
    doublings, senescent
        At the dose.
    source
        Number of the donor or vial it comes from.
    failed
        Share of all lots that each criterion alone would stop.
    steps
        Cells after each step of the first lots, ``(n_kept,)`` each, in order.
    composition
        Mean share of each subset in the dose and its 5 and 95 % points, with fitted rates.
    parts
        Mean cost of a lot by part.
    timeline
        Steps and their median days, in order.
    seeded_above
        Share of passages of lots that were seeded above their harvest density and did not grow.
    """

    doses: Floats
    made: Floats
    released: NDArray[np.bool_]
    chance: Floats
    cost: Floats
    days: Floats
    doublings: Floats
    senescent: Floats
    source: NDArray[np.int64]
    failed: Mapping[str, float]
    steps: Mapping[str, Floats]
    composition: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    timeline: tuple[tuple[str, float], ...] = ()
    seeded_above: float = 0.0

    def __len__(self) -> int:
        return len(self.doses)


def simulate_lots(plan: Plan, n: int = 100_000, *, seed: int = 0) -> Lots:
    """Make many lots of a plan.

    Parameters
    ----------
    plan
        From :func:`read_plan`.
    n
        Lots.
    seed
        Same seed, same digits, whatever the machine.

    Returns
    -------
    lots
        Values of every lot.

    Examples
    --------
    >>> from imscope.decisions.manufacture import read_template
    >>> lots = simulate_lots(read_template("academic-marrow"), 1000, seed=1)
    >>> len(lots), bool((lots.doses <= lots.made).all())
    (1000, True)
    """
    bridge = read_bridge(plan)
    per = plan.sections["process"]["source"]["lots_per_source"]
    parts = [
        _piece(plan, bridge, low, min(CHUNK, n - low), per, seed) for low in range(0, n, CHUNK)
    ]
    return _join(parts, n)


def _piece(
    plan: Plan, bridge: Bridge | None, low: int, n: int, per: int, seed: int
) -> tuple[Lots, int]:
    rng = spawn(seed, "lots", low // CHUNK)
    source = (low + np.arange(n, dtype=np.int64)) // per
    own = source - source[0]
    n_sources = int(own[-1]) + 1

    def share(q: Quantity) -> Floats:
        if q.path.startswith("process.source.") and per > 1:
            return np.asarray(rng.random(n_sources)[own])
        return rng.random(n)

    def normal(name: str) -> Floats:
        if name == "donor" and per > 1:
            return np.asarray(rng.standard_normal(n_sources)[own])
        return rng.standard_normal(n)

    draws = Draws(share, normal, n, rng)
    index = rng.integers(0, bridge.n_draws, n) if bridge is not None else None
    made = make_lots(plan, draws, bridge=bridge, index=index)
    passed = rng.random(n) < made.chance
    released = passed & (made.made >= 1)
    lots = Lots(
        **{**made.__dict__, "doses": np.where(released, made.made, 0.0), "released": released,
           "source": source}
    )  # fmt: skip
    return lots, n


def make_lots(
    plan: Plan,
    draws: Draws,
    *,
    bridge: Bridge | None = None,
    index: NDArray[np.int64] | None = None,
) -> Lots:
    """Run the equations once; ``doses`` are those expected, ``chance`` times the doses made.

    Parameters
    ----------
    plan
        The plan.
    draws
        Values of its quantities.
    bridge, index
        Fitted rates, and which of their draws each lot has.
    """
    process = plan.sections["process"]
    source, growth = process["source"], process["growth"]
    steps: dict[str, Any] = {}
    cells, doublings, days, expanded = _start(process, draws, steps)
    td: Any = None
    if growth["doubling_d"] is not None:
        spread = [np.sqrt(np.log1p(draws(growth[k]) ** 2)) for k in ("donor_cv", "lot_cv")]
        td = draws(growth["doubling_d"])
        for name, sd in zip(("donor", "lot"), spread, strict=True):
            if np.any(sd > 0):
                td = td * np.exp(sd * draws.normal(name))
    culture = Culture(cells, doublings, days, td, bridge, index, draws.n)
    culture.start_composition()
    bill = []
    for i, passage in enumerate(process["passages"], 1):
        used = grow_passage(culture, passage, growth, draws, number=i)
        bill.append(used)
        name = passage["name"] or f"passage {i}"
        steps[name if name not in steps else f"{name} ({i})"] = culture.cells
    return _finish(plan, draws, culture, (steps, bill, expanded), source)


def _start(
    process: Mapping[str, Any], draws: Draws, steps: dict[str, Any]
) -> tuple[Any, Any, Any, Any]:
    """Cells, doublings, days, and divisions and number of iPSC, before the first MSC passage."""
    source = process["source"]
    doublings: Any = draws(source["pd_start"])
    days: Any = 0.0
    cells: Any
    divisions: Any = 0.0
    ipsc: Any = 0.0
    if source["kind"] == "marrow":
        cells = draws(source["volume_ml"]) * draws(source["msc_per_ml"])
    elif source["kind"] == "cord":
        cells = draws(source["tissue_g"]) * draws(source["msc_per_g"])
    else:
        cells = draws(source["vial_cells"]) * draws(source["vial_thaw_frac"])
    steps["start"] = cells
    cells = cells * draws(source["attach_frac"])
    for i, step in enumerate(process["expansion"] or (), 1):
        before = cells
        cells = np.minimum(cells * draws(step["fold"]), draws(step["max_cells"]))
        divisions = divisions + np.maximum(cells - before, 0.0)
        days = days + draws(step["days"])
        ipsc = cells
        steps[f"{step['name']} {i}"] = cells
    change = process["differentiation"]
    if change is not None:
        cells = np.minimum(cells, draws(change["max_ipsc"])) * draws(change["yield_cells_per_ipsc"])
        days = days + draws(change["days"])
        steps["differentiation"] = cells
    return cells, doublings, days, (divisions, ipsc)


def _finish(
    plan: Plan,
    draws: Draws,
    culture: Culture,
    made: tuple[dict[str, Any], list[dict[str, Any]], Any],
    source: Mapping[str, Any],
) -> Lots:
    """From harvested cells to vials, doses, chance of release and cost."""
    steps, bill, expanded = made
    process, demand = plan.sections["process"], plan.sections["demand"]
    dsp, cryo, qc = process["dsp"], process["cryo"], process["qc"]
    cells = np.maximum(culture.cells * draws(dsp["recovery_frac"]) - draws(qc["cells"]), 0.0)
    steps["downstream"] = cells
    size = draws(cryo["vial_cells"])
    filled = np.floor(cells * draws(cryo["fill_frac"]) / size + LEAST_SHARE)
    vials = np.maximum(filled - qc["retain_vials"] - qc["stability_vials"], 0.0)
    alive = draws(cryo["thaw_recovery_frac"]) * draws(cryo["viability_frac"])
    doses = np.floor(vials * size * alive / mean_dose(demand) + LEAST_SHARE)
    steps["living cells in vials"] = vials * size * alive
    senescent = culture.senescence(process)
    variants = variant_share(process["variant"], draws, expanded, culture)
    chance, failed = _release(process, draws, culture, senescent, variants, doses)
    days = culture.days + draws(dsp["days"])
    parts = cost_parts(process, draws, bill, days=days, vials=filled)
    cost: Any = sum(parts.values())
    full = np.ones(draws.n)
    return Lots(
        doses=chance * doses * full,
        made=doses * full,
        released=np.ones(draws.n, dtype=bool),
        chance=chance * full,
        cost=cost * full,
        days=days * full,
        doublings=culture.doublings * full,
        senescent=senescent * full,
        source=np.arange(draws.n, dtype=np.int64) // int(source["lots_per_source"]),
        failed=failed,
        steps={k: (v * full)[:KEPT] for k, v in steps.items()},
        composition=culture.shares(),
        parts={name: float(np.mean(value)) for name, value in parts.items()},
        timeline=_timeline(process, culture),
        seeded_above=culture.above / max(len(bill), 1),
    )


def _timeline(process: Mapping[str, Any], culture: Culture) -> tuple[tuple[str, float], ...]:
    """Every step with its median days, in order."""
    first = [(f"{s['name']} {i}", s["days"].median)
             for i, s in enumerate(process["expansion"] or (), 1)]  # fmt: skip
    if process["differentiation"] is not None:
        first.append(("differentiation", process["differentiation"]["days"].median))
    last = [
        ("downstream", process["dsp"]["days"].median),
        ("tests", process["qc"]["hold_d"].median),
    ]
    return (*first, *culture.timeline, *last)


def _release(
    process: Mapping[str, Any],
    draws: Draws,
    culture: Culture,
    senescent: Any,
    variants: Any,
    doses: Any,
) -> tuple[Any, dict[str, float]]:
    """Chance that a lot is released, and the share that each criterion alone would stop."""
    release, cryo = process["release"], process["cryo"]
    opens = len(process["passages"]) + release["open_operations"]
    kept = {
        "sterility": (1 - draws(release["contamination_per_open"])) ** opens,
        "in process": draws(release["in_process_pass_frac"]),
        "identity and purity": draws(release["identity_pass_frac"]),
        "potency": draws(release["potency_pass_frac"]),
        "viability": draws(cryo["viability_frac"]) >= draws(release["viability_limit_frac"]),
        "senescence": senescent <= draws(release["senescent_limit_frac"]),
        "doublings": culture.doublings <= draws(release["pd_limit"]),
        "at least one dose": doses >= 1,
    }
    if process["variant"] is not None:
        kept["growth variants"] = variants <= draws(process["variant"]["limit_frac"])
    chance: Any = np.ones(draws.n)
    for value in kept.values():
        chance = chance * value
    return chance, {name: float(1 - np.mean(value)) for name, value in kept.items()}


def _join(parts: list[tuple[Lots, int]], n: int) -> Lots:
    lots = [p for p, _ in parts]
    whole = {
        name: np.concatenate([getattr(p, name) for p in lots])
        for name in ("doses", "made", "released", "chance", "cost", "days", "doublings",
                     "senescent", "source")
    }  # fmt: skip
    failed = {k: sum(p.failed[k] * m for p, m in parts) / n for k in lots[0].failed}
    above = sum(p.seeded_above * m for p, m in parts) / n
    return Lots(
        **whole, failed=failed, steps=lots[0].steps, composition=lots[0].composition,
        parts={k: sum(p.parts[k] * m for p, m in parts) / n for k in lots[0].parts},
        timeline=lots[0].timeline, seeded_above=above,
    )  # fmt: skip


def uniform_draws(n: int, values: Mapping[str, Floats]) -> Draws:
    """Draws from given shares by path; the spreads under ``donor`` and ``lot``.

    Parameters
    ----------
    n
        Lots.
    values
        Shares between 0 and 1, shape ``(n,)``, by the path of the quantity.
    """

    def share(q: Quantity) -> Floats:
        return values[q.path]

    return Draws(share, lambda name: np.asarray(ndtri(values[name])), n)
