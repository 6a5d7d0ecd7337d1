import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imscope.core import schema
from imscope.simulate import simulate_cell_screen, write_screen_simulation

SRC = Path(__file__).parents[2] / "src"
POOLED = ["gene", "n_guides", "log2_fc", "ci_low", "ci_high", "score", "p_value", "q_value",
          "p_depleted", "q_depleted", "p_enriched", "q_enriched", "rank"]  # fmt: skip


def imscope(*words, code=0, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "imscope", *map(str, words)], capture_output=True, text=True,
        cwd=cwd, check=False, env={**os.environ, "PYTHONPATH": str(SRC)},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screens")
    for kind in ("pooled", "plates"):
        imscope("simulate", "screen", "--kind", kind, "--out", folder / kind)
    return folder


def test_the_contract_of_pooled(place):
    where = place / "pooled"
    done = imscope("screens", "pooled", where / "counts.tsv", "--sheet", where / "sheet.tsv",
                   "--method", "rra", "--out", place / "out", "--report", place / "p.html",
                   "--json")  # fmt: skip
    got = json.loads(done.stdout)
    assert {"genes", "qc", "method", "warnings"} <= set(got)
    assert got["method"] == "rra"
    assert list(got["genes"][0])[:13] == POOLED
    assert schema.SCREEN_GENES.names == POOLED
    assert (place / "out/screen_genes.parquet").exists()
    summary = (place / "out/gene_summary.txt").read_text().split("\n")[0]
    assert summary.startswith("id\tnum\tneg|score\tneg|p-value\tneg|fdr\tneg|rank\tneg|goodsgrna")
    page = (place / "p.html").read_text()
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_contract_of_plates(place):
    done = imscope("screens", "plates", place / "plates", "--json", "--report", place / "q.html")
    got = json.loads(done.stdout)
    fields = {"compound", "dose_um", "effect", "ci_low", "ci_high", "p_value", "q_value", "hit"}
    assert fields <= set(got["compounds"][0])
    assert {"plate", "z_prime", "z_prime_low", "z_prime_high", "ssmd"} <= set(got["qc"][0])
    assert got["rescue"] == []
    assert "Plates before" in (place / "q.html").read_text()


def test_the_contract_of_cells(place):
    made = simulate_cell_screen(targets=8, genes=120, cells=80, control_cells=160)
    write_screen_simulation(made, place / "cells")
    done = imscope("screens", "cells", place / "cells/screen.h5mu", "--library",
                   place / "cells/library.tsv", "--out", place / "c", "--json",
                   "--annotated", place / "a.h5mu")  # fmt: skip
    got = json.loads(done.stdout)
    assert {"p05", "p001", "discoveries"} <= set(got["calibration"])
    assert {"target", "n_cells", "n_units", "hi2_ratio", "hi2_low", "hi2_high", "hi_c_ratio",
            "verdict", "reason"} <= set(got["uniformity"][0])  # fmt: skip
    assert Path(got["effects_file"]).exists()
    assert (place / "a.h5mu").exists()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["pooled", "counts.tsv", "--sheet", "none.csv"], 1, "there is no file"),
        (["pooled", "counts.tsv", "--sheet", "sheet.tsv", "--method", "magic"], 2, "no method"),
        (["pooled", "counts.tsv", "--sheet", "sheet.tsv", "--treatment", "x"], 1, "E-SCREEN-ARMS"),
        (["pooled", "counts.tsv", "--sheet", "sheet.tsv", "--bins"], 1, "E-SCREEN-ARMS"),
        (["cells", "counts.tsv"], 1, "error:"),
        (["plates", "counts.tsv"], 1, "E-PLATE-FORMAT"),
    ],
)
def test_bad_input_is_one_message(place, words, code, text):
    done = imscope("screens", *words, code=code, cwd=place / "pooled")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
