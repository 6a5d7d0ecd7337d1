import json

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from imscope.cli.main import app


def test_every_table_comes_out_even_when_nothing_can_be_said(tmp_path):
    rng = np.random.default_rng(0)
    genes = ["NT5E", "THY1", "ENG", "XIST", "DDX3Y", "PTPRC"]
    counts = pd.DataFrame(rng.poisson(3, (12, 6)), columns=genes)
    counts.insert(0, "cell", [f"c{i}" for i in range(12)])
    path, out = tmp_path / "cells.csv", tmp_path / "phases.tsv"
    counts.to_csv(path, index=False)
    done = CliRunner().invoke(
        app, ["identity", str(path), "--json", "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert list(found) == [
        "isct_panel", "cycle_phases", "senescence", "senescence_profiles", "hox_code", "donor_sex",
        "donor_match", "notices",
    ]  # fmt: skip
    assert all(r["status"] == "not estimable" for r in found["cycle_phases"])
    assert found["donor_sex"][0]["call"] == "not estimable"
    assert set(pd.read_csv(out, sep="\t")["cycle_phase"]) == {"not called"}
