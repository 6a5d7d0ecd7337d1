"""What a room offers loads on first use, from where its type checker looks for it."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import imscope
from imscope.core.rooms import exports_of, module_names

SRC = Path(__file__).parents[2] / "src"
ROOMS = [home for home in imscope._ROOMS.values() if exports_of(home)]


ANALYSES = sorted(p.parent.name for p in (SRC / "imscope" / "analyses").glob("*/__init__.py"))


def test_most_rooms_have_one_typed_export_list():
    assert len(ROOMS) >= 6


@pytest.mark.parametrize("room", ANALYSES)
def test_a_type_checker_knows_what_every_analysis_exports(room):
    """Names that are loaded by hand are objects to a type checker, which nothing can call."""
    assert exports_of(f"imscope.analyses.{room}")


@pytest.mark.parametrize("room", ROOMS)
def test_every_typed_export_is_what_its_module_defines(room):
    module = importlib.import_module(room)
    homes = exports_of(room)
    assert sorted(module.__all__) == sorted(homes)
    assert set(homes) <= set(dir(module))
    for name, home in homes.items():
        assert home.startswith(f"{room}.")
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("room", ROOMS)
def test_no_export_has_the_name_of_a_module(room):
    """Importing the module would put it in the place of the export."""
    assert not set(exports_of(room)) & set(module_names(room))


@pytest.mark.parametrize("room", ROOMS)
def test_an_unknown_name_is_an_attribute_error(room):
    with pytest.raises(AttributeError, match=f"'{room}' has no attribute 'nothing'"):
        _ = importlib.import_module(room).nothing


def test_importing_the_rooms_is_light():
    imports = "".join(f"import {room}\n" for room in ROOMS)
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
