"""Rows of the screen of chromosome arms: what is said of one lot and region, and what is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.safety.arm_parts import (
    ArmSettings,
    CellShares,
    LotShift,
    Region,
    ShiftedShares,
)
from imscope.analyses.safety.lots import Lots
from imscope.core.schema import ARM_SCREEN
from imscope.evidence.gene_positions import AMPLICON_BAND

if TYPE_CHECKING:
    import pandas as pd


Floats = NDArray[np.float64]

WHOLE = ("8", "12", "20", "X")
"""Chromosomes that are often gained as a whole; they stand beside their arms."""
NEARLY_ALL = 0.8
"""Share of cells below which a change leaves two groups of cells to be told apart."""
DECIDING = "G-banding, a SNP array or whole-genome sequencing decides"
STEP: Mapping[str, float] = {"gain": 1.5, "loss": 0.5}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a row of the table is made of."""

    lots: Lots
    kept: list[Region]
    cells: CellShares
    depth: Floats
    expressed: NDArray[np.bool_]
    parts: ShiftedShares
    bulk: LotShift
    genes: Floats
    rules: ArmSettings


def make_row(e: Evidence, i: int, k: int) -> dict[str, object]:
    """One row of the table; the direction with more evidence is shown."""
    mine = e.lots.code == i
    seen = [w for w in STEP if e.parts.p_value[w][i, k] < e.rules.alpha / 2]
    if len(seen) == 2:  # a loss in few cells also looks like a gain in many
        way = max(seen, key=lambda w: e.parts.like[w][i, k])
    else:
        way = min(STEP, key=lambda w: e.parts.p_value[w][i, k])
    frac, low, high, limit = _share_of_cells(e.parts, way, i, k, e.rules)
    row: dict[str, object] = {
        "group": e.lots.names[i],
        "region": e.kept[k].name,
        "is_reference": bool(e.lots.reference[i]),
        "n_cells": int(mine.sum()),
        "n_genes": int(e.expressed[e.kept[k].genes].sum()),
        "median_umi": float(np.median(e.depth[mine])),
        "umi_share": float(e.cells.share[k]),
        "z_per_cell": float(np.median(e.cells.shift["gain"][mine, k])),
        "log2_ratio": float(e.bulk.log2[i, k]),
        "log2_low": float(e.bulk.log2[i, k] - e.bulk.half[i, k]),
        "log2_high": float(e.bulk.log2[i, k] + e.bulk.half[i, k]),
        "p_shift": float(e.bulk.p_value[i, k]),
        "p_genes": float(e.genes[i, k]),
        "direction": way,
        "frac": frac,
        "frac_low": low,
        "frac_high": high,
        "p_mosaic": float(min(1.0, 2 * e.parts.p_value[way][i, k])),
        "lod_frac": limit,
    }
    return {**row, **_verdict(row, e.rules, n_regions=len(e.kept))}


def _share_of_cells(
    parts: ShiftedShares, way: str, i: int, k: int, rules: ArmSettings
) -> tuple[float, float, float, float]:
    """Share of cells above what the reference lots show, interval and limit of detection."""
    base = float(np.sin(parts.base[way][k]) ** 2)
    error = float(parts.spread[way][i, k])
    angle = float(np.arcsin(np.sqrt(parts.frac[way][i, k])))
    half = float(stats.t.ppf(0.975, parts.df)) * error
    ends = [
        (np.sin(np.clip(a, 0, np.pi / 2)) ** 2 - base) / (1 - base)
        for a in (angle, angle - half, angle + half)
    ]
    frac, low, high = (float(np.clip(v, 0, 1)) for v in ends)
    critical = float(stats.t.ppf(1 - rules.alpha / 2, parts.df) + stats.t.ppf(0.9, parts.df))
    reach = float(np.arcsin(np.sqrt(base))) + critical * error
    limit = (np.sin(reach) ** 2 - base) / (1 - base) if reach < np.pi / 2 else float("nan")
    return frac, low, high, float(limit)


