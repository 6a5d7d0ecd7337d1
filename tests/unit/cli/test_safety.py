import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.core.errors import DataError
from imscope.core.schema import ARM_SCREEN
from imscope.evidence.gene_positions import gene_positions
from imscope.simulate.karyotype import KaryotypeSettings, simulate_karyotype_lot


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    table = gene_positions()
    table = table[table["chromosome"] != "Y"]
    genes = table[np.random.default_rng(0).random(len(table)) < 0.08]
    knobs = KaryotypeSettings(cells=150)
    arms = genes["arm"].to_numpy().astype(str)
    gains = [None, None, None, {"17q": (0.5, 1.5)}]
    parts = [
        simulate_karyotype_lot(arms, knobs, lot=k, gains=g).counts for k, g in enumerate(gains)
    ]
    counts = sp.csr_matrix(sp.vstack(parts))
    obs = pd.DataFrame({"lot": np.repeat(["a", "b", "c", "d"], 150)})
    obs.index = [f"cell{k}" for k in range(len(obs))]
    var = pd.DataFrame(index=genes["feature_id"].tolist())
    path = tmp_path_factory.mktemp("arms") / "cells.h5ad"
    ad.AnnData(counts, obs=obs, var=var).write_h5ad(path)
    return path


def run(*words):
    return CliRunner().invoke(app, ["safety", *map(str, words)])


def test_arms_as_json_and_table(matrix, tmp_path):
    out = tmp_path / "arms.tsv"
    done = run("arms", matrix, "--reference", "a,b", "--reference", "c", "--json", "-o", out)
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["references"] == ["a", "b", "c"]
    assert list(content["records"][0]) == ARM_SCREEN.names
    by = {(r["group"], r["region"]): r for r in content["records"]}
    assert by["d", "17q"]["verdict"] == "gain"
    assert by["d", "20q11.21"]["verdict"] == "not resolvable per cell"
    assert len(pd.read_csv(out, sep="\t")) == len(content["records"])


def test_arms_in_words(matrix):
    assert "d 17q: gain in" in run("arms", matrix, "--reference", "a,b,c").stdout
    assert run("arms", matrix).stdout.startswith("NOT TESTABLE: needs 3 diploid reference lots")


def test_p53_without_targets_says_so(matrix):
    done = run("p53", matrix, "--json")
    assert {r["verdict"] for r in json.loads(done.stdout)["records"]} <= {"NOT TESTABLE", "not low"}


def test_an_unknown_reference_is_an_error(matrix):
    done = run("arms", matrix, "--reference", "zz")
    assert isinstance(done.exception, DataError)
    assert "lots: a, b, c, d" in str(done.exception)
