"""Cell-cycle position against a measured one, beside Scanpy on the same genes."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from imscope.analyses.identity.cycle import fit_cycle
from imscope.evidence.gene_sets import load
from validation.common import Row, Study, met

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
CELLS = ROOT / "ipsc_cell_cycle_fucci" / "ipsc_fucci_101genes.h5ad"
Floats = NDArray[np.float64]
SCANPY = """
import sys, numpy as np, anndata as ad, scanpy as sc
x, names, n_s, out = np.load(sys.argv[1]), *sys.argv[2:]
logs = np.log1p(x[:, 1:] / x[:, :1] * 1e4)
genes = names.split(",")
cells = ad.AnnData(logs)
cells.obs_names = [str(i) for i in range(len(logs))]
cells.var_names = genes
k, n = (int(v) for v in n_s.split(","))
sc.tl.score_genes_cell_cycle(cells, s_genes=genes[:k], g2m_genes=genes[k:n])
np.save(out, cells.obs[["S_score", "G2M_score"]].to_numpy())
"""


def circular_correlation(a: Floats, b: Floats) -> float:
    """Correlation of two angles that no rotation of either changes, from -1 to 1.

    References
    ----------
    .. [1] Fisher NI, Lee AJ (1983). Biometrika 70:327-332. doi:10.1093/biomet/70.2.327
    """
    ca, sa, cb, sb = np.cos(a), np.sin(a), np.cos(b), np.sin(b)
    top = 4 * ((ca * cb).sum() * (sa * sb).sum() - (ca * sb).sum() * (sa * cb).sum())
    n = len(a)
    one = n**2 - np.cos(2 * a).sum() ** 2 - np.sin(2 * a).sum() ** 2
    two = n**2 - np.cos(2 * b).sum() ** 2 - np.sin(2 * b).sum() ** 2
    return float(top / np.sqrt(one * two))


def auc(score: Floats, truth: NDArray[np.bool_]) -> float:
    """Chance that a cell of the class stands above one that is not."""
    ranks = rankdata(score)
    n, m = truth.sum(), (~truth).sum()
    return float((ranks[truth].sum() - n * (n + 1) / 2) / (n * m))


def scanpy_scores(counts: Floats, depth: Floats, names: list[str], split: str) -> Floats | None:
    """S and G2/M scores by Scanpy, which lives in the environment of the benchmark peers."""
    python = os.environ.get("IMSCOPE_BENCH_PEERS", "")
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "x.npy", Path(folder) / "scores.npy"
        np.save(given, np.column_stack([depth, counts]))
        done = subprocess.run(
            [python, "-c", SCANPY, str(given), ",".join(names), split, str(made)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-400:])
        return np.asarray(np.load(made), dtype=np.float64)


def run(quick: bool) -> list[Row]:
    if not CELLS.exists():
        return [Row("all", "not run", "", "", "", "the shared data are not here")]
    import anndata

    data = anndata.read_h5ad(CELLS)
    sets = load()
    s = [g for g in sets["cc_s"].genes if g in data.var_names]
    g2m = [g for g in sets["cc_g2m"].genes if g in data.var_names and g not in s]
    rest = [g for g in data.var_names if g not in {*s, *g2m}]
    x = data[:, [*s, *g2m, *rest]].X
    counts = np.asarray(x.toarray() if hasattr(x, "toarray") else x, dtype=np.float64)
    depth = data.obs["total_molecules_human"].to_numpy(dtype=np.float64)
    gfp, rfp = (data.obs[f"{c}.median.log10sum.adjust"].to_numpy() for c in ("gfp", "rfp"))
    angle = data.obs["fucci_angle"].to_numpy(dtype=np.float64)
    n = len(s) + len(g2m)
    model = fit_cycle(counts[:, :n], depth, n_s=len(s))
    share = model.posterior(counts[:, :n], depth)
    third = (np.arange(36) + 6) // 12 % 3
    ours = {
        "angle": np.angle(share @ np.exp(1j * model.grid)),
        "cycling": share[:, third != 2].sum(axis=1),
        "g2m": share[:, third == 1].sum(axis=1),
    }
    names = [*s, *g2m, *rest]
    scores = None if quick else scanpy_scores(counts, depth, names, f"{len(s)},{n}")
    theirs = None
    if scores is not None:
        theirs = {
            "angle": np.arctan2(scores[:, 1], scores[:, 0]),
            "cycling": scores.max(axis=1),
            "g2m": scores[:, 1],
        }
    setting = f"{len(angle)} cells, {len(s)} S and {len(g2m)} G2/M genes"
    measures = (
        ("circular correlation with the FUCCI angle", "angle",
         lambda v: circular_correlation(v, angle)),
        ("AUC, geminin reporter above its mean (S, G2, M)", "cycling", lambda v: auc(v, gfp > 0)),
        ("AUC, geminin above CDT1 reporter (late S, G2, M)", "g2m", lambda v: auc(v, gfp > rfp)),
    )  # fmt: skip
    rows = []
    for name, key, measure in measures:
        mine = measure(ours[key])
        other = measure(theirs[key]) if theirs is not None else float("nan")
        known = theirs is not None
        rows.append(
            Row(
                setting,
                name,
                f"at least Scanpy's {other:.3f}" if known else "Scanpy was not run",
                f"{mine:.3f}",
                met(mine >= other) if known else "",
            )
        )
    return rows


STUDY = Study(
    "fucci",
    "Cell-cycle position and a measured one",
    "Human iPSC with two fluorescent reporters of the cycle (doi:10.1101/gr.247759.118); counts of "
    "101 genes and the depth of the whole transcriptome. Both programs get the same genes; the G2/M "
    "probability stands against Scanpy's G2M score, that of S or G2/M against the larger of its two "
    "scores, the fitted angle against the angle between them. Variants were compared on these cells.",
    run,
)
