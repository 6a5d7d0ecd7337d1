"""What a room offers loads on first use, from where its type checker looks for it."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
ROOMS = (
    *("study", "report", "io", "engine", "evidence", "analyses.heterogeneity", "analyses.clones"),
    *("registry", "decisions.release"),
)


def typed_imports(room):
    """Names imported for the type checker only: name to module."""
    path = SRC / "imscope" / room.replace(".", "/") / "__init__.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If) and isinstance(branch.test, ast.Name)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("room", ROOMS)
def test_types_names_and_homes_agree(room):
    module = importlib.import_module(f"imscope.{room}")
    homes = {name: f"imscope.{room}.{home}" for name, home in module._HOMES.items()}
    assert typed_imports(room) == homes
    assert sorted(module.__all__) == sorted(homes)
    assert set(homes) <= set(dir(module))
    for name, home in homes.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("room", ROOMS)
def test_an_unknown_name_is_an_attribute_error(room):
    with pytest.raises(AttributeError, match=f"'imscope.{room}' has no attribute 'nothing'"):
        _ = importlib.import_module(f"imscope.{room}").nothing


def test_importing_the_rooms_is_light():
    imports = "".join(f"import imscope.{room}\n" for room in ROOMS)
    code = (
        f"{imports}import sys\nprint(*{{'numpy', 'pandas', 'numba', 'jinja2'}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
