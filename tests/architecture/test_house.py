"""Rules of the house that a machine can hold."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 600


def committed():
    """Files git tracks or would track; in an unpacked archive, all files."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        found = [ROOT / line for line in done.stdout.splitlines()]
    else:
        found = [p for top in ("src", "tests", "docs", "tools") for p in (ROOT / top).rglob("*")]
    return [p for p in found if p.is_file()]


FILES = committed()
SOURCES = [p for p in FILES if p.suffix == ".py" and p.is_relative_to(ROOT / "src")]


def texts():
    for path in FILES:
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_import_contracts_hold():
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_files_stay_short():
    written = [p for p in FILES if p.suffix in (".py", ".ts", ".svelte", ".css", ".j2", ".sh")]
    built = ROOT / "src/imscope/report/assets"
    long = {
        str(p.relative_to(ROOT)): n
        for p in written
        if not p.is_relative_to(built)
        and (n := len(p.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long


def test_no_file_names_a_registry_or_a_workplace():
    hosts = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "npm" + "js.org"]
    places = [
        "/wor" + "k/",
        "/ro" + "ot/",
        "heavy" + ".lock",
        "code" + "artifact",
        "arti" + "factory",
    ]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path, text in texts()
        for word in hosts + places
        if word in text.lower()
    ]
    assert not found


def test_locks_are_pinned_and_hashed():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        entries = re.split(r"\n(?=\S)", text.strip())
        assert len(entries) > 40
        for entry in entries:
            assert re.match(r"[A-Za-z0-9._-]+(\[[^]]+\])?==\S+", entry), entry.splitlines()[0]
            assert "--hash=sha256:" in entry, entry.splitlines()[0]
        assert "://" not in text
    assert not (ROOT / "uv.lock").exists()


def test_nothing_is_pickled():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or ""
                names = [module, *(a.name for a in node.names)]
                bad = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
                assert not bad & {n.split(".")[0] for n in names}, path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                value = node.value
                assert isinstance(value, ast.Constant), path
                assert value.value is False, path


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_a_source_file_has_no_leftovers(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", text)
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "every module says what it is for"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: raise an error instead"
        if isinstance(node, ast.keyword):
            assert node.arg != "fastmath"


def test_no_room_is_called_utils():
    assert not [p for p in SOURCES if re.search(r"util|helper|misc|common", p.stem)]


def test_modules_import_each_other_in_no_circle():
    """Also not for types alone: a circle says that two modules are one."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "tools" / "figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    trees = {n: ast.parse(p.read_text(encoding="utf-8")) for n, p in figures.modules().items()}
    assert figures.circles(trees) == []
