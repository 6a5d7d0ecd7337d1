"""Arms that differ in how they were made: ambient RNA, depth, cells, losses, day."""

import numpy as np

from imscope.analyses.heterogeneity.arms import Arm, ambient_of
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.plates import technical_columns
from imscope.core import codes
from imscope.core.names import is_missing, level_name

DEPTH, CELLS, LOST = 1.3, 2.0, 0.05
"""Ratio of depths and of cells per unit, and difference of losses, from which it is said."""


def ambient_room(h: Heterogeneity, arms: tuple[Arm, Arm]) -> tuple[float, float]:
    """Factors by which ambient RNA has moved the ratio down, and up, at the least.

    A share ``a`` of soup leaves ``(1 - a) ** 2`` of the index. Only what the bounds demand counts:
    the test arm's least share against the most the reference arm may hold, and the reverse.
    """
    (a_low, a_high), (b_low, b_high) = (ambient_of(h, arm) for arm in arms)
    down = ((1 - _known(b_high, a_low)) / (1 - a_low)) ** 2
    up = ((1 - _known(a_high, b_low)) / (1 - b_low)) ** 2
    return max(down, 1.0), max(up, 1.0)


def _known(value: float, otherwise: float) -> float:
    return value if np.isfinite(value) else otherwise


def unequal_arms(h: Heterogeneity, arms: tuple[Arm, Arm]) -> list[str]:
    """Sentences on what differs between two arms beside what is asked."""
    out = [*_ambient(h, arms)]
    strata = [np.concatenate([u.strata for u in arm.units]) for arm in arms]
    names = [arm.name for arm in arms]
    found = []
    depth = [float(np.median(h.strata["median_umi"].iloc[s])) for s in strata]
    if max(depth) >= DEPTH * min(depth):
        found.append(f"median depth {depth[0]:,.0f} v {depth[1]:,.0f} UMI")
    cells = [
        float(np.median([h.moments.n_cells[u.units].sum() for u in arm.units])) for arm in arms
    ]
    if max(cells) >= CELLS * min(cells):
        found.append(f"{cells[0]:,.0f} v {cells[1]:,.0f} cells per unit")
    if "qc_lost" in h.strata.columns:
        lost = [float(h.strata["qc_lost"].iloc[s].mean()) for s in strata]
        if abs(lost[0] - lost[1]) >= LOST:
            found.append(f"{100 * lost[0]:.0f} v {100 * lost[1]:.0f} % of cells lost in QC")
    for column in technical_columns(h):
        values = [
            {level_name(v) for v in h.strata[column].iloc[s] if not is_missing(v)} for s in strata
        ]
        if values[0] and values[1] and not values[0] & values[1]:
            found.append(f"no {column} in common")
    if found:
        out.append(f"{codes.W_ARMS}: {names[0]} v {names[1]}: {', '.join(found)}")
    return out


def _ambient(h: Heterogeneity, arms: tuple[Arm, Arm]) -> list[str]:
    bounds = [ambient_of(h, arm) for arm in arms]
    if any(not np.isfinite(high) for _, high in bounds):
        return ["ambient share not known: 6 points more of it in one group lower its index by 12 %"]
    if all(low == high for low, high in bounds):
        return []
    return [
        f"ambient share at most {100 * bounds[0][1]:.0f} % v {100 * bounds[1][1]:.0f} %: limits "
        "change no verdict, but a share of 6 points lowers an index by 12 %"
    ]
