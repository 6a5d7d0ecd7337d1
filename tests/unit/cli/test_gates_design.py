import json

import anndata as ad
import jsonschema
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from imscope.analyses.gates.gate_file import gates_schema, read_gates
from imscope.cli.main import app
from imscope.core.errors import DataError, UsageError

RUN = CliRunner()
FAST = ["--max-size", "2", "--objective", "blend"]


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    rng = np.random.default_rng(0)
    n = 600
    kind = rng.choice(["T", "B", "other", "unknown"], n, p=[0.4, 0.25, 0.25, 0.1])
    rate = pd.DataFrame(
        {"CD3": np.where(kind == "T", 90, 5), "CD19": np.where(kind == "B", 90, 5), "CD9": 20},
        index=[f"c{k}" for k in range(n)],
    )
    protein = pd.DataFrame(rng.poisson(rate * 1.0), rate.index, rate.columns)
    genes = ["CD3E", "CD19", "ACTB", "GAPDH"]
    rna = rng.poisson(np.where(kind == "T", 3.0, 0.1)[:, None] * [1, 0, 0, 0] + [0, 0.2, 5, 5])
    obs = pd.DataFrame({"label": kind, "donor": np.repeat(["x", "y", "z"], n // 3)}, rate.index)
    a = ad.AnnData(rna.astype(np.float32), obs, pd.DataFrame(index=genes))
    a.obsm["protein"] = protein
    a.uns["protein_gene"] = {"CD3": "CD3E", "CD19": "CD19", "CD9": "CD9"}
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    a.write_h5ad(path)
    return path


def test_design_prints_the_contract_and_writes_the_gate_file(cells, tmp_path):
    out = tmp_path / "gate.json"
    done = RUN.invoke(
        app,
        [
            "gates",
            "design",
            str(cells),
            "--target",
            "label=T",
            "--donor",
            "donor",
            "--json",
            "--out",
            str(out),
            "--tables",
            str(tmp_path / "t"),
            *FAST,
        ],
    )
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    first = content["gates"][0]
    assert first["gate"] == "CD3+"
    assert (first["size"], first["markers"], first["class"]) == (1, ["CD3"], "A")
    assert first["purity_low"] <= first["purity"] <= first["purity_high"]
    assert [d["donor"] for d in first["per_donor"]] == ["x", "y", "z"]
    assert sum(d["n_cells"] for d in first["per_donor"]) < 600  # cells without a label are left out
    assert content["gap"] == 0
    assert "circular label" in content["status"]
    assert content["pareto"]
    jsonschema.validate(json.loads(out.read_text()), gates_schema())
    gate = read_gates(out)[0]
    assert str(gate) == "CD3+"
    assert set(gate.literals[0].raw_cuts) == {"x", "y", "z"}
    assert (tmp_path / "t" / "gate_literals.tsv").exists()
    assert "sorted" not in content
    again = RUN.invoke(
        app,
        ["gates", "evaluate", str(cells), "--gate", str(out), "--target", "label=T", "--json"],
    )
    assert json.loads(again.stdout)["f1"] == pytest.approx(first["f1"], abs=1e-9)


def test_design_on_rna_says_what_it_cannot_know(cells):
    done = RUN.invoke(
        app, ["gates", "design", str(cells), "--target", "label=T", "--modality", "rna", *FAST]
    )
    assert done.exit_code == 0, done.output
    assert "RNA only" in done.stdout


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["--target", "label=NK"], DataError),
        (["--target", "kind=T"], DataError),
        (["--target", "T"], UsageError),
        (["--target", "label=T", "--donor", "person"], DataError),
        (["--target", "label=T", "--modality", "atac"], UsageError),
        (["--target", "label=T", "--objective", "best"], UsageError),
        (["--target", "label=T", "--beta", "-1"], UsageError),
        (["--target", "label=T", "--prevalence", "1"], UsageError),
    ],
)
def test_wrong_use_is_named(cells, options, kind):
    done = RUN.invoke(app, ["gates", "design", str(cells), *options])
    assert isinstance(done.exception, kind)
    assert done.exception.fix or done.exception.found


def test_few_target_cells_give_no_gate_and_a_reason(cells, tmp_path):
    a = ad.read_h5ad(cells)
    rows = np.flatnonzero(a.obs["label"] == "B")[:12]
    a.obs["rare"] = np.where(np.isin(np.arange(a.n_obs), rows), "yes", "no")
    a.write_h5ad(tmp_path / "rare.h5ad")
    done = RUN.invoke(
        app, ["gates", "design", str(tmp_path / "rare.h5ad"), "--target", "rare=yes", "--json"]
    )
    content = json.loads(done.stdout)
    assert content["gates"] == []
    assert content["status"] == "NOT TESTABLE"
    assert content["reason"].startswith("the target has 12 cells")


def test_heterogeneity_before_and_after_the_gate(tmp_path):
    rng = np.random.default_rng(1)
    n, n_genes = 450, 300
    kind = rng.random(n) < 0.5
    base = rng.gamma(0.7, 1.0, n_genes) + 0.1
    other = base * np.exp(rng.normal(0, 0.8, n_genes))
    share = np.where(kind[:, None], base / base.sum(), other / other.sum())
    counts = rng.poisson(share * 3000)
    index = [f"c{k}" for k in range(n)]
    obs = pd.DataFrame(
        {"label": np.where(kind, "T", "B"), "donor": np.repeat(["x", "y", "z"], n // 3)}, index
    )
    a = ad.AnnData(
        counts.astype(np.float32), obs, pd.DataFrame(index=[f"GENE{k}" for k in range(n_genes)])
    )
    a.obsm["protein"] = pd.DataFrame({"CD3": rng.poisson(np.where(kind, 90, 5))}, index)
    a.write_h5ad(tmp_path / "c.h5ad")
    done = RUN.invoke(
        app,
        [
            "gates",
            "design",
            str(tmp_path / "c.h5ad"),
            "--target",
            "label=T",
            "--heterogeneity",
            "--json",
            *FAST,
        ],
    )
    assert done.exit_code == 0, (done.output, done.exception)
    rows = pd.DataFrame(json.loads(done.stdout)["sorted"]).pivot_table(
        index="group", columns="state", values="hi2"
    )
    assert len(rows) == 3
    assert (rows["after"] < 0.3 * rows["before"]).all()


def test_the_page_shows_the_gate_and_makes_no_request(cells, tmp_path):
    page = tmp_path / "gate.html"
    words = ["gates", "design", str(cells), "--target", "label=T", "--donor", "donor"]
    done = RUN.invoke(app, [*words, "--report", str(page), *FAST])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    assert 'id="gates"' in html
    assert "CD3+" in html
    assert 'id="heterogeneity"' not in html
    assert "default-src &#39;none&#39;" in html
