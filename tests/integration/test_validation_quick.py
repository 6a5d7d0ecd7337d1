"""The quick versions of the validation studies keep what the documentation says of them."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch):
    """Import a study: the folder stands at the root of the repository, outside the package."""
    if not (ROOT / "validation").is_dir():
        pytest.skip("the folder validation/ is not here")
    monkeypatch.syspath_prepend(str(ROOT))
    yield lambda name: importlib.import_module(f"validation.{name}")
    for name in [n for n in sys.modules if n.split(".")[0] == "validation"]:
        del sys.modules[name]


def missed(rows):
    assert [r for r in rows if r.met == "yes"]
    return [
        f"{r.setting}: {r.measure} {r.ours}, expected {r.expected}" for r in rows if r.met == "no"
    ]


def test_identical_cells_have_no_heterogeneity(study):
    # the interval leaves out zero in 5 % of 200 seeds, give or take 3.5 points
    assert not missed(study("study_null").run(True))


def test_mixtures_follow_the_theory(study):
    # HI2 within 4 % of (1-s) h1 + s h2 + s (1-s) D2, mean of 6 data sets
    assert not missed(study("study_mixture").run_mixture(True))


def test_ambient_rna_never_makes_a_sample_more_uniform(study):
    # HI2 within 5 points of theory; the index warns; the verdict is never SUPERIOR
    assert not missed(study("study_mixture").run_confounders(True))


def test_nested_components_are_found(study):
    # components within 10 %, coverage 92 to 97 % give or take 12 points with 40 simulations
    assert not missed(study("study_nested").run(True))


def test_fast_estimators_agree_with_the_textbook(study):
    # 1e-9 for HI2; 3 standard errors of splitting and 3 % for tr S squared
    assert not missed(study("study_agreement").run(True))


def test_page_names_goals_not_met(study, tmp_path, monkeypatch):
    common, page = study("common"), study("page")
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    one = common.Study("one", "One study", "Text.", lambda quick: [])
    rows = [
        common.Row("here", "a|b", "1", "2", "no", "it is hard"),
        common.Row("there", "c", "1", "1", "yes"),
    ]
    page.write_table(one, rows)
    assert page.read_table(one) == rows
    page.write_page([one])
    text = page.PAGE.read_text()
    assert "1 goals met, 1 not met" in text
    assert "One study, here: a|b is 2, expected 1. It is hard." in text
    assert "| here | a\\|b | 1 | 2 | no |" in text


def test_committed_page_is_current(study, tmp_path, monkeypatch):
    main, page = study("__main__"), study("page")
    committed = page.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    page.write_page(main.STUDIES)
    assert page.PAGE.read_text(encoding="utf-8") == committed


def test_stages_are_told_and_the_peak_is_found(study):
    # balanced accuracy over the stages of a series at 5,000 UMI; peak day to 0.5 days
    assert not missed(study("study_stages").run(True))


def test_pluripotent_soup_is_not_called(study):
    # 200,000 cells without a pluripotent one among them
    assert not missed(study("study_residual").false_calls(True))
