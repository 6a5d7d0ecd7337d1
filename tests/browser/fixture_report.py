"""A synthetic report input: three lots and three donors, five thousand cells, nothing real.

Every number is drawn or written here; nothing is computed by imscope, so a browser test can tell
what the page should say. Run as a script to write the page: ``python fixture_report.py OUT.html``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from imscope.report.inputs import PanelExpression, ReportInput

LOTS = ("L01", "L02", "L03")
DONORS = ("D1", "D2", "D3")
KEY = "10x 3' v3.1 / pipeline 7.1 / 18,204 genes"
SAMPLES = tuple(f"iMSC_{x}" for x in LOTS) + tuple(f"BM_{x}" for x in DONORS)
CENTRES = np.array([[0, 0], [5, 1], [2, 5], [7, 6], [-3, 4]], dtype=float)
GENES = ("THY1", "NT5E", "ENG", "VCAM1", "MCAM", "LEPR", "MKI67", "COL1A1", "ACTA2", "CDKN1A")


def synthetic_cells(n_cells: int, seed: int = 7) -> pd.DataFrame:
    """Cells in five blobs; lots are mostly blobs 0 and 1, donors spread over all."""
    rng = np.random.default_rng(seed)
    sample = rng.integers(0, len(SAMPLES), n_cells)
    lot_like = sample < len(LOTS)
    shares = np.where(
        lot_like[:, None], [0.62, 0.25, 0.08, 0.04, 0.01], [0.30, 0.22, 0.20, 0.18, 0.10]
    )
    cluster = (rng.random(n_cells)[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(0, 4)
    xy = CENTRES[cluster] + rng.normal(scale=0.8, size=(n_cells, 2))
    umi = rng.lognormal(np.log(6500) + 0.1 * (sample % 3), 0.35).astype(np.int64)
    names = np.array(SAMPLES)[sample]
    return pd.DataFrame(
        {
            "cell": [f"{s}_{i:06d}" for i, s in enumerate(names)],
            "sample": names,
            "cluster": cluster.astype(str),
            "n_umi": umi,
            "n_genes": (umi**0.82 * 1.6).astype(np.int64),
            "mito_frac": rng.beta(4, 80, n_cells),
            "doublet_score": rng.beta(2, 30, n_cells),
            "umap_1": xy[:, 0],
            "umap_2": xy[:, 1],
            "source_class": np.where(lot_like, "iMSC", "primary_MSC"),
            "donor": np.where(lot_like, "iPSC-A", np.array(DONORS)[sample % 3]),
            "lot": np.where(lot_like, np.array(LOTS)[sample % 3], None),
            "batch": np.where(sample % 2 == 0, "B1", "B2"),
            "passage": np.where(lot_like, 5, 4),
        }
    )


def synthetic_panel(cells: pd.DataFrame, genes: tuple[str, ...] = GENES) -> PanelExpression:
    """Sparse expression; each gene is higher in one blob."""
    rng = np.random.default_rng(11)
    cluster = cells["cluster"].astype(int).to_numpy()
    rows = []
    for i in range(len(genes)):
        rate = np.where(cluster == i % 5, 1.6, 0.25)
        rows.append(np.log1p(rng.poisson(rate)))
    values = np.array(rows)
    maxima = np.maximum(values.max(axis=1), 1e-6)
    quantised = np.rint(values / maxima[:, None] * 255).astype(np.uint8)
    return PanelExpression(genes, quantised, maxima.astype(np.float32))


def _samples(cells: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for i, name in enumerate(SAMPLES):
        part = cells[cells["sample"] == name]
        ambient = 0.02 + 0.006 * i if i != 4 else np.nan
        rows.append(
            {
                "sample": name,
                "n_cells_in": len(part) + 61 + 7 * i,
                "n_cells": len(part),
                "median_umi": float(part["n_umi"].median()),
                "median_genes": float(part["n_genes"].median()),
                "mito_frac": float(part["mito_frac"].median()),
                "doublet_frac": 0.031 + 0.004 * i,
                "doublet_status": "ok",
                "ambient_frac": ambient,
                "ambient_status": "from empty droplets"
                if i != 4
                else "not estimated: no raw matrix",
                "comparability_key": KEY,
            }
        )
    return pd.DataFrame(rows)


def _ledger(samples: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for i, row in enumerate(samples.to_dict("records")):
        left = row["n_cells_in"]
        total = left - row["n_cells"]
        lost = [6, 3, total - 9 - (30 + i), 30 + i]
        rules = ["empty cells", "too few UMI", "mitochondrial share", "doublets"]
        for rule, k in zip(rules, lost, strict=True):
            rows.append([row["sample"], "cells", rule, left, k, k + 2, left - k])
            left -= k
    rows.append(["all", "genes", "seen in fewer than 3 cells", 33_538, 15_334, 15_334, 18_204])
    names = ["sample", "unit", "rule", "n_before", "n_lost", "n_flagged", "n_after"]
    return pd.DataFrame(rows, columns=names)


def _limits(samples: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name in samples["sample"]:
        rows.append([name, "n_umi", 1500.0, np.nan, 6500.0, 2200.0, "floor"])
        rows.append([name, "n_genes", 700.0, np.nan, 2100.0, 600.0, "MAD"])
        rows.append([name, "mito_frac", np.nan, 0.12, 0.045, 0.02, "MAD"])
    names = ["sample", "metric", "low", "high", "median", "mad", "reason"]
    return pd.DataFrame(rows, columns=names)


def _index() -> pd.DataFrame:
    rows = []

    def add(level: str, group: str, n: int, units: int, bcv: float, half: float) -> None:
        hi2, low, high = ((x / 100) ** 2 for x in (bcv, bcv - half, bcv + half))
        over = "blocks of cells" if units == 1 else "units"
        rows.append(
            [level, group, n, units, 6500.0, hi2, low, high, bcv, bcv - half, bcv + half,
             hi2 / 5.6, 31.4 * 25 / bcv, over, KEY, "ok", ""]
        )  # fmt: skip

    for i, lot in enumerate(LOTS):
        add("lot", lot, 830, 1, 25.1 + 0.9 * i, 1.4)
    for i, sample in enumerate(SAMPLES):
        add("sample", sample, 830, 1, 25.1 + 0.9 * i + (7.5 if i > 2 else 0), 1.5)
    add("source_class", "iMSC", 2490, 3, 26.2, 1.9)
    add("source_class", "primary_MSC", 2510, 3, 38.7, 6.1)
    names = [
        "level", "group", "n_cells", "n_units", "median_umi", "hi2", "hi2_low", "hi2_high",
        "bcv_percent", "bcv_low", "bcv_high", "hi_c", "programmes", "interval",
        "comparability_key", "status", "warnings",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names)
    last = frame.index[-1] + 1
    frame.loc[last] = frame.loc[0]
    blank = [
        "hi2",
        "hi2_low",
        "hi2_high",
        "bcv_percent",
        "bcv_low",
        "bcv_high",
        "hi_c",
        "programmes",
    ]
    frame.loc[last, ["level", "group", "n_cells", "status"]] = [
        "source_class", "iPSC", 24, "not estimable: 24 cells, at least 50 are needed",
    ]  # fmt: skip
    frame.loc[last, blank] = np.nan
    return frame.astype({"n_cells": int, "n_units": int})


def _claims() -> pd.DataFrame:
    names = [
        "claim", "test_group", "reference_group", "ratio", "low", "high", "p_value",
        "p_equivalence", "n_test", "n_reference", "verdict", "reason",
    ]  # fmt: skip
    rows = [
        ["A", "iMSC", "primary_MSC", 0.46, 0.33, 0.64, 0.0042, 0.99, 3, 3, "SUPERIOR",
         "Cells within an iMSC lot vary less than cells within a donor's sample."],
        ["B", "iMSC", "primary_MSC", 0.71, 0.21, 2.4, 0.31, 0.42, 3, 3, "INCONCLUSIVE",
         "Three units per arm cannot tell a difference between lots from none."],
        ["C", "iMSC", "primary_MSC", np.nan, np.nan, np.nan, np.nan, np.nan, 3, 3, "NOT TESTABLE",
         "Each lot was sampled at one passage only, so drift has no slope."],
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _clusters(cells: pd.DataFrame) -> pd.DataFrame:
    counts = cells.groupby(["cluster", "sample"], observed=True).size().rename("n_cells")
    frame = counts.reset_index()
    frame["frac"] = frame["n_cells"] / frame.groupby("sample")["n_cells"].transform("sum")
    return frame


def _markers(genes: tuple[str, ...], clusters: int = 5, each: int = 25) -> pd.DataFrame:
    rows = []
    for c in range(clusters):
        for rank in range(1, each + 1):
            gene = genes[(c + 5 * (rank - 1)) % len(genes)]
            rows.append(
                [str(c), rank, f"ENSG{c:03d}{rank:08d}", gene if rank < 3 else f"GENE{c}{rank:02d}",
                 2.4 / rank**0.5, 0.93 - 0.01 * rank, 0.8 - 0.02 * rank, 0.1, 1e-30 * rank,
                 1e-27 * rank]
            )  # fmt: skip
    names = [
        "cluster", "rank", "feature_id", "symbol", "log2_fc", "auc", "frac_in", "frac_out",
        "p_value", "q_value",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _design() -> dict[str, pd.DataFrame]:
    levels = [
        ["source_class", 2, "iMSC, primary_MSC", "3 to 3", "donor, lot, passage"],
        ["donor", 4, "D1, D2, D3, iPSC-A", "1 to 3", "source_class"],
        ["batch", 2, "B1, B2", "3 to 3", ""],
    ]
    tests = [
        ["Do cells vary less within an iMSC lot than within a donor?", "TESTABLE", 3,
         "three units in each arm"],
        ["Do lots differ less from one another than donors?", "DESCRIPTIVE ONLY", 3,
         "three units per arm; about 16 are needed"],
        ["Do cells drift over passages?", "NOT TESTABLE", 1, "one passage per lot"],
    ]  # fmt: skip
    return {
        "design_levels": pd.DataFrame(
            levels, columns=["factor", "n_levels", "levels", "samples_per_level", "confounded_with"]
        ),
        "design_tests": pd.DataFrame(tests, columns=["question", "status", "n_test", "reason"]),
    }


def synthetic_report(n_cells: int = 5000, *, simulated: bool = True) -> ReportInput:
    """Build the whole input."""
    cells = synthetic_cells(n_cells)
    samples = _samples(cells)
    tables = _design() | {
        "samples": samples,
        "qc_ledger": _ledger(samples),
        "qc_limits": _limits(samples),
        "heterogeneity_index": _index(),
        "claims": _claims(),
        "clusters": _clusters(cells),
        "markers": _markers(GENES),
    }
    steps = ["read", "qc", "normalise", "pca", "neighbours", "cluster", "embed", "index", "report"]
    results = {
        "title": "Three iMSC lots against three bone marrow donors",
        "imscope_version": "0.1.0",
        "schema_version": "1.0.0",
        "simulated": simulated,
        "answer": [
            "Cells within the three iMSC lots vary less than cells within the three donors: "
            "biological CV 26.2 % (24.3 to 28.1) against 38.7 % (32.6 to 44.8), over 3 units each.",
            "Claim A (cells within a lot) is SUPERIOR; the ratio of HI2 is 0.46 (0.33 to 0.64).",
            "Claim B (lots among one another) is INCONCLUSIVE: three units per arm are too few.",
            "Claim C (drift) is NOT TESTABLE: one passage per lot.",
            f"{len(cells):,} of {int(samples['n_cells_in'].sum()):,} cells were kept.",
        ],
        "warnings": [
            {
                "code": "W-AMBIENT-NONE",
                "message": "The ambient share was not estimated.",
                "sample": "BM_D2",
            }
        ],
        "config": {"seed": 1, "qc": {"mad": 3, "mito_ceiling": 0.2}, "index": {"blocks": 20}},
        "inputs": [
            {"path": f"counts/{s}.h5", "sha256": f"{i:x}" * 64, "bytes": 21_400_000 + i}
            for i, s in enumerate(SAMPLES)
        ],
    }
    provenance = {
        "created": "2026-01-15 09:30 UTC",
        "run_stamp": "c0ffee12",
        "config_hash": "ab" * 32,
        "threads": 2,
        "versions": {"imscope": "0.1.0", "numpy": "2.5.5", "anndata": "0.13.4"},
        "seeds": {"pca": 1, "cluster": 2},
        "steps": [
            {
                "step": step,
                "seconds": 0.8 + i,
                "cpu_seconds": 1.1 + i,
                "peak_mb": 310.0 + 40 * i,
                "cached": False,
            }
            for i, step in enumerate(steps)
        ],
    }
    return ReportInput(results, tables, cells, synthetic_panel(cells), provenance)


if __name__ == "__main__":
    from imscope.report.payload import render

    Path(sys.argv[1]).write_text(render(synthetic_report()), encoding="utf-8")
