import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.errors import DataError
from imscope.core.result import Notice, Result, Status
from imscope.core.schema import TABLES
from imscope.study.store import StepStore, canonical, sha256_path, write_result


def writer(text, calls):
    def work(folder):
        calls.append(text)
        (folder / "a.txt").write_text(text)

    return work


def test_a_step_is_computed_once(tmp_path):
    store, calls = StepStore(tmp_path / "s"), []
    first = store.run("one", {"k": 1}, {"in": "x"}, writer("a", calls))
    again = store.run("one", {"k": 1}, {"in": "x"}, writer("b", calls))
    assert (first.cached, again.cached, calls) == (False, True, ["a"])
    assert first.digest == again.digest


@pytest.mark.parametrize("change", [("two", 1, "x"), ("one", 2, "x"), ("one", 1, "y")])
def test_name_parameters_and_inputs_decide_the_address(tmp_path, change):
    store = StepStore(tmp_path)
    name, k, digest = change
    assert store.key("one", {"k": 1}, {"in": "x"}) != store.key(name, {"k": k}, {"in": digest})


def test_a_damaged_step_is_computed_again(tmp_path):
    store, calls = StepStore(tmp_path), []
    step = store.run("one", {}, {}, writer("abc", calls))
    (step.folder / "a.txt").write_text("abd")  # same size: only the hash can tell
    assert not store.run("one", {}, {}, writer("abc", calls)).cached
    assert (step.folder / "a.txt").read_text() == "abc"


def test_a_failed_step_leaves_nothing_that_looks_finished(tmp_path):
    store, calls = StepStore(tmp_path), []

    def fail(folder):
        (folder / "half.txt").write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        store.run("one", {}, {}, fail)
    step = store.run("one", {}, {}, writer("a", calls))
    assert sorted(p.name for p in step.folder.iterdir()) == ["a.txt", "commit.json"]
    assert [p.name for p in tmp_path.iterdir()] == [step.folder.name]


def test_a_killed_step_is_computed_again(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from imscope.study.store import StepStore\n"
        "step = StepStore(Path(sys.argv[1])).run('one', {}, {},\n"
        "    lambda f: (f / 'a.txt').write_text('a') and None)\n"
        "print(step.cached)"
    )

    def run(**extra):
        return subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "s")],
            env=os.environ | extra,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run(IMSCOPE_CRASH_AT="1").returncode == -9
    assert run().stdout.strip() == "False"
    assert run().stdout.strip() == "True"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES))
def test_canonical_text_forgets_the_order_of_keys(value):
    assert canonical(value) == canonical(dict(reversed(list(value.items()))))


def test_a_folder_hash_sees_names_and_content(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "x").write_text("1")
    (tmp_path / "b" / "x").write_text("2")
    (tmp_path / "c" / "y").write_text("1")
    assert len({sha256_path(tmp_path / n) for n in "abc"}) == 3


def full_result():
    return Result(
        tables={
            "design_tests": TABLES["design_tests"].frame([{"question": "which?", "n_test": 3}]),
            "inside": pd.DataFrame({"x": [1.5, np.nan]}, index=[7, 8]),
        },
        cells=pd.DataFrame({"stage": ["a", "b"]}, index=["c1", "c2"]),
        arrays={"keep": np.array([True, False])},
        facts={"n": 3, "name": "kNN"},
        skipped={"claims": (Status("NOT TESTABLE", "one lot"), Status("no counts"))},
        notices=(Notice("W-DESIGN", "two levels change together", "lot"),),
        settings={"seed": 1},
    )


def test_what_a_step_found_is_read_as_it_was_written(tmp_path):
    declared = [TABLES["design_tests"]]
    done = StepStore(tmp_path).run(
        "one", {}, {}, lambda f: write_result(f, full_result(), declared)
    )
    wrote = full_result()
    assert list(done.published()) == ["design_tests"]
    pd.testing.assert_frame_equal(done.table("design_tests"), wrote.tables["design_tests"])
    assert done.table("inside")["x"].tolist()[0] == 1.5
    assert done.cells()["stage"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(done.array("keep"), [True, False])
    assert (done.has_array("keep"), done.has_array("other")) == (True, False)
    assert (done.has_table("inside"), done.has_table("other")) == (True, False)
    assert done.facts() == {"n": 3, "name": "kNN"}
    assert done.fact("n") == 3
    assert done.skipped() == wrote.skipped
    assert done.notices() == wrote.notices
    assert done.files() == []


def test_the_same_result_has_the_same_digest(tmp_path):
    digests = {
        StepStore(tmp_path / n).run("one", {}, {}, lambda f: write_result(f, full_result())).digest
        for n in "ab"
    }
    assert len(digests) == 1


def test_a_table_that_breaks_its_declaration_makes_no_step(tmp_path):
    wrong = Result({"design_tests": pd.DataFrame({"question": ["which?"]})})
    with pytest.raises(DataError, match="declared columns"):
        StepStore(tmp_path).run(
            "one", {}, {}, lambda f: write_result(f, wrong, [TABLES["design_tests"]])
        )
    assert list(tmp_path.iterdir()) == []
