import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load():
    spec = importlib.util.spec_from_file_location(
        "build_reference", ROOT / "tools/build_reference.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["errors.md", "tables.md"])
def test_reference_page_is_fresh(name):
    want = load().PAGES[name]()
    got = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
    assert got == want, "run `python tools/build_reference.py`"
