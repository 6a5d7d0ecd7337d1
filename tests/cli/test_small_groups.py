import json

import pytest
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.study import doctor


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


def test_simulate_cohort_writes_files_and_prints_truth(run, tmp_path):
    words = ("--lots", 1, "--donors", 1, "--cells", 30, "--genes", 1000, "--json")
    result = run("simulate", "cohort", "--out", tmp_path / "cohort", *words)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["simulated"] is True
    assert [r["sample"] for r in printed["records"]] == ["iMSC_L1", "MSC_D1"]
    assert (tmp_path / "cohort" / "samples.csv").exists()
    assert "2 simulated samples" in result.stderr


def test_data_list_needs_no_network(run):
    with doctor.no_network():
        result = run("data", "list")
    assert result.exit_code == 0
    assert "msc_wj_3donors" in result.stdout
    records = json.loads(run("data", "list", "--json").stdout)["records"]
    assert {"accession", "licence", "can_test", "can_get"} <= set(records[0])


def test_data_get_of_an_unknown_name_lists_the_names(run):
    result = run("data", "get", "nothing")
    assert result.exception is not None
    assert result.exception.code == "E-DATA-NAME"
    assert result.exception.exit_code == 2


def test_doctor_exit_code_follows_the_checks(run, monkeypatch):
    good = {"fine": lambda: ("all well", {"a": 1})}
    monkeypatch.setattr(doctor, "CHECKS", good)
    result = run("doctor", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["checks"][0]["values"] == {"a": 1}

    def broken():
        raise RuntimeError("broken")

    monkeypatch.setattr(doctor, "CHECKS", {**good, "bad": broken})
    result = run("doctor")
    assert result.exit_code == 1
    assert "RuntimeError: broken" in result.stdout
