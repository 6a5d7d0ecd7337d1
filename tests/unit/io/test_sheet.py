import jsonschema
import pandas as pd
import pytest

from imscope.core.errors import DataError
from imscope.io.sheet import read_sheet, sample_sheet_schema

TEXT = (
    "sample,path,source_class,passage,is_reference,select,cell_medium\r\n"
    "A,${DATA_HERE}/a.h5ad,iMSC,P4,yes,protocol=CEL-seq2;line=x|y,alpha\r\n"
    "B,b.h5ad,,6,no,,\r\n\r\n\r\n"
)


def sheet(folder, monkeypatch, name="s.csv", content=None):
    monkeypatch.setenv("DATA_HERE", str(folder))
    for file in ("a.h5ad", "b.h5ad"):
        (folder / file).touch()
    (folder / name).write_bytes(content or b"\xef\xbb\xbf" + TEXT.encode())
    return folder / name


def test_a_spreadsheet_export_is_read(tmp_path, monkeypatch):
    got = read_sheet(sheet(tmp_path, monkeypatch))
    assert [r.path for r in got.rows] == [tmp_path / "a.h5ad", tmp_path / "b.h5ad"]
    assert got.frame["passage"].tolist() == [4, 6]
    assert got.frame["is_reference"].tolist() == [True, False]
    assert list(got.frame.columns) == ["source_class", "passage", "is_reference", "cell_medium"]


def test_xlsx_and_csv_give_the_same(tmp_path, monkeypatch):
    first = read_sheet(sheet(tmp_path, monkeypatch)).frame
    plain = pd.read_csv(tmp_path / "s.csv", dtype=str)
    plain.to_excel(tmp_path / "s.xlsx", index=False)
    pd.testing.assert_frame_equal(read_sheet(tmp_path / "s.xlsx").frame, first)


def test_cells_are_selected(tmp_path, monkeypatch):
    row = read_sheet(sheet(tmp_path, monkeypatch)).rows[0]
    obs = pd.DataFrame({"protocol": ["CEL-seq2"] * 3 + ["other"], "line": ["x", "z", "y", "x"]})
    assert row.cells_of(obs).tolist() == [0, 2]
    with pytest.raises(DataError, match="no cell has line=y"):
        row.cells_of(obs[obs["line"] != "y"])
    with pytest.raises(DataError, match="did you mean protocols"):
        row.cells_of(obs.rename(columns={"protocol": "protocols"}))


def test_sample_key_selects_the_sample(tmp_path):
    (tmp_path / "a.h5ad").touch()
    (tmp_path / "s.csv").write_text("sample,path,sample_key\nlot2,a.h5ad,lot\n")
    row = read_sheet(tmp_path / "s.csv").rows[0]
    assert row.cells_of(pd.DataFrame({"lot": ["lot1", "lot2", "lot2"]})).tolist() == [1, 2]


def test_the_schema_accepts_and_refuses():
    schema = sample_sheet_schema()
    jsonschema.validate({"sample": "A", "path": "a", "passage": 3}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sample": "A B", "path": "a"}, schema)
