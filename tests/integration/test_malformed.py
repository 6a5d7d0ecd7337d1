"""Every malformed input ends in its documented code, quickly, and touches nothing."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imscope.core.codes import CODES
from imscope.core.errors import ImscopeError
from imscope.io.counts import read_counts
from imscope.io.sheet import read_sheet


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


malformed = load("malformed")
load("malformed_text")  # these add to the cases
hostile_hdf5 = load("hostile_hdf5")
load("hostile_zarr")
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


FORMATS = ("h5ad_", "tenx_", "mtx_", "csv_", "zarr", "sheet_")
THROUGH_THE_COMMAND = [c for c in CASES[::5] if c.name != "csv_absent"]  # the sheet would say so


def run_command(sheet, out, monkeypatch, capsys):
    """Exit code and stderr of `imscope run`."""
    from imscope.cli.main import main

    monkeypatch.setattr(sys, "argv", ["imscope", "run", str(sheet), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize("case", THROUGH_THE_COMMAND, ids=lambda c: c.name)
def test_the_command_refuses_and_leaves_nothing(case, tmp_path, monkeypatch, capsys):
    """No new folder, no change to an old run folder, the code on stderr and no traceback."""
    data, place = tmp_path / "data", tmp_path / "place"
    data.mkdir()
    old = place / "old"
    (old / ".steps").mkdir(parents=True)
    (old / ".steps" / "lock").touch()
    for name in ("report.html", "results.json"):
        (old / name).write_text(name)
    path = case.make(data)
    sheet = path
    if case.reader == "counts":
        sheet = tmp_path / "samples.csv"
        sheet.write_text(f"sample,path\nA,{path}\n")
    before = state(tmp_path)
    for out in (place / "new", old):
        code, words = run_command(sheet, out, monkeypatch, capsys)
        assert code in (1, 2)
        assert case.code in words
        assert "Traceback" not in words
        assert "SECRETS!" not in words
    assert [p.name for p in place.iterdir()] == ["old"]
    assert state(tmp_path) == before


def test_every_format_goes_through_the_command():
    assert len(THROUGH_THE_COMMAND) >= 25
    for start in FORMATS:
        assert any(c.name.startswith(start) for c in THROUGH_THE_COMMAND), start


def test_the_command_itself_shows_no_traceback(tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(b"no HDF5 at all")
    (tmp_path / "samples.csv").write_text("sample,path\nA,x.h5\n")
    done = subprocess.run(
        [sys.executable, "-m", "imscope", "run", "samples.csv", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "E-" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_enough_crafted_files():
    hdf5 = sum(c.name.startswith(hostile_hdf5.KINDS) for c in CASES)
    stores = sum(c.name.startswith("zarr") for c in CASES)
    assert hdf5 >= 60
    assert stores >= 70


def test_a_reference_to_linked_categories_is_followed(tmp_path):
    """The layout of old files is read as before."""
    with read_counts(hostile_hdf5.linked_reference(tmp_path)) as counts:
        assert counts.obs["kind"].tolist()[:3] == ["a", "b", "a"]


@pytest.mark.parametrize("case", hostile_hdf5.REFERRING, ids=lambda c: c.name)
def test_the_reader_opens_nothing_the_inspection_did_not_see(case, tmp_path, monkeypatch):
    """Even if the inspection let such a file through."""
    from imscope.io import guard_hdf5

    monkeypatch.setattr(guard_hdf5, "_ask_child", hostile_hdf5.blind)
    with pytest.raises(ImscopeError) as caught:
        read_all(case.make(tmp_path))
    assert caught.value.code == "E-H5-REFERENCE"
    assert "SECRETS!" not in str(caught.value)
