import pandas as pd
import pytest

from imscope.core.result import Notice
from imscope.core.schema import LOTS
from imscope.core.schema.lots import LOT_STATUS
from imscope.study.lots import lot_table, not_measured
from imscope.study.summary import footer_lines, summary_lines, worst_lot


def samples(**more):
    base = {
        "sample": ["a", "b", "c", "d"],
        "lot": ["L1", "L1", "P1", "P2"],
        "source_class": ["iMSC", "iMSC", "primary_MSC", "primary_MSC"],
        "n_cells": [100, 50, 80, 90],
        "median_umi": [5000.0, 4000.0, 3000.0, 3500.0],
        "ambient_frac": [0.01, 0.02, 0.03, float("nan")],
        "comparability_key": "x|1",
    }
    return pd.DataFrame(base | more)


def index(*bcv):
    return pd.DataFrame(
        {
            "level": "sample",
            "group": ["a", "b", "c", "d"],
            "bcv_percent": bcv,
            "bcv_low": [b - 1 for b in bcv],
            "bcv_high": [b + 1 for b in bcv],
            "comparability_key": "x|1",
            "status": "ok",
        }
    )


def arms(*verdicts):
    return pd.DataFrame(
        {"group": "L1", "region": [f"{i}q" for i in range(len(verdicts))], "verdict": verdicts}
    )


def residual(**more):
    base = {
        "group": ["a", "b"],
        "n_called": [0, 0],
        "upper_95": [0.01, 0.02],
        "limit_of_detection": [0.004, 0.005],
        "limit_of_blank": [0.001, 0.001],
    }
    return pd.DataFrame(base | more)


def first(tables, notices=()):
    return lot_table({"samples": samples()} | tables, notices).iloc[0]


def test_a_run_of_samples_alone_says_that_nothing_was_tested():
    lots = lot_table({"samples": samples()})
    assert lots["lot"].tolist() == ["L1", "P1", "P2"]
    assert lots["n_cells"].tolist() == [150, 80, 90]
    assert lots["median_umi"].tolist() == [4000.0, 3000.0, 3500.0]
    for key in ("bcv", "identity", "subsets", "s_g2m", "senescent", "residual", "karyotype"):
        assert (lots[f"{key}_status"] == "not tested").all()
    assert "uniformity of cells (no lot)" in not_measured(lots)
    assert "ambient RNA (not in P2)" in not_measured(lots)


def test_every_status_is_of_the_one_vocabulary():
    lots = lot_table(
        {
            "samples": samples(),
            "heterogeneity_index": index(20, 22, 30, 40),
            "arm_screen": arms("gain"),
            "residual_pluripotent": residual(),
        }
    )
    for name in (n for n in LOTS.names if n.endswith("_status")):
        assert set(lots[name]) <= set(LOT_STATUS)


@pytest.mark.parametrize(
    ("values", "place", "status"),
    [
        ((20, 22, 30, 40), "below all 2", "ok"),
        ((20, 35, 30, 40), "above 1 of 2", "ok"),
        ((20, 50, 30, 40), "above all 2", "check"),
    ],
)
def test_a_lot_is_placed_by_its_least_uniform_sample(values, place, status):
    row = first({"heterogeneity_index": index(*values)})
    assert (row["bcv_percent"], row["bcv_place"], row["bcv_status"]) == (values[1], place, status)


def test_a_lot_is_not_placed_among_lots_of_another_platform():
    other = index(20, 50, 30, 40)
    other.loc[2:, "comparability_key"] = "y|1"
    row = first({"heterogeneity_index": other})
    assert (row["bcv_place"], row["bcv_status"]) == ("no reference to compare with", "measured")


def test_ambient_rna_leaves_uniformity_open():
    soup = samples(ambient_frac=[0.01, 0.2, 0.03, 0.03])
    row = lot_table({"samples": soup, "heterogeneity_index": index(20, 22, 30, 40)}).iloc[0]
    assert (row["bcv_status"], row["ambient_status"]) == ("open", "check")


def test_no_clean_word_without_a_measured_blank_or_with_regions_left_out():
    assert first({"residual_pluripotent": residual()})["residual_status"] == "ok"
    assumed = residual(limit_of_blank=[float("nan")] * 2)
    assert first({"residual_pluripotent": assumed})["residual_status"] == "open"
    assert first({"residual_pluripotent": residual(n_called=[0, 2])})["residual_status"] == "check"
    assert first({"arm_screen": arms("NOT TESTABLE")})["karyotype_status"] == "not tested"
    assert first({"arm_screen": arms("none", "NOT TESTABLE")})["karyotype_status"] == "open"
    assert first({"arm_screen": arms("none", "none")})["karyotype_status"] == "ok"


def test_the_worst_lot_is_named_with_its_reason():
    tables = {
        "samples": samples(),
        "arm_screen": arms("gain"),
        "heterogeneity_index": index(20, 50, 30, 40),
    }
    said = worst_lot(lot_table(tables, [Notice("W-X", "words", "b")]))
    assert said.startswith("Look first at lot L1: the screen of chromosome arms found gain of 0q")
    assert "differ more from each other than those of all reference lots" in said
    assert said.endswith("; warnings (1).")
    clean = worst_lot(lot_table({"samples": samples()}))
    assert clean.startswith("No lot is outside a limit that was measured; not measured in every")


def test_the_first_screen_has_three_sentences_at_most_and_tells_what_may_be_compared():
    claim = {
        "test_group": "iMSC",
        "reference_group": "primary_MSC",
        "ratio": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n_test": 4,
        "n_reference": 4,
        "verdict": "SUPERIOR",
        "reason": "",
    }
    claims = pd.DataFrame([{"claim": c} | claim for c in "ABC"])
    lots = lot_table({"samples": samples()})
    lines = summary_lines(lots, samples(), claims, unit="lot")
    assert len(lines) == 3
    assert lines[0].startswith("Cells of one iMSC lot differ less from each other than cells of ")
    two = samples(comparability_key=["x|1", "x|1", "x|1", "y|1"])
    below = footer_lines(lots, two, gates=False)
    assert below["Which lots may be compared"] == (
        "L1, P1 among themselves; P2 among themselves; no others"
    )
    barred = summary_lines(lots, samples(), claims, barred="a sample is mislabelled")
    assert barred[0] == "No groups may be compared: a sample is mislabelled."
