"""Dose arithmetic: cells of a dose, cells to thaw, vials."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from imscope.core.errors import UsageError
from imscope.decisions.manufacture import codes

SHARES = (np.arange(4096) + 0.5) / 4096


@dataclass(frozen=True, slots=True)
class Dose:
    """One dose.

    Attributes
    ----------
    dose_cells
        Living cells given.
    capped
        Whether the cap decided.
    cells_to_thaw
        Cells to take from the freezer for it.
    vials
        Whole vials to thaw; nothing without a vial size.
    """

    dose_cells: float
    capped: bool
    cells_to_thaw: float
    vials: int | None


def plan_dose(
    *,
    per_kg: float | None = None,
    weight: float | None = None,
    cap: float | None = None,
    fixed: float | None = None,
    recovery: float = 1.0,
    vial_cells: float | None = None,
) -> Dose:
    """Cells of a dose and what to thaw for it.

    Parameters
    ----------
    per_kg, weight, cap
        Living cells per kg, body weight in kg, most cells of a dose.
    fixed
        Living cells of a fixed dose, instead of ``per_kg``.
    recovery
        Living cells after thawing per cell frozen, above 0 up to 1.
    vial_cells
        Cells frozen per vial.

    Raises
    ------
    UsageError
        Neither or both doses are given, or a number is out of range.

    Examples
    --------
    >>> plan_dose(per_kg=1e6, weight=120, cap=1e8).dose_cells
    100000000.0
    """
    numbers = [v for v in (per_kg, weight, cap, fixed, vial_cells) if v is not None]
    if any(not (math.isfinite(v) and v > 0) for v in numbers) or not 0 < recovery <= 1:
        raise _wrong("numbers of a dose are above 0, and the recovery at most 1", recovery)
    if (per_kg is None) == (fixed is None):
        raise _wrong("a dose is per kg or fixed, one of the two", "both" if fixed else "neither")
    if per_kg is not None and weight is None:
        raise _wrong("a dose per kg needs the body weight", "no weight")
    wanted = fixed if fixed is not None else float(per_kg or 0) * float(weight or 0)
    cells = wanted if cap is None else min(wanted, cap)
    thaw = cells / recovery
    vials = None if vial_cells is None else math.ceil(thaw / vial_cells - 1e-9)
    return Dose(float(cells), bool(cells < wanted), float(thaw), vials)


def mean_dose(demand: Mapping[str, Any]) -> float:
    """Mean living cells of a dose over the patients of a plan."""
    if demand["dose_cells"] is not None:
        return float(demand["dose_cells"].mean)
    weight, per_kg = demand["weight_kg"], demand["cells_per_kg"]
    cells = weight.draw(SHARES) * per_kg.mean
    return float(np.minimum(cells, demand["cap_cells"].mean).mean())


def _wrong(problem: str, found: object) -> UsageError:
    return UsageError(
        problem, found=str(found), code=codes.PLAN_VALUE,
        fix="for instance --per-kg 1e6 --weight 70 --cap 1e8, or --fixed 1e8",
    )  # fmt: skip
