"""A simulated day series through the whole run: stages, window, spike, gain, words where needed."""

import pandas as pd
import pytest

from imscope.report import write_report
from imscope.simulate.files import write_cohort
from imscope.simulate.timecourse import simulate_timecourse
from imscope.simulate.timecourse_settings import TimecourseSettings
from imscope.study import run_study
from imscope.study.config import RunConfig

DAYS = (0.0, 1.0, 2.0, 3.0, 4.0, 21.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    settings = TimecourseSettings(
        days=DAYS, cells=180, empty_droplets=0, spike_frac=0.02, gain_frac=0.3, seed=5
    )
    made = simulate_timecourse(settings)
    sheet = write_cohort(made, folder / "data")
    config = RunConfig.model_validate({"subsets": {"test": "off"}, "path": {"umap": False}})
    return made, run_study(sheet, folder / "run", config=config, simulated=True)


def test_stage_shares_follow_the_truth(run):
    made, result = run
    shares = result.tables["stage_fractions"]
    wide = shares.pivot_table(index="group", columns="stage", values="frac").fillna(0.0)
    truth = made.truth["samples"].set_index("sample")
    for sample in wide.index:
        early = truth.loc[sample, "pluripotent"]
        assert wide.loc[sample, "pluripotent"] == pytest.approx(early, abs=0.06)


def test_the_window_peaks_on_its_day(run):
    checks = run[1].tables["stage_window_checks"]
    assert checks["peak_day"].between(1.5, 2.5).all()
    assert (checks["alarm"] == "").all()


def test_the_spike_is_called_and_its_interval_holds(run):
    made, result = run
    table = result.tables["residual_pluripotent"].set_index("group")
    product = [s for s in table.index if s.startswith("d21")]
    called, cells = table.loc[product, ["n_called", "n_cells"]].sum()
    assert 0 < called / cells < 0.05
    truth = made.truth["samples"].set_index("sample").loc[product, "pluripotent"]
    inside = (table.loc[product, "low"] <= truth) & (truth <= table.loc[product, "high"])
    assert inside.sum() >= len(product) - 1


def test_the_gain_is_found_in_its_lot_alone(run):
    arms = run[1].tables["arm_screen"].set_index(["group", "region"])
    assert arms.loc[("L1", "17q"), "verdict"] == "gain"
    assert arms.loc[("L1", "17q"), "frac_low"] <= 0.3 <= arms.loc[("L1", "17q"), "frac_high"] + 0.1
    others = [arms.loc[(lot, "17q"), "verdict"] for lot in ("L2", "L3", "L4")]
    assert others == ["no finding"] * 3
    band = arms.loc[("L1", "20q11.21"), "verdict"]
    assert band == "not resolvable per cell"


def test_what_was_switched_off_says_so(run):
    skipped = run[1].results["skipped"]
    assert "switched off" in skipped["subset_calls"]
    assert "no surface protein" in skipped["protein_markers"]


def test_the_report_shows_every_part(run):
    html = write_report(run[1]).read_text(encoding="utf-8")
    for section in ("stages", "safety", "karyotype", "programmes", "identity", "evidence"):
        assert f'id="{section}"' in html
    assert "not a release limit test" in html
    assert "gain of 17q in L1" in html


def test_every_table_is_declared_and_every_cell_has_a_stage(run):
    cells = run[1].tables["cells"]
    assert cells["stage"].notna().all()
    assert isinstance(cells, pd.DataFrame)
    assert {"cycle_phase", "senescent"} <= set(cells.columns)
