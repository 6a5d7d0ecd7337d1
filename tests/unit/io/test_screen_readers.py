import anndata as ad
import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import DataError
from imscope.io.guide_counts import read_guide_counts
from imscope.io.guide_names import mend_excel
from imscope.io.plate_blocks import read_blocks
from imscope.io.plates import read_plates
from imscope.io.screen_sheet import read_screen_sheet

LINES = ["guide\tgene\tT0\tT1", "g 1\tTP53\t10\t20", "g 2\tTP53\t5\tNA", "g 3\t\t7\t8"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_line_ends_separators_and_blanks(tmp_path, end, separator):
    path = tmp_path / "counts.txt"
    path.write_bytes(end.join(LINES).replace("\t", separator).encode())
    got = read_guide_counts(path)
    assert got.guides["guide"].tolist() == ["g 1", "g 2"]
    np.testing.assert_array_equal(got.counts, [[10, 20], [5, np.nan]])
    assert got.ledger[["why", "n"]].values.tolist() == [["no gene or no name", 1]]


@pytest.mark.parametrize("turned", [False, True])
def test_annotated_counts_either_way(tmp_path, turned):
    guides = pd.DataFrame({"gene": ["A", "A", "B"]}, index=["g1", "g2", "g3"])
    data = ad.AnnData(
        np.arange(6.0).reshape(3, 2), obs=guides, var=pd.DataFrame(index=["s1", "s2"])
    )
    (data.T if turned else data).write_h5ad(tmp_path / "x.h5ad")
    got = read_guide_counts(tmp_path / "x.h5ad")
    assert got.samples == ("s1", "s2")
    np.testing.assert_array_equal(got.counts, np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("g\tgene\ta\tb\nx\tA\t1\t2\nx\tA\t3\t4\n", "stand more than once"),
        ("g\tgene\ta\tb\nx\tA\t1\t-2\n", "negative"),
        ("g\tgene\ta\tb\nx\tA\t1\ttwo\n", "not numbers"),
        ("g\tgene\nx\tA\n", "not a count table"),
    ],
)
def test_bad_counts_are_named(tmp_path, text, words):
    (tmp_path / "c.tsv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_guide_counts(tmp_path / "c.tsv")


def test_one_guide_of_two_genes_is_kept_and_said(tmp_path):
    (tmp_path / "c.tsv").write_text("g\tgene\ta\tb\nx\tA\t1\t2\nx\tB\t3\t4\n")
    got = read_guide_counts(tmp_path / "c.tsv")
    assert got.guides["guide"].tolist() == ["x|A", "x|B"]
    assert got.notices[0].code == "W-SCREEN-REPEAT"


def test_dates_are_put_back_where_they_can_be():
    genes, notices = mend_excel(
        ["SEPT7_1", "x", "y", "z"], ["2021-09-07", "9-Sep", "Mar-02", "TP53"]
    )
    assert genes == ["SEPTIN7", "SEPTIN9", "Mar-02", "TP53"]
    assert [n.code for n in notices] == ["W-SCREEN-EXCEL"] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample,side\nT0,a\n", "no column 'condition'"),
        ("sample,condition\nT0,a\nT0,b\n", "stands twice"),
        ("sample,condition\nT00,a\n", "not in the count table"),
        ("sample,condition,bin_low,bin_high\nT0,sorted,0.4,0.2\n", "not a range"),
    ],
)
def test_bad_sheets_are_named(tmp_path, text, words):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_screen_sheet(tmp_path / "s.csv", samples=("T0", "T1"))


def test_blocks_and_long_tables_agree(tmp_path):
    (tmp_path / "p1.csv").write_text(",1,2,3\nA,1,2,3\nB,4,,6\n")
    blocks = read_blocks([tmp_path / "p1.csv"])
    assert blocks["value"].isna().sum() == 1
    got = read_plates(tmp_path / "p1.csv").wells
    assert got["well"].tolist() == ["A01", "A02", "A03", "B01", "B02", "B03"]


def test_a_well_twice_and_doses_without_unit(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("plate,well,signal\n1,A01,5\n1,A01,6\n1,A02,6\n1,A03,6\n")
    with pytest.raises(DataError, match="stands twice"):
        read_plates(path)
    path.write_text("plate,well,dose,signal\n1,A01,5,1\n")
    with pytest.raises(DataError, match="have no unit"):
        read_plates(path)
    path.write_text("plate,well,dose,unit,signal\n1,A01,5,nM,1\n")
    assert read_plates(path).wells["dose_um"].tolist() == [0.005]
