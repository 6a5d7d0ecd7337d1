import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.screens import (
    PlateSettings,
    analyse_plates,
    fit_curves,
    fit_growth,
    growth_values,
)
from imscope.analyses.screens.curves import analyse_curves
from imscope.analyses.screens.plate_normalise import Layout, median_polish, normalise_plate
from imscope.core.errors import DataError
from imscope.io.curve_tables import read_curves
from imscope.io.plates import read_plates
from imscope.io.wells import parse_wells, plate_format
from imscope.simulate import simulate_plates, simulate_rescue, write_screen_simulation

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", "/nowhere")) / "screens"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")


def test_median_polish_takes_out_an_additive_plate():
    rows, columns = np.arange(8.0), np.arange(12.0) * 2
    grid = 5 + rows[:, None] + columns
    overall, r, c = median_polish(grid)
    np.testing.assert_allclose(overall + r[:, None] + c, grid)


def test_the_robust_normalisation_keeps_a_row_of_hits():
    rows, columns = np.divmod(np.arange(96), 12)
    role = np.where(columns < 2, "negative", "sample")
    layout = Layout(rows + 1, columns + 1, role, (8, 12))
    x = np.random.default_rng(0).normal(100, 2, 96) + 3 * columns
    x[(rows == 3) & (columns > 1)] += 40
    robust = normalise_plate(x, layout, "robust")
    polished = normalise_plate(x, layout, "bscore_mad")
    hit = (rows == 3) & (columns > 1)
    assert np.median(robust[hit]) > 8
    assert np.median(polished[hit]) < 3


def test_curves_are_covered_and_flat_ones_are_flat():
    rng = np.random.default_rng(0)
    dose = np.concatenate([[0.0], np.geomspace(0.01, 30, 11)])
    true = np.exp(rng.uniform(np.log(0.1), np.log(3), 200))
    clean = 0.2 + 0.8 / (1 + (dose / true[:, None]) ** 1.5)
    fit = fit_curves(dose, clean + rng.normal(0, 0.06, clean.shape))
    inside = (fit.low <= np.log10(true)) & (np.log10(true) <= fit.high)
    assert 0.9 <= inside.mean() <= 0.99
    assert np.median(np.abs(fit.log_ec50 - np.log10(true))) < 0.1
    flat = fit_curves(dose, 1 + rng.normal(0, 0.06, (400, 12)))
    assert 0.025 < (flat.p_value < 0.05).mean() < 0.08


def test_an_ec50_beyond_the_doses_is_said():
    dose = np.array([0, 0.1, 0.3, 1, 3, 10.0, 10.0, 10.0])
    noise = 0.01 * np.cos(7 * np.arange(8))
    fit = fit_curves(dose, (1 / (1 + (dose / 40) ** 2) + noise)[None], lower=0.0)
    assert fit.place[0] == "> max"
    assert np.isinf(fit.high[0])
    assert 0 < fit.low[0] < np.log10(40)


def test_growth_rates_by_hand():
    np.testing.assert_allclose(growth_values([800.0], [400.0], [100.0]), [2**1.5 - 1])
    with pytest.raises(DataError, match="did not grow"):
        growth_values([1.0], [90.0], [100.0])
    flat = fit_growth(np.geomspace(0.01, 1, 8), np.full(8, 0.9) + 0.01 * np.cos(np.arange(8) * 9))
    assert flat.fit == "flat"
    assert np.isinf(flat.gr50)


def test_simulated_dose_series_find_their_curves(tmp_path):
    write_screen_simulation(simulate_plates(seed=4), tmp_path / "p")
    got = analyse_plates(read_plates(tmp_path / "p"))
    truth = pd.read_csv(tmp_path / "p/truth.tsv", sep="\t").set_index("compound")
    curves = got.tables["plate_curves"].set_index("compound").loc[truth.index]
    assert (curves.loc[truth["active"], "q_value"] < 0.05).mean() > 0.9
    assert (curves.loc[~truth["active"], "q_value"] < 0.05).mean() < 0.2
    assert got.tables["plate_qc"]["grade"].eq("good").all()


