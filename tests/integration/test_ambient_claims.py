"""A lot with a tenth of ambient RNA: the whole run warns and never calls it more uniform."""

import json

import pandas as pd
from driving import command

from imscope.simulate import CohortSettings, simulate_cohort, write_cohort


def test_the_report_warns_of_ambient_rna_and_calls_no_such_sample_uniform(tmp_path):
    settings = CohortSettings(
        imsc_lots=3, primary_donors=3, cells=250, genes=1500, depth=3000, seed=7, troubled_lot=2
    )
    cohort = simulate_cohort(settings)
    truth = cohort.truth["samples"].set_index("sample")["ambient_frac"]
    dirty = truth.index[truth >= 0.09].astype(str).tolist()
    assert len(dirty) == 1
    done = command("run", write_cohort(cohort, tmp_path / "data"), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    tables = tmp_path / "out" / "tables"
    claims = pd.read_parquet(tables / "claims.parquet")
    own = claims[claims["test_group"].isin(dirty)]
    assert len(own) == 1
    # the run knows a limit only, which changes no verdict; but no sentence calls it more uniform
    assert (own["verdict"] == "DESCRIPTIVE").all()
    assert own["reason"].str.contains("ambient RNA makes a part of this").all()
    index = pd.read_parquet(tables / "heterogeneity_index.parquet").set_index("group")
    assert "W-AMBIENT-HIGH" in index.loc[dirty[0], "warnings"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    codes = {(w["code"], w["sample"]) for w in results["warnings"]}
    assert ("W-AMBIENT-HIGH", dirty[0]) in codes
    page = (tmp_path / "out" / "report.html").read_text()
    assert "W-AMBIENT-HIGH" in page
    assert f"cells of {dirty[0]} are more alike" not in page
    for name in ("heterogeneity_genes", "heterogeneity_programmes"):
        assert len(pd.read_parquet(tables / f"{name}.parquet"))
