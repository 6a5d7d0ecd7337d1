"""Two arms of replicate units, and whether they may be compared at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.groups import (
    Group,
    ambient_bounds,
    groups_by,
    make_group,
    too_much_ambient,
    why_not,
)
from imscope.analyses.heterogeneity.plates import is_technical, technical_columns
from imscope.analyses.heterogeneity.statistics import hi2
from imscope.core.names import is_missing, level_name, natural_key

MIN_UNITS_PER_ARM = 3
USUAL_REFERENCES = ("primary_MSC", "reference_line", "reference", "control")


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One group and its replicate units.

    Attributes
    ----------
    name
        Level of the group column.
    units
        One group per replicate unit that can be estimated.
    dropped
        Units that cannot be estimated, with the reason.
    unit
        Column of the replicate units.
    """

    name: str
    units: list[Group]
    dropped: tuple[str, ...]
    unit: str


def make_arm(h: Heterogeneity, group: Group, unit: str) -> Arm:
    """Split a group into its replicate units; what cannot be estimated is left out by name."""
    good, dropped = [], []
    names = h.units_of(unit)
    for name in sorted(set(names[group.strata]), key=natural_key):
        one = make_group(h, str(name), group.strata[names[group.strata] == name])
        reason = why_not(h, one) or too_much_ambient(h, one)
        if reason:
            dropped.append(f"{name}: {reason}")
        else:
            good.append(one)
    return Arm(group.name, good, tuple(dropped), unit)


def choose_arms(
    h: Heterogeneity, group: str, *, test: str | None, reference: str | None
) -> list[tuple[Group, Group]]:
    """Pairs of test and reference group; by default every group against the usual reference."""
    groups = {g.name: g for g in groups_by(h, group)}
    for wanted in (test, reference):
        if wanted is not None and wanted not in groups:
            raise _no_group(group, wanted, list(groups))
    names = list(groups)
    base = reference or next((n for n in USUAL_REFERENCES if n in groups and n != test), None)
    if base is None:
        others = [n for n in names if n != test]
        base = others[-1] if others else ""
    tests = [test] if test is not None else [n for n in names if n != base]
    return [(groups[t], groups[base]) for t in tests if base in groups and t != base]


def _no_group(column: str, wanted: str, known: list[str]) -> Exception:
    from imscope.core import codes
    from imscope.core.errors import DataError

    return DataError(
        f"column {column!r} has no group {wanted!r}",
        found=f"groups: {', '.join(known)}",
        code=codes.HETEROGENEITY_COLUMN,
    )


def why_not_compare(h: Heterogeneity, test: Arm, reference: Arm) -> str:
    """Reason why two arms cannot be compared, or an empty text."""
    for arm in (test, reference):
        if len(arm.units) < MIN_UNITS_PER_ARM:
            lost = f" ({'; '.join(arm.dropped)})" if arm.dropped else ""
            return (
                f"{arm.name} has {len(arm.units)} replicate units ({arm.unit}), "
                f"{MIN_UNITS_PER_ARM} are needed{lost}"
            )
    strata = np.concatenate([u.strata for arm in (test, reference) for u in arm.units])
    keys = sorted({h.keys[s] for s in strata})
    if len(keys) > 1:
        names = ", ".join(k.split("|")[0] for k in keys)
        return f"platforms or pipelines are mixed ({names})"
    (a_low, a_high), (b_low, b_high) = (ambient_of(h, arm) for arm in (test, reference))
    apart = max(a_low - b_high, b_low - a_high)
    if apart > h.settings.ambient_difference:
        return (
            f"ambient RNA differs between the arms ({100 * a_low:.1f} % v {100 * b_low:.1f} %), "
            "and ambient RNA makes cells look alike"
        )
    return ""


def ambient_of(h: Heterogeneity, arm: Arm) -> tuple[float, float]:
    """Mean ambient share of the units of an arm: at least, and at most (NaN when not known)."""
    bounds = np.array([ambient_bounds(h, u.strata) for u in arm.units])
    return float(bounds[:, 0].mean()), float(bounds[:, 1].mean())


def pairs_of(h: Heterogeneity, arms: tuple[Arm, Arm]) -> list[tuple[int, int]]:
    """Positions of units that belong together: one value of ``pair``, or one unit in both arms."""
    named = _by_name(h, arms, "pair")
    return named or _by_name(h, arms, None)


def _by_name(h: Heterogeneity, arms: tuple[Arm, Arm], column: str | None) -> list[tuple[int, int]]:
    found: list[dict[str, int]] = []
    for arm in arms:
        places: dict[str, int] = {}
        for i, unit in enumerate(arm.units):
            names = [unit.name]
            if column is not None:
                if column not in h.strata.columns:
                    return []
                values = h.strata[column].iloc[unit.strata]
                names = sorted({level_name(v) for v in values if not is_missing(v)})
            if len(names) == 1:
                places.setdefault(names[0], i)
        found.append(places)
    return [(found[0][v], found[1][v]) for v in sorted(set(found[0]) & set(found[1]))]


def confounded(h: Heterogeneity, group: str, arms: tuple[Arm, Arm]) -> str:
    """Technical column that the two arms cannot be told apart from, or an empty text.

    The group is such a column itself, or each arm lies in one plate, batch or library of its own.
    """
    if is_technical(group):
        return group
    for column in technical_columns(h):
        levels = []
        for arm in arms:
            values = h.strata[column].iloc[np.concatenate([u.strata for u in arm.units])]
            levels.append({level_name(v) for v in values if not is_missing(v)})
        if len(levels[0]) == len(levels[1]) == 1 and levels[0] != levels[1]:
            return column
    return ""


def within_hi2(h: Heterogeneity, unit: Group, *, without: bool = False) -> float:
    """HI2 inside the samples of a unit, weighted by cells, so that passages do not add to it."""
    own = (h.without if without else h.all_genes).subset(unit.units)
    sample = h.strata["sample"].astype(str).to_numpy(dtype=object)[h.stratum[unit.units]]
    levels, code = np.unique(sample.astype(str), return_inverse=True)
    merged = own.merge(code)
    values = hi2(merged, np.eye(len(levels)))
    ok = np.isfinite(values) & (merged.n >= 2)
    weights: NDArray[np.float64] = merged.n[ok]
    return float((values[ok] * weights).sum() / weights.sum()) if ok.any() else float("nan")
