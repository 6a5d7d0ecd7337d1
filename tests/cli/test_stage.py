import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from imscope.cli.main import app


@pytest.fixture(scope="module")
def run():
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def series(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("series") / "made"
    words = ("--days", "0,14", "--lots", 1, "--cells", 60, "--genes", 1500, "--spike", 0.05)
    result = run("simulate", "timecourse", "--out", folder, *words, "--json")
    assert result.exit_code == 0, result.output
    truth = json.loads(result.stdout)
    assert truth["simulated"] is True
    assert [r["sample"] for r in truth["records"]] == ["d0_L1", "d14_L1"]
    return folder


def test_stage_prints_the_contract(run, series, tmp_path):
    path = series / "counts" / "d14_L1.h5"
    result = run("subsets", "stage", path, "--by", "sample", "--json", "--out", tmp_path / "t")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    for row in printed["records"]:
        assert {"group", "stage", "frac", "low", "high", "n_cells"} <= set(row)
    (row,) = printed["safety"]["residual_pluripotent"]
    wanted = {"group", "n_cells", "n_called", "frac", "upper_95", "cells_in_dose"}
    assert wanted <= set(row)
    assert row["group"] == "d14_L1"
    assert row["n_called"] >= 2
    assert "not a release limit test" in printed["safety"]["statement"]
    assert (tmp_path / "t" / "stage_fractions.tsv").exists()


def test_stage_says_it_in_words(run, series):
    result = run("subsets", "stage", series / "counts" / "d0_L1.h5", "--dose", 1e6)
    assert result.exit_code == 0, result.output
    assert "d0_L1: pluripotent" in result.stdout
    assert "in a dose" in result.stdout
    assert "not a release limit test" in result.stdout
    assert "no window" in result.stderr


def test_a_gain_can_be_put_on_any_arm(run, tmp_path):
    words = ("--days", "14", "--lots", 1, "--cells", 30, "--genes", 1000, "--gain-arm", "12p")
    result = run("simulate", "timecourse", "--out", tmp_path / "x", *words)
    assert result.exit_code == 0, result.output
    genes = pd.read_csv(tmp_path / "x" / "truth" / "genes.tsv", sep="\t")
    assert 2 <= genes["gained"].sum() < 40
    assert "KRAS" not in set(genes.loc[~genes["gained"], "symbol"])


def test_wrong_days_are_refused(run, tmp_path):
    result = run("simulate", "timecourse", "--out", tmp_path / "x", "--days", "one")
    assert "days must be numbers" in str(result.exception)
