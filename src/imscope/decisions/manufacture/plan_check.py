"""What must fit together in a plan beyond single values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imscope.decisions.manufacture.literals import Quantity
from imscope.decisions.manufacture.plan_file import Plan

HARVEST = 0.8
"""Harvest density as a share of the limit, unless told."""


def check_plan(plan: Plan, folder: Path) -> None:
    """Refuse plans whose parts contradict one another.

    Raises
    ------
    DataError
        With the line of the plan.
    """
    process, demand = plan.sections["process"], plan.sections["demand"]
    _check_source(plan, process["source"])
    for i, passage in enumerate(process["passages"], 1):
        _check_passage(plan, passage, f"process.passages[{i}]")
    growth = process["growth"]
    if growth["doubling_d"] is None and growth["from"] is None:
        raise plan.wrong(
            "process.growth", "needs doubling_d, or from: a fit of your own passages", ""
        )
    for key, section in (("growth", growth), ("senescence", process["senescence"])):
        name = section and section["from"]
        if name and not (folder / name).is_file():
            raise plan.wrong(f"process.{key}.from", "names a file that is not there", name)
    if process["source"]["kind"] == "ipsc_wcb" and process["differentiation"] is None:
        raise plan.wrong("process", "needs differentiation when cells come from iPSC", "")
    if process["source"]["kind"] != "ipsc_wcb":
        for key in ("expansion", "differentiation", "variant"):
            if process[key] is not None:
                kind = process["source"]["kind"]
                raise plan.wrong(f"process.{key}", f"has no place when cells come from {kind}", key)
    _check_demand(plan, demand)


def _check_source(plan: Plan, source: dict[str, Any]) -> None:
    wanted = {
        "marrow": ("volume_ml", "msc_per_ml"),
        "cord": ("tissue_g", "msc_per_g"),
        "ipsc_wcb": ("vial_cells",),
    }[source["kind"]]
    for key in wanted:
        if source[key] is None:
            raise plan.wrong(f"process.source.{key}", f"is missing for {source['kind']}", "nothing")
    others = ("volume_ml", "msc_per_ml", "tissue_g", "msc_per_g", "vial_cells")
    for key in others:
        if key not in wanted and source[key] is not None:
            raise plan.wrong(f"process.source.{key}", f"does not belong to {source['kind']}", key)


def unit_of(passage: Mapping[str, Any]) -> str:
    """``cm2`` or ``ml``: what a passage is measured in."""
    return "cm2" if passage["vessel"] in ("planar", "microcarrier") else "ml"


def _check_passage(plan: Plan, passage: dict[str, Any], path: str) -> None:
    unit = unit_of(passage)
    other = "ml" if unit == "cm2" else "cm2"
    for stem in ("seed_per_", "limit_per_"):
        if passage[stem + unit] is None:
            why = f"is missing: a {passage['vessel']} passage is measured per {unit}"
            raise plan.wrong(f"{path}.{stem}{unit}", why, "nothing")
        if passage[stem + other] is not None:
            why = f"has another unit than a {passage['vessel']} passage, which is per {unit}"
            raise plan.wrong(f"{path}.{stem}{other}", why, passage[stem + other].text)
    if passage["vessel"] == "microcarrier":
        for key in ("carrier_g_per_l", "carrier_cm2_per_g"):
            if passage[key] is None:
                raise plan.wrong(f"{path}.{key}", "is missing for microcarriers", "nothing")
    seed, limit = passage["seed_per_" + unit], passage["limit_per_" + unit]
    harvest: Quantity | None = passage["harvest_per_" + unit]
    top = HARVEST * limit.median if harvest is None else harvest.median
    if seed.median * passage["attach_frac"].median >= top:
        raise plan.wrong(
            f"{path}.seed_per_{unit}", "is not below the density at harvest, so nothing would grow",
            f"seeded {seed.text}, harvested at {top:.4g} per {unit}", "seed less, or harvest later",
        )  # fmt: skip
    if harvest is not None and harvest.median >= limit.median:
        raise plan.wrong(
            f"{path}.harvest_per_{unit}", "is not below the limit, which is never reached",
            f"harvest {harvest.text}, limit {limit.text}", "harvest at .8 of the limit or so",
        )  # fmt: skip


def _check_demand(plan: Plan, demand: dict[str, Any]) -> None:
    fixed, per_kg = demand["dose_cells"] is not None, demand["cells_per_kg"] is not None
    if fixed == per_kg:
        why = "needs a dose: dose_cells, or cells_per_kg with weight_kg (and cap_cells)"
        raise plan.wrong("demand", why, "both" if fixed else "neither")
    if per_kg and demand["weight_kg"] is None:
        raise plan.wrong("demand.weight_kg", "is missing: the dose is per kg", "nothing")
