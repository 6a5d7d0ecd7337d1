"""`imscope potency` and `imscope simulate potency` as a user runs them."""

import json
import subprocess
import sys

import pandas as pd
import pytest


def imscope(*words):
    return subprocess.run(
        [sys.executable, "-m", "imscope", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("potency") / "data"
    done = imscope("simulate", "potency", "--out", folder, "--lots", 14, "--correlation", 0.9)
    assert done.returncode == 0, done.stderr
    return folder


def test_assay_gives_its_contract_and_finds_the_truth(made, tmp_path):
    done = imscope("potency", "assay", made / "assay.tsv", "--standard", "standard", "--json",
                   "--out", tmp_path / "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)["records"]
    fields = {
        "lot",
        "relative_potency",
        "low",
        "high",
        "n_runs",
        "parallel",
        "suitability",
        "status",
    }
    assert all(fields | {"status"} <= set(r) for r in records)
    truth = pd.read_csv(made / "truth_assay.tsv", sep="\t").set_index("lot")["relative_potency"]
    inside = [r["low"] < truth[r["lot"]] < r["high"] for r in records if r["low"] is not None]
    assert sum(inside) >= len(inside) - 1 >= 2
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "relative_potency.tsv", "potency_runs.tsv", "potency_precision.tsv",
    }  # fmt: skip


def test_link_gives_its_contract_and_shows_the_declared_attribute(made):
    done = imscope("potency", "link", made / "attributes.tsv", "--outcomes",
                   made / "outcomes.tsv", "--primary", "share_A", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"n_units", "unit", "smallest_correlation", "lots_for_0.5"} <= set(found["design"])
    fields = {"attribute", "outcome", "correlation", "slope", "low", "high", "p_value", "q_value",
              "primary", "influential_lot", "status", "reason"}  # fmt: skip
    assert all(fields <= set(r) for r in found["records"])
    row = next(r for r in found["records"] if r["attribute"] == "share_A")
    assert (row["status"], row["primary"]) == ("SHOWN", True)
    assert "14 lots (all lots together) show a correlation" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("assay", "assay.tsv"), "E-POTENCY-STANDARD"),
        (("assay", "assay.tsv", "--standard", "standard", "--model", "6pl"), "E-POTENCY-OPTION"),
        (("assay", "nowhere.tsv"), "E-FILE-MISSING"),
        (("link", "attributes.tsv", "--outcomes", "assay.tsv"), "E-POTENCY-COLUMN"),
        (("link", "attributes.tsv", "--outcomes", "outcomes.tsv", "--primary", "share_Z"),
         "E-POTENCY-ATTRIBUTE"),
        (("link", ".", "--outcomes", "outcomes.tsv"), "E-RUN-FOLDER"),
    ],
)  # fmt: skip
def test_bad_input_is_one_error(made, words, code):
    placed = [made / w if (made / w).exists() or str(w).endswith(".tsv") else w for w in words[1:]]
    done = imscope("potency", words[0], *placed)
    assert done.returncode in (1, 2)
    assert code in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_there_is_not_written_over(made):
    done = imscope("simulate", "potency", "--out", made)
    assert done.returncode == 2
    assert "is there already" in done.stderr
