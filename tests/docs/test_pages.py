"""The examples of the documentation run; generated pages are current; nothing is left out."""

import importlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from imscope.simulate import CohortSettings, simulate_cohort, write_cohort

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands():
    import typer.main

    from imscope.cli.main import app

    return typer.main.get_command(app).commands


WITH_CODE = [p for p in PAGES if BLOCK.search(p.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_code_on_the_page_runs(page, tmp_path, monkeypatch):
    text = page.read_text(encoding="utf-8")
    code_of_page = "".join(code for _, code in BLOCK.findall(text))
    place = tmp_path / "place"
    if re.search(r"(?<!/)\bsamples\.csv", code_of_page):  # a sheet of the reader's own
        small = CohortSettings(imsc_lots=3, primary_donors=3, cells=60, genes=1200)
        write_cohort(simulate_cohort(small), place)
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    names = {"__name__": "__main__"}
    for language, code in BLOCK.findall(text):
        if language == "python":
            with redirect_stdout(io.StringIO()):
                exec(compile(code, str(page), "exec"), names)
            continue
        for line in code.strip().splitlines():
            words = shlex.split(line)
            assert words[0] == "imscope", line
            if words[1] not in commands():
                pytest.skip(f"this build has no command `imscope {words[1]}` yet")
            done = subprocess.run(
                [sys.executable, "-m", "imscope", *words[1:]],
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_generated_reference_pages_are_current():
    pages = load("build_docs")
    for name, text in pages.files().items():
        written = (pages.REFERENCE / name).read_text(encoding="utf-8")
        assert written == text, f"{name} is stale: run tools/build_docs.py"


def test_every_public_name_is_on_the_api_page():
    pages = load("build_docs")
    text = (pages.REFERENCE / "api.md").read_text(encoding="utf-8")
    for module in pages.public_modules():
        for name in pages.public_names(module):
            assert f"::: {module.__name__}.{name}\n" in text


def test_every_name_of_a_room_is_in_the_table_of_the_api_page():
    pages = load("build_docs")
    text = (pages.REFERENCE / "api.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `imscope")}
    offered = pages.rooms()
    assert set(rows) == set(offered)
    assert {"run_study", "run_demo", "read_config"} <= set(offered["imscope.study"])
    for room, names in offered.items():
        for name in names:
            home = getattr(importlib.import_module(room), name).__module__
            assert f"[`{name}`](#{home}.{name})" in rows[room]
            assert f"::: {home}.{name}\n" in text


def test_every_command_is_on_the_page_and_says_what_it_does():
    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")

    def leaves(command, path):
        inner = getattr(command, "commands", None)
        if not inner:
            yield path, command
        for name, child in (inner or {}).items():
            yield from leaves(child, f"{path} {name}")

    found = [leaf for n, c in commands().items() for leaf in leaves(c, f"imscope {n}")]
    assert len(found) >= 4
    for path, command in found:
        assert f"## {path}\n" in text
        assert command.help, f"{path} has no help"
        for option in command.params:
            assert getattr(option, "help", None), f"{path}: {option.name} has no help"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_has_its_parts():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo\nmake test" in text
    code = [c for kind, c in BLOCK.findall(text) if kind == "python"]
    assert len([line for line in code[0].splitlines() if line.strip()]) == 6
    assert "simulated" in text
    for image in (ROOT / "docs/images").glob("*.png"):
        assert image.stat().st_size < 400_000, image.name
    for part in ("docs/images/report.png", "does not do", "How to cite", "CITATION.cff"):
        assert part in text


def test_version_is_the_same_everywhere():
    import json

    import yaml

    from imscope import __version__

    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cff["version"] == __version__
    assert cff["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(cff)
    meta = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    assert meta["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
