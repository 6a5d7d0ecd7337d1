"""Small inputs that once went wrong, as they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from imscope.core.errors import ImscopeError
from imscope.io.counts import read_counts
from imscope.io.same_cells import fingerprint_cells, same_cells_notices
from imscope.io.sheet import check_sheet
from imscope.study.read_config import read_config

DATA = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
ROOT = Path(os.environ.get("IMSCOPE_SHARED_CASES", DATA.parent / "cases"))
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not ROOT.is_dir(), reason="the shared cases are not here"),
]
PLAIN = "same_library_as_lots/libA.h5"


def opened(name):
    with read_counts(ROOT / name) as cells:
        block = cells.source.read(0, cells.n_cells)
        return cells, np.sort(np.bincount(block.indices, weights=block.data)), block.data.sum()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("transposed.h5ad", "W-MATRIX-TRANSPOSED"),
        ("symbols_in_column.h5ad", "W-GENES-COLUMN"),
        ("total_row.csv", "W-GENES-NOT-GENES"),
        ("r_made_names.h5ad", "W-GENES-RESTORED"),
    ],
)
def test_read_as_the_plain_library(name, code):
    cells, sums, total = opened(name)
    _, plain, right = opened(PLAIN)
    assert code in [n.code for n in cells.notices]
    np.testing.assert_array_equal(sums, plain)
    assert total == right
    assert cells.features["mapped"].mean() > 0.99
    assert (cells.features["chromosome"] == "MT").sum() == 12


def test_rounded_values_are_no_counts():
    with pytest.raises(ImscopeError) as caught:
        read_counts(ROOT / "rounded_cp10k.h5ad")
    assert caught.value.code == "E-MATRIX-ROUNDED"


@pytest.mark.parametrize("column", ["lot", "passed"])
def test_cells_without_a_value_are_counted(column):
    with read_counts(ROOT / "nullable_column_with_gaps.h5ad") as cells:
        gaps = int(cells.obs[column].isna().sum())
        known = cells.known(column)
        assert known.n_cells == cells.n_cells - gaps < cells.n_cells
        assert f"{gaps} of 72 cells have no {column}" in known.notices[-1].message


def test_hashtags_are_no_antigens():
    with read_counts(ROOT / "hashtags_among_proteins.h5ad") as cells:
        roles = cells.modalities["protein"].features.set_index("symbol")["role"].to_dict()
    assert {k for k, v in roles.items() if v == "antigen"} == {"CD73", "CD90"}


def test_one_library_as_several_lots():
    prints = {}
    for name in ("libA", "libB"):
        with read_counts(ROOT / f"same_library_as_lots/{name}.h5") as cells:
            ids = list(cells.features["feature_id"])
            for copy in "12":
                prints[name + copy] = fingerprint_cells(cells.source, ids, list(cells.obs.index))
    told = [n.subject for n in same_cells_notices(prints) if n.code == "W-SAMPLES-SAME"]
    assert told == ["libA1, libA2", "libB1, libB2"]


@pytest.mark.parametrize(
    "name", ["capital_columns", "case_of_headers", "headers_ignored", "words_for_missing",
             "bm_msc_class", "passage_p4plus2", "fixed_3v3"],
)  # fmt: skip
def test_sheets_are_read_with_a_notice(name):
    found = check_sheet(ROOT / f"sheets/{name}.csv", check_paths=False)
    assert not found.faults
    assert found.notices
    frame = found.sheet.frame
    assert "lot" in frame
    if name == "words_for_missing":
        assert "donor" not in frame
    if name in ("bm_msc_class", "headers_ignored"):
        assert (frame["source_tissue"].dropna() == "bone_marrow").sum() == 3
        assert set(frame["source_class"]) == {"iMSC", "primary_MSC"}
    if name == "headers_ignored":
        assert frame["population_doublings"].tolist()[:3] == [12.0, 12.0, 18.5]
        assert frame["passage"].tolist()[:3] == [4, 4, 6]
    if name == "passage_p4plus2":
        assert frame["passage"].iloc[0] == 6


def test_lots_as_delivered_lack_a_path_only():
    found = check_sheet(ROOT / "sheets/lots_as_delivered.csv", check_paths=False)
    assert [f.problem for f in found.faults] == ["no column 'path'"]


def test_off_is_a_word():
    assert read_config(ROOT / "sheets/subsets_off.yaml").subsets.test == "off"


@pytest.mark.parametrize(
    ("name", "proteins"), [("bd_abseq_30cells.csv", 1), ("bd_with_header_30cells.csv", 0)]
)
def test_rhapsody_tables(name, proteins):
    with read_counts(ROOT / "formats" / name) as cells:
        assert cells.n_cells == 30
        protein = cells.modalities.get("protein")
        assert (0 if protein is None else len(protein.features)) == proteins
        assert not cells.features["source_name"].str.contains("pAbO").any()
