"""The one container: groups, units, gaps, lengths, choices of rows."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells, Modality, require_columns, unit_column, unit_names
from imscope.core.errors import DataError, MethodError

LEVELS = st.lists(st.sampled_from(["b", "a", "c10", "c2"]), min_size=1, max_size=12)


def cells_of(obs, *, kind="counts", modalities=None):
    n = len(obs)
    matrix = sp.csr_array(np.arange(2 * n).reshape(n, 2))
    features = pd.DataFrame({"feature_id": ["g", "h"], "symbol": ["g", "h"]})
    return Cells(MemoryBlocks.from_csr(matrix), features, obs, kind, modalities or {})


@given(LEVELS)
def test_groups_are_those_of_pandas(labels):
    groups = cells_of(pd.DataFrame({"sample": labels})).groups()
    assert list(groups.names) == sorted(set(labels))
    assert groups.labels.tolist() == labels
    counts = pd.Series(labels).value_counts()
    assert dict(zip(groups.names, groups.sizes.tolist(), strict=True)) == counts.to_dict()
    for name in groups.names:
        assert groups.rows(name).tolist() == [i for i, v in enumerate(labels) if v == name]


def test_numbers_are_ordered_by_size_and_named_as_text():
    groups = cells_of(pd.DataFrame({"passage": [10.0, 2.0, 10.0]})).groups("passage")
    assert groups.names == ("2", "10")
    assert groups.codes.tolist() == [1, 0, 1]


def test_without_a_sample_all_cells_are_one_group():
    groups = cells_of(pd.DataFrame({"x": [1, 2]})).groups()
    assert (groups.column, groups.names, groups.sizes.tolist()) == ("all", ("all",), [2])


@pytest.mark.parametrize(
    ("columns", "want"),
    [
        ({"lot": "ab", "donor": "xy", "clone": "12", "line": "LM"}, "lot"),
        ({"donor": "xy", "clone": "12", "line": "LM"}, "donor"),
        ({"clone": "12", "line": "LM"}, "clone"),
        ({"line": "LM", "batch": "12"}, "line"),
        ({"lot": "aa", "line": "LM"}, "line"),
        ({"batch": "12"}, "sample"),
        ({}, "sample"),
    ],
)
def test_one_order_of_unit_columns(columns, want):
    table = pd.DataFrame({"sample": ["s", "t"], **{k: list(v) for k, v in columns.items()}})
    assert unit_column(table) == want
    assert cells_of(table).units().column == want


def test_what_the_user_names_is_taken_or_refused():
    table = pd.DataFrame({"sample": ["s", "t"], "lot": ["a", "b"], "batch": ["1", "1"]})
    assert unit_column(table, "batch") == "batch"
    with pytest.raises(DataError, match="did you mean batch") as error:
        unit_column(table, "Batch")
    assert error.value.code == "E-CELLS-COLUMN"


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA, "NA", ""])
def test_a_row_without_a_unit_is_its_own_sample(gap):
    table = pd.DataFrame({"sample": ["s", "t", "u"], "lot": ["1", gap, "2"]}, dtype=object)
    assert unit_names(table).tolist() == ["1", "t", "2"]


def test_gaps_are_left_out_with_their_count_and_refused_only_when_nothing_is_left():
    obs = pd.DataFrame(
        {"sample": list("aabb"), "donor": ["x", None, "N/A", "y"], "empty": [None] * 4}
    )
    cells = cells_of(obs)
    kept = cells.known("donor", None, "all")
    assert kept.obs["donor"].tolist() == ["x", "y"]
    assert kept.source.read(0, 2).data.tolist() == [1, 6, 7]
    assert [n.code for n in kept.notices] == ["W-CELLS-LEFT-OUT"]
    assert kept.notices[0].message.startswith("2 of 4 cells have no donor")
    assert cells.known("sample") is cells
    with pytest.raises(DataError, match="no cell has a value") as error:
        cells.known("empty")
    assert error.value.code == "E-CELLS-GAPS"
    with pytest.raises(DataError, match="2 of 4 cells have none"):
        cells.groups("donor")


@pytest.mark.parametrize("dtype", ["Int64", "category", "string", "boolean"])
def test_nullable_columns_have_gaps_too(dtype):
    values = [True, None, False] if dtype == "boolean" else [1, None, 2]
    column = pd.Series(values, dtype=object)
    column = column.map(str, na_action="ignore") if dtype in ("category", "string") else column
    kept = cells_of(pd.DataFrame({"lot": column.astype(dtype)})).known("lot")
    assert kept.n_cells == 2
    assert len(kept.groups("lot").names) == 2


def test_rows_are_taken_with_everything_that_belongs_to_them():
    protein = Modality(
        pd.DataFrame({"feature_id": ["p"], "symbol": ["p"]}), sp.csr_array([[1], [2], [3]])
    )
    cells = cells_of(pd.DataFrame({"sample": list("abc")}), modalities={"protein": protein})
    taken = cells.take(np.array([2, 0]))
    assert taken.obs["sample"].tolist() == ["c", "a"]
    assert taken.modalities["protein"].counts.toarray().ravel().tolist() == [3, 1]
    assert taken.source.read(0, 2).data.tolist() == [4, 5, 1]
    assert taken.with_obs(day=[1, 2]).obs["day"].tolist() == [1, 2]


def test_tables_of_another_length_are_refused():
    with pytest.raises(DataError, match="3 cells") as error:
        Cells(
            MemoryBlocks.from_csr(sp.csr_array([[1, 0], [0, 2]])),
            pd.DataFrame({"feature_id": ["g", "h"], "symbol": ["g", "h"]}),
            pd.DataFrame({"sample": list("abc")}),
        )
    assert error.value.code == "E-CELLS-LENGTH"


def test_a_question_for_counts_is_refused_on_other_values():
    cells = cells_of(pd.DataFrame({"sample": ["a"]}), kind="expression")
    with pytest.raises(MethodError, match="the index needs UMI counts") as error:
        cells.need_counts("the index")
    assert error.value.code == "E-CELLS-COUNTS"
    assert cells_of(pd.DataFrame({"sample": ["a"]})).need_counts("the index") is None


def test_flags_of_a_column_that_is_not_there_are_no():
    cells = cells_of(pd.DataFrame({"is_reference": ["y", "n"]}))
    assert cells.flags("is_reference").tolist() == [True, False]
    assert cells.flags("is_pool").tolist() == [False, False]


def test_a_missing_column_lists_those_that_are_there():
    table = pd.DataFrame(columns=[f"c{i}" for i in range(25)])
    with pytest.raises(DataError, match="and 5 more"):
        require_columns(table, "zzz")
