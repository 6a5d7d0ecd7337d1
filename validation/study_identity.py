"""Cycle, senescence and sex of the donor where the truth is known."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.identity import describe
from imscope.analyses.identity.senescence import score_profiles
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.engine.pseudobulk import sum_units
from imscope.evidence.gene_sets import genes_of
from imscope.io.counts import read_counts
from imscope.io.genes import map_genes
from imscope.simulate import CohortSettings, simulate_cohort
from validation.common import Row, Study, met, percent, rng_of

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = ("cc_s", "cc_g2m", "senmayo", "senescence_arrest_up", "senescence_down")
KINDS = {
    "resting": 0.45, "S": 0.12, "G2/M": 0.08, "senescent": 0.15, "quiescent": 0.1, "licensed": 0.1,
}  # fmt: skip


def ageing(item: object, n: int, depth: float) -> tuple[NDArray[np.int64], list[str], pd.Series]:
    """Senescent cells among quiescent (arrest only) and licensed (SASP only) ones."""
    rng = rng_of("identity", item)
    genes = [*sorted(genes_of(*SETS)), *(f"OTHER{k}" for k in range(2_000))]

    def at(*names: str) -> list[int]:
        wanted = genes_of(*names)
        return [k for k, g in enumerate(genes) if g in wanted]

    rate = np.tile(rng.lognormal(0, 0.9, len(genes)), (n, 1))
    kind = rng.choice(list(KINDS), n, p=list(KINDS.values()))
    for who, name, fold in (
        (["S"], "cc_s", 4.0),
        (["G2/M"], "cc_g2m", 6.0),
        (["senescent", "quiescent"], "senescence_arrest_up", 3.0),
        (["senescent", "licensed"], "senmayo", 2.0),
    ):
        rate[np.ix_(np.flatnonzero(np.isin(kind, who)), at(name))] *= fold
    rate[kind == "senescent", genes.index("LMNB1")] *= 0.2
    rate *= rng.gamma(10, 0.1, rate.shape)
    size = depth * rng.lognormal(0, 0.3, (n, 1))
    return rng.poisson(rate / rate.sum(axis=1, keepdims=True) * size), genes, pd.Series(kind)


def run(quick: bool) -> list[Row]:
    rows = []
    n = 600 if quick else 2_000
    for depth in (2_000, 5_000, 10_000):
        counts, genes, kind = ageing(depth, n, depth)
        features = pd.DataFrame({"feature_id": genes, "symbol": genes})
        source = MemoryBlocks.from_csr(sp.csr_array(counts))
        growing = kind.isin(["resting", "S", "G2/M"])
        for words, reference in (("no reference", False), ("growing cells as reference", growing)):
            obs = pd.DataFrame({"sample": "one", "is_reference": reference}, index=kind.index)
            called = describe(Cells(source, features, obs), threads=1).cells["senescent"]
            rate = {k: float(called[kind == k].mean()) for k in KINDS}
            other, name = max((v, k) for k, v in rate.items() if k != "senescent")
            setting = f"simulated, {depth:,} UMI per cell, {words}"
            rows += [
                Row(setting, "senescent cells called", "", percent(rate["senescent"])),
                Row(setting, "most often called of the others", "at most 5 %", percent(other),
                    met(other <= 0.05), name if other else ""),
            ]  # fmt: skip
    return [*rows, *_cycle(quick), *_fibroblasts(), *_sex()]


def _cycle(quick: bool) -> list[Row]:
    rows = []
    for cycling in (0.1, 0.3, 0.5):
        cohort = simulate_cohort(
            CohortSettings(imsc_lots=2, primary_donors=1, cells=300 if quick else 800, genes=4_000,
                           cycling=cycling, ambient=0.0, doublets=0.0, damaged=0.0)
        )  # fmt: skip
        features, _ = map_genes(cohort.features["feature_id"].tolist())
        samples = cohort.samples.items()
        obs = pd.concat([s.cells.assign(sample=k) for k, s in samples], ignore_index=True)
        source = MemoryBlocks.from_csr(sp.csr_array(sp.vstack([s.counts for _, s in samples])))
        made = describe(Cells(source, features, obs), threads=1)
        right = float((made.cells["cycle_phase"] == obs["phase"]).mean())
        both = made.cells["cycle_phase"].isin(["S", "G2M"]).mean()
        true = obs["phase"].isin(["S", "G2M"]).mean()
        rows += [
            Row(f"simulated, {percent(cycling, 0)} divide", "phase right", "at least 90 %",
                percent(right), met(right >= 0.9)),
            Row(f"simulated, {percent(cycling, 0)} divide", "share in S, G2, M",
                f"true {percent(float(true))}", percent(float(both)), met(abs(both - true) < 0.03)),
        ]  # fmt: skip
    return rows


def _fibroblasts() -> list[Row]:
    path = ROOT / "fibroblast_replicative_ageing_bulk" / "growing_quiescent_senescent.h5ad"
    if not path.exists():
        return []
    with read_counts(path) as counts:
        condition = counts.obs["condition"].astype(str).to_numpy()
        sums = sum_units(counts.source, np.arange(len(condition)), len(condition))
        found = score_profiles(
            sums, counts.features, list(counts.obs.index), reference=condition == "growing"
        )
    rows = []
    for name in ("quiescence", "senescence", "deep senescence"):
        mine = found[condition == name]
        want = "not senescent" if name == "quiescence" else "senescent"
        z = ", ".join(
            f"{c.removesuffix('_z')} {mine[c].mean():.1f}"
            for c in ("arrest_z", "sasp_z", "cycle_z")
        )
        rows.append(
            Row(f"fibroblasts, {name}, {len(mine)} profiles", "call", want,
                ", ".join(sorted(set(mine["call"]))), met((mine["call"] == want).all()),
                f"mean z: {z}; LMNB1 {mine['lmnb1_log2_fc'].mean():.1f} log2")
        )  # fmt: skip
    return rows


def _sex() -> list[Row]:
    path = ROOT / "ipsc_to_imsc_to_osteogenic" / "pseudobulk_by_stage.h5ad"
    if not path.exists():
        return []
    with read_counts(path) as counts:
        named = counts.with_obs(profile=counts.obs.index)
        sex = describe(named, by="profile").tables["donor_sex"]
    agree = int((sex["agreement"] == "agrees").sum())
    n = len(sex)
    return [
        Row(f"{n} pseudobulks of 4 lines, 3 stages", "sex agrees with the sheet", f"{n} of {n}",
            f"{agree} of {n}", met(agree == n))
    ]  # fmt: skip


STUDY = Study(
    "identity",
    "Cycle, senescence and sex",
    "Simulated cells of known kind, among them quiescent cells (arrest only) and licensed ones (SASP "
    "only); growing, quiescent and senescent fibroblasts; lines of known sex.",
    run,
)
