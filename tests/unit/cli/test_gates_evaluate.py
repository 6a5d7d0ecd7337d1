import json

import anndata as ad
import flowio
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.core.errors import DataError, UsageError

KEYS = {"gate", "purity", "recall", "f1", "enrichment", "per_donor", "status"}


def run(*arguments):
    return CliRunner().invoke(app, ["gates", *map(str, arguments)])


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    rng = np.random.default_rng(0)
    n = 400
    label = np.where(np.arange(n) % 2 == 0, "T", "B")
    t = label == "T"
    counts = np.column_stack(
        [rng.poisson(np.where(t, 4, 0.05)), rng.poisson(np.where(t, 0.05, 4)), rng.poisson(3, n)]
    )
    obs = pd.DataFrame(
        {"label": label, "donor": np.where(np.arange(n) < 200, "a", "b")},
        index=[f"c{i}" for i in range(n)],
    )
    data = ad.AnnData(counts.astype(np.int32), obs=obs)
    data.var_names = ["CD3D", "MS4A1", "ENG"]
    data.obsm["protein"] = pd.DataFrame(
        {"CD3": rng.poisson(np.where(t, 300, 5)), "CD19": rng.poisson(np.where(t, 4, 250))},
        index=obs.index,
    )
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    data.write_h5ad(path)
    return path


@pytest.fixture
def flow(tmp_path):
    rng = np.random.default_rng(1)
    t = rng.random(800) < 0.5
    light = np.where(t, rng.normal(9000, 900, 800), rng.normal(100, 60, 800))
    events = np.column_stack([rng.normal(6e4, 3e3, 800), light])
    path = tmp_path / "one.fcs"
    with path.open("wb") as handle:
        flowio.create_fcs(handle, events.ravel().tolist(), ["FSC-A", "FITC-A"], ["", "CD3 FITC"])
    return path


@pytest.mark.parametrize("gate", ["CD3D+ MS4A1-", "CD3+ CD19-"])
def test_json_keeps_its_contract(cells, gate):
    done = run("evaluate", cells, "--gate", gate, "--target", "label=T", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert set(record) >= KEYS
    assert record["gate"] == gate
    assert record["f1"] > 0.9
    assert [d["donor"] for d in record["per_donor"]] == ["a", "b"]
    assert record["enrichment"] == pytest.approx(record["purity"] / 0.5)


def test_words_and_table(cells, tmp_path):
    out = tmp_path / "t.tsv"
    done = run("evaluate", cells, "--gate", "CD3+", "--target", "label=T", "--out", out)
    assert "protein CD3" in done.stdout
    assert len(pd.read_csv(out, sep="\t")) == 2


def test_flow_files(flow, cells, tmp_path):
    done = run("evaluate", flow, "--gate", "CD3+", "--predict-from", cells, "--json")
    record = json.loads(done.stdout)
    assert set(record) >= KEYS
    assert record["purity"] is None
    assert record["per_donor"][0]["observed"] == pytest.approx(0.5, abs=0.06)
    assert "no labels" in record["status"]
    xml, plan = tmp_path / "g.xml", tmp_path / "plan.tsv"
    done = run("export", "--gate", "CD3+", "--fcs", flow, "--gating-ml", xml, "--plan", plan,
               "--prevalence", 0.5, "--recall", 0.9, "--json")  # fmt: skip
    assert json.loads(done.stdout)["load"][0] > 100_000
    again = json.loads(run("evaluate", flow, "--gate", xml, "--json").stdout)
    assert again["per_donor"][0]["n_inside"] == record["per_donor"][0]["n_inside"]


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (["--gate", "CD3+"], UsageError, "E-GATE-TARGET"),
        (["--gate", "CD3", "--target", "label=T"], UsageError, "E-GATE-TEXT"),
        (["--gate", "CD8A+", "--target", "label=T"], DataError, "E-GATE-MARKER"),
        (["--gate", "CD3+", "--target", "label=x"], DataError, "E-GATE-TARGET"),
        (["--gate", "CD3+", "--target", "label=T", "--donor", "x"], DataError, "E-CELLS-COLUMN"),
        (["--gate", "CD3+", "--target", "label=T", "--modality", "x"], UsageError, "E-GATE-OPTION"),
    ],
)
def test_wrong_use_is_named(cells, arguments, kind, code):
    done = run("evaluate", cells, *arguments)
    assert isinstance(done.exception, kind)
    assert done.exception.code == code


def test_a_damaged_file_is_named(flow):
    flow.write_bytes(flow.read_bytes()[:-2000])
    done = run("evaluate", flow, "--gate", "CD3+")
    assert done.exception.code == "E-FCS-TRUNCATED"
