"""Every malformed input ends in its documented code, quickly, and touches nothing."""

import hashlib
import importlib.util
import sys
import time
from pathlib import Path

import pytest

from imscope.core.codes import CODES
from imscope.core.errors import ImscopeError
from imscope.io.counts import read_counts
from imscope.io.sheet import read_sheet

_spec = importlib.util.spec_from_file_location(
    "malformed", Path(__file__).with_name("malformed.py")
)
malformed = importlib.util.module_from_spec(_spec)
sys.modules["malformed"] = malformed
_spec.loader.exec_module(malformed)
CASES = malformed.CASES


def read_all(path):
    with read_counts(path) as counts:
        for low in range(0, counts.source.n_cells, 5):
            counts.source.read(low, min(low + 5, counts.source.n_cells))


READERS = {"counts": read_all, "sheet": read_sheet}


def state(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_the_corpus_is_large_and_its_names_are_unique():
    assert len(CASES) >= 150
    assert len({c.name for c in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_ends_with_its_code(case, tmp_path):
    path = case.make(tmp_path)
    before = state(tmp_path)
    start = time.monotonic()
    with pytest.raises(ImscopeError) as caught:
        READERS[case.reader](path)
    assert caught.value.code == case.code, str(caught.value)
    assert case.code in CODES
    assert "Traceback" not in str(caught.value)
    assert (
        path.name in str(caught.value) or str(path) in str(caught.value) or case.reader == "sheet"
    )
    assert "SECRETS!" not in str(caught.value)
    assert time.monotonic() - start < 10
    assert state(tmp_path) == before


def test_the_beginnings_are_valid(tmp_path):
    """Without the damage each input is read, so that it is the damage that is refused."""
    makers = (malformed.h5ad, malformed.tenx, malformed.mtx, malformed.table, malformed.zarr)
    for make in makers:
        folder = tmp_path / make.__name__
        folder.mkdir()
        with read_counts(make(folder)) as counts:
            total = counts.source.read(0, 12).data.sum()
        assert total == malformed.COUNTS.sum()


def test_thirty_crafted_files_would_reach_outside():
    words = ("external_", "virtual_", "soft_", "dangling_", "hard_cycle", "ring", "deep")
    assert sum(c.name.startswith(words) or words[-2] in c.name for c in CASES) >= 30
