"""Parts of a plate screen: quality per plate, curves, growth rates and rescue as tables."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.screens.dose_response import DoseFits, fit_curves
from imscope.analyses.screens.growth_rates import fit_growth, growth_values
from imscope.analyses.screens.plate_normalise import Layout
from imscope.analyses.screens.plate_qc import control_quality, grade, position_effects
from imscope.analyses.screens.rescue import WellScores, scale_plate, score_compounds, score_wells
from imscope.core import codes
from imscope.core.schema import (
    PLATE_AXIS,
    PLATE_CURVES,
    PLATE_GROWTH,
    PLATE_QC,
    PLATE_RESCUE,
)
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Layouts = list[tuple[NDArray[np.int64], Layout]]
MIN_DOSES = 4


def quality(
    wells: "pd.DataFrame",
    raw: Floats,
    layouts: Layouts,
    scores: WellScores | None,
    *,
    seed: int,
    notes: list[str],
) -> "pd.DataFrame":
    """Table ``plate_qc``; on the disease axis where there is one, else on the raw readout.

    Parameters
    ----------
    wells, raw, layouts
        Wells, readout, and rows and layout of each plate.
    scores
        Rescue scores of the wells, or None.
    seed
        Of bootstrap and permutations.
    notes
        What must be told is added here.
    """
    import pandas as pd

    value = raw if scores is None else scores.rescue
    rows, few = [], []
    pooled: dict[str, list[Floats]] = {"p": [], "n": []}
    for where, layout in layouts:
        first = wells.iloc[where[0]]
        name = f"{first['plate']}/{first['replicate']}"
        p = value[where][layout.mask("positive", "corrected_vehicle")]
        n = value[where][layout.mask("negative", "patient_vehicle")]
        pooled["p"].append(p)
        pooled["n"].append(n)
        if min(np.isfinite(p).sum(), np.isfinite(n).sum()) < 3:
            few.append(name)
        rows.append(_row(name, p, n, raw[where], layout, seed))
    if len(layouts) > 1:
        p, n = np.concatenate(pooled["p"]), np.concatenate(pooled["n"])
        rows.append(_row("all", p, n, None, None, seed))
    if few:
        notes.append(
            f"{codes.W_PLATE_CONTROLS}: {len(few)} of {len(layouts)} plates have fewer than "
            "three wells of a control, so they have no figure of their own"
        )
    return PLATE_QC.check(pd.DataFrame(rows, columns=[c.name for c in PLATE_QC.columns]))


def _row(
    name: str, p: Floats, n: Floats, raw: Floats | None, layout: Layout | None, seed: int
) -> dict[str, object]:
    got = control_quality(p, n, seed=seed)
    nothing = float("nan")
    fields = (
        "z_prime",
        "z_prime_low",
        "z_prime_high",
        "z_prime_robust",
        "ssmd",
        "ssmd_robust",
        "signal_window",
        "cv",
    )
    row: dict[str, object] = {"plate": name} | {
        f: nothing if got is None else getattr(got, f) for f in fields
    }
    row |= {"n_positive": int(np.isfinite(p).sum()), "n_negative": int(np.isfinite(n).sum())}
    if raw is None or layout is None:
        row |= dict.fromkeys(("edge_index", "row_p", "column_p", "drift"), nothing) | {"missing": 0}
    else:
        row |= position_effects(raw, layout, seed=seed)
        row["missing"] = int((layout.mask("sample") & ~np.isfinite(raw)).sum())
    row["grade"] = grade(nothing if got is None else got.z_prime)
    return row


def rescue(
    wells: "pd.DataFrame",
    features: list[str],
    layouts: Layouts,
    viability: Floats,
    *,
    least: float,
    tables: "dict[str, pd.DataFrame]",
    notes: list[str],
) -> WellScores | None:
    """Add ``plate_rescue`` and ``plate_axis`` where vehicle wells of both lines are there.

    Parameters
    ----------
    wells, features, layouts, viability
        Wells, names of readouts, layouts, cells over vehicle.
    least
        Rescue fraction the interval of a hit must exceed.
    tables, notes
        Results are added here.

    Returns
    -------
    scores
        Of the wells, or None.
    """
    import pandas as pd

    roles = set(wells["role"])
    if not {"patient_vehicle", "corrected_vehicle"} <= roles:
        return None
    x = wells[features].to_numpy(dtype=np.float64)
    y = np.full_like(x, np.nan)
    plate = np.zeros(len(wells), dtype=np.int64)
    for k, (rows, layout) in enumerate(layouts):
        y[rows] = scale_plate(x[rows], layout)
        plate[rows] = k
    lost = [f for f, ok in zip(features, np.isfinite(y).all(axis=0), strict=True) if not ok]
    if lost:
        notes.append(
            f"{codes.SCREEN_FEW}: {len(lost)} readouts with missing wells are not part of "
            f"the axis, such as {lost[0]}"
        )
    role = wells["role"].to_numpy().astype(str)
    scores = score_wells(y, role, plate, fold=plate)
    tables["plate_axis"] = PLATE_AXIS.check(
        pd.DataFrame({"feature": features, "difference": scores.axis})
        .sort_values("difference", key=np.abs, ascending=False)
        .reset_index(drop=True)
    )
    sample = (role == "sample") & (wells["compound"] != "").to_numpy()
    columns = [c.name for c in PLATE_RESCUE.columns]
    if not sample.any():
        tables["plate_rescue"] = pd.DataFrame(columns=columns)
        return scores
    code, table = group_codes(wells.loc[sample, ["compound", "dose_um"]].reset_index(drop=True))
    group = np.full(len(wells), -1)
    group[sample] = code
    c = score_compounds(scores, group, role, viability, least=least)
    table = table.assign(
        n_wells=c.n,
        rescue_frac=c.rescue,
        ci_low=c.low,
        ci_high=c.high,
        p_value=c.p_value,
        q_value=c.q_value,
        off_axis_z=c.off_axis_z,
        purity=c.cosine,
        viability=c.viability,
        hit=c.hit,
        verdict=c.verdict,
    )
    order = np.argsort(-c.rank_score, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    tables["plate_rescue"] = PLATE_RESCUE.check(table[columns])
    return scores


def curves(wells: "pd.DataFrame", value: Floats, tables: "dict[str, pd.DataFrame]") -> None:
    """Add ``plate_curves`` for compounds with four doses or more.

    Parameters
    ----------
    wells, value
        Wells and normalised values.
    tables
        The table is added here.
    """
    import pandas as pd

    dose = wells["dose_um"].to_numpy(dtype=np.float64)
    sample = (wells["role"] == "sample").to_numpy() & (dose > 0)
    if not sample.any():
        return
    counts = wells[sample].groupby("compound")["dose_um"].nunique()
    names = [str(c) for c in counts.index[counts >= MIN_DOSES] if c]
    if not names:
        return
    rows = []
    vehicle = value[wells["role"].isin(["negative", "patient_vehicle"]).to_numpy()]
    base = float(np.nanmedian(vehicle)) if len(vehicle) else None
    by_name = wells.index[sample].to_series().groupby(wells.loc[sample, "compound"]).agg(list)
    for name in names:
        where = np.array(by_name[name])
        fit = fit_curves(dose[where], value[where][None], front=base)
        rows.append(curve_row(name, fit, 0))
    table = pd.DataFrame(rows)
    table["q_value"] = benjamini_hochberg(table["p_value"])
    tables["plate_curves"] = PLATE_CURVES.check(
        table.sort_values("p_value", kind="stable").reset_index(drop=True)
    )


def curve_row(name: str, fit: DoseFits, k: int) -> dict[str, object]:
    """One row of ``plate_curves`` without its q value."""
    return {
        "compound": name,
        "n": int(fit.n[k]),
        "ec50_um": float(10.0 ** fit.log_ec50[k]),
        "ec50_low": float(10.0 ** fit.low[k]),
        "ec50_high": float(10.0 ** fit.high[k]),
        "place": str(fit.place[k]),
        "slope": float(fit.slope[k]),
        "front": float(fit.front[k]),
        "back": float(fit.back[k]),
        "effect": float(fit.effect[k]),
        "effect_low": float(fit.effect_low[k]),
        "effect_high": float(fit.effect_high[k]),
        "auc": float(fit.auc[k]),
        "r2": float(fit.r2[k]),
        "p_value": float(fit.p_value[k]),
        "relevance": float(fit.relevance[k]),
    }


def growth(wells: "pd.DataFrame", tables: "dict[str, pd.DataFrame]") -> None:
    """Add ``plate_growth`` where counts at the start and in vehicle wells are given.

    Parameters
    ----------
    wells
        With ``cell_count``, ``cell_count__ctrl`` and ``cell_count__time0``.
    tables
        The table is added here.
    """
    import pandas as pd

    need = {"cell_count", "cell_count__ctrl", "cell_count__time0"}
    if not need <= set(wells.columns):
        return
    sample = (wells["role"] == "sample") & (wells["dose_um"] > 0)
    mine = wells[sample]
    gr = growth_values(
        mine["cell_count"].to_numpy(float),
        mine["cell_count__ctrl"].to_numpy(float),
        mine["cell_count__time0"].to_numpy(float),
    )
    label = mine["compound"] + (" in " + mine["line"] if "line" in mine else "")
    rows = []
    for name in sorted(set(label)):
        here = (label == name).to_numpy()
        if len(np.unique(mine["dose_um"].to_numpy()[here])) < MIN_DOSES:
            continue
        fit = fit_growth(mine["dose_um"].to_numpy(float)[here], gr[here])
        rows.append(
            {"compound": name}
            | {c.name: getattr(fit, c.name) for c in PLATE_GROWTH.columns if c.name != "compound"}
        )
    if rows:
        tables["plate_growth"] = PLATE_GROWTH.check(pd.DataFrame(rows))


def group_codes(keys: "pd.DataFrame") -> tuple[NDArray[np.int64], "pd.DataFrame"]:
    """Number of each compound and dose, and the table of them."""
    text = keys["compound"].astype(str) + "\t" + keys["dose_um"].map(lambda d: f"{d:.9g}")
    _, first, code = np.unique(text.to_numpy(dtype=str), return_index=True, return_inverse=True)
    return code.astype(np.int64), keys.iloc[first].reset_index(drop=True)
