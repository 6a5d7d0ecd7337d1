"""The first screen answers what a stranger asks."""

import re

import numpy as np
import pandas as pd

from imscope.core.schema import CELLS, LOTS, RESIDUAL_PLURIPOTENT
from imscope.report.inputs import ReportInput
from imscope.report.payload import render, tone
from imscope.report.sections import safety
from imscope.study.lots import lot_table
from imscope.study.summary import footer_lines, summary_lines

SAMPLES = pd.DataFrame(
    {
        "sample": ["a", "b", "c"],
        "lot": ["L1", "L3", "P1"],
        "source_class": ["iMSC", "iMSC", "primary_MSC"],
        "n_cells": [100, 50, 80],
        "median_umi": [5000.0, 4000.0, 3000.0],
        "ambient_frac": [0.01, 0.2, 0.03],
        "comparability_key": "x|1",
    }
)
CLAIMS = pd.DataFrame(
    [
        {
            "claim": "A",
            "test_group": "iMSC",
            "reference_group": "primary_MSC",
            "ratio": 0.5,
            "low": 0.4,
            "high": 0.6,
            "n_test": 4,
            "n_reference": 3,
            "verdict": "SUPERIOR",
            "reason": "",
            "p_value": 0.03,
            "p_equivalence": 1.0,
        },
    ]
)


def first_screen():
    lots = lot_table({"samples": SAMPLES})
    results = {
        "title": "T",
        "summary": summary_lines(lots, SAMPLES, CLAIMS, unit="lot"),
        "below": footer_lines(lots, SAMPLES, gates=False),
        "answer": ["One."],
    }
    empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    page = render(ReportInput(results, {"lots": LOTS.check(lots), "samples": SAMPLES}, empty))
    return page, page[page.index('id="lots"') : page.index('id="answer"')]


QUESTIONS = {
    "which lot is worst and why": "Look first at lot L3: 20.0 % ambient RNA",
    "is iMSC more uniform": "Cells of one iMSC lot differ less from each other than",
    "on how many lots": "4 lots against 3",
    "what was not measured": "karyotype screen (no lot)",
    "may lot 3 be compared with lot 1": "all 3 with one another",
    "where is the gate": "none designed in this run",
}


def test_six_questions_are_answered_on_the_first_screen():
    _, screen = first_screen()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", screen))
    for question, answer in QUESTIONS.items():
        assert answer in words, question


def test_links_of_the_first_screen_lead_to_sections_that_are_there():
    page, screen = first_screen()
    links = set(re.findall(r'href="#([a-z]+)"', screen))
    assert links
    for link in links:
        assert f'id="{link}"' in page


def test_a_clean_word_with_a_caveat_is_not_green():
    assert tone("ok") == "good"
    assert tone("ok: marker rates assumed") == "open"


def test_no_dose_is_spoken_of_where_none_was_given():
    row = {"group": "a", "n_cells": 100, "n_called": 0, "upper_95": 0.01}
    table = RESIDUAL_PLURIPOTENT.frame([row])
    given = RESIDUAL_PLURIPOTENT.frame([row | {"dose": 1e6, "cells_in_dose": 1e4}])
    assert "dose" not in safety._doses(table)[0]
    assert "10,000 cells in a dose of 1,000,000" in safety._doses(given)[0]
    assert "cells_in_dose" not in safety._columns(table, safety.COLUMNS)
    assert np.isnan(table["dose"]).all()
