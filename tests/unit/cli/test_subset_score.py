import json

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from imscope.cli.main import app

FIELDS = {"group", "programme", "score", "coverage", "status", "p_value", "q_value"}


def test_records_and_scores_per_cell(tmp_path):
    rng = np.random.default_rng(0)
    genes = ["NT5E", "THY1", "ENG", "COL1A1", "ACTA2", "PTPRC", "CD34"]
    counts = pd.DataFrame(rng.poisson(3, (12, 7)), columns=genes)
    counts.insert(0, "cell", [f"c{i}" for i in range(12)])
    path, out = tmp_path / "cells.csv", tmp_path / "scores.tsv"
    counts.to_csv(path, index=False)
    done = CliRunner().invoke(
        app, ["subsets", "score", str(path), "--json", "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0
    records = json.loads(done.stdout)["records"]
    assert all(set(r) == FIELDS for r in records)
    by_name = {r["programme"]: r for r in records}
    assert by_name["rohart16"]["score"] is None
    assert by_name["isct_positive"]["coverage"] == 1.0
    scores = pd.read_csv(out, sep="\t")
    assert list(scores["cell"]) == [f"c{i}" for i in range(12)]
    np.testing.assert_allclose(
        scores["isct_positive"].mean(), by_name["isct_positive"]["score"], rtol=1e-5
    )
