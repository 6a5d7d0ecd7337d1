import pandas as pd
import pytest

from imscope.core.errors import UsageError
from imscope.study.demo_check import check_demo


def write_truth(folder, **more):
    sample = {
        "sample": "a",
        "ambient_frac": 0.03,
        "cycling_frac": 0.2,
        "senescent_frac": 0.02,
        "hi2_library": 0.04,
        "subset_x": 0.5,
        "subset_y": 0.5,
    } | more
    pd.DataFrame([sample]).to_csv(folder / "samples.tsv", sep="\t", index=False)
    parts = [
        ("iMSC", "cell", 1.0),
        ("iMSC", "unit", 0.4),
        ("primary_MSC", "cell", 2.0),
        ("primary_MSC", "unit", 1.0),
    ]
    frame = pd.DataFrame(parts, columns=["source_class", "level", "variance"])
    frame.to_csv(folder / "components.tsv", sep="\t", index=False)


def tables():
    share = {"group": ["a"], "frac": 0.2, "low": 0.15, "high": 0.25}
    old = {"group": ["a"], "frac": 0.02, "low": 0.01, "high": 0.03}
    lots = {
        "lot": ["L1"],
        "bcv_percent": 20.5,
        "bcv_low": 19.5,
        "bcv_high": 21.0,
        "ambient_frac": 0.035,
        "residual_called": 0,
    }
    claims = [
        {
            "claim": c,
            "test_group": "iMSC",
            "reference_group": "primary_MSC",
            "ratio": r,
            "low": r - 0.05,
            "high": r + 0.05,
        }
        for c, r in (("A", 0.48), ("B", 0.42))
    ]
    return {
        "samples": pd.DataFrame({"sample": ["a"], "lot": ["L1"], "source_class": ["iMSC"]}),
        "lots": pd.DataFrame(lots),
        "cycle_phases": pd.DataFrame(share | {"phase": "S+G2M"}),
        "senescence": pd.DataFrame(old),
        "subset_calls": pd.DataFrame({"group": ["L1"], "n_subsets": [2]}),
        "claims": pd.DataFrame(claims),
    }


def test_a_run_that_finds_the_truth_agrees_in_every_line(tmp_path):
    write_truth(tmp_path)
    found = check_demo(tables(), tmp_path)
    assert len(found) == 8
    assert found["agrees"].all()
    assert found["words"].str.startswith("agrees: ").all()


@pytest.mark.parametrize(
    ("name", "value", "question"),
    [
        ("hi2_library", 0.05, "biological CV (%)"),
        ("ambient_frac", 0.05, "ambient share"),
        ("cycling_frac", 0.3, "share in S or G2/M"),
        ("senescent_frac", 0.0, "senescent share"),
        ("subset_z", 0.1, "populations"),
    ],
)
def test_each_number_that_is_off_is_a_miss(tmp_path, name, value, question):
    write_truth(tmp_path, **{name: value})
    found = check_demo(tables(), tmp_path)
    assert found.loc[~found["agrees"], "question"].tolist() == [question]
    assert found.loc[~found["agrees"], "words"].str.startswith("MISS: ").all()


def test_a_number_that_was_not_estimated_is_a_miss(tmp_path):
    write_truth(tmp_path)
    made = tables()
    made["claims"] = made["claims"].assign(low=float("nan"), high=float("nan"))
    found = check_demo(made, tmp_path)
    assert (~found["agrees"]).sum() == 2


def test_without_truth_it_says_so(tmp_path):
    with pytest.raises(UsageError, match="no truth"):
        check_demo(tables(), tmp_path)
