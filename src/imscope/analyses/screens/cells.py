"""A single-cell screen from counts of genes and guides to effects, responders and uniformity."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.screens.cell_parts import (
    Assigned,
    assign_cells,
    effect_tables,
    responder_table,
    share_tables,
)
from imscope.analyses.screens.cell_settings import CellSettings
from imscope.analyses.screens.null_check import check_null
from imscope.analyses.screens.target_scores import cell_design, target_effects
from imscope.analyses.screens.target_shares import energy_distance
from imscope.analyses.screens.uniformity import compare_uniformity
from imscope.core import codes
from imscope.core.schema import SCREEN_LEDGER, SCREEN_UNIFORMITY
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.cell_screens import CellScreenData

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellScreen:
    """Result of a single-cell screen: tables, calibration, calls per cell, method and warnings."""

    tables: "dict[str, pd.DataFrame]"
    calibration: dict[str, float]
    obs: "pd.DataFrame"
    method: dict[str, Any]
    warnings: tuple[str, ...]
    settings: CellSettings = field(default_factory=CellSettings)


def analyse_cells(data: "CellScreenData", *, settings: CellSettings | None = None) -> CellScreen:
    """Analyse a single-cell CRISPR screen.

    Parameters
    ----------
    data
        From :func:`imscope.io.cell_screens.read_cell_screen`.
    settings
        Assignment, control, replicate and subset columns.

    Returns
    -------
    screen
        Effects of targets on genes with the calibration check, responders per guide, uniformity
        against non-targeting cells, shares of subsets and programmes, energy distance.

    Raises
    ------
    DataError
        There are no guides, no non-targeting cells, or too few cells of any target.
    """
    settings = settings or CellSettings()
    assigned = assign_cells(data, settings)
    used = assigned.used
    counts = sp.csr_array(data.counts[used])
    umi = np.asarray(counts.sum(axis=1)).ravel().astype(np.float64)
    detected = np.diff(counts.indptr).astype(np.float64)
    guide = sp.csr_array(data.guides[used])
    more = [
        np.log(np.diff(guide.indptr) + 1.0),
        np.log(np.asarray(guide.sum(axis=1)).ravel() + 1.0),
    ]
    batch = assigned.batch
    design = cell_design(umi, detected, more=more, batch=batch)
    k = len(assigned.targets)
    got = target_effects(
        counts, design, assigned.target, control=assigned.control, batch=batch, n_targets=k
    )
    tables = {"screen_calls": assigned.calls, **effect_tables(got, data, assigned)}
    calibration = check_null(counts, design, assigned, batch, seed=settings.seed)
    notes = [*assigned.notes]
    if calibration["p05"] > 0.08:
        notes.append(
            f"{codes.W_SCREEN_CALIBRATION}: {100 * calibration['p05']:.1f} % of tests "
            "between non-targeting groups have p < 0.05"
        )
    log, points = _components(counts, umi)
    energy, p = energy_distance(points, assigned.target, assigned.control, k, seed=settings.seed)
    tables["screen_targets"] = tables["screen_targets"].assign(
        energy=energy, energy_p=p, energy_q=benjamini_hochberg(p)
    )
    posterior, tables["screen_responders"] = responder_table(
        log, points, tables["screen_effects"], data, assigned
    )
    tables["screen_uniformity"] = _uniformity(counts, assigned, settings)
    tables["screen_shares"] = share_tables(counts, data, assigned, settings)
    lost = int(np.isnan(got.p_value).sum())
    rows = [*assigned.ledger, ("pairs", "fewer than 7 cells with a count on a side", lost, "")]
    ledger = _frame(rows, [c.name for c in SCREEN_LEDGER.columns]).astype({"n": "int64"})
    tables["screen_ledger"] = SCREEN_LEDGER.check(ledger)
    return CellScreen(
        tables,
        calibration,
        _obs(data, assigned, posterior),
        _method(data, assigned, settings),
        tuple(dict.fromkeys(notes)),
        settings,
    )


def _frame(rows: list[Any], columns: list[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


def _components(counts: sp.csr_array, umi: Floats) -> tuple[Floats, Floats]:
    """Log-normalised expression of the 2,000 most variable genes, and 15 to 30 components."""
    x = sp.csr_array(counts.multiply((np.median(umi) / np.maximum(umi, 1))[:, None]))
    x.data = np.log1p(x.data)
    mean = np.asarray(x.mean(axis=0)).ravel()
    variance = np.asarray(x.multiply(x).mean(axis=0)).ravel() - mean**2
    top = np.sort(np.argsort(-variance, kind="stable")[:2000])
    dense = x[:, top].toarray().astype(np.float64)
    centred = dense - dense.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    keep = min(30, dense.shape[1])
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    del values
    full = np.zeros((dense.shape[0], counts.shape[1]), dtype=np.float32)
    full[:, top] = dense
    return full, centred @ (vectors * signs)[:, ::-1][:, :keep]


def _uniformity(counts: sp.csr_array, assigned: Assigned, settings: CellSettings) -> "pd.DataFrame":
    import pandas as pd

    got = compare_uniformity(
        counts,
        assigned.target,
        assigned.unit,
        control=assigned.control,
        n_targets=len(assigned.targets),
        seed=settings.seed,
    )
    table = pd.DataFrame(
        {
            "target": assigned.targets,
            "n_cells": got.n_cells,
            "n_units": got.n_units,
            "hi2_ratio": got.ratio,
            "hi2_low": got.low,
            "hi2_high": got.high,
            "hi_c_ratio": got.coordinated,
            "naive_ratio": got.naive,
            "p_value": got.p_value,
            "q_value": got.q_value,
            "verdict": got.verdict,
            "reason": got.reason,
        }
    )
    return SCREEN_UNIFORMITY.check(table)


def _obs(data: "CellScreenData", assigned: Assigned, posterior: Floats) -> "pd.DataFrame":
    import pandas as pd

    n = len(data.obs)
    names = np.array([*data.guide_names, ""], dtype=object)
    target = np.full(n, "", dtype=object)
    target[assigned.used] = np.where(
        assigned.control,
        assigned.control_name,
        np.array([*assigned.targets, ""], dtype=object)[assigned.target],
    )
    response = np.full(n, np.nan)
    response[assigned.used] = posterior
    return pd.DataFrame(
        {
            "imscope_guide": names[assigned.only].astype(str),
            "imscope_target": target.astype(str),
            "imscope_guide_class": assigned.cell_class.astype(str),
            "imscope_responder": response,
        },
        index=data.obs.index,
    )


def _method(data: "CellScreenData", assigned: Assigned, settings: CellSettings) -> dict[str, Any]:
    from imscope import __version__

    return {
        "name": "cells",
        "version": __version__,
        "assign": settings.assign,
        "seed": settings.seed,
        "control": assigned.control_name,
        "n_cells": data.counts.shape[0],
        "n_genes": data.counts.shape[1],
        "n_guides": data.guides.shape[1],
        "n_targets": len(assigned.targets),
        "n_used": len(assigned.used),
        "moi": round(assigned.moi, 4),
        "expected_multiple": round(assigned.expected_multiple, 4),
        "observed_multiple": round(assigned.observed_multiple, 4),
        "unit": "guide by replicate" if settings.replicate else "guide",
    }
