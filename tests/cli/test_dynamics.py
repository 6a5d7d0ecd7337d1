"""`imscope dynamics` from end to end, and its results in a manufacture plan."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.core.errors import ImscopeError
from imscope.simulate.passages import PassageSettings, simulate_passages

RUN = CliRunner()


def command(*words):
    return RUN.invoke(app, ["dynamics", *map(str, words)])


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("passages")
    study = simulate_passages(PassageSettings(start="sorted", passages=4, seed=3))
    study.counts.to_csv(folder / "counts.csv", index=False)
    study.totals.to_csv(folder / "totals.csv", index=False)
    study.series.to_csv(folder / "series.csv", index=False)
    return folder


def test_fit_keeps_its_contract(tables):
    done = command(
        "fit", "--counts", tables / "counts.csv", "--totals", tables / "totals.csv",
        "--edges", "A>B,A>S,B>A,B>S", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"growth", "conversion", "donor_sd", "status", "warnings"} <= set(found)
    asked = {"subset", "rate_per_day", "low", "high", "identified", "relative"}
    assert asked <= set(found["growth"][0])
    assert {"from", "to", "rate_per_day", "low", "high", "identified"} <= set(
        found["conversion"][0]
    )
    assert all(r["low"] <= r["rate_per_day"] <= r["high"] for r in found["growth"])


def test_forecast_keeps_its_contract(tables):
    done = command("forecast", "--series", tables / "series.csv", "--limit", 0.1, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"last_safe_passage", "median_passage", "curve", "models", "status", "reason"} <= set(
        found
    )
    assert {"passage", "median", "low", "high"} <= set(found["curve"][0])
    assert {"name", "weight", "rmse_unseen"} <= set(found["models"][0])


def test_compare_keeps_its_contract(tmp_path):
    path = tmp_path / "counts.csv"
    pd.DataFrame(
        {"donor": [*"abc"] * 2, "time": ["early"] * 3 + ["late"] * 3,
         "A": [50, 55, 60, 98, 112, 118], "B": 300, "C": 200, "D": 150}
    ).to_csv(path, index=False)  # fmt: skip
    done = command("compare", "--counts", path, "--time", "time", "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)["records"][0]
    asked = {"subset", "log_fold", "low", "high", "p_value", "q_value", "p_exact", "n_units"}
    assert asked | {"status"} <= set(record)


def test_bad_input_is_one_error(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("donor,day,subset,count\nd,0,A,5\nd,0,A,5\n")
    done = command("fit", "--counts", path)
    assert done.exit_code != 0
    assert isinstance(done.exception, ImscopeError)
    assert done.exception.code == "E-DYNAMICS-COUNTS"
