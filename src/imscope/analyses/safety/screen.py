"""Search one panel of marker genes for cells of a kind that should not be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.safety.detection import (
    CallRule,
    MarkerRates,
    assumed_rates,
    log_ratio,
    mean_sensitivity,
    measure_rates,
    meets_rule,
    rule_probability,
    sensitivity_curve,
)
from imscope.analyses.safety.dose import corrected_share, limit_of_blank, limit_of_detection
from imscope.core import codes
from imscope.core.cells import Cells
from imscope.core.errors import DataError, UsageError
from imscope.core.rng import spawn
from imscope.core.schema import OFF_LINEAGE
from imscope.engine.panel_counts import PanelCounts, read_panel

if TYPE_CHECKING:
    from imscope.engine.ambient import AmbientResult

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
OFF_RATE = 0.004
"""Leak of a marker gene in any other cell, in UMI per 10,000 UMI, added to ambient RNA."""


@dataclass(frozen=True)
class ResidualSettings:
    """Settings of the search for residual and unwanted cells.

    Attributes
    ----------
    rule
        When a cell is called.
    dose
        Cells of a dose; without it no share is translated to a dose.
    min_coverage
        Share of the marker genes that must be in the matrix.
    ambient_frac
        Ambient share of the counts taken where the sample's own is not known.
    level
        Level of intervals.
    seed
        Seed of the cells drawn for the sensitivity.
    rates
        Rates of the marker genes in the cells searched for, in the order of the list.
    reference
        Group of such cells to measure the rates in. Without either, rates are assumed.
    blanks
        Groups known to hold no such cells; 10 or more give a limit of blank.
    """

    rule: CallRule = field(default_factory=CallRule)
    dose: float | None = None
    min_coverage: float = 0.5
    ambient_frac: float = 0.03
    level: float = 0.95
    seed: int = 0
    rates: MarkerRates | None = None
    reference: str | None = None
    blanks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, ok, what in (
            ("dose", self.dose is None or self.dose > 0, "above 0"),
            ("min_coverage", 0 < self.min_coverage <= 1, "above 0, at most 1"),
            ("ambient_frac", 0 <= self.ambient_frac < 1, "from 0 to below 1"),
            ("level", 0 < self.level < 1, "between 0 and 1"),
            ("rule", self.rule.min_genes >= 1 and self.rule.min_umi >= 1, "at least 1 gene, 1 UMI"),
        ):
            if not ok:
                raise UsageError(
                    f"residual cells cannot be searched with this value of {name}",
                    found=f"{name} = {getattr(self, name)}",
                    fix=what,
                    code=codes.RESIDUAL_OPTION,
                )


def _cells_of_dose(settings: ResidualSettings) -> float:
    """Cells of a dose, not a number where none was given."""
    return np.nan if settings.dose is None else settings.dose


@dataclass(frozen=True)
class Searched:
    """What is known of the cells beside their counts.

    Attributes
    ----------
    cells
        The cells.
    group
        Sample or lot of each cell.
    doublet
        Cells called doublets, or nothing when that is not known.
    ambient
        Ambient share and profile over all features, by group.
    """

    cells: Cells
    group: NDArray[np.str_]
    doublet: NDArray[np.bool_] | None
    ambient: Mapping[str, tuple[float, Floats]]


@dataclass(frozen=True)
class Screen:
    """Result of one search: rows for the table of groups and for the list of cells."""

    groups: pd.DataFrame
    cells: pd.DataFrame


def take_cells(
    cells: Cells, by: str | None, ambient: "Mapping[str, AmbientResult] | None"
) -> Searched:
    """Take what the search needs: groups, doublets, and ambient RNA where it was estimated."""
    known = {
        k: (v.fraction, v.profile)
        for k, v in (ambient or {}).items()
        if len(v.profile) and np.isfinite(v.fraction)
    }
    doublet = cells.flags("doublet") if "doublet" in cells.obs else None
    return Searched(cells, cells.groups(by).labels.astype(np.str_), doublet, known)


def screen_panel(
    cells: Searched,
    *,
    lineage: str,
    genes: Sequence[str],
    settings: ResidualSettings,
    threads: int | None = None,
) -> Screen:
    """Search all groups for cells of one lineage; see :func:`imscope.safety.residual`."""
    used = cells.cells
    panel = read_panel(used.source, used.features, genes, threads=threads)
    present = np.flatnonzero(panel.present)
    names = list(dict.fromkeys(cells.group.tolist()))
    few = max(settings.rule.min_genes, int(np.ceil(settings.min_coverage * len(genes))))
    if len(present) < few:
        words = f"{len(present)} of {len(genes)} marker genes are in the matrix, {few} are needed"
        empty = [_blank_row(g, lineage, cells, len(present), settings, words) for g in names]
        return Screen(pd.DataFrame(empty), pd.DataFrame())
    rates = settings.rates or _rates(panel, cells, present, settings.reference)
    if len(rates.rate) != len(present):
        rates = MarkerRates(rates.rate[present], rates.shape, rates.log_sd, rates.source)
    found = [_one_group(panel, cells, g, present, rates, lineage, genes, settings) for g in names]
    blank = _blank([f for f in found if f.group in set(settings.blanks)])
    rows = [_row(f, rates, blank, len(present), settings) for f in found]
    listed = [f.listed for f in found if len(f.listed)]
    return Screen(
        pd.DataFrame(rows), pd.concat(listed, ignore_index=True) if listed else pd.DataFrame()
    )


@dataclass(frozen=True)
class _Found:
    group: str
    lineage: str
    n_cells: int
    n_doublets: int
    n_called: int
    n_ambient: int
    n_doublet_candidates: int
    sensitivity: tuple[float, float, float]
    false_positive: tuple[float, float, float]
    listed: pd.DataFrame
    remark: str


def _rates(
    panel: PanelCounts, cells: Searched, present: Ints, reference: str | None
) -> MarkerRates:
    if reference is None:
        return assumed_rates(len(present))
    mine = (cells.group == reference) & (panel.depth > 0)
    if mine.sum() < 20:
        raise DataError(
            "the reference group has fewer than 20 cells",
            found=f"{reference}: {int(mine.sum())} cells",
            fix="name a group of pluripotent cells, or leave the reference out",
            code=codes.RESIDUAL_CELLS,
        )
    return measure_rates(panel.dense(mine)[:, present], panel.depth[mine], source=reference)


def _null_rates(
    panel: PanelCounts, cells: Searched, group: str, present: Ints, settings: ResidualSettings
) -> tuple[Floats, str]:
    """Rate of ambient RNA, leak and background of the marker genes in one group.

    Background is what cells show of a gene that show none of the others.
    """
    mine = cells.group == group
    counts, depth = panel.dense(mine)[:, present], panel.depth[mine]
    share, profile = cells.ambient.get(group, (float("nan"), np.zeros(0)))
    remark = ""
    if np.isfinite(share) and len(profile):
        soup = share * 1e4 * panel.profile(np.asarray(profile, dtype=float))[present]
    else:
        soup = settings.ambient_frac * 1e4 * counts.sum(axis=0) / max(depth.sum(), 1.0)
        remark = f"ambient share not known, {settings.ambient_frac:.0%} of the mean profile assumed"
    others = (counts > 0).sum(axis=1, keepdims=True) - (counts > 0)
    alone = others == 0
    exposed = (alone * depth[:, None]).sum(axis=0)
    background = np.where(
        exposed > 0, 1e4 * (counts * alone).sum(axis=0) / np.maximum(exposed, 1.0), 0.0
    )
    return np.maximum(soup, background) + OFF_RATE, remark


def _one_group(
    panel: PanelCounts,
    cells: Searched,
    group: str,
    present: Ints,
    rates: MarkerRates,
    lineage: str,
    genes: Sequence[str],
    settings: ResidualSettings,
) -> _Found:
    null, remark = _null_rates(panel, cells, group, present, settings)
    at = np.flatnonzero(cells.group == group)
    counts, depth = panel.dense(at)[:, present], panel.depth[at]
    double = np.zeros(len(at), dtype=bool) if cells.doublet is None else cells.doublet[at]
    if cells.doublet is None:
        remark = "; ".join(x for x in (remark, "doublets not known") if x)
    hit = np.flatnonzero(meets_rule(counts, settings.rule))
    ratio = log_ratio(counts[hit], depth[hit], rates, null)
    strong = ratio >= settings.rule.min_log_ratio
    verdict = np.where(double[hit], "doublet", np.where(strong, "called", "ambient"))
    names = np.array(genes)[present]
    listed = pd.DataFrame(
        {
            "cell": cells.cells.obs.index[at[hit]].astype(str),
            "group": group,
            "lineage": lineage,
            "n_marker_genes": (counts[hit] > 0).sum(axis=1).astype(np.int64),
            "n_marker_umi": counts[hit].sum(axis=1).astype(np.int64),
            "n_umi": depth[hit].astype(np.int64),
            "log_ratio": ratio,
            "verdict": verdict,
            "genes": [_words(names, row) for row in counts[hit]],
        }
    )
    single = depth[~double]
    curves = [
        sensitivity_curve(
            rates.times(float(np.exp(z * rates.log_sd))),
            null,
            settings.rule,
            rng=spawn(settings.seed, "sensitivity", lineage),
        )
        for z in (0.0, -1.96, 1.96)
    ]
    s, s_low, s_high = (mean_sensitivity(c, single) for c in curves)
    wrong = _mean_rule(single, null, settings.rule)
    return _Found(
        group, lineage, int((~double).sum()), int(double.sum()), int((verdict == "called").sum()),
        int((verdict == "ambient").sum()), int((verdict == "doublet").sum()),
        (s, s_low, s_high), (wrong, 0.0, min(1.0, _mean_rule(single, 2 * null, settings.rule))),
        listed, remark,
    )  # fmt: skip


def _mean_rule(depth: Floats, null: Floats, rule: CallRule) -> float:
    """Chance of a false call, at most: the counting rule alone, averaged over the cells' depths."""
    if not len(depth):
        return 0.0
    grid = np.quantile(depth, (np.arange(50) + 0.5) / 50)
    return float(rule_probability(grid, null, rule).mean())


