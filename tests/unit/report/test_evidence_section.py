import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from imscope.evidence import evidence_notes
from imscope.report.payload import render
from imscope.report.sections.evidence import build


@pytest.fixture(scope="module")
def report():
    path = Path(__file__).parents[2] / "browser" / "fixture_report.py"
    spec = importlib.util.spec_from_file_location("fixture_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.synthetic_report(300)


def with_notes(report, *terms):
    return replace(report, tables={**report.tables, "evidence_notes": evidence_notes(terms)})


def test_no_section_when_the_run_looked_nothing_up(report):
    assert build(report) is None
    assert build(with_notes(report)) is None


def test_both_sides_of_a_conflict_are_printed(report):
    section = build(with_notes(report, "CD105", "cc_s"))
    printed = [entry.text for row in section.context["disputed"].rows for entry in row]
    assert {"10.3389/fcell.2021.716907", "10.1016/j.joca.2015.11.018"} <= set(printed)
    assert {"up", "none"} <= set(printed)
    assert section.context["agreed"] == "cc_s"


def test_agreement_is_said_in_words(report):
    section = build(with_notes(report, "isct_positive", "CD166"))
    assert section.context["disputed"] is None
    assert section.context["n_unchecked"] == 1


def test_the_page_holds_the_section(report):
    page = render(with_notes(report, "CD105"))
    assert "Evidence on markers and programmes" in page
    assert "none is averaged" in page
