"""One door to cells: files, run folders, objects in memory; and results back into them."""

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.cells import Cells
from imscope.core.errors import DataError, MethodError
from imscope.core.result import Result, Status
from imscope.io import annotate, open_cells

GENES = ["NT5E", "THY1", "ENG", "MT-CO1"]
COUNTS = np.array([[1, 0, 4, 2], [0, 3, 0, 1], [5, 0, 0, 7]], dtype=np.int64)


def make(values=COUNTS, **slots):
    obs = pd.DataFrame({"lot": ["a", "b", "b"]}, index=["x", "y", "z"])
    return anndata.AnnData(
        sp.csr_matrix(values.astype(np.float32)), obs=obs, var=pd.DataFrame(index=GENES), **slots
    )


def dense(cells):
    block = cells.source.read(0, cells.n_cells)
    return sp.csr_array(
        (block.data, block.indices, block.indptr), shape=(cells.n_cells, cells.n_features)
    ).toarray()


def test_memory_and_file_give_the_same_cells(tmp_path):
    adata = make()
    adata.write_h5ad(tmp_path / "a.h5ad")
    memory = open_cells(adata)
    with open_cells(tmp_path / "a.h5ad") as file:
        assert dense(file).tolist() == dense(memory).tolist() == COUNTS.tolist()
        pd.testing.assert_frame_equal(file.features, memory.features)
        assert file.obs["lot"].astype(str).tolist() == memory.obs["lot"].tolist()
        assert (file.kind, file.where) == (memory.kind, memory.where) == ("counts", "X")


def test_a_layer_of_counts_comes_before_other_values():
    adata = make(np.log1p(COUNTS), layers={"counts": sp.csr_matrix(COUNTS)})
    cells = open_cells(adata)
    assert cells.where == "layers['counts']"
    assert dense(cells).tolist() == COUNTS.tolist()


def test_raw_is_found_when_x_is_normalised():
    adata = make()
    adata.raw = adata.copy()
    adata.X = np.log1p(adata.X)
    assert open_cells(adata).where == "raw.X"


def test_no_counts_anywhere_is_refused_unless_asked_for():
    adata = make(np.log1p(COUNTS * 3.3))
    with pytest.raises(DataError) as error:
        open_cells(adata)
    assert error.value.code == "E-MATRIX-NO-COUNTS"
    assert open_cells(adata, expression=True).kind == "expression"


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_single_bad_values_are_refused(bad):
    values = np.ones((3, 4))
    values[2, 1] = bad
    values = np.tile(values, (10, 1))
    with pytest.raises(DataError):
        open_cells(
            anndata.AnnData(sp.csr_matrix(values.astype(np.float32)), var=pd.DataFrame(index=GENES))
        )


def test_a_mudata_brings_its_protein(tmp_path):
    rna = make()
    protein = anndata.AnnData(
        sp.csr_matrix(np.array([[1.0, 2], [3, 4], [5, 6]], dtype=np.float32)[[2, 0, 1]]),
        obs=pd.DataFrame(index=["z", "x", "y"]),
        var=pd.DataFrame(index=["CD73", "CD90"]),
    )
    cells = open_cells(mudata.MuData({"rna": rna, "prot": protein}))
    assert cells.modalities["protein"].counts.toarray().tolist() == [[1, 2], [3, 4], [5, 6]]
    assert cells.obs.index.tolist() == ["x", "y", "z"]


def test_a_run_folder_is_opened_at_its_cells(tmp_path):
    make().write_h5ad(tmp_path / "cells.h5ad")
    with open_cells(tmp_path) as cells:
        assert cells.n_cells == 3
    assert open_cells(cells) is cells


def test_reading_after_closing_says_so(tmp_path):
    make().write_h5ad(tmp_path / "a.h5ad")
    with open_cells(tmp_path / "a.h5ad") as cells:
        assert isinstance(cells, Cells)
    with pytest.raises(MethodError, match="after it was closed") as error:
        cells.source.read(0, 1)
    assert error.value.code == "E-CELLS-CLOSED"


def test_something_else_is_no_cells():
    with pytest.raises(DataError, match="these are no cells"):
        open_cells(pd.DataFrame())


def test_results_are_put_into_the_object_and_survive_writing(tmp_path):
    adata = make()
    result = Result(
        tables={"stage_fractions": pd.DataFrame({"group": ["a"], "frac": [0.5]})},
        cells=pd.DataFrame({"stage": ["MSC", "iPSC", "MSC"]}),
        skipped={"stage_window": (Status("NOT TESTABLE", "no day"),)},
        settings={"by": "lot", "seed": 1, "unit": None},
    )
    annotate(adata, result)
    assert adata.obs["imscope_stage"].tolist() == ["MSC", "iPSC", "MSC"]
    adata.write_h5ad(tmp_path / "b.h5ad")
    back = anndata.read_h5ad(tmp_path / "b.h5ad").uns["imscope"]
    assert back["tables"]["stage_fractions"]["frac"].tolist() == [0.5]
    assert back["skipped"]["stage_window"] == "no day"
    assert back["settings"]["by"] == "lot"


def test_a_frame_is_put_under_the_name_of_its_table():
    adata = make()
    frame = pd.DataFrame({"hi2": [0.1]})
    frame.attrs["imscope"] = {"table": "heterogeneity_index", "settings": {"by": "lot"}}
    annotate(adata, frame)
    assert "heterogeneity_index" in adata.uns["imscope"]["tables"]


def test_a_result_of_other_cells_is_refused():
    with pytest.raises(DataError, match="of other cells"):
        annotate(make(), Result(cells=pd.DataFrame({"stage": ["MSC"]})))
