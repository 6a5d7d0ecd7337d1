"""A new analysis is four files; a fifth place that had to be edited makes these tests fail."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROOM = '''
"""Toys: a room made for a test."""

import pandas as pd

from imscope.core.cells import Cells
from imscope.core.code_book import declare
from imscope.core.result import Notice
from imscope.core.schema import declare as schema

W_TOY = declare("W-TOY", "A toy has few cells.", "Give it more cells.")
TOYS = schema.table(
    "toys",
    "How large every toy is.",
    """
    group | text | | name of the group
    n_cells | integer | cells | its cells
    share | number | fraction | of all cells
    """,
    caption="Toys ({n} groups).",
    labels={"n_cells": "cells of the toy"},
)


def count_toys(cells: Cells, *, by: str | None = None) -> pd.DataFrame:
    """Count the cells of every group."""
    groups = cells.groups(by)
    return TOYS.frame(
        {"group": name, "n_cells": int(n), "share": n / cells.n_cells}
        for name, n in zip(groups.names, groups.sizes, strict=True)
    )


def few(table: pd.DataFrame, most: int) -> tuple[Notice, ...]:
    """Warn of groups below a size."""
    low = table[table["n_cells"] < most]
    return tuple(Notice(W_TOY, f"{n} cells", g) for g, n in zip(low["group"], low["n_cells"]))
'''
STEP = '''
"""Step: toys."""

from pydantic import Field

from imscope.analyses.toys import TOYS, count_toys, few
from imscope.core.result import Result
from imscope.study.config import Section
from imscope.study.step import Had, Run, Step


class ToySection(Section):
    """Toys."""

    few: int = Field(3, ge=0, description="Cells below which a toy is told.")


def work_toys(run: Run, had: Had) -> Result:
    """Count toys by cluster."""
    cells = run.cells(had)
    table = count_toys(cells, by="cluster")
    notices = few(table, run.section(ToySection).few)
    return Result({"toys": table}, cells=cells.obs[["cluster"]].add_prefix("toy_"), notices=notices)


STEP = Step(
    "toys",
    "toys",
    work_toys,
    needs=("qc", "clusters"),
    settings=lambda run: run.settings(run.section(ToySection)),
    tables=(TOYS,),
    section=ToySection,
)
'''
SECTION = '''
"""Toys."""

from imscope.analyses.toys import TOYS
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import view

PLACE = 135


def build(report: ReportInput) -> Section | None:
    """Print the toys."""
    toys = report.table("toys")
    return None if toys is None else Section("toys", "All the toys", {"toys": view(toys, TOYS)})
'''
COMMAND = '''
"""`imscope toys`: how large are the toys."""

from imscope.cli.shell import ByOption, JsonOption, OutOption, PathArgument, emit, opened


def toys(
    path: PathArgument, by: ByOption = None, as_json: JsonOption = False, out: OutOption = None
) -> None:
    """Count the cells of every toy."""
    from imscope.analyses.toys import count_toys

    with opened(path) as cells:
        emit(count_toys(cells, by=by), as_json=as_json, out=out)
'''
PLACES = {
    "analyses/toys.py": ROOM,
    "study/steps/toys.py": STEP,
    "report/sections/toys.py": SECTION,
    "cli/toys.py": COMMAND,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the package with a room of four files."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(
        ROOT / "src" / "imscope", root / "imscope", ignore=shutil.ignore_patterns("__pycache__")
    )
    for place, text in PLACES.items():
        (root / "imscope" / place).write_text(text.lstrip("\n"))
    return root


def ask(house, *words, code=None):
    program = ["-c", code, *words] if code else ["-m", "imscope", *words]
    done = subprocess.run(
        [sys.executable, *program],
        env={**os.environ, "PYTHONPATH": str(house), "OPENBLAS_NUM_THREADS": "1"},
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_room_is_public_and_its_declarations_are_listed(house):
    code = """
import imscope, sys
assert "toys" in dir(imscope) and "numpy" not in sys.modules
from imscope.core.rooms import load_declarations
from imscope.core.schema import TABLES
from imscope.core.codes import CODES
assert "toys" not in TABLES
load_declarations()
print(TABLES["toys"].names, CODES["W-TOY"].meaning, imscope.toys.count_toys.__name__)
"""
    said = ask(house, code=code)
    assert said.split() == [
        "['group',",
        "'n_cells',",
        "'share']",
        *["A", "toy", "has", "few", "cells."],
    ] + ["count_toys"]


def test_the_command_is_in_the_help_and_the_section_in_the_configuration(house):
    assert "toys" in ask(house, "--help")
    assert "toys:\n  few: 3" in ask(house, "run", "--print-config")


@pytest.fixture(scope="module")
def run_folder(house):
    """A run of two small samples in that house."""
    code = """
from imscope.simulate import CohortSettings, simulate_cohort, write_cohort
from pathlib import Path
settings = CohortSettings(imsc_lots=1, primary_donors=1, cells=60, genes=1000, empty_droplets=0)
write_cohort(simulate_cohort(settings), Path("data"))
"""
    ask(house, code=code)
    (house / "config.yaml").write_text("subsets: {test: 'off'}\ntoys: {few: 100000}\n")
    ask(house, "run", "data/samples.csv", "--out", "out", "--config", "config.yaml")
    return house / "out"


def test_a_run_holds_the_table_the_columns_the_warning_and_the_section(house, run_folder):
    code = """
import json, pandas as pd
toys = pd.read_parquet("out/tables/toys.parquet")
cells = pd.read_parquet("out/tables/cells.parquet")
results = json.load(open("out/results.json"))
print(json.dumps({
    "n": int(toys["n_cells"].sum()),
    "cells": len(cells),
    "own": bool((cells["toy_cluster"] == cells["cluster"]).all()),
    "told": [w["sample"] for w in results["warnings"] if w["code"] == "W-TOY"],
    "groups": toys["group"].tolist(),
}))
"""
    found = json.loads(ask(house, code=code))
    assert found["n"] == found["cells"] > 50
    assert found["own"]
    assert found["told"] == found["groups"]
    page = (run_folder / "report.html").read_text()
    assert "All the toys" in page
    assert f"Toys ({len(found['groups'])} groups)." in page
    assert "cells of the toy" in page
    assert page.index("Give it more cells.") > page.index("All the toys")


def test_the_command_reads_the_run(house, run_folder):
    found = json.loads(ask(house, "toys", "out", "--by", "cluster", "--json"))
    assert sum(r["n_cells"] for r in found["records"]) > 50


def test_import_contracts_hold_with_the_room(house):
    shutil.copy(ROOT / "pyproject.toml", house)
    done = ask(
        house, code="from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    assert "0 broken" in done
