import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.io.cells import write_cells

RNG = np.random.default_rng(4)
COUNTS = RNG.poisson(0.7, (40, 15))
FACTORS = RNG.uniform(0.5, 2, 40)


def tables():
    obs = pd.DataFrame(
        {
            "lot": ["L1", "L2"] * 20,
            "passage": pd.array([3, None] * 20, dtype="Int64"),
            "age": RNG.normal(size=40),
            "ok": [True, False] * 20,
            "kind": pd.Categorical(["b", "a"] * 20),
            "missing": ["x", None] * 20,
            "with/slash": range(40),
        },
        index=[f"cell{i}" for i in range(40)],
    )
    var = pd.DataFrame(
        {"gene_name": [f"G{i}" for i in range(15)]}, index=[f"E{i}" for i in range(15)]
    )
    return obs, var


def written(path, **extra):
    obs, var = tables()
    source = MemoryBlocks.from_csr(sp.csr_array(COUNTS))
    write_cells(path, source, FACTORS, obs=obs, var=var, **extra)
    return anndata.read_h5ad(path), obs, var


def test_anndata_reads_back_what_was_given(tmp_path):
    graph = sp.random_array((40, 40), density=0.1, rng=RNG, format="csr")
    uns = {"imscope": {"text": "a", "n": 3, "flag": True, "list": ["x", "y"], "deep": {"v": 1.5}}}
    slots = {"obsm": {"X_pca": RNG.normal(size=(40, 3))}, "obsp": {"distances": graph}, "uns": uns}
    cells, obs, var = written(tmp_path / "c.h5ad", slots=slots)
    np.testing.assert_array_equal(cells.layers["counts"].toarray(), COUNTS)
    np.testing.assert_allclose(cells.X.toarray(), np.log1p(COUNTS / FACTORS[:, None]), rtol=1e-6)
    assert list(cells.obs_names) == list(obs.index)
    assert list(cells.var["gene_name"]) == list(var["gene_name"])
    assert list(cells.obs["lot"]) == list(obs["lot"])
    assert cells.obs["passage"].isna().sum() == 20
    np.testing.assert_array_equal(cells.obs["ok"], obs["ok"])
    np.testing.assert_allclose(cells.obs["age"], obs["age"])
    assert cells.obs["missing"].isna().sum() == 20
    assert "with_slash" in cells.obs
    np.testing.assert_array_equal(cells.obsm["X_pca"], slots["obsm"]["X_pca"])
    np.testing.assert_array_equal(cells.obsp["distances"].toarray(), graph.toarray())
    assert cells.uns["imscope"]["deep"]["v"] == 1.5
    assert list(cells.uns["imscope"]["list"]) == ["x", "y"]


def test_the_same_content_gives_the_same_bytes(tmp_path):
    obs, var = tables()
    source = MemoryBlocks.from_csr(sp.csr_array(COUNTS))
    for name in ("a", "b"):
        write_cells(tmp_path / name, source, FACTORS, obs=obs, var=var)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_expression_goes_into_its_own_layer(tmp_path):
    obs, var = tables()
    values = MemoryBlocks.from_csr(sp.csr_array(COUNTS * 0.5))
    write_cells(tmp_path / "c.h5ad", values, FACTORS, obs=obs, var=var, layer="expression")
    cells = anndata.read_h5ad(tmp_path / "c.h5ad")
    np.testing.assert_allclose(cells.layers["expression"].toarray(), COUNTS * 0.5)
    assert "counts" not in cells.layers


def test_wrong_lengths_and_names_are_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "c.h5ad"
    path.write_text("old")
    obs, var = tables()
    source = MemoryBlocks.from_csr(sp.csr_array(COUNTS))
    with pytest.raises(DataError, match="shape of the matrix"):
        write_cells(path, source, FACTORS, obs=obs.iloc[:3], var=var)
    obs.index = ["same"] * 40
    with pytest.raises(DataError, match="same name"):
        write_cells(path, source, FACTORS, obs=obs, var=var)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["c.h5ad"]
