import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.study.store import StepStore, canonical, sha256_path


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
