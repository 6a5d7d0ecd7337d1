"""Identity, stage, mapping and programmes on real data sets whose answer is known."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import imscope
from imscope.core.cells import Cells
from imscope.io import open_cells
from validation.common import Row, Study, met, percent

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
TISSUES = "msc_tissue_sources_multiomics/rnaseq_counts.h5ad"
LINES = "ipsc_to_imsc_to_osteogenic"
AGEING = "fibroblast_replicative_ageing_bulk"
BLOOD = "pbmc_ifnb_stimulation/pbmc_ctrl_vs_ifnb.h5ad"
SOURCES = {
    "ADSC": "adipose MSC",
    "DPSC": "dental-pulp MSC",
    "PDLSC": "periodontal-ligament MSC",
    "GF": "gingival fibroblasts",
    "OB": "osteoblasts",
}
STROMAL = ("msc", "osteogenic")
FORBIDDEN = ("smooth_muscle", "pluripotent", "pericyte", "neural_crest", "cardiac")


def _labels(cells: Cells) -> NDArray[np.object_]:
    found = imscope.subsets.stage(cells).cells
    assert found is not None
    return found["stage"].to_numpy(dtype=object)


def _stromal(called: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Rows named a stromal cell, alone or first of a pair."""
    return np.array([str(w).startswith(STROMAL) for w in called])


def tissues() -> list[Row]:
    """Each tissue was unseen: the panel rests on published genes, nothing is trained."""
    rows = open_cells(ROOT / TISSUES)
    called = _labels(rows)
    source = rows.obs["cell_source"].astype(str).to_numpy()
    out = []
    for code, name in SOURCES.items():
        mine = called[source == code]
        share = float(_stromal(mine).mean())
        wrong = float(np.isin(mine, FORBIDDEN).mean())
        seen = pd.Series(mine).value_counts()
        words = ", ".join(f"{k} {v}" for k, v in seen.items())
        goal = 0.9 if code.endswith("SC") else 0.75
        out += [
            Row(f"{name}, {len(mine)} libraries", "called stromal", f"{percent(goal, 0)} or more",
                percent(share), met(share >= goal), words),
            Row(f"{name}, {len(mine)} libraries", "smooth muscle or another forbidden name",
                "under 5 %", percent(wrong), met(wrong < 0.05)),
        ]  # fmt: skip
    primary = np.isin(source, ["ADSC", "DPSC", "PDLSC"])
    share = float(_stromal(called[primary]).mean())
    out.append(Row(f"primary MSC of three tissues, {primary.sum()} libraries", "called stromal",
                   "90 % or more", percent(share), met(share >= 0.9)))  # fmt: skip
    return out


def lines() -> list[Row]:
    """Stages of four lines that were differentiated, as sums of single cells."""
    out = []
    for name in ("pseudobulk_by_stage", "pseudobulk_by_cluster"):
        rows = open_cells(ROOT / LINES / f"{name}.h5ad")
        called, stage = _labels(rows), rows.obs["stage"].astype(str).to_numpy()
        for kind in ("iPSC", "iMSC", "osteogenic"):
            mine = called[stage == kind]
            good = mine == "pluripotent" if kind == "iPSC" else _stromal(mine)
            want = "pluripotent" if kind == "iPSC" else "stromal"
            other = int((~good & (mine != "unknown")).sum())
            words = f"{percent(float(good.mean()))}, {other} under another name"
            out.append(Row(f"{kind}, {len(mine)} rows of {name}", f"called {want}",
                           "90 % or more, none under another name", words,
                           met(good.mean() >= 0.9 and not other),
                           ", ".join(sorted(set(mine)))))  # fmt: skip
    rows = open_cells(ROOT / LINES / "pseudobulk_by_cluster.h5ad")
    line = rows.obs["line"].astype(str).to_numpy()
    for asked in (("H3", "H4"), ("H1", "H2")):
        inside = np.isin(line, asked)
        query, held = (rows.take(np.flatnonzero(m)) for m in (inside, ~inside))
        table = imscope.subsets.map(query, held, label="stage", by="stage", unit="line")
        shares = table.tables["mapped_composition"].set_index(["group", "label"])
        row = shares.loc[("osteogenic", "osteogenic")]
        held_in = bool(row["low"] <= row["frac"] <= row["high"] and row["high"] - row["low"] > 0)
        stem = float(shares.loc[("osteogenic", "iPSC"), "frac"])
        words = f"osteogenic {row['frac']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        setting = f"osteogenic rows of {' and '.join(asked)} on the other lines"
        out += [
            Row(setting, "called pluripotent", "under 5 %", percent(stem), met(stem < 0.05), words),
            Row(setting, "interval holds its estimate and has a width", "yes",
                "yes" if held_in else "no", met(held_in)),
        ]  # fmt: skip
    return out


