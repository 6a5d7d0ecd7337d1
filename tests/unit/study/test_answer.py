import numpy as np
import pandas as pd

from imscope.study.answer import answer_lines

SAMPLES = pd.DataFrame(
    {
        "sample": ["a", "b"],
        "n_cells_in": [100, 100],
        "n_cells": [90, 80],
        "ambient_frac": [0.01, 0.08],
        "lot": ["L1", "L2"],
        "platform": ["x", "x"],
    }
)
LEDGER = pd.DataFrame(
    {
        "sample": ["a", "b"],
        "unit": "cells",
        "rule": ["n_umi too low", "doublet"],
        "n_lost": [10, 20],
    }
)
INDEX = pd.DataFrame(
    {
        "level": "sample",
        "group": ["a", "b"],
        "bcv_percent": [20.0, 30.0],
        "bcv_low": [18.0, 27.0],
        "bcv_high": [22.0, 33.0],
        "status": "ok",
        "comparability_key": "x|1",
    }
)


def claims(**columns):
    base = {
        "claim": "D",
        "test_group": ["a", "b"],
        "reference_group": "pool of x",
        "ratio": [0.5, 0.6],
        "low": [0.4, 0.5],
        "high": [0.6, 0.7],
        "verdict": "DESCRIPTIVE",
        "reason": "",
    }
    return pd.DataFrame(base | columns)


def test_counts_and_losses_are_those_of_the_tables():
    lines = answer_lines(SAMPLES, INDEX, claims(), ledger=LEDGER)
    assert lines[0].startswith(
        "2 samples, 2 lots, 1 platform: 170 of 200 cells kept after quality control. "
    )
    assert "20 % (18 to 22) in a to 30 % (27 to 33) in b" in lines[1]
    assert (
        "removed 30 cells (15.0 %), most for being called a doublet (20), too few UMI (10)"
        in lines[0]
    )
    assert "above 5 % in b: such samples look more uniform than they are" in lines[0]
    assert len(lines) <= 5


def test_samples_below_their_pool_are_said_so_only_when_the_interval_excludes_one():
    below = answer_lines(SAMPLES, INDEX, claims(), ledger=LEDGER)[2]
    assert below.startswith(
        "Cells of all 2 samples judged are more alike than those of all x samples"
    )
    mixed = answer_lines(SAMPLES, INDEX, claims(high=[0.6, 1.2]), ledger=LEDGER)[2]
    assert mixed.startswith("Cells of 1 of 2 samples judged are more alike than those of all x")
    assert "1 cannot be told apart" in mixed


def test_a_refusal_gives_its_reason():
    refused = claims(verdict=["DESCRIPTIVE", "NOT TESTABLE"], reason=["", "platforms differ"])
    text = " ".join(answer_lines(SAMPLES, INDEX, refused, ledger=LEDGER))
    assert "Not compared: b against pool of x (platforms differ)." in text


def test_verdicts_come_before_descriptions():
    judged = claims(
        claim=["A", "D"],
        verdict=["SUPERIOR", "DESCRIPTIVE"],
        reason=["cells within a unit: ratio 0.50", ""],
        test_group="iMSC",
        reference_group="primary_MSC",
        n_test=4,
        n_reference=4,
    )
    lines = answer_lines(SAMPLES, INDEX, judged, ledger=LEDGER)
    assert lines[2].startswith("Cells of one iMSC unit differ less from each other than")


def test_nothing_estimable_is_said_in_words():
    none = INDEX.assign(status="not estimable: needs UMI counts", bcv_percent=np.nan)
    assert "needs UMI counts" in answer_lines(SAMPLES, none, claims(), ledger=LEDGER)[1]


def test_platforms_are_never_ranked_together():
    two = INDEX.assign(comparability_key=["x|1", "y|1"])
    line = answer_lines(SAMPLES, two, claims(), ledger=LEDGER)[1]
    assert "within one platform only" in line
    assert "runs from" not in line


def test_no_line_is_ever_cut_off():
    everything = pd.concat(
        [
            claims(claim="A", verdict="SUPERIOR", reason="a is more uniform"),
            claims(),
            claims(claim="C", verdict="NOT TESTABLE", reason="no passages"),
        ]
    )
    lines = answer_lines(SAMPLES, INDEX, everything, ledger=LEDGER)
    assert len(lines) == 5
    assert "removed 30 cells" in lines[0]
    assert lines[-1] == "Not compared: drift per population doubling (no passages)."


def screens(called, verdict):
    return {
        "residual_pluripotent": pd.DataFrame(
            {"group": ["a", "b"], "n_called": called, "upper_95": [0.012, 0.004]}
        ),
        "arm_screen": pd.DataFrame({"group": ["L1"], "region": ["17q"], "verdict": [verdict]}),
    }


def test_screens_speak_only_of_what_they_found():
    def said(called, verdict):
        lines = answer_lines(
            SAMPLES, INDEX, claims(), ledger=LEDGER, screens=screens(called, verdict)
        )
        return [line for line in lines if line.startswith("Screens")]

    assert said([0, 0], "no finding") == []
    assert said([2, 0], "gain") == [
        "Screens found cells with a pluripotent profile in 1 sample, at most 1.2 % of a sample's "
        "cells, gain of 17q in L1: characterisation, not a release test."
    ]
    assert "loss of 17q in L1" in said([0, 0], "loss")[0]
    early = SAMPLES.iloc[:1].assign(sample="a", source_class="iPSC")
    lines = answer_lines(
        early, INDEX, claims(), ledger=LEDGER, screens=screens([2, 0], "no finding")
    )
    assert not any(line.startswith("Screens") for line in lines)
