import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import DataError
from imscope.core.schema import DESIGN_FACTORS, TABLES, Column, Table

EXAMPLE = {"text": "x", "integer": 1, "number": 0.5, "boolean": True}
WRONG = {"text": 1, "integer": 0.5, "number": "x", "boolean": "x"}


def example(table, **changes):
    values = {c.name: EXAMPLE[c.kind] for c in table.columns if not c.optional}
    return pd.DataFrame([{**values, **changes}])


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_right_frame_passes_in_any_order(table):
    frame = example(table)
    checked = table.check(frame[frame.columns[::-1]])
    assert checked.columns.tolist() == table.names


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_column_is_missed_and_every_wrong_kind_seen(table):
    for column in table.columns:
        if not column.optional:
            with pytest.raises(DataError, match="declared columns"):
                table.check(example(table).drop(columns=column.name))
        with pytest.raises(DataError, match=f"{column.name} should be {column.kind}"):
            table.check(example(table, **{column.name: WRONG[column.kind]}))


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_undeclared_columns_only_in_open_tables(table):
    frame = example(table, surplus=3)
    if table.open_ended:
        assert table.check(frame).columns[-1] == "surplus"
    else:
        with pytest.raises(DataError, match="surplus"):
            table.check(frame)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_declarations_are_complete(table):
    names = [c.name for c in table.columns]
    assert len(set(names)) == len(names)
    for column in table.columns:
        assert column.kind in EXAMPLE
        assert column.meaning
        assert column.name.isidentifier()


def test_an_empty_table_passes_whatever_its_types():
    table = TABLES["markers"]
    table.check(pd.DataFrame(columns=table.names))


def test_missing_numbers_stay_numbers():
    TABLES["qc_limits"].check(example(TABLES["qc_limits"], low=float("nan")))


def test_design_factors_are_unique():
    assert len(set(DESIGN_FACTORS)) == len(DESIGN_FACTORS)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_blank_row_and_an_empty_table_fit_their_declaration(table):
    blank = table.frame([{}, {}])
    assert len(blank) == 2
    assert table.check(blank).columns.tolist() == table.names
    empty = table.empty()
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == blank.dtypes.to_dict()


def test_a_row_names_what_is_known_and_optional_columns_come_when_given():
    table = Table(
        "toy",
        "",
        (
            Column("lot", "text", "", ""),
            Column("share", "number", "fraction", ""),
            Column("n", "integer", "cells", ""),
            Column("fine", "boolean", "", ""),
            Column("extra", "number", "", "", optional=True),
        ),
    )
    assert table.blank(n=4) == {"lot": "", "share": pytest.approx(float("nan"), nan_ok=True)} | {
        "n": 4,
        "fine": False,
    }
    frame = table.frame([{"lot": "L1", "extra": 2}, {"fine": True}])
    assert frame.columns.tolist() == ["lot", "share", "n", "fine", "extra"]
    assert frame["extra"].tolist()[0] == 2.0
    assert np.isnan(frame["extra"].tolist()[1])
    with pytest.raises(DataError, match="no column 'colour'"):
        table.frame([{"colour": "red"}])


def test_an_open_table_keeps_further_columns_behind():
    samples = TABLES["samples"].frame([{"sample": "a", "lot": "L1"}])
    assert samples.columns[-1] == "lot"