def programmes() -> list[Row]:
    """Programmes whose change is known, and the sex of the donors."""
    out = []
    rows = open_cells(ROOT / LINES / "pseudobulk_by_stage.h5ad")
    settings = imscope.subsets.ProgrammeSettings("iMSC", "iPSC", random_sets=1_999)
    table = imscope.subsets.score(rows, by="stage", unit="line", settings=settings)
    mine = table.tables["programme_scores"].query("group == 'iMSC'").set_index("programme")
    for name, sign in (("residual_psc_msc_safe", -1), ("ecm_core", 1), ("isct_positive", 1)):
        effect, q = float(mine.loc[name, "effect"]), float(mine.loc[name, "q_value"])
        out.append(Row("iMSC against iPSC, four lines", f"{name} {'up' if sign > 0 else 'down'}",
                       "right sign", f"{effect:+.2f} log2", met(effect * sign > 0),
                       f"q = {q:.3f}"))  # fmt: skip
    sex = imscope.identity.describe(rows, by="batch").tables["donor_sex"]
    agree = int((sex["agreement"] == "agrees").sum())
    out.append(Row("four lines, one of them twice", "sex agrees with the sheet", f"{len(sex)}",
                   f"{agree} of {len(sex)}", met(agree == len(sex))))  # fmt: skip
    with open_cells(ROOT / BLOOD) as cells:
        scored = imscope.subsets.score(cells, by="condition").tables["programme_scores"]
    mine = scored.query("group == 'stim_IFNb' and rank == 1")
    first = str(mine["programme"].iloc[0])
    out.append(Row("blood cells under interferon beta", "first programme", "interferon_signature",
                   first, met(first == "interferon_signature")))  # fmt: skip
    old = open_cells(ROOT / AGEING / "growing_quiescent_senescent.h5ad")
    condition = old.obs["condition"].astype(str)
    found = imscope.identity.describe(old.with_obs(is_reference=condition == "growing"))
    calls = found.tables["senescence_profiles"].set_index("group")["call"]
    for kind, want in (
        ("quiescence", "not senescent"),
        ("senescence", "senescent"),
        ("deep senescence", "senescent"),
    ):
        called = calls[condition.index[condition == kind]].tolist()
        good = sum(c == want for c in called)
        out.append(Row(f"fibroblasts, {kind}", want, f"{len(called)} of {len(called)}",
                       f"{good} of {len(called)}", met(good == len(called))))  # fmt: skip
    growing = open_cells(ROOT / AGEING / "replicative_ageing_pd16_to_pd74.h5ad")
    share = float(_stromal(_labels(growing)).mean())
    out.append(Row("fibroblasts over 58 doublings, 15 libraries", "called stromal", "95 % or more",
                   percent(share), met(share >= 0.95)))  # fmt: skip
    return out


PARTS: tuple[tuple[str, Callable[[], list[Row]]], ...] = (
    (TISSUES, tissues),
    (f"{LINES}/pseudobulk_by_stage.h5ad", lines),
    (BLOOD, programmes),
)


def run(quick: bool) -> list[Row]:  # noqa: ARG001  there is no small form
    """All questions whose data are here."""
    return [row for path, part in PARTS if (ROOT / path).exists() for row in part()]


STUDY = Study(
    "real-function",
    "Names, maps and programmes on real cells",
    "Public data sets in which the kind of cell is known. Nothing is trained or tuned on them: the "
    "stage panel rests on published genes, so every tissue and study is one that was held out.",
    run,
)
