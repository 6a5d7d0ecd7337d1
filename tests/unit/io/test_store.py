import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, MachineError
from imscope.core.views import concat_blocks, map_features, select_rows
from imscope.io.atomic import write_bytes, write_tsv
from imscope.io.store import open_store, write_store


def dense(source):
    b = source.read(0, source.n_cells)
    return sp.csr_array((b.data, b.indices, b.indptr), (b.n_rows, b.n_features)).toarray()


def source(seed=0, shape=(20, 6), scale=1):
    counts = np.random.default_rng(seed).poisson(0.8, shape) * scale
    return counts, MemoryBlocks.from_csr(sp.csr_array(counts))


@given(st.lists(st.integers(0, 19), max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_selected_rows_are_those_of_numpy(rows, low, high):
    counts, blocks = source()
    low, high = sorted((min(low, len(rows)), min(high, len(rows))))
    b = select_rows(blocks, np.array(rows, dtype=np.int64)).read(low, high)
    got = sp.csr_array((b.data, b.indices, b.indptr), (high - low, 6)).toarray()
    np.testing.assert_array_equal(got, counts[np.array(rows, dtype=int)][low:high])


@given(st.integers(0, 40), st.integers(0, 40))
def test_joined_sources_read_across_borders(low, high):
    one, two = source(1), source(2)
    low, high = sorted((low, high))
    b = concat_blocks([one[1], two[1]]).read(low, high)
    got = sp.csr_array((b.data, b.indices, b.indptr), (high - low, 6)).toarray()
    np.testing.assert_array_equal(got, np.vstack([one[0], two[0]])[low:high])


@given(st.permutations(range(6)), st.integers(0, 6))
def test_mapped_features_move_and_vanish(order, dropped):
    counts, blocks = source(3)
    mapping = np.array(order, dtype=np.int32)
    mapping[:dropped] = -1
    want = np.zeros((20, 9), dtype=int)
    for old, new in enumerate(mapping):
        if new >= 0:
            want[:, new] = counts[:, old]
    np.testing.assert_array_equal(dense(map_features(blocks, mapping, 9)), want)


@pytest.mark.parametrize("scale", [1, 100, 40_000, -1])
def test_a_store_gives_back_what_was_written(tmp_path, scale):
    counts, blocks = source(scale=scale)
    write_store(tmp_path / "s", blocks, n_features=6)
    np.testing.assert_array_equal(dense(open_store(tmp_path / "s")), counts)


def test_values_widen_when_a_later_block_needs_it(tmp_path):
    counts = np.ones((10_001, 2), dtype=np.int64)
    counts[-1, 1] = 70_000
    write_store(tmp_path / "s", MemoryBlocks.from_csr(sp.csr_array(counts)), n_features=2)
    np.testing.assert_array_equal(dense(open_store(tmp_path / "s")), counts)


def test_a_store_maps_columns(tmp_path):
    counts, blocks = source()
    columns = np.array([5, -1, 0, 1, 2, 3], dtype=np.int32)
    write_store(tmp_path / "s", blocks, columns=columns, n_features=7)
    got = dense(open_store(tmp_path / "s"))
    np.testing.assert_array_equal(got[:, [5, 0, 1, 2, 3]], counts[:, [0, 2, 3, 4, 5]])
    assert not got[:, [4, 6]].any()


@pytest.mark.parametrize("name", ["indptr", "indices", "data", "store.json"])
def test_a_damaged_store_is_refused(tmp_path, name):
    write_store(tmp_path / "s", source()[1], n_features=6)
    content = (tmp_path / "s" / name).read_bytes()
    (tmp_path / "s" / name).write_bytes(content[:-1] if name != "store.json" else b"{")
    with pytest.raises(DataError) as caught:
        open_store(tmp_path / "s")
    assert caught.value.code == "E-STORE-DAMAGED"


def test_a_failed_write_leaves_the_old_store(tmp_path):
    counts, blocks = source()
    write_store(tmp_path / "s", blocks, n_features=6)

    class Broken:
        n_cells, n_features = 3, 6

        def read(self, start, stop):
            raise DataError("no")

    with pytest.raises(DataError):
        write_store(tmp_path / "s", Broken(), n_features=6)
    np.testing.assert_array_equal(dense(open_store(tmp_path / "s")), counts)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_killed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "t"
    target.write_text("old")
    code = (
        "from imscope.io.atomic import *\n"
        f"for k in range(3): write_text(Path({str(target)!r}), str(k))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "IMSCOPE_CRASH_AT": "2"}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "0"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MachineError) as caught:
        write_bytes(tmp_path / "no" / "t", b"x")
    assert caught.value.code == "E-WRITE-FAILED"


def test_formulas_are_disarmed_and_numbers_are_not(tmp_path):
    frame = pd.DataFrame(
        {"=name": ["=1+1", "+x", "-y", "@z", "\tq", "ok"], "v": [-1.5, 2, 3, 4, 5, 6]}
    )
    write_tsv(tmp_path / "t.tsv", frame)
    lines = (tmp_path / "t.tsv").read_text().splitlines()
    assert lines[0] == "'=name\tv"
    assert [line.split("\t")[0] for line in lines[1:]] == [
        "'=1+1",
        "'+x",
        "'-y",
        "'@z",
        "' q",
        "ok",
    ]
    assert lines[1].endswith("\t-1.5")
