"""The check of commits, on a small history made here."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_commits.py"
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("check_commits", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_commits"] = module
    spec.loader.exec_module(module)
    return module


class History:
    def __init__(self, folder):
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def git(self, *words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *who, *words], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, *files):
        for name in files:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(path.read_text() + "x" if path.exists() else "x")
        self.git("add", "-A")
        self.git("commit", "-qm", f"Touch {files[0]}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path)
    made.commit("README.md")
    return made


INSIDE, SEEN = "src/imscope/stats/adjust.py", "src/imscope/cli/qc.py"


@pytest.mark.parametrize(
    ("files", "lacks"),
    [
        (("docs/index.md",), []),
        ((INSIDE,), ["no test"]),
        ((INSIDE, "tests/unit/test_a.py"), []),
        ((SEEN, "tests/cli/test_qc.py"), ["no changelog line"]),
        ((SEEN, "tests/cli/test_qc.py", "CHANGELOG.md"), []),
        ((SEEN,), ["no test", "no changelog line"]),
    ],
)
def test_what_a_commit_lacks(tool, history, capsys, files, lacks):
    start = history.git("rev-parse", "HEAD")
    history.commit(*files)
    assert tool.main(["--since", start], history.folder) == bool(lacks)
    told = capsys.readouterr()
    assert f"1 since {start}" in told.out
    for word in ("no test", "no changelog line"):
        assert (word in told.err) == (word in lacks)


def test_it_starts_after_the_newest_release(tool, history, monkeypatch):
    monkeypatch.setattr(tool, "FIRST", "")
    history.commit(SEEN)
    assert tool.main([], history.folder) == 1
    history.git("tag", "v0.1.0")
    assert tool.main([], history.folder) == 0
    history.commit(INSIDE)
    assert tool.main([], history.folder) == 1


def test_an_excused_commit_is_named_with_its_reason(tool, history, capsys, monkeypatch):
    name = history.commit(INSIDE)
    monkeypatch.setitem(tool.EXCUSED, name[:10], "moved only")
    assert tool.main(["--since", f"{name}~1"], history.folder) == 0
    assert "excused: moved only" in capsys.readouterr().out


def test_commits_of_a_merged_branch_are_judged_and_the_merge_is_not(tool, history):
    start = history.git("rev-parse", "HEAD")
    history.git("checkout", "-qb", "side")
    history.commit(INSIDE)
    history.git("checkout", "-q", "main")
    history.commit("docs/a.md")
    history.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert len(tool.read_commits(start, history.folder)) == 2
    assert tool.main(["--since", start], history.folder) == 1


def test_a_shallow_checkout_says_that_it_was_not_checked(tool, history, capsys):
    assert tool.main(["--since", "0" * 40], history.folder) == 0
    assert "SKIPPED" in capsys.readouterr().out
