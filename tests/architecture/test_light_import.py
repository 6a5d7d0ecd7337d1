"""`import imscope` and `imscope --help` load nothing heavy."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
HEAVY = {
    *("numpy", "pandas", "anndata", "scipy", "numba", "llvmlite", "h5py", "zarr", "sklearn"),
    *("statsmodels", "pyarrow", "pydantic", "jinja2", "matplotlib", "mudata", "ot", "psutil"),
    *("sqlalchemy", "alembic", "rfc8785", "typst", "pyhanko"),
    *("filelock", "yaml", "rocrate", "cryptography", "dask", "distributed", "openpyxl"),
}


def loaded_after(code):
    script = f"""
import sys, json, io, contextlib
with contextlib.redirect_stdout(io.StringIO()):
    try:
{chr(10).join("        " + line for line in code.splitlines())}
    except SystemExit:
        pass
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"{time.perf_counter() - began:.2f} s: {code.splitlines()[-1]}")
    return set(json.loads(done.stdout))


def test_import_is_light():
    loaded = loaded_after("import imscope\nimscope.__version__\ndir(imscope)")
    assert "imscope" in loaded
    assert not loaded & (HEAVY | {"typer", "rich", "click"})


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["simulate", "--help"]])
def test_help_is_light(words):
    loaded = loaded_after(
        f"import sys\nsys.argv = ['imscope', *{words!r}]\nfrom imscope.cli.main import main\nmain()"
    )
    assert "typer" in loaded
    by_typer = {"pydantic"} if len(words) > 1 else set()  # typer loads it to read annotations
    assert loaded.isdisjoint(HEAVY - by_typer), loaded & HEAVY


def test_every_room_opens():
    import imscope

    for room in imscope.__all__:
        assert getattr(imscope, room) is not None
    with pytest.raises(AttributeError, match="no attribute 'kitchen'"):
        imscope.kitchen  # noqa: B018
