"""Inputs that mislead: each ends in its documented code, or is read with the right values."""

import importlib.util
import sys
from pathlib import Path

import pytest

from imscope.core.codes import CODES
from imscope.core.errors import ImscopeError
from imscope.io.counts import read_counts
from imscope.io.sheet import read_sheet


def load(name):
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


misleading = load("misleading")
sheets = load("misleading_sheets")
WRONG, RIGHT = [*misleading.WRONG, *sheets.WRONG], [*misleading.RIGHT, *sheets.RIGHT]


def read_all(path):
    with read_counts(path) as cells:
        for low in range(0, cells.n_cells, 20):
            cells.source.read(low, min(low + 20, cells.n_cells))


def test_the_corpus_is_large_and_its_names_are_unique():
    malformed = load("malformed")
    load("malformed_text")
    names = [c.name for c in (*WRONG, *RIGHT)]
    assert len(set(names)) == len(names)
    assert len(malformed.CASES) + len(names) >= 400


@pytest.mark.parametrize("case", WRONG, ids=lambda c: c.name)
def test_what_misleads_is_refused(case, tmp_path):
    path = case.make(tmp_path)
    with pytest.raises(ImscopeError) as caught:
        read_sheet(path) if case.reader == "sheet" else read_all(path)
    assert caught.value.code == case.code, str(caught.value)
    assert case.code in CODES
    assert caught.value.found or caught.value.fix


@pytest.mark.parametrize("case", RIGHT, ids=lambda c: c.name)
def test_what_looks_wrong_is_read_right(case, tmp_path):
    path = case.make(tmp_path)
    if case.reader == "sheet":
        got = read_sheet(path)
        assert case.holds(got.frame), got.frame
        told = got.notices
    else:
        with read_counts(path) as got:
            assert case.holds(got), [n.message for n in got.notices]
            told = got.notices
    codes = [n.code for n in told]
    assert not case.code or case.code in codes, codes
    assert all(n.code in CODES and n.message for n in told)
