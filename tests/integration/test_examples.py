"""Every example and every odd design runs to its report; a frozen profile keeps the digits."""

import json
import os
import zlib
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import yaml

from imscope.analyses.heterogeneity import profile, write_profile
from imscope.io import gene_table
from imscope.report.write import write_report
from imscope.study.config_file import parse_config, read_config
from imscope.study.run import run_study

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = os.environ.get("IMSCOPE_SHARED_DATA", "")
GENES = """
COL1A1 COL1A2 COL3A1 FN1 SPARC LUM DCN THY1 NT5E ENG CD44 VIM TAGLN ACTA2 CDKN1A CDKN2A MKI67 TOP2A
CDK1 PCNA MCM2 MCM5 VEGFA FGF2 HGF TGFB1 IDO1 CXCL8 IL6 CCL2 POU5F1 SOX2 NANOG
"""
LIGHT = {"subsets": {"test": "off"}, "path": {"umap": False}}


def write_lots(folder, lots, *, seed=0, cells=40, genes=400):
    """One file of counts per sample and a sheet; every lot keeps its cells in any company."""
    folder.mkdir(parents=True, exist_ok=True)
    known = GENES.split()
    table = gene_table()
    coding = table.loc[table["biotype"].astype(str).str.contains("protein"), "symbol"].astype(str)
    names = list(dict.fromkeys([*known, *coding]))[:genes]
    share = np.random.default_rng(seed).gamma(0.5, 1, genes) + 0.05
    rows = []
    for lot in lots:
        rng = np.random.default_rng(zlib.crc32(str(lot["sample"]).encode()))
        centre = share * np.exp(rng.normal(0, 0.4, genes))
        p = centre * np.exp(rng.normal(0, 0.3, (cells, genes)))
        counts = rng.poisson(p / p.sum(axis=1, keepdims=True) * 5_000).astype("float32")
        index = [f"{lot['sample']}-{k}" for k in range(cells)]
        data = anndata.AnnData(
            sp.csr_matrix(counts), obs=pd.DataFrame(index=index), var=pd.DataFrame(index=names)
        )
        data.write_h5ad(folder / f"{lot['sample']}.h5ad")
        rows.append({**lot, "path": f"{lot['sample']}.h5ad"})
    pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
    return folder / "samples.csv"


def finished(sheet, out, config):
    """Run to the report; the results."""
    result = run_study(sheet, out, config=config, threads=1)
    page = write_report(result)
    assert page.stat().st_size > 10_000
    return json.loads((Path(out) / "results.json").read_text())


def line_samples():
    return [
        {"sample": f"{line}_{b}", "line": line, "batch": b, "source_class": "reference_line",
         "platform": "10x"}
        for line in "ABC" for b in ("b1", "b2")
    ]  # fmt: skip


def test_a_group_that_is_its_own_unit_gets_its_report(tmp_path):
    config = parse_config(LIGHT | {"heterogeneity": {"group": "line"}})
    results = finished(write_lots(tmp_path / "d", line_samples()), tmp_path / "run", config)
    assert results["design"]["unit"] == results["design"]["group"] == "line"


def test_one_sample_without_any_design_gets_its_report(tmp_path):
    sheet = write_lots(tmp_path / "d", [{"sample": "only"}])
    results = finished(sheet, tmp_path / "run", parse_config(LIGHT))
    assert results["design"]["group"] is None


def test_one_lot_in_two_runs_has_one_set_of_digits(tmp_path):
    def lots(*names):
        return [{"sample": n, "lot": n, "platform": "10x"} for n in names]

    first = write_lots(tmp_path / "a", lots("x", "y", "z"))
    finished(first, tmp_path / "base", parse_config(LIGHT))
    frozen = profile(tmp_path / "base", "P1", unit="lot")
    write_profile(frozen, tmp_path / "p1.json")
    config = parse_config(
        LIGHT | {"heterogeneity": {"reference_profile": str(tmp_path / "p1.json")}}
    )
    rows = []
    for k, names in enumerate((["mine"], ["mine", "u", "v"])):
        sheet = write_lots(tmp_path / f"c{k}", lots(*names))
        finished(sheet, tmp_path / f"run{k}", config)
        table = pd.read_parquet(tmp_path / f"run{k}" / "tables" / "heterogeneity_index.parquet")
        rows.append(table[(table["level"] == "sample") & (table["group"] == "mine")].iloc[0])
    numbers = ["hi2", "hi2_low", "hi2_high", "hi_c", "programmes", "hi2_without_cycle"]
    assert rows[0][numbers].tolist() == rows[1][numbers].tolist()
    assert rows[0]["comparability_key"] == rows[1]["comparability_key"]
    assert rows[0]["comparability_key"].endswith(f"profile {frozen.digest[:12]}")


@pytest.mark.shared
@pytest.mark.skipif(not Path(SHARED).is_dir() or not SHARED, reason="the shared data are not here")
def test_the_three_lines_run_to_their_report_with_their_own_config(tmp_path):
    folder = EXAMPLES / "three_lines"
    given = yaml.safe_load((folder / "config.yaml").read_text())
    assert given["heterogeneity"]["group"] == "line"
    results = finished(
        folder / "samples.csv", tmp_path / "run", read_config(folder / "config.yaml")
    )
    assert results["design"]["unit"] == "line"
