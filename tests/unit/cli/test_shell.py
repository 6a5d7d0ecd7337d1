"""What every command shares: places checked before work, records, tables that fit."""

import json

import numpy as np
import pandas as pd
import pytest

from imscope.cli.shell import as_records, check_out, check_out_folder, emit, show
from imscope.core.errors import UsageError
from imscope.core.result import Notice

TABLE = pd.DataFrame({"lot": ["a", "b"], "n": [1, 2], "hi2": [0.25, np.nan]})


@pytest.mark.parametrize(
    ("name", "check", "found"),
    [
        ("no/where.tsv", check_out, "there is no folder"),
        ("folder", check_out, "is a folder"),
        ("file.txt", check_out_folder, "is a file"),
        ("no/where", check_out_folder, "there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path, name, check, found):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(UsageError, match=found) as error:
        check(tmp_path / name)
    assert error.value.exit_code == 2
    assert (tmp_path / "file.txt").read_text() == "mine"


def test_places_that_can_be_written_pass(tmp_path):
    assert check_out(tmp_path / "new.tsv") == tmp_path / "new.tsv"
    assert check_out_folder(tmp_path) == tmp_path
    assert check_out(None) is None


def test_json_holds_rows_and_notices(capsys):
    emit(TABLE, as_json=True, notices=[Notice("W-X", "told", "a")])
    content = json.loads(capsys.readouterr().out)
    assert content["records"] == [
        {"lot": "a", "n": 1, "hi2": 0.25},
        {"lot": "b", "n": 2, "hi2": None},
    ]
    assert content["notices"] == [{"code": "W-X", "message": "told", "subject": "a"}]


def test_several_tables_make_a_folder_and_json_by_name(tmp_path, capsys):
    emit({"one": TABLE, "two": TABLE[:1]}, as_json=True, out=tmp_path / "new")
    printed = capsys.readouterr()
    assert [len(json.loads(printed.out)[k]) for k in ("one", "two")] == [2, 1]
    assert "2 tables" in printed.err
    back = pd.read_csv(tmp_path / "new" / "one.tsv", sep="\t")
    pd.testing.assert_frame_equal(back, TABLE)


def test_a_wide_table_becomes_one_block_a_row(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    wide = pd.DataFrame({f"column_{i}": [i * 1.5] for i in range(12)})
    show(wide)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["column_11", "16.5"] for line in lines)
    show(TABLE)
    assert "┃" in capsys.readouterr().out


def test_values_without_a_number_are_null():
    odd = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [pd.NaT, pd.NaT]})
    assert as_records(odd) == [{"a": 1, "b": None}, {"a": None, "b": None}]
