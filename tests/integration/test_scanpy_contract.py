"""The annotated cells of a run work in the programs of the field as they are."""

import warnings

import anndata
import numpy as np
import pytest

sc = pytest.importorskip("scanpy")


@pytest.fixture(scope="module")
def cells(finished):
    return sc.read_h5ad(finished / "cells.h5ad")


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_places_have_one_width(cells):
    for matrix in (cells.X, cells.layers["counts"], *cells.obsp.values()):
        assert matrix.indices.dtype == matrix.indptr.dtype


def test_markers_of_groups_are_ranked(cells):
    made = cells.copy()
    sc.tl.rank_genes_groups(made, "sample")
    assert np.isfinite(made.uns["rank_genes_groups"]["scores"][0].tolist()).all()


def test_the_graph_is_found_and_drawn(cells):
    made = cells.copy()
    assert made.uns["neighbors"]["connectivities_key"] in made.obsp
    sc.tl.umap(made, maxiter=3)
    assert made.obsm["X_umap"].shape == (made.n_obs, 2)


def test_the_graph_is_clustered(cells):
    pytest.importorskip("igraph", reason="igraph has a licence that is not installed here")
    made = cells.copy()
    sc.tl.leiden(made, flavor="igraph", n_iterations=2)
    sc.tl.paga(made, "sample")
    assert made.obs["leiden"].nunique() >= 1


def test_genes_are_drawn_by_symbol(cells, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    named = cells.var["gene_name"][~cells.var["gene_name"].duplicated(keep=False)].tolist()[:3]
    drawn = sc.pl.dotplot(cells, named, "sample", gene_symbols="gene_name", return_fig=True)
    assert list(drawn.dot_color_df.columns) == named


def test_written_read_and_joined(cells, tmp_path):
    cells.copy().write_h5ad(tmp_path / "again.h5ad")
    again = anndata.read_h5ad(tmp_path / "again.h5ad")
    assert (again.X != cells.X).nnz == 0
    joined = anndata.concat([cells, again], index_unique="-", keys=["a", "b"])
    assert joined.shape == (2 * cells.n_obs, cells.n_vars)
