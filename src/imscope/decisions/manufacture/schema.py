"""What a plan may say: every key with its unit, range and meaning, declared once."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["quantity", "text", "integer", "share", "list", "section", "flag", "choice"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a plan.

    Attributes
    ----------
    kind
        ``quantity`` (a number or a distribution), ``share`` (the same between 0 and 1),
        ``integer``, ``text``, ``choice``, ``list`` of sections, or ``section``.
    meaning
        What it is; the unit ends the key's name.
    default
        Taken when the key is absent; ``...`` marks a key that must be there.
    low, high
        Range of the values, the ends allowed.
    inner
        Keys of a section, or of each entry of a list.
    choices
        Words of a ``choice``.
    """

    kind: Kind
    meaning: str
    default: object = ...
    low: float = 0.0
    high: float = float("inf")
    inner: "dict[str, Key]" = field(default_factory=dict)
    choices: tuple[str, ...] = ()


def _q(meaning: str, default: object = ..., low: float = 0.0, high: float = float("inf")) -> Key:
    return Key("quantity", meaning, default, low, high)


def _s(meaning: str, default: object = ...) -> Key:
    return Key("share", meaning, default, 0.0, 1.0)


SOURCE = {
    "kind": Key("choice", "where cells come from", choices=("marrow", "cord", "ipsc_wcb")),
    "volume_ml": _q("marrow drawn", None, 1e-9),
    "msc_per_ml": _q("MSC per ml of marrow", None, 1e-9),
    "tissue_g": _q("cord tissue", None, 1e-9),
    "msc_per_g": _q("MSC per g of cord", None, 1e-9),
    "vial_cells": _q("cells in a vial of the working cell bank", None, 1),
    "vial_thaw_frac": _s("of them alive after thawing", 1.0),
    "attach_frac": _s("of the start cells that attach", 1.0),
    "pd_start": _q("doublings before the first passage", 0.0),
    "donor_eligible_frac": _s("donors eligible of those approached", 1.0),
    "lots_per_source": Key("integer", "lots made from one donor or vial", 1, 1),
    "mcb_vials": Key("integer", "vials of the master cell bank", None, 1),
    "wcb_vials_per_mcb_vial": Key(
        "integer", "vials of a working bank from one master vial", None, 1
    ),
    "draws_per_bank": Key("integer", "vials of each bank used for QC and stability", 0, 0),
}
EXPANSION = {
    "name": Key("text", "name of the step", "expansion"),
    "vessel": Key(
        "choice",
        "how iPSC are grown",
        "aggregate",
        choices=("planar", "aggregate", "encapsulated", "hydrogel"),
    ),
    "fold": _q("cells out per cell in", ..., 1e-9),
    "days": _q("days of the step"),
    "max_cells": _q("cells the vessels hold at most", float("inf"), 1),
}
DIFFERENTIATION = {
    "yield_cells_per_ipsc": _q("MSC per iPSC put in", ..., 1e-12),
    "days": _q("days of the differentiation"),
    "max_ipsc": _q("iPSC the vessels take at most", float("inf"), 1),
}
VARIANT = {
    "mutations_per_division": _q("growth variants that arise per cell division", ...),
    "advantage_per_d": _q("extra growth rate of a variant", ..., -10.0),
    "limit_frac": _s("share of variants a lot may hold", ...),
}
PASSAGE = {
    "name": Key("text", "name of the passage", ""),
    "vessel": Key(
        "choice",
        "where the cells grow",
        "planar",
        choices=("planar", "microcarrier", "aggregate", "encapsulated"),
    ),
    "seed_per_cm2": _q("cells seeded per cm2", None, 1e-9),
    "limit_per_cm2": _q("density limit K", None, 1e-9),
    "harvest_per_cm2": _q("density at harvest; .8 of the limit by default", None, 1e-9),
    "seed_per_ml": _q("cells seeded per ml", None, 1e-9),
    "limit_per_ml": _q("density limit K", None, 1e-9),
    "harvest_per_ml": _q("density at harvest; .8 of the limit by default", None, 1e-9),
    "area_max_cm2": _q("area of all vessels together", float("inf"), 1e-9),
    "volume_max_ml": _q("volume of the bioreactor", float("inf"), 1e-9),
    "carrier_g_per_l": _q("microcarriers per litre", None, 1e-9),
    "carrier_cm2_per_g": _q("area of a gram of microcarriers", None, 1e-9),
    "transfer_frac": _s("of the cells that settle from bead to bead", 1.0),
    "attach_frac": _s("of the seeded cells that attach", 1.0),
    "lag_d": _q("days before growth", 0.0),
    "t_max_d": _q("days after which a passage is harvested in any case", 14.0, 1e-9),
    "recovery_frac": _s("of the cells recovered at harvest", 1.0),
    "surplus": Key("choice", "cells the vessels cannot take", "lost", choices=("lost", "banked")),
    "media_changes": _q("fillings with medium", 1.0),
    "media_ml_per_cm2": _q("medium per cm2 and filling", 0.25),
}
GROWTH = {
    "doubling_d": _q("days a doubling takes at rest from limits", None, 1e-9),
    "donor_cv": Key("share", "spread of it between donors", 0.0, 0.0, 10.0),
    "lot_cv": Key("share", "spread of it between lots of a donor", 0.0, 0.0, 10.0),
    "lifespan_pd": _q("doublings at which half of the cells are senescent", float("inf"), 1e-9),
    "senescence_width_pd": _q("steepness of the senescence curve", 3.0, 1e-9),
    "from": Key("text", "rates fitted by `imscope dynamics fit --json`", None),
    "start_composition": Key("section", "share of each subset in the first passage", None),
}
SENESCENCE = {
    "from": Key("text", "curve of `imscope dynamics forecast --json`", ...),
    "passage_start": Key("integer", "passage number of the first passage here", 1, 0),
}
DSP = {
    "recovery_frac": _s("of the cells after wash, concentration and fill", 1.0),
    "days": _q("days of it", 1.0),
}
CRYO = {
    "vial_cells": _q("cells filled per vial or bag", ..., 1),
    "fill_frac": _s("of the cells that end in vials", 1.0),
    "thaw_recovery_frac": _s("of the cells there after thawing", 1.0),
    "viability_frac": _s("of them alive", 1.0),
}
QC = {
    "cells": _q("cells used for tests of a lot", 0.0),
    "retain_vials": Key("integer", "vials kept as retention samples", 0, 0),
    "stability_vials": Key("integer", "vials kept for stability", 0, 0),
    "hold_d": _q("days from harvest to the last result, such as sterility", 14.0),
}
RELEASE = {
    "contamination_per_open": _s("chance that an open operation contaminates the lot", 0.0),
    "open_operations": Key("integer", "open operations beside one per passage", 2, 0),
    "in_process_pass_frac": _s("lots that pass the tests in process", 1.0),
    "identity_pass_frac": _s("lots whose identity and purity pass", 1.0),
    "potency_pass_frac": _s("lots whose potency passes", 1.0),
    "viability_limit_frac": _s("least viability after thawing", 0.0),
    "senescent_limit_frac": _s("most senescent cells", 1.0),
    "pd_limit": _q("most doublings", float("inf")),
}
COST = {
    "currency": Key("text", "currency of all prices", "EUR"),
    "media_per_l": _q("litre of medium", 0.0),
    "vessel_per_cm2": _q("area of plastic", 0.0),
    "carrier_per_g": _q("gram of microcarriers", 0.0),
    "vessel_per_l": _q("single-use bioreactor per litre", 0.0),
    "reagents_per_passage": _q("enzymes, coatings and the like", 0.0),
    "reagents_per_lot": _q("the same per lot", 0.0),
    "labour_h_per_passage": _q("hours of work", 0.0),
    "labour_h_per_lot": _q("hours of work beside the passages", 0.0),
    "labour_per_h": _q("hour of work", 0.0),
    "suite_per_d": _q("day of a clean room", 0.0),
    "qc_per_lot": _q("tests of a lot", 0.0),
    "qc_per_passage": _q("tests of a passage", 0.0),
    "fill_per_vial": _q("filling and storing a vial", 0.0),
    "start_per_source": _q("collecting from one eligible donor, or one vial", 0.0),
    "screening_per_donor": _q("screening one donor approached", 0.0),
    "bank_total": _q("making and testing the banks", 0.0),
    "lots_per_bank": _q("lots that share the bank", 1.0, 1),
}
PROCESS = {
    "name": Key("text", "name of the process"),
    "source": Key("section", "start material", inner=SOURCE),
    "expansion": Key("list", "passages of the iPSC", None, inner=EXPANSION),
    "differentiation": Key("section", "from iPSC to MSC", None, inner=DIFFERENTIATION),
    "variant": Key("section", "growth variants of the iPSC", None, inner=VARIANT),
    "passages": Key("list", "passages of the MSC", inner=PASSAGE),
    "growth": Key("section", "growth of the MSC", inner=GROWTH),
    "senescence": Key("section", "fitted senescence", None, inner=SENESCENCE),
    "dsp": Key("section", "downstream processing", {}, inner=DSP),
    "cryo": Key("section", "freezing and filling", inner=CRYO),
    "qc": Key("section", "tests and retained cells", {}, inner=QC),
    "release": Key("section", "what a lot must pass", {}, inner=RELEASE),
    "cost": Key("section", "prices", {}, inner=COST),
}
DEMAND = {
    "doses": Key("integer", "doses wanted", None, 1),
    "dose_cells": _q("living cells of a fixed dose", None, 1),
    "cells_per_kg": _q("living cells per kg of body weight", None, 1e-9),
    "cap_cells": _q("most cells of a dose per kg", float("inf"), 1),
    "weight_kg": _q("body weight", None, 1e-9),
    "probability": Key("share", "wanted chance of meeting the demand", 0.95, 0.0, 1.0),
    "horizon_weeks": _q("weeks there are", None, 1e-9),
}
FACILITY = {
    "suites": Key("integer", "clean rooms", 1, 1),
    "changeover_d": _q("days between lots in one room", 2.0),
}
PLAN = {
    "process": Key("section", "how a lot is made", inner=PROCESS),
    "demand": Key("section", "what is wanted", inner=DEMAND),
    "facility": Key("section", "where it is made", {}, inner=FACILITY),
}
