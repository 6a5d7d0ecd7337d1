"""The bundled pairs: every row permissive, pinned, offline, and made again byte for byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imscope.evidence.regulon_table import COLUMNS, PERMITTED, regulon_version, regulons
from imscope.io.genes import known_symbol

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", "/none")) / "regulons"


def test_every_row_is_permitted() -> None:
    table = regulons()
    assert tuple(table.columns) == COLUMNS
    used = {part for words in table["licence"] for part in words.split("|")}
    assert used
    assert used <= PERMITTED
    assert {part for words in table["from"] for part in words.split("|")} == {"ExTRI", "NTNU"}
    assert "CC BY 4.0" in regulon_version()


def test_pairs_are_single_and_signed_or_open() -> None:
    table = regulons()
    assert not table.duplicated(["regulator", "target"]).any()
    assert set(table["sign"]) == {"+", "-", "?"}
    assert (table["papers"] >= 1).all()
    known = [known_symbol(t) is not None for t in sorted(set(table["target"]))]
    assert sum(known) > 0.95 * len(known)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data are absent")
def test_script_makes_the_same_bytes(tmp_path: Path) -> None:
    out = tmp_path / "regulons.tsv.gz"
    script = ROOT / "tools/build_regulon_table.py"
    pairs = SHARED / "permissive_regulons.tsv.gz"
    subprocess.run([sys.executable, script, pairs, "--out", out], check=True)
    bundled = ROOT / "src/imscope/evidence/data/regulons.tsv.gz"
    assert out.read_bytes() == bundled.read_bytes()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data are absent")
def test_another_input_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.tsv.gz"
    other.write_bytes((SHARED / "permissive_regulons.tsv.gz").read_bytes() + b"x")
    script = ROOT / "tools/build_regulon_table.py"
    done = subprocess.run([sys.executable, script, other], capture_output=True, text=True)
    assert done.returncode != 0
    assert "pinned" in done.stderr
