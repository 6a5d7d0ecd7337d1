import pandas as pd
import pytest

from imscope.core.schema import CELLS, SUBSET_NAMES, SUBSET_RANKING, SUBSET_SUPPORT
from imscope.report.inputs import ReportInput
from imscope.report.payload import render
from imscope.report.sections.subsets import build


def ranking():
    rows = [
        (
            rank,
            subset,
            term,
            value,
            0.0,
            "basis",
            "ok",
            "",
            "bone",
            "no clinical validation",
            "an assay",
        )
        for rank, subset, total in ((1, "0", 0.4), (2, "1", 0.2))
        for term, value in (("posterior", total), ("safety", 1.0), ("total", total))
    ]
    columns = [c.name for c in SUBSET_RANKING.columns]
    return SUBSET_RANKING.check(pd.DataFrame(rows, columns=columns))


def support(held):
    row = ("0", 4, 3 if held else 0, 0.9, held, "in words")
    return SUBSET_SUPPORT.check(pd.DataFrame([row], columns=SUBSET_SUPPORT.names))


def given(held):
    tables = {"subset_support": support(held), "subset_ranking": ranking()}
    cells = pd.DataFrame({c.name: [] for c in CELLS.columns})
    return ReportInput({"answer": []}, tables, cells)


def test_nothing_without_tables():
    assert build(ReportInput({}, {}, pd.DataFrame())) is None


@pytest.mark.parametrize("held", [True, False])
def test_support_is_counted(held):
    assert f"{int(held)} of 1 are, in two" in render(given(held))


def test_a_ranking_that_was_not_made_says_why():
    cells = pd.DataFrame({c.name: [] for c in CELLS.columns})
    results = {"answer": [], "skipped": {"subset_ranking": "no cluster holds up"}}
    html = render(ReportInput(results, {"subset_support": support(False)}, cells))
    assert "Not shown: no cluster holds up" in html


def test_each_total_stands_beside_its_factors():
    section = build(given(True))
    table = section.context["ranking"]
    assert table.frame["subset"].tolist() == ["0", "1"]
    assert table.frame["terms"].tolist() == [
        "posterior 0.40; safety 1.00",
        "posterior 0.20; safety 1.00",
    ]


def test_named_clusters_are_counted():
    values = {
        c.name: {"text": "x", "integer": 1, "number": 0.5}[c.kind] for c in SUBSET_NAMES.columns
    }
    names = pd.DataFrame([values, {**values, "name": "unnamed"}])
    section = build(
        ReportInput({}, {"subset_names": names, "subset_ranking": ranking()}, pd.DataFrame())
    )
    assert "1 of 2 are named" in section.context["names"].caption
