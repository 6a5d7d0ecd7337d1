import pandas as pd

from imscope.core.cells import unit_column
from imscope.study.design import arms, summarise_design


def sheet(**columns):
    n = len(next(iter(columns.values()), range(4)))
    return pd.DataFrame({"sample": [f"s{i}" for i in range(n)], **columns})


def status(design, letter):
    rows = design.tests[design.tests["question"].str.startswith(letter)]
    return rows["status"].item(), rows["reason"].item()


def test_four_lots_against_four_donors_is_testable():
    design = summarise_design(
        sheet(
            source_class=["iMSC"] * 4 + ["primary_MSC"] * 4,
            lot=[f"L{i}" for i in range(8)],
            batch=["1", "2"] * 4,
        )
    )
    assert (design.group, design.unit) == ("source_class", "lot")
    assert status(design, "A")[0] == "TESTABLE"
    assert "changes only" not in status(design, "A")[1]


def test_two_lots_per_arm_are_too_few():
    design = summarise_design(
        sheet(source_class=["iMSC", "iMSC", "primary_MSC", "primary_MSC"], lot=list("abcd"))
    )
    what, why = status(design, "A")
    assert what == "NOT TESTABLE"
    assert "iMSC 2, primary_MSC 2" in why


def test_libraries_of_one_lot_are_one_unit():
    frame = sheet(source_class=["iMSC"] * 6 + ["primary_MSC"] * 3, lot=list("aaabbbcde"))
    assert arms(frame, "source_class", "lot") == {"iMSC": 2, "primary_MSC": 3}
    assert status(summarise_design(frame), "A")[0] == "NOT TESTABLE"


def test_platform_confounded_with_group_is_named():
    design = summarise_design(
        sheet(
            source_class=["iMSC"] * 3 + ["primary_MSC"] * 3,
            lot=list("abcdef"),
            platform=["10x"] * 3 + ["Drop-seq"] * 3,
        )
    )
    what, why = status(design, "A")
    assert what == "NOT TESTABLE"
    assert "cannot be told apart" in why
    confounded = design.levels.set_index("factor")["confounded_with"]
    assert confounded["source_class"] == "platform"


def test_a_batch_that_follows_the_group_is_a_caution():
    design = summarise_design(
        sheet(
            source_class=["iMSC"] * 3 + ["primary_MSC"] * 3,
            lot=list("abcdef"),
            batch=["1"] * 3 + ["2"] * 3,
        )
    )
    assert "batch changes only between groups" in status(design, "A")[1]


def test_drift_needs_a_clock_and_repeated_lots():
    lots = list("aabbcc")
    assert status(summarise_design(sheet(lot=lots)), "C")[0] == "NOT TESTABLE"
    drift = summarise_design(sheet(lot=lots, passage=[3, 6] * 3))
    assert status(drift, "C") == ("TESTABLE", "3 lots measured at two or more values of passage")


def test_a_bare_sheet_says_what_is_missing():
    design = summarise_design(sheet())
    assert design.group is None
    assert "NOT TESTABLE" in set(design.tests["status"])
    assert len(design.levels) == 0


def test_the_unit_is_the_one_every_analysis_takes():
    frame = sheet(line=["L1", "L1", "L1", "L2"], clone=["a", "b", "c", "d"])
    assert summarise_design(frame).unit == unit_column(frame) == "clone"
    assert summarise_design(frame, unit="line").unit == "line"


def test_a_sample_without_a_unit_name_is_a_unit():
    frame = sheet(source_class=["iMSC"] * 3 + ["primary_MSC"], lot=["a", "a", None, "b"])
    assert arms(frame, "source_class", "lot") == {"iMSC": 2, "primary_MSC": 1}
