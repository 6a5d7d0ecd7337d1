"""Two arms of replicate units, and whether they may be compared at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.compute import AMBIENT, Heterogeneity
from imscope.analyses.heterogeneity.groups import (
    Group,
    groups_by,
    make_group,
    too_much_ambient,
    why_not,
)

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
    for candidate in groups_by(h, unit):
        strata = np.intersect1d(candidate.strata, group.strata)
        if not len(strata):
            continue
        one = make_group(h, candidate.name, strata)
        reason = why_not(h, one) or too_much_ambient(h, one)
        if reason:
            dropped.append(f"{candidate.name}: {reason}")
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
            groups_by(h, group)
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
    shared = {u.name for u in test.units} & {u.name for u in reference.units}
    shares = [ambient_of(h, arm) for arm in (test, reference)]
    if np.isfinite(shares).all() and abs(shares[0] - shares[1]) > h.settings.ambient_difference:
        return (
            f"ambient RNA differs between the arms ({100 * shares[0]:.1f} % v "
            f"{100 * shares[1]:.1f} %), and ambient RNA makes cells look alike"
        )
    if shared and any(_same_cells(a, b) for a in test.units for b in reference.units):
        return f"the arms share units: {', '.join(sorted(shared)[:3])}"
    return ""


def _same_cells(a: Group, b: Group) -> bool:
    return bool(np.intersect1d(a.strata, b.strata).size)


def ambient_of(h: Heterogeneity, arm: Arm) -> float:
    """Mean ambient share of the units of an arm, NaN when it is not known for all."""
    if AMBIENT not in h.strata.columns or not arm.units:
        return float("nan")
    values = [float(h.strata[AMBIENT].iloc[u.strata].mean()) for u in arm.units]
    return float(np.mean(values))


def within_hi2(h: Heterogeneity, unit: Group) -> float:
    """HI2 inside the samples of a unit, weighted by cells, so that passages do not add to it."""
    from imscope.analyses.heterogeneity.statistics import hi2

    own = h.all_genes.subset(unit.units)
    sample = h.strata["sample"].astype(str).to_numpy(dtype=object)[h.stratum[unit.units]]
    levels, code = np.unique(sample.astype(str), return_inverse=True)
    merged = own.merge(code)
    values = hi2(merged, np.eye(len(levels)))
    ok = np.isfinite(values) & (merged.n >= 2)
    weights: NDArray[np.float64] = merged.n[ok]
    return float((values[ok] * weights).sum() / weights.sum()) if ok.any() else float("nan")
