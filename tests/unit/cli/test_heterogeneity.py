import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

from imscope.cli.heterogeneity import CLAIM_FIELDS, INDEX_FIELDS, LEVEL_FIELDS
from imscope.cli.main import app
from imscope.core.errors import DataError
from imscope.evidence.gene_sets import load

GENES = ["NT5E", "THY1", "ENG", "VIM", "COL1A1", "COL1A2", "SPARC", "FN1", "TAGLN", "LGALS1"]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(120, 2.0))
    q = p * np.exp(rng.normal(0, 0.3, (120, 120)))
    counts = np.array([rng.multinomial(3_000, r / r.sum()) for r in q]).astype(np.int32)
    obs = pd.DataFrame(
        {
            "sample": np.repeat([f"s{k}" for k in range(4)], 30),
            "donor": np.repeat(["d1", "d2"], 60),
            "platform": "v3",
        },
        index=[f"c{k}" for k in range(120)],
    )
    names = GENES + [f"GENE{k}" for k in range(110)]
    path = tmp_path_factory.mktemp("matrix") / "cells.h5ad"
    ad.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=names)).write_h5ad(path)
    return path


def run(*words):
    return CliRunner().invoke(app, ["heterogeneity", *map(str, words)])


def test_index_keeps_its_json_contract(matrix):
    result = run("index", matrix, "--by", "donor", "--json")
    assert result.exit_code == 0, result.output
    records = json.loads(result.stdout)["records"]
    assert [r["group"] for r in records] == ["d1", "d2"]
    assert all(tuple(r) == INDEX_FIELDS for r in records)
    assert all(r["status"] == "ok" and isinstance(r["warnings"], list) for r in records)
    assert all(r["hi2_low"] < r["hi2"] < r["hi2_high"] for r in records)


def test_a_run_folder_is_read_and_groups_by_sample(matrix, tmp_path):
    out = tmp_path / "index.tsv"
    result = run("index", matrix.parent, "--out", out)
    assert result.exit_code == 0, result.output
    assert pd.read_csv(out, sep="\t")["group"].tolist() == ["s0", "s1", "s2", "s3"]


def test_genes_programmes_and_ratios_are_written(matrix, tmp_path):
    names = {k: tmp_path / f"{k}.tsv" for k in ("genes", "programmes", "relative")}
    result = run("index", matrix, *(w for k, p in names.items() for w in (f"--{k}", p)))
    assert result.exit_code == 0, result.output
    genes = pd.read_csv(names["genes"], sep="\t")
    assert genes.groupby("group")["share_so_far"].max().between(0.5, 1.2).all()
    assert set(pd.read_csv(names["relative"], sep="\t")["status"]) == {
        "no reference sample on this platform"
    }


def test_a_missing_column_suggests_names(matrix):
    result = run("index", matrix, "--by", "doner")
    assert isinstance(result.exception, DataError)
    assert "did you mean donor" in str(result.exception)


def test_decompose_keeps_its_json_contract(matrix):
    result = run("decompose", matrix, "--levels", "donor,sample", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert list(content) == ["records", "total_hi2", "merged", "untestable", "notices"]
    records = content["records"]
    assert [r["level"] for r in records] == ["donor", "sample", "cell"]
    assert all(tuple(r) == LEVEL_FIELDS for r in records)
    np.testing.assert_allclose(sum(r["hi2"] for r in records), content["total_hi2"])


def test_compare_keeps_its_json_contract(matrix):
    result = run("compare", matrix, "--group", "donor", "--unit", "sample", "--json")
    assert result.exit_code == 0, result.output
    records = json.loads(result.stdout)["records"]
    assert [r["claim"] for r in records] == ["A", "B", "C"]
    assert all(tuple(r) == CLAIM_FIELDS and r["verdict"] == "NOT TESTABLE" for r in records)
    assert records[0]["ratio"] is None


def test_a_margin_changed_after_the_plan_is_not_testable(matrix, tmp_path):
    plan = tmp_path / "plan.json"
    words = ("compare", matrix, "--group", "donor", "--unit", "sample", "--plan", plan, "--json")
    assert run(*words).exit_code == 0
    changed = json.loads(run(*words, "--margin-low", 0.5).stdout)["records"]
    assert all("not those registered" in r["reason"] for r in changed)
    plan.write_text("{}")
    assert isinstance(run(*words).exception, DataError)


def test_power_keeps_its_json_contract():
    result = run("power", "--units", 4, "--sd", 0.2, "--ratio", 0.6, "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert list(content) == [
        "power_superiority",
        "power_equivalence",
        "type_one_error",
        "smallest_detectable_ratio",
        "smallest_p",
        "notices",
    ]
    assert content["power_superiority"] > 0.85


def test_expression_values_are_refused_in_words(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("gene,c1,c2,c3\nNT5E,0.5,1.2,0\nTHY1,1.1,0,2.5\nENG,0.1,0.2,0.9\n")
    result = run("index", path, "--json")
    assert isinstance(result.exception, DataError) or "not estimable" in result.stdout


def test_ratios_floors_and_gene_sets_are_reached_from_the_command(matrix):
    result = run("index", matrix, "--relative-to", "s0", "--floor-from", "sample=s1", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert list(content) == ["records", "relative", "notices"]
    assert content["relative"][0]["ratio"] == 1
    assert any("technical floor" in w for w in content["records"][0]["warnings"])
    collagen = next(name for name, s in load().items() if {"COL1A1", "COL1A2"} <= set(s.genes))
    columns = {}
    for words in (collagen, "cell_cycle,dissociation"):
        path = matrix.parent / "without.tsv"
        assert run("index", matrix, "--without", words, "--out", path).exit_code == 0
        columns[words] = pd.read_csv(path, sep="\t")["hi2_without_cycle"]
    assert (columns[collagen] < columns["cell_cycle,dissociation"]).all()
    wrong = run("index", matrix, "--without", "cell_cicle")
    assert "did you mean cell_cycle" in str(wrong.exception)
