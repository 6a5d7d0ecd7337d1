"""Plate screens beside reference results and on simulated truth."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from imscope.analyses.screens import PlateSettings, analyse_plates, fit_curves
from imscope.analyses.screens.curves import analyse_curves
from imscope.analyses.screens.plate_cells import score_cells
from imscope.analyses.screens.plate_normalise import Layout, normalise_plate
from imscope.io.curve_tables import read_curves
from imscope.io.plates import PlateData, read_plates
from imscope.io.wells import plate_format
from imscope.simulate import simulate_rescue
from validation.common import Row, Study, met, number, percent, rng_of
from validation.study_screens import ABSENT, SHARED, here


def plates(quick: bool) -> list[Row]:
    """H1, H2, H3 and R1, R3."""
    rows = _dose_rows(quick) + _rescue_rows(quick)
    if not here():
        return rows + ABSENT
    wells = read_plates(SHARED / "plates_kcviab_small").wells
    shape = plate_format(wells["row"].tolist(), wells["column"].tolist())
    gap = 0.0
    for reference, method, log in (
        ("bscore_log2", "bscore", True),
        ("median", "median", False),
        ("npi", "npi", False),
        ("poc", "poc", False),
        ("negatives", "negatives", False),
    ):
        want = pd.read_csv(
            SHARED / f"plates_kcviab_small/cellhts2_reference/{reference}.tsv", sep="\t"
        )
        for (plate, replicate), g in wells.groupby(["plate", "replicate"]):
            x = g["channel_1"].to_numpy()
            layout = Layout(
                g["row"].to_numpy(), g["column"].to_numpy(), g["role"].to_numpy(str), shape
            )
            got = normalise_plate(np.log2(x) if log else x, layout, method)
            ref = (
                want[want["plate"].astype(str) == plate]
                .set_index("well")[f"r{replicate}_ch1"]
                .loc[g["well"]]
            )
            gap = max(gap, float(np.nanmax(np.abs(got - ref))))
    rows.append(
        Row(
            "three plates, two replicates",
            "H1 largest difference, five normalisations",
            "at most 1e-6",
            f"{gap:.1e}",
            met(gap <= 1e-6),
        )
    )
    folder = SHARED / "dose_response_ctrp40"
    data = read_curves(folder)
    start = time.process_time()
    got = (
        analyse_curves(data, settings=PlateSettings()).tables["plate_curves"].set_index("compound")
    )
    cost = 1e3 * (time.process_time() - start) / len(got)
    ref = (
        pd.read_csv(folder / "curvecurator-0.6.0_curves.tsv.gz", sep="\t")
        .drop_duplicates("Name", keep=False)
        .set_index("Name")
    )
    ref = ref[ref["N duplicates"] == 1]  # repeated names were averaged there, numbered here
    both = got.join(ref, how="inner")
    sharp = both["Curve Regulation"].isin(["up", "down"]) & both["pEC50"].between(
        6 - np.log10(40), 6 - np.log10(0.0012)
    )
    close = float(((6 - np.log10(both["ec50_um"]) - both["pEC50"]).abs()[sharp] <= 0.05).mean())
    rank = float(spearmanr(-np.log10(both["p_value"]), both["Curve Log P_Value"])[0])
    rows += [
        Row(
            "1,246 viability curves",
            "H2 pEC50 within 0.05",
            "at least 90 %",
            percent(close),
            met(close >= 0.9),
        ),
        Row(
            "1,246 viability curves",
            "H2 rank correlation of log p",
            "at least 0.99",
            number(rank),
            met(rank >= 0.99),
        ),
        Row(
            "1,246 viability curves",
            "H2 ms per curve",
            "at most 3 (peer 15)",
            number(cost, 2),
            met(cost <= 3),
        ),
    ]
    roles = {
        "patient_vehicle": ("cell_type", "failing"),
        "corrected_vehicle": ("cell_type", "healthy"),
    }
    cells = read_plates(SHARED / "cardiac_fibroblast_cellpainting", roles=roles)
    score, used = score_cells(cells)
    for plate in sorted(cells.wells["plate"].unique()):
        mine = ((cells.wells["plate"] == plate) & used).to_numpy()
        well = (cells.wells["role"][mine] == "corrected_vehicle").to_numpy()
        ranks = pd.Series(score[mine]).rank().to_numpy()
        n = well.sum()
        auc = float((ranks[well].sum() - n * (n + 1) / 2) / (n * (~well).sum()))
        rows.append(
            Row(
                f"plate {plate}, axis from one other plate",
                "R3 AUROC of cells",
                "at least 0.99 (from three plates)",
                number(auc, 3),
                met(auc >= 0.99),
            )
        )
    return rows


def _dose_rows(quick: bool) -> list[Row]:
    rng = rng_of("screen doses")
    n = 300 if quick else 3000
    dose = np.concatenate([[0.0], np.geomspace(0.003, 30, 12)])
    true = np.exp(rng.uniform(np.log(0.03), np.log(3), n))
    y = 0.1 + 0.9 / (1 + (dose / true[:, None]) ** rng.uniform(0.8, 2.5, n)[:, None])
    fit = fit_curves(dose, y + rng.normal(0, 0.06, y.shape))
    inside = float(((fit.low <= np.log10(true)) & (np.log10(true) <= fit.high)).mean())
    flat = fit_curves(dose, 1 + rng.normal(0, 0.06, (2 * n, len(dose))))
    share = float((flat.p_value < 0.05).mean())
    return [
        Row(
            "simulated curves",
            "H3 coverage of the 95 % profile interval",
            "0.93 to 0.97",
            number(inside, 3),
            met(0.93 <= inside <= 0.97),
        ),
        Row(
            "simulated flat curves",
            "H3 p < 0.05",
            "0.04 to 0.06",
            number(share, 3),
            met(0.04 <= share <= 0.06),
        ),
    ]


def _rescue_rows(quick: bool) -> list[Row]:
    rows, found = [], []
    for k in range(1 if quick else 6):
        made = simulate_rescue(seed=1 + k)
        found.append(_rescue_figures(made.tables["wells"], made.tables["truth"]))
    goals = (
        (">=", 0.79),
        (">=", 0.968),
        ("in", (0.035, 0.065)),
        ("<=", 0.07),
        (">=", 0.92),
        (">=", 0.9),
        (">=", 0.95),
        ("in", (0.85, 1.1)),
    )
    names = (
        "average precision",
        "AUROC",
        "inactive with p < 0.05",
        "false discoveries at 5 %",
        "full rescuers called",
        "other states flagged",
        "toxic flagged",
        "slope on the truth",
    )
    sets = [("simulated rescue", np.mean(found, axis=0), goals)]
    if here("rescue_plates_simulated"):
        folder = SHARED / "rescue_plates_simulated"
        figures = _rescue_figures(
            pd.read_csv(folder / "wells.csv.gz"), pd.read_csv(folder / "truth.csv")
        )
        sets.append(
            ("shared rescue plates", np.array(figures), ((">=", 0.74), (">=", 0.940), *goals[2:]))
        )
    for label, figures, wanted in sets:
        for name, value, (sign, goal) in zip(names, figures, wanted, strict=True):
            good = (
                goal[0] <= value <= goal[1]
                if sign == "in"
                else value >= goal
                if sign == ">="
                else value <= goal
            )
            rows.append(
                Row(label, f"R1 {name}", f"{sign} {goal}", number(float(value), 3), met(good))
            )
    return rows


def _rescue_figures(wells: pd.DataFrame, truth: pd.DataFrame) -> tuple[float, ...]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wells.csv"
        wells.to_csv(path, index=False)
        data: PlateData = read_plates(path)
    got = analyse_plates(data).tables["plate_rescue"].set_index("compound")
    truth = truth.set_index("compound").loc[got.index]
    kind = truth["class"]
    clean = kind.isin(["rescue_full", "rescue_partial"]).to_numpy()
    precision = np.cumsum(clean) / np.arange(1, len(clean) + 1)
    ranks = got["rank"].rank(ascending=False).to_numpy()
    n = clean.sum()
    slope = np.polyfit(truth["true_rescue_fraction"][clean], got["rescue_frac"][clean], 1)[0]
    return (
        float((precision * clean).sum() / n),
        float((ranks[clean].sum() - n * (n + 1) / 2) / (n * (~clean).sum())),
        float((got["p_value"][kind == "inactive"] < 0.05).mean()),
        float((got["hit"] & ~clean).sum() / max(got["hit"].sum(), 1)),
        float(got["hit"][kind == "rescue_full"].mean()),
        float((got["off_axis_z"] > 3)[kind.str.contains("offtarget")].mean()),
        float((got["viability"] < 0.7)[kind == "toxic"].mean()),
        float(slope),
    )


PLATES = Study(
    "screens-plates",
    "Plates",
    "Reference results of cellHTS2 and CurveCurator; simulated curves and rescue plates.",
    plates,
)
