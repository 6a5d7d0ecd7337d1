"""`imscope manufacture` from end to end."""

import json

import pytest
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.core.errors import DataError, UsageError

RUN = CliRunner()


def run(*arguments):
    return RUN.invoke(app, ["manufacture", *map(str, arguments)])


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "cord.yaml"
    assert run("template", "cord-bank", "--out", path).exit_code == 0
    return path


def test_templates_are_listed():
    assert "academic-marrow" in run("template", "--list").stdout


def test_plan_prints_the_contract(plan):
    done = run("plan", plan, "--lots", 2000, "--json")
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    wanted = {"doses_per_lot", "p_release", "p_target", "lots_needed", "cost_per_dose",
              "weeks", "pdl_at_dose", "senescent_frac", "levers", "mc_error", "seed",
              "warnings"}  # fmt: skip
    assert wanted <= set(content)
    assert {"p5", "p50", "p95", "mean"} <= set(content["doses_per_lot"])
    assert {"parameter", "low", "high", "total_effect"} <= set(content["levers"][0])
    again = json.loads(run("plan", plan, "--lots", 2000, "--json").stdout)
    assert again == content


def test_plan_writes_page_tables_and_workbook(plan, tmp_path):
    done = run(
        "plan", plan, "--lots", 1000, "--report", tmp_path / "p.html", "--out", tmp_path / "t"
    )
    assert done.exit_code == 0, done.output
    assert "released doses" in done.stdout
    page = (tmp_path / "p.html").read_text()
    assert "cord bank: cells of a lot, step by step" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    names = {p.name for p in (tmp_path / "t").iterdir()}
    assert {"manufacture_steps.tsv", "manufacture.xlsx", "manufacture.json"} <= names


def test_compare_shows_two(plan, tmp_path):
    other = tmp_path / "wcb.yaml"
    run("template", "imsc-wcb", "--out", other)
    done = run("compare", plan, other, "--lots", 1000, "--json")
    content = json.loads(done.stdout)
    assert [p["process"] for p in content["plans"]] == [
        "cord bank",
        "iMSC from a working cell bank",
    ]


def test_dose_prints_the_contract():
    done = run("dose", "--per-kg", "1e6", "--cap", "1e8", "--weight", "120", "--json")
    content = json.loads(done.stdout)
    assert content == {"dose_cells": 1e8, "capped": True, "cells_to_thaw": 1e8, "vials": None}
    assert "70,000,000 living cells" in run("dose", "--per-kg", "1e6", "--weight", "70").stdout


def test_wrong_use_is_one_error(tmp_path):
    assert isinstance(run("dose").exception, UsageError)
    assert isinstance(run("plan", tmp_path / "none.yaml").exception, DataError)
    assert isinstance(run("template", "nothing").exception, UsageError)
