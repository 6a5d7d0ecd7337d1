import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imscope.core import jit
from imscope.core.jit import njit, popcount

SRC = Path(__file__).parents[3] / "src"
MODULE = '''
"""Kernels that live in a file, as all real ones do."""
from imscope.core.jit import njit


@njit("f8(f8)")
def halve(x):
    return x / 2


@njit("void(f8[::1], f8[::1])")
def halve_all(x, out):
    for i in range(len(x)):
        out[i] = FACTOR * halve(x[i])


FACTOR = 3.0
'''
SCRIPT = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
import toy_kernels
from imscope.core.jit import cache_folder
while time.time() < float(sys.argv[2]):
    pass
out = np.zeros(4)
toy_kernels.halve_all(np.arange(4.0), out)
stats = toy_kernels.halve_all.compile().stats
print(json.dumps({
    "out": out.tolist(),
    "folder": str(cache_folder()),
    "hits": sum(stats.cache_hits.values()),
}))
"""


def start(folder, cache, at=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(at)],
        env={**os.environ, "PYTHONPATH": str(SRC), "IMSCOPE_KERNEL_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy_kernels.py").write_text(MODULE)
    return tmp_path


def test_processes_that_start_together_with_an_empty_cache_agree(toy):
    import time

    at = time.time() + 4
    running = [start(toy, toy / "cache", at) for _ in range(4)]
    results = [finish(p) for p in running]
    assert all(r["out"] == [0.0, 1.5, 3.0, 4.5] for r in results)
    assert len({r["folder"] for r in results}) == 1
    later = finish(start(toy, toy / "cache"))
    assert later["out"] == [0.0, 1.5, 3.0, 4.5]
    assert later["hits"] == 1


def test_a_changed_kernel_is_compiled_again(toy):
    finish(start(toy, toy / "cache"))
    (toy / "toy_kernels.py").write_text(MODULE.replace("x / 2", "x / 20"))
    changed = finish(start(toy, toy / "cache"))
    assert changed["out"] == pytest.approx([0.0, 0.15, 0.3, 0.45])


def test_a_damaged_cache_does_not_stop_the_run(toy):
    folder = Path(finish(start(toy, toy / "cache"))["folder"])
    for kind in ("nbi", "nbc"):
        damaged = list(folder.rglob(f"*.{kind}"))
        assert damaged
        for path in damaged:
            path.write_bytes(b"")
        assert finish(start(toy, toy / "cache"))["out"] == [0.0, 1.5, 3.0, 4.5]
        assert finish(start(toy, toy / "cache"))["hits"] == 1


@jit.njit("void(i8[::1], i8[::1])")
def running_sum(x, out):
    total = 0
    for i in range(len(x)):
        total += x[i]
        out[i] = total


def test_compiled_python_and_numpy_agree():
    x = np.array([3, -1, 4, 1, -5], dtype=np.int64)
    for body in (running_sum, running_sum.py_func):
        out = np.zeros_like(x)
        body(x, out)
        np.testing.assert_array_equal(out, x.cumsum())
    assert running_sum.__name__ == "running_sum"
    assert running_sum in jit.KERNELS


def test_a_kernel_takes_only_its_one_signature():
    with pytest.raises(TypeError):
        running_sum(np.zeros(3), np.zeros(3))


def test_nan_survives():
    @jit.njit("f8(f8)")
    def mark_nan(x):
        return x if x == x else -1.0  # with fastmath the comparison would be left out

    assert mark_nan(float("nan")) == -1.0
    assert mark_nan(2.0) == 2.0


def test_the_cache_can_be_switched_off_and_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("IMSCOPE_KERNEL_CACHE", "off")
    assert jit.cache_folder() is None
    monkeypatch.setenv("IMSCOPE_KERNEL_CACHE", str(tmp_path / "here"))
    assert jit.cache_folder().is_relative_to(tmp_path / "here")
    monkeypatch.delenv("IMSCOPE_KERNEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert jit.cache_folder().is_relative_to(tmp_path / "cache" / "imscope")


def test_a_folder_that_cannot_be_made_means_no_cache(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMSCOPE_KERNEL_CACHE", str(tmp_path / "file"))
    assert jit.cache_folder() is None


@njit("i8(u8[::1])")
def _bits(words):
    total = 0
    for k in range(words.shape[0]):
        total += popcount(words[k])
    return total


def test_popcount_compiled_and_plain():
    words = np.random.default_rng(3).integers(0, 2**64, 100, dtype=np.uint64)
    words[:2] = [0, 2**64 - 1]
    want = sum(int(w).bit_count() for w in words)
    assert _bits(words) == _bits.py_func(words) == want