def _verdict(row: Mapping[str, object], rules: ArmSettings, *, n_regions: int) -> dict[str, object]:
    """Verdict and sentence of one row."""
    number = {k: v for k, v in row.items() if isinstance(v, float)}
    name = str(row["region"])
    hinted = number["p_shift"] < rules.alpha
    moved = number["p_shift"] < rules.alpha / n_regions and number["p_genes"] < rules.alpha
    up = number["log2_ratio"] > 0
    none = dict.fromkeys(("frac", "frac_low", "frac_high", "p_mosaic", "lod_frac"), float("nan"))
    if name == AMPLICON_BAND or number["z_per_cell"] < rules.min_z:
        hint = (
            f"the pseudobulk is {'raised' if up else 'lowered'}: a hint only"
            if hinted
            else "no shift of the pseudobulk, which is no evidence against a change"
        )
        if number["z_per_cell"] < 0 or int(str(row["n_genes"])) < 3:
            none = {**none, "log2_ratio": float("nan"), "z_per_cell": float("nan")}
            none |= dict.fromkeys(("log2_low", "log2_high", "p_shift", "p_genes"), float("nan"))
            words = f"{row['n_genes']} of its genes have counts; nothing can be said; {DECIDING}"
            return {**none, "direction": "", "verdict": "not resolvable per cell", "reason": words}
        why = f"one copy shifts a cell by {number['z_per_cell']:.1f} standard deviations"
        words = f"{why}; {hint}; {DECIDING}"
        return {**none, "direction": "", "verdict": "not resolvable per cell", "reason": words}
    limit = number["lod_frac"]
    reach = f"{100 * limit:.0f} % of cells" if np.isfinite(limit) else "no share of cells"
    if number["p_mosaic"] < rules.alpha:
        share = f"{100 * number['frac']:.0f} %"
        ends = f"{100 * number['frac_low']:.0f} to {100 * number['frac_high']:.0f} %"
        words = f"{row['direction']} in {share} of cells ({ends}); {DECIDING}"
        return {"verdict": str(row["direction"]), "reason": words}
    if moved and abs(number["log2_ratio"]) > 0.1:
        way = "gain" if up else "loss"
        step = STEP[way]
        sizes = [(2 ** number[c] - 1) / (step - 1) for c in ("log2_ratio", "log2_low", "log2_high")]
        frac, a, b = (float(np.clip(v, 0, 1)) for v in sizes)
        if np.isfinite(limit) and limit < min(a, b) and max(a, b) < NEARLY_ALL:
            words = (
                f"the whole lot is shifted, as by a {way} in {100 * frac:.0f} % of cells, but no "
                f"cells stand apart: regulation, not copies, explains it; {DECIDING}"
            )
            return {"verdict": "no finding", "reason": words}
        words = (
            f"the whole lot is shifted, as by a {way} in {100 * frac:.0f} % of cells; {DECIDING}"
        )
        return {
            "direction": way,
            "frac": frac,
            "frac_low": min(a, b),
            "frac_high": max(a, b),
            "verdict": way,
            "reason": words,
        }
    return {"verdict": "no finding", "reason": f"would be seen from {reach}; {DECIDING}"}


def unfit_reference(table: "pd.DataFrame") -> "pd.DataFrame":
    """Take back the findings of a lot that differs on over a quarter of the arms."""
    found = table["verdict"].isin(["gain", "loss"])
    tried = found | (table["verdict"] == "no finding")
    arms = table[tried & ~table["region"].isin(WHOLE)]
    share = found[arms.index].groupby(arms["group"]).mean()
    for group in share.index[share > 0.25]:
        rows = (table["group"] == group) & tried
        table.loc[rows, "verdict"] = "NOT TESTABLE"
        table.loc[rows, "reason"] = (
            f"{100 * share[group]:.0f} % of the arms differ from the reference lots: they are "
            "of another cell type or culture"
        )
    return table


def not_testable(
    lots: Lots,
    kept: list[Region],
    depth: Floats,
    reference: NDArray[np.bool_],
    rules: ArmSettings,
) -> "pd.DataFrame":
    """Rows of a screen that lacks references or genes, with the reason."""
    import pandas as pd

    n = int(reference.sum())
    why = (
        f"needs {rules.min_reference} diploid reference lots of the same cell type with "
        f"{rules.min_cells} cells, {n} given"
    )
    if len(kept) < 2:
        why = "no chromosome arm has genes enough with counts"
    rows = [
        empty_row(i, r, lots, depth, why)
        for i in range(len(lots.names))
        for r in kept or [Region("all", np.zeros(0, dtype=np.intp))]
    ]
    return pd.DataFrame(rows)


def empty_row(i: int, region: Region, lots: Lots, depth: Floats, why: str) -> dict[str, object]:
    """Row of a lot and region of which nothing is said, with the reason."""
    mine = lots.code == i
    return ARM_SCREEN.blank(
        group=lots.names[i],
        region=region.name,
        is_reference=bool(lots.reference[i]),
        n_cells=int(mine.sum()),
        n_genes=int(region.genes.size),
        median_umi=float(np.median(depth[mine])) if mine.any() else float("nan"),
        verdict="NOT TESTABLE",
        reason=why,
    )
