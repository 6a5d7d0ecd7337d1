"""What a lot costs: a sum of amounts times prices."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from imscope.decisions.manufacture.draws import Draws

PARTS = ("media", "vessels", "reagents", "labour", "suite", "tests", "fill", "start", "bank")
"""Parts of the cost of a lot, in the order they are stacked."""


def cost_parts(
    process: Mapping[str, Any],
    draws: "Draws",
    bill: list[dict[str, Any]],
    *,
    days: Any,
    vials: Any,
) -> dict[str, Any]:
    """Cost of each lot by part, see :data:`PARTS`.

    A lot pays its share of its source: one donor who gives several lots is screened and paid for
    once, and for one eligible donor ``1 / eligible`` are screened.
    """
    cost, source, passages = process["cost"], process["source"], len(bill)

    def price(name: str) -> Any:
        return draws(cost[name])

    def used(name: str) -> Any:
        return sum(b[name] for b in bill)

    hours = price("labour_h_per_passage") * passages + price("labour_h_per_lot")
    screened = price("screening_per_donor") / np.maximum(draws(source["donor_eligible_frac"]), 1e-9)
    return {
        "media": used("media_l") * price("media_per_l"),
        "vessels": used("vessel_cm2") * price("vessel_per_cm2")
        + used("carrier_g") * price("carrier_per_g")
        + used("reactor_l") * price("vessel_per_l"),
        "reagents": price("reagents_per_passage") * passages + price("reagents_per_lot"),
        "labour": hours * price("labour_per_h"),
        "suite": days * price("suite_per_d"),
        "tests": price("qc_per_passage") * passages + price("qc_per_lot"),
        "fill": vials * price("fill_per_vial"),
        "start": (price("start_per_source") + screened) / source["lots_per_source"],
        "bank": price("bank_total") / price("lots_per_bank"),
    }