def _words(names: NDArray[np.str_], row: Floats) -> str:
    order = np.argsort(-row, kind="stable")
    return "; ".join(f"{names[k]} {int(row[k])}" for k in order if row[k] > 0)


def _blank(found: list[_Found]) -> float:
    return limit_of_blank([f.n_called / max(f.n_cells, 1) for f in found])


def _row(
    f: _Found, rates: MarkerRates, blank: float, n_genes: int, settings: ResidualSettings
) -> dict[str, object]:
    s, s_low, s_high = f.sensitivity
    wrong, wrong_low, wrong_high = f.false_positive
    base = {
        "group": f.group,
        "lineage": f.lineage,
        "n_cells": f.n_cells,
        "n_doublets": f.n_doublets,
        "n_candidates": f.n_called + f.n_ambient + f.n_doublet_candidates,
        "n_called": f.n_called,
        "n_ambient": f.n_ambient,
        "n_doublet_candidates": f.n_doublet_candidates,
        "sensitivity": s,
        "sensitivity_low": s_low,
        "sensitivity_high": s_high,
        "false_positive_rate": wrong,
        "limit_of_blank": blank,
        "dose": _cells_of_dose(settings),
        "n_genes": n_genes,
    }
    if f.n_cells == 0 or not s_low > max(wrong, 1e-3):
        why = "no cell is left after doublets"
        if f.n_cells:
            why = f"sensitivity is {s:.1%} at this depth and ambient RNA"
        return OFF_LINEAGE.blank(**base, status="not estimable", reason=why)
    # the upper bound allows for no false call at all, the lower one for twice the ambient RNA
    share = corrected_share(
        f.n_called,
        f.n_cells,
        sensitivity=f.sensitivity,
        false_positive=(wrong, wrong_low, min(wrong_high, s_low / 2)),
        level=settings.level,
    )
    told = [f"marker rates {rates.source}"]
    told += [f.remark] if f.remark else []
    if not np.isfinite(blank):
        told.append("no limit of blank: needs 10 clean libraries")
    return base | {
        "apparent": f.n_called / f.n_cells,
        "frac": share.frac,
        "low": share.low,
        "high": share.high,
        "upper_95": share.upper_95,
        "limit_of_detection": limit_of_detection(
            f.n_cells, sensitivity=s, blank=blank if np.isfinite(blank) else wrong
        ),
        "cells_in_dose": share.upper_95 * _cells_of_dose(settings),
        "cells_in_dose_estimate": share.frac * _cells_of_dose(settings),
        "status": "ok",
        "reason": "; ".join(told),
    }


def _blank_row(
    group: str, lineage: str, cells: Searched, n_genes: int, settings: ResidualSettings, words: str
) -> dict[str, object]:
    mine = cells.group == group
    double = 0 if cells.doublet is None else int(cells.doublet[mine].sum())
    return OFF_LINEAGE.blank(
        group=group,
        lineage=lineage,
        n_cells=int(mine.sum()) - double,
        n_doublets=double,
        dose=_cells_of_dose(settings),
        n_genes=n_genes,
        status="not estimable",
        reason=words,
    )
