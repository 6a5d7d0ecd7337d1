"""Every write, fsync and rename fails once: a code, the old state byte for byte, nothing left."""

import errno
import os
from pathlib import Path

import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import MachineError
from imscope.io import atomic
from imscope.io.store import open_store, write_store

CALLS = ("fsync", "replace", "rename", "open", "mkdir", "link")
FAULTS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE)


class Faults:
    """Let the n-th call to the operating system below a folder fail, once."""

    def __init__(self, monkeypatch, nth, number):
        self.left, self.hit = nth, False
        for name in CALLS:
            real = getattr(os, name)
            monkeypatch.setattr(os, name, self.shim(real, number))
        write = Path.write_bytes

        def short(path, content):
            if self.due():
                write(path, content[: len(content) // 2])
                raise OSError(number, os.strerror(number), str(path))
            return write(path, content)

        monkeypatch.setattr(Path, "write_bytes", short)

    def due(self):
        self.left -= 1
        self.hit = self.hit or self.left == 0
        return self.left == 0

    def shim(self, real, number):
        def call(*args, **options):
            if self.due():
                raise OSError(number, os.strerror(number))
            return real(*args, **options)

        return call


def state(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def one_file(folder):
    atomic.write_text(folder / "a.json", "new")


def table(folder):
    atomic.write_tsv(folder / "t.tsv", pd.DataFrame({"a": [1, 2]}))


def parquet(folder):
    atomic.write_parquet(folder / "t.parquet", pd.DataFrame({"a": [1, 2]}))


def files(folder):
    with atomic.file_set(folder, whole=("tables",)) as draft:
        (draft / "tables").mkdir()
        (draft / "provenance").mkdir()
        for name in ("tables/a.tsv", "tables/new.tsv", "results.json", "provenance/run.json"):
            atomic.write_text(draft / name, f"new {name}")


def fill(folder):
    (folder / "tables").mkdir(parents=True)
    for name in ("tables/a.tsv", "tables/old.tsv", "results.json", "a.json", "t.tsv", "t.parquet"):
        (folder / name).write_bytes(b"old " + name.encode())
    (folder / "mine.txt").write_bytes(b"of the user")


@pytest.mark.parametrize("number", FAULTS, ids=lambda n: errno.errorcode[n])
@pytest.mark.parametrize("work", [one_file, table, parquet, files], ids=lambda w: w.__name__)
def test_every_point_leaves_the_old_state_or_the_new(work, number, tmp_path):
    reference = tmp_path / "reference"
    fill(reference)
    before = state(reference)
    work(reference)
    after = state(reference)
    points = 0
    for nth in range(1, 400):
        folder = tmp_path / f"{nth}"
        fill(folder)
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, nth, number)
            try:
                work(folder)
                failed = ()
            except MachineError as error:
                failed = (error.exit_code, error.code)
        assert failed in ((), (4, "E-WRITE-FAILED"))
        assert state(folder) == (before if failed else after)
        assert not [p for p in folder.rglob("*") if atomic.TEMPORARY in p.name]
        if not faults.hit:
            break
        points += 1
    assert points >= 4
    assert not failed


def test_a_set_replaces_subfolders_as_a_whole_and_keeps_the_rest(tmp_path):
    fill(tmp_path)
    files(tmp_path)
    found = state(tmp_path)
    assert "tables/old.tsv" not in found
    assert found["mine.txt"] == b"of the user"
    assert found["tables/new.tsv"] == b"new tables/new.tsv"


def test_an_error_inside_leaves_everything(tmp_path):
    fill(tmp_path)
    before = state(tmp_path)

    def work():
        with atomic.file_set(tmp_path) as draft:
            (draft / "results.json").write_bytes(b"half")
            raise KeyError("x")

    with pytest.raises(KeyError):
        work()
    assert state(tmp_path) == before


@pytest.mark.parametrize("number", FAULTS, ids=lambda n: errno.errorcode[n])
def test_a_store_survives_every_fault(number, tmp_path):
    old, new = (MemoryBlocks.from_csr(sp.csr_array([[0, k], [3, 1]]))
                for k in (7, 8))  # fmt: skip
    for nth in range(1, 200):
        folder = tmp_path / f"{nth}" / "counts"
        write_store(folder, old, n_features=2)
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, nth, number)
            try:
                write_store(folder, new, n_features=2)
                want = 8
            except MachineError:
                want = 7
        assert open_store(folder).read(0, 1).data.tolist() == [want]
        assert [p.name for p in folder.parent.iterdir()] == ["counts"]
        if not faults.hit:
            break
    assert want == 8
