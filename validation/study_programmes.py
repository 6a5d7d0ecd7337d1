"""Gene programmes: error and power of the test between groups, and data with a known answer."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from imscope.analyses.subsets import ProgrammeSettings, score
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.evidence.gene_sets import GeneSet
from imscope.io.counts import read_counts
from validation.common import Row, Study, met, percent, rng_of

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
GENES, SETS, SIZE = 1_500, 30, 20
SETTINGS = ProgrammeSettings(random_sets=1_999)


def simulated(item: object, lots: int, fold: float) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Two arms of lots with profiles of their own; the first set stands higher in arm b."""
    rng = rng_of("programmes", item)
    base = rng.lognormal(0, 1.0, GENES)
    shared = rng.normal(0, 0.15, (2 * lots, SETS))
    counts = []
    for k in range(2 * lots):
        rate = base * rng.lognormal(0, 0.2, GENES)
        for s in range(SETS):  # genes of a programme move together between lots
            rate[s * SIZE : (s + 1) * SIZE] *= np.exp(shared[k, s])
        rate[:SIZE] *= fold if k >= lots else 1.0
        cells = rate * rng.lognormal(0, 0.3, (60, GENES))
        counts.append(rng.poisson(cells / cells.sum(axis=1, keepdims=True) * 3_000))
    lot = np.repeat(np.arange(2 * lots), 60)
    obs = pd.DataFrame({"arm": np.where(lot >= lots, "b", "a"), "lot": lot.astype(str)})
    return np.vstack(counts), obs


def p_values(item: object, lots: int, fold: float) -> tuple[pd.Series, NDArray[np.float64]]:
    counts, obs = simulated(item, lots, fold)
    names = [f"G{k}" for k in range(GENES)]
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    sets = {
        f"s{s}": GeneSet(f"s{s}", "", "up", tuple(names[s * SIZE : (s + 1) * SIZE]), "", "")
        for s in range(SETS)
    }
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    made = score(
        Cells(source, features, obs), by="arm", unit="lot", sets=sets, settings=SETTINGS, threads=1
    )
    table = made.tables["programme_scores"]
    mine = table[table["group"] == "b"].set_index("programme")
    arm = (obs["arm"] == "b").to_numpy()
    cells = made.cells.to_numpy()
    return mine[["p_value", "p_unit", "p_set", "q_value"]], ttest_ind(
        cells[arm], cells[~arm]
    ).pvalue


def run(quick: bool) -> list[Row]:
    rows = []
    repeats = 4 if quick else 40
    for lots in (2, 3, 5):
        null, cells = [], []
        for k in range(repeats):
            ours, naive = p_values(("null", lots, k), lots, 1.0)
            null.append(ours.to_numpy())
            cells.append(naive)
        p = np.concatenate(null)
        setting = f"{lots} lots per arm, no difference, {len(p):,} tests"
        rate = float((p[:, 0] < 0.05).mean())
        rows += [
            Row(setting, "p < 0.05, units as replicates", "at most 5 %", percent(rate),
                met(rate <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(p)))),
            Row(setting, "p < 0.05, moderated t alone", "5 %",
                percent(float((p[:, 1] < 0.05).mean()))),
            Row(setting, "p < 0.05, random genes alone", "",
                percent(float((p[:, 2] < 0.05).mean())), "", "genes are no replicates"),
            Row(setting, "p < 0.05, cells as replicates", "",
                percent(float((np.concatenate(cells) < 0.05).mean())), "", "the usual test"),
        ]  # fmt: skip
    for lots in (3, 5):
        found = [
            float(p_values(("power", lots, k), lots, 1.5)[0].loc["s0", "q_value"])
            for k in range(repeats)
        ]
        rows.append(
            Row(f"{lots} lots per arm, one set 1.5-fold", "found at q < 0.05", "",
                percent(float((np.array(found) < 0.05).mean()), 0))
        )  # fmt: skip
    return [*rows, *_interferon()]


def _interferon() -> list[Row]:
    path = ROOT / "pbmc_ifnb_stimulation" / "pbmc_ctrl_vs_ifnb.h5ad"
    if not path.exists():
        return []
    with read_counts(path) as counts:
        table = score(counts, by="condition").tables["programme_scores"]
    mine = table[table["group"] == "stim_IFNb"].sort_values("rank")
    first = mine[mine["rank"] == 1].iloc[0]
    return [
        Row("blood cells, interferon beta against control", "first programme",
            "interferon_signature", str(first["programme"]),
            met(first["programme"] == "interferon_signature"),
            f"z = {first['z_set']:.1f}; donors were pooled, so it is NOT TESTABLE"),
    ]  # fmt: skip


STUDY = Study(
    "programmes",
    "Gene programmes between groups",
    "Lots with profiles of their own, 30 sets of 20 genes that move together between lots, 60 cells "
    "of 3,000 UMI per lot. A p value is the larger of the moderated t over units and the chance "
    "among random sets; each alone, and cells as replicates, stand beside it.",
    run,
)
