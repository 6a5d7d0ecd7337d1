"""Gains of chromosome arms in a tenth of the cells: power, false alarms, cover of the share."""

import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.analyses.safety.arm_parts import ArmSettings
from imscope.analyses.safety.arm_screen import arms as screen
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.evidence.gene_positions import AMPLICON_BAND, gene_positions
from imscope.simulate.karyotype import KaryotypeSettings, simulate_karyotype_lot
from validation.common import Row, Study, met, percent, rng_of

N_REFERENCE = 6
HARD = KaryotypeSettings(
    cells=800,
    gene_noise=0.8,
    programme_noise=0.5,
    programme_share=0.15,
    lot_noise=0.3,
    lot_programme=0.5,
)
TARGETS = ("1q", "8", "12", "17q")


def run(quick: bool) -> list[Row]:
    n_lots = 20 if quick else 200
    genes = _genes(1_200 if quick else 2_500)
    rows = _at(10_000, n_lots, genes, share=0.1, full=not quick)
    if not quick:
        rows += _at(4_000, 100, genes, share=0.1)
        rows += _at(10_000, 100, genes, share=0.05, null=False)
    return rows


def _genes(n: int) -> pd.DataFrame:
    table = gene_positions()
    table = table[table["chromosome"] != "Y"].reset_index(drop=True)
    amplicon = np.flatnonzero(table["band"] == AMPLICON_BAND)
    drawn = rng_of("arms genes").choice(len(table), n, replace=False)
    return table.iloc[np.union1d(drawn, amplicon[:7])].reset_index(drop=True)


def _at(
    depth: int,
    n_lots: int,
    genes: pd.DataFrame,
    *,
    share: float,
    null: bool = True,
    full: bool = False,
    hard: bool = False,
) -> list[Row]:
    """Screen lots in groups of twenty against one set of reference lots each."""
    knobs = HARD if hard else KaryotypeSettings(cells=800, depth=depth)
    arms = genes["arm"].to_numpy().astype(str)
    tables = []
    for group in range(n_lots // 20):
        lots = {f"R{k}": None for k in range(3 if hard else N_REFERENCE)}
        if null:
            lots |= {f"N{group}.{k}": None for k in range(20)}
        lots |= {f"G{group}.{k}": {TARGETS[k % 4]: (share, 1.5)} for k in range(20)}
        extra = {
            f"H{group}.{k}.{j}": {TARGETS[(k + j) % 4]: (share, 1.5)}
            for k in range(20)
            for j in (1, 2, 3)
            if full
        }
        for part in _batches(lots, extra):
            tables.append(_screen(part, arms, genes, knobs, group))
    table = pd.concat(tables, ignore_index=True)
    return _rows(table, depth, share, null=null)


def _batches(lots: dict[str, object], extra: dict[str, object]) -> list[dict[str, object]]:
    """Lots in portions, each with the reference lots, so that memory stays small."""
    reference = {k: v for k, v in lots.items() if k.startswith("R")}
    others = [(k, v) for k, v in {**lots, **extra}.items() if not k.startswith("R")]
    return [reference | dict(others[low : low + 20]) for low in range(0, len(others), 20)]


def _screen(
    lots: dict[str, object],
    arms: np.ndarray,
    genes: pd.DataFrame,
    knobs: KaryotypeSettings,
    group: int,
) -> pd.DataFrame:
    parts = []
    for name, gains in lots.items():
        number = sum(ord(c) * 131**k for k, c in enumerate(f"{group}/{name}")) % 2**31
        parts.append(simulate_karyotype_lot(arms, knobs, lot=number, gains=gains).counts)  # type: ignore[arg-type]
    obs = pd.DataFrame({"lot": np.repeat(list(lots), knobs.cells)})
    source = MemoryBlocks.from_csr(sp.csr_array(sp.vstack(parts, "csr")))
    rules = ArmSettings(reference=tuple(n for n in lots if n.startswith("R")))
    table = screen(Cells(source, genes, obs), settings=rules, threads=1)
    gained = {name: next(iter(g), "") if g else "" for name, g in lots.items()}  # type: ignore[call-overload]
    return table[~table["group"].str.startswith("R")].assign(truth=lambda t: t["group"].map(gained))


def _rows(table: pd.DataFrame, depth: int, share: float, *, null: bool) -> list[Row]:
    setting = f"{depth:,} UMI, {percent(share, 0)} of cells"
    goal = depth >= 10_000 and share >= 0.1
    rows = []
    for region in TARGETS:
        mine = table[(table["region"] == region) & (table["truth"] == region)]
        power = float((mine["verdict"] == "gain").mean())
        cover = float(((mine["frac_low"] <= share) & (mine["frac_high"] >= share)).mean())
        rows += [
            Row(setting, f"power for {region} ({len(mine)} lots)", ">= 90 %" if goal else "none stated",
                percent(power), met(power >= 0.9) if goal else ""),
            Row(setting, f"interval covers the share, {region}", ">= 93 %" if goal else "none stated",
                percent(cover), met(cover >= 0.93) if goal else "",
                f"mean estimate {percent(float(mine['frac'].mean()))}, limit of detection "
                f"{percent(float(mine['lod_frac'].mean()))}"),
        ]  # fmt: skip
    if null:
        clean = table[
            (table["truth"] == "") & table["verdict"].isin(["gain", "loss", "no finding"])
        ]
        wrong = clean["verdict"].isin(["gain", "loss"])
        for region in TARGETS:
            rate = float(wrong[clean["region"] == region].mean())
            rows.append(
                Row(setting, f"false alarms, {region}", "<= 1 %", percent(rate), met(rate <= 0.01))
            )
        rows.append(Row(setting, f"false alarms, all {clean['region'].nunique()} regions",
                        "<= 1 %", percent(float(wrong.mean()), 2), met(wrong.mean() <= 0.01)))  # fmt: skip
        whole = float(wrong.groupby(clean["group"]).any().mean())
        rows.append(Row(setting, "lots with any false alarm", "none stated", percent(whole)))
    small = table[table["region"] == AMPLICON_BAND]
    same = bool((small["verdict"] == "not resolvable per cell").all())
    words = "not resolvable per cell" if same else ", ".join(sorted(set(small["verdict"])))
    rows.append(Row(setting, AMPLICON_BAND, "not resolvable per cell", words, met(same),
                    f"one copy moves a cell by {small['z_per_cell'].median():.1f} SD"))  # fmt: skip
    return rows


STUDY = Study(
    "arms",
    "Chromosome arms",
    "Lots of 800 cells held against 6 reference lots. Each gene has log-normal noise of its own "
    "(SD 0.5) in every cell and 0.15 between lots; 6 programmes move 15 % of the genes each, by SD "
    "0.25 among cells and with means that differ between lots. Share of counts per arm as in "
    "cultured cells. A gain is one copy more, of one region per lot.",
    run,
)


def run_hard(quick: bool) -> list[Row]:
    return _at(10_000, 20 if quick else 100, _genes(2_000), share=0.1, hard=True)


STUDY_HARD = Study(
    "arms_hard",
    "Chromosome arms, noisy regulation and three reference lots",
    "As above with 3 reference lots, log-normal noise of each gene of SD 0.8 between cells and 0.3 "
    "between lots, and programmes of twice the size whose means differ by SD 0.5 between lots.",
    run_hard,
)
