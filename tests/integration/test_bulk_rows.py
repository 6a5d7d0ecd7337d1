"""Bulk libraries from end to end: what they can bear is answered, the rest is refused by name."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import imscope
from imscope.cli.main import app
from imscope.core.errors import MethodError
from imscope.evidence.gene_sets import load
from imscope.io import gene_table


@pytest.fixture(scope="module")
def licensed():
    """Three donors, untreated and primed, in FPKM: no counts anywhere."""
    rng = np.random.default_rng(4)
    table = gene_table()
    own = sorted({g for s in load().values() for g in s.genes})
    coding = table.loc[table["biotype"] == "protein_coding", "symbol"].astype(str)
    genes = list(dict.fromkeys([*own, *coding.iloc[:4_000]]))
    base = rng.lognormal(1.0, 1.4, len(genes))
    primed = np.isin(genes, load()["immunomodulation"].genes)
    rows, obs = [], []
    for donor in "ABC":
        mine = base * rng.lognormal(0, 0.3, len(genes))
        for condition in ("untreated", "primed"):
            fold = np.where(primed & (condition == "primed"), 6.0, 1.0)
            rows.append(mine * fold * rng.lognormal(0, 0.1, len(genes)))
            obs.append((f"{donor}_{condition}", donor, condition))
    frame = pd.DataFrame(obs, columns=["name", "donor", "condition"]).set_index("name")
    values = np.array(rows, dtype=np.float32)
    return ad.AnnData(values, obs=frame, var=pd.DataFrame(index=genes))


def test_licensing_ranks_first_in_fpkm(licensed):
    table = imscope.subsets.score(licensed, by="condition").tables["programme_scores"]
    mine = table[(table["group"] == "primed") & table["score"].notna()].set_index("programme")
    assert mine["rank"].eq(1).idxmax() == "immunomodulation"
    assert mine.loc["immunomodulation", "status"] == "ok"
    assert mine.loc["immunomodulation", "q_value"] < 0.05


def test_shares_of_cells_are_not_made_of_libraries(licensed):
    found = imscope.identity.describe(licensed)
    assert set(found.tables) == {"senescence_profiles", "hox_code", "donor_sex", "donor_match"}
    assert "bulk libraries" in found.why("isct_panel")
    assert found.cells is None
    counts = ad.AnnData(
        np.round(licensed.X * 50).astype(np.int32), obs=licensed.obs, var=licensed.var
    )
    for ask in (imscope.safety.residual, imscope.subsets.split, imscope.safety.arms):
        with pytest.raises(MethodError, match="needs single cells"):
            ask(counts)


def test_logarithms_are_refused(licensed):
    logs = ad.AnnData(np.log2(licensed.X + 1), obs=licensed.obs.copy(), var=licensed.var.copy())
    logs.obs["row_kind"] = "bulk"
    with pytest.raises(MethodError, match="not in proportion to RNA"):
        imscope.subsets.stage(logs)


def test_the_command_calls_no_residual_cell_in_a_library(licensed, tmp_path):
    rng = np.random.default_rng(5)
    counts = rng.poisson(licensed.X / licensed.X.sum(axis=1, keepdims=True) * 3e6)
    path = tmp_path / "bulk.h5ad"
    ad.AnnData(counts.astype(np.int32), obs=licensed.obs, var=licensed.var).write_h5ad(path)
    done = CliRunner().invoke(app, ["subsets", "stage", str(path), "--json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed["safety"]["residual_pluripotent"] == []
    assert "bulk libraries" in printed["safety"]["statement"]
    assert {r["group"] for r in printed["records"]} == set(licensed.obs.index)