def test_simulated_rescue_is_found_and_other_states_are_not(tmp_path):
    write_screen_simulation(simulate_rescue(seed=1), tmp_path / "r")
    got = analyse_plates(read_plates(tmp_path / "r")).tables["plate_rescue"].set_index("compound")
    truth = pd.read_csv(tmp_path / "r/truth.tsv", sep="\t").set_index("compound").loc[got.index]
    kind = truth["class"]
    assert got.loc[kind == "rescue_full", "hit"].mean() > 0.8
    assert not got.loc[kind == "toxic", "hit"].any()
    assert (got.loc[kind.str.contains("offtarget"), "off_axis_z"] > 3).mean() > 0.9
    p = got.loc[kind == "inactive", "p_value"]
    assert 0.02 < (p < 0.05).mean() < 0.08


def test_confounding_is_said_first(tmp_path):
    lines = ((1, "patient_vehicle"), (2, "corrected_vehicle"))
    wells = [(r, c) for r in "ABCD" for c in range(1, 7)]
    rows = [
        (f"P{k}", f"{r}{c:02d}", role, "", 0.0, float(c)) for k, role in lines for r, c in wells
    ]
    table = pd.DataFrame(rows, columns=["plate", "well", "role", "compound", "dose_um", "signal"])
    table.to_csv(tmp_path / "wells.csv", index=False)
    with pytest.raises(DataError, match="patient vehicle wells on every plate"):
        analyse_plates(read_plates(tmp_path / "wells.csv"))
    table["plate"] = "P1"
    table["well"] = [f"{chr(65 + k // 12)}{k % 12 + 1:02d}" for k in range(len(table))]
    table["donor"] = ["d1"] * 24 + ["d2"] * 24
    table.to_csv(tmp_path / "wells.csv", index=False)
    got = analyse_plates(read_plates(tmp_path / "wells.csv"))
    assert got.warnings[0].startswith("W-PLATE-CONFOUNDED")


@pytest.mark.parametrize("name", ["Q99", "7", "A1B", "AG01"])
def test_a_well_outside_the_layout_is_named(name):
    with pytest.raises(DataError, match="is not a well"):
        parse_wells([name])


@pytest.mark.shared
@needs_data
@pytest.mark.parametrize(
    ("reference", "method", "log"),
    [("median", "median", False), ("bscore_log2", "bscore", True), ("npi", "npi", False),
     ("bscore_log2_madbyplate", "bscore_mad", True), ("negatives", "negatives", False),
     ("poc", "poc", False)],
)  # fmt: skip
def test_normalisation_agrees_with_the_program_of_the_field(reference, method, log):
    wells = read_plates(SHARED / "plates_kcviab_small").wells
    want = pd.read_csv(SHARED / f"plates_kcviab_small/cellhts2_reference/{reference}.tsv", sep="\t")
    shape = plate_format(wells["row"].tolist(), wells["column"].tolist())
    for (plate, replicate), g in wells.groupby(["plate", "replicate"]):
        x = g["channel_1"].to_numpy()
        layout = Layout(g["row"].to_numpy(), g["column"].to_numpy(), g["role"].to_numpy(str), shape)
        got = normalise_plate(np.log2(x) if log else x, layout, method)
        ref = want[want["plate"].astype(str) == plate].set_index("well")[f"r{replicate}_ch1"]
        np.testing.assert_allclose(got, ref.loc[g["well"]], atol=1e-6)


@pytest.mark.shared
@needs_data
def test_curves_agree_with_the_program_of_the_field():
    folder = SHARED / "dose_response_ctrp40"
    got = analyse_curves(read_curves(folder), settings=PlateSettings()).tables["plate_curves"]
    ref = pd.read_csv(folder / "curvecurator-0.6.0_curves.tsv.gz", sep="\t").drop_duplicates(
        "Name", keep=False
    )
    both = got.set_index("compound").join(ref.set_index("Name"), how="inner")
    sharp = both["Curve Regulation"].isin(["up", "down"]) & both["pEC50"].between(
        6 - np.log10(40), 6 - np.log10(0.0012)
    )
    gap = (6 - np.log10(both["ec50_um"]) - both["pEC50"]).abs()[sharp]
    assert (gap <= 0.05).mean() > 0.9
