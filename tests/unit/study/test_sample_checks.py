import numpy as np
import pandas as pd

from imscope.core.result import Notice
from imscope.study.design import summarise_design
from imscope.study.sample_checks import bar_claims, check_universes, factors_from_cells

SHEET = pd.DataFrame(
    {
        "sample": list("abcdef"),
        "condition": ["x"] * 3 + ["y"] * 3,
        "lot": list("123456"),
    }
)


def test_no_question_between_groups_survives_shared_cells():
    design = summarise_design(SHEET)
    assert design.group == "condition"
    assert (design.tests["status"] == "TESTABLE").any()
    barred, reason = bar_claims(design, [Notice("W-SAMPLES-SAME", "samples 'a', 'b' ...", "a, b")])
    assert barred.group is None
    assert "no replicates" in reason
    assert not (barred.tests["status"] == "TESTABLE").any()


def test_other_notices_bar_nothing():
    design = summarise_design(SHEET)
    assert bar_claims(design, [Notice("W-SAMPLES-BARCODES", "")]) == (design, "")


def test_factors_of_the_cells_fill_the_sheet_only_where_it_has_none():
    cells = pd.DataFrame(
        {
            "sample": np.repeat(list("abcdef"), 2),
            "Donor ID": np.repeat(["D1", "D2", "D3", "D4", "D5", None], 2),
            "lot": "other",
            "passage": np.repeat([3, 4, 5, 6, 7, 8], 2),
            "clone": ["1", "2"] * 6,  # differs within a sample: no factor
        }
    )
    sheet, notices = factors_from_cells(SHEET, cells)
    assert sheet["lot"].tolist() == list("123456")
    assert sheet["donor"].tolist()[:5] == ["D1", "D2", "D3", "D4", "D5"]
    assert sheet["donor"].isna().tolist()[5]
    assert sheet["passage"].tolist() == [3, 4, 5, 6, 7, 8]
    assert "clone" not in sheet
    assert len(notices) == 2


def test_chosen_genes_are_no_list_to_compare_with_all(tmp_path):
    full = [f"g{k}" for k in range(1000)]
    folders = {}
    for name, genes in {"a": full, "b": full[20:], "c": full[:300]}.items():
        folders[name] = tmp_path / name
        folders[name].mkdir()
        pd.DataFrame({"feature_id": genes}).to_parquet(folders[name] / "features.parquet")
    names, told = check_universes(list("abc"), folders)
    assert names[0] == names[1] != names[2]
    assert [n.code for n in told] == ["W-GENES-UNIVERSE"]
    assert check_universes(list("ab"), folders) == (["one list", "one list"], ())
