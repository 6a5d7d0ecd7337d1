import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.io.cells import write_cells, write_modalities
from imscope.io.counts import read_counts
from imscope.io.genes import map_genes
from imscope.io.raw import Modality

GENES = ["NT5E", "THY1", "ENG", "MT-ND1", "no_such_gene"]


@pytest.fixture
def cohort():
    rng = np.random.default_rng(4)
    counts = sp.csr_array(rng.poisson(2.0, (12, 5)))
    obs = pd.DataFrame(
        {
            "sample": ["A"] * 6 + ["B"] * 6,
            "passage": pd.array([3, None] * 6, dtype="Int64"),
            "is_reference": pd.array([True, None] * 6, dtype="boolean"),
            "n_umi": np.arange(12),
            "note": [None, "=1+1"] * 6,
            "a/b": np.linspace(0, 1, 12),
        },
        index=[f"cell_{k}" for k in range(12)],
    )
    features, _ = map_genes(GENES)
    return counts, obs, features


def write(path, cohort):
    counts, obs, features = cohort
    write_cells(
        path,
        MemoryBlocks.from_csr(counts),
        obs=obs,
        features=features,
        obsm={"X_pca": np.ones((12, 2), dtype=np.float32)},
        obsp={"distances": sp.eye_array(12, format="csr")},
        uns={"version": "1", "seeds": [1, 2], "nested": {"threshold": 0.5, "names": ["a", "b"]}},
    )


def test_anndata_reads_what_was_written(tmp_path, cohort):
    counts, obs, features = cohort
    write(tmp_path / "cells.h5ad", cohort)
    adata = anndata.read_h5ad(tmp_path / "cells.h5ad")
    dense = counts.toarray()
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), dense)
    assert adata.layers["counts"].dtype == np.int32
    want = np.log1p(dense / dense.sum(axis=1, keepdims=True) * 1e4)
    np.testing.assert_allclose(adata.X.toarray(), want, rtol=1e-6)
    assert adata.var_names.tolist() == features["feature_id"].tolist()
    assert adata.var["gene_name"].tolist() == features["symbol"].tolist()
    assert adata.obs["sample"].tolist() == obs["sample"].tolist()
    assert adata.obs["passage"].isna().tolist() == [False, True] * 6
    assert adata.obs["note"].isna().tolist() == [True, False] * 6
    assert adata.uns["imscope"]["nested"]["names"].tolist() == ["a", "b"]
    assert adata.obsm["X_pca"].shape == (12, 2)
    assert adata.obsp["distances"].shape == (12, 12)


def test_our_reader_reads_what_was_written(tmp_path, cohort):
    write(tmp_path / "cells.h5ad", cohort)
    with read_counts(tmp_path / "cells.h5ad") as back:
        assert back.where == "layers['counts']"
        block = back.source.read(0, 12)
        got = sp.csr_array((block.data, block.indices, block.indptr), shape=(12, 5)).toarray()
        assert back.obs["is_reference"].tolist()[0] is True
    np.testing.assert_array_equal(got, cohort[0].toarray())


def test_the_same_cells_give_the_same_bytes(tmp_path, cohort):
    write(tmp_path / "a.h5ad", cohort)
    write(tmp_path / "b.h5ad", cohort)
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "b.h5ad").read_bytes()


def test_mudata_reads_the_modalities(tmp_path, cohort):
    _, obs, _ = cohort
    protein = Modality(
        pd.DataFrame({"feature_id": ["CD73", "CD90"], "symbol": ["CD73", "CD90"]}),
        sp.csr_array(np.arange(24, dtype=np.int32).reshape(12, 2)),
    )
    write_modalities(tmp_path / "cells.h5mu", {"protein": protein}, obs=obs)
    mdata = mudata.read_h5mu(tmp_path / "cells.h5mu")
    np.testing.assert_array_equal(mdata["protein"].X.toarray(), protein.counts.toarray())
    assert mdata["protein"].var_names.tolist() == ["CD73", "CD90"]
    assert mdata.n_obs == 12


def test_shapes_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path, cohort):
    counts, obs, features = cohort
    with pytest.raises(DataError, match="11 cells"):
        write_cells(
            tmp_path / "c.h5ad", MemoryBlocks.from_csr(counts), obs=obs[1:], features=features
        )
    assert not list(tmp_path.iterdir())
