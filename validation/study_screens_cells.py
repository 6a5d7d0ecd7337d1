"""Single-cell screens: uniformity on simulated truth, effects beside another program."""

import time

import numpy as np
import pandas as pd

from imscope.analyses.screens import CellSettings, analyse_cells, assign_guides, compare_uniformity
from imscope.io.cell_screens import CellScreenData, read_cell_screen
from imscope.simulate import simulate_cell_screen
from imscope.stats.adjust import benjamini_hochberg
from validation.common import Row, Study, met, number, percent
from validation.study_screens import ABSENT, SHARED, here


def uniformity(quick: bool) -> list[Row]:
    """Type I error and power of the uniformity verdict, 40 targets, mixed depths and means."""
    found: dict[str, list[float]] = {}
    naive: list[float] = []
    for k in range(2 if quick else 20):
        made = simulate_cell_screen(cells=300 if k % 2 else 0, seed=500 + k)
        names = list(made.truth["target"])
        target = np.array([names.index(t) if t in names else -1 for t in made.obs["true_target"]])
        unit = np.unique(made.obs["true_guide"].to_numpy(str), return_inverse=True)[1]
        got = compare_uniformity(
            made.counts, target, unit, control=target < 0, n_targets=len(names)
        )
        kinds = made.truth["kind"].to_numpy()
        for kind in np.unique(kinds):
            if kind in ("more", "less") and not k % 2:
                continue  # power is asked for at 300 cells
            found.setdefault(str(kind), []).extend((got.p_value[kinds == kind] < 0.05).tolist())
        naive.extend(np.abs(np.log(got.naive[kinds == "depth"])).tolist())
    rows = []
    for kind in ("mean", "depth", "inert"):
        value = float(np.mean(found[kind]))
        rows.append(
            Row(
                f"targets: {kind} only",
                "verdict other than equal (p < 0.05)",
                "3 to 7 %",
                percent(value),
                met(0.03 <= value <= 0.07),
            )
        )
    for kind in ("more", "less"):
        value = float(np.mean(found[kind]))
        rows.append(
            Row(
                f"heterogeneity 30 % {kind}, 300 cells",
                "power",
                "at least 80 %",
                percent(value),
                met(value >= 0.8),
            )
        )
    rows.append(
        Row(
            "targets: depth only",
            "naive variance ratio, typical fold",
            "1 if it measured heterogeneity",
            number(float(np.exp(np.median(naive))), 2),
        )
    )
    return rows


def effects(quick: bool) -> list[Row]:
    """C2, C3, C4 on a low-multiplicity screen of 15,646 cells, the cells of the reference run."""
    del quick
    if not here("perturbseq_papalexi_lowmoi"):
        return ABSENT
    folder = SHARED / "perturbseq_papalexi_lowmoi"
    data = read_cell_screen(folder)
    start = time.process_time()
    calls = assign_guides(data.guides, method="maximum")
    cost = time.process_time() - start
    used = pd.read_csv(folder / "cells_used_by_reference.tsv.gz", sep="\t")
    rows = used.iloc[:, 0].to_numpy() - 1
    agree = float((np.array(data.guide_names)[calls.only_guide()[rows]] == used["grna_id"]).mean())
    part = CellScreenData(
        data.counts[rows],
        data.guides[rows],
        data.genes,
        data.guide_names,
        data.targets,
        data.obs.iloc[rows],
        (),
    )
    start = time.process_time()
    got = analyse_cells(part, settings=CellSettings(replicate="bio_rep"))
    whole = time.process_time() - start
    pairs = got.tables["screen_effects"].set_index(["gene", "target"])
    ref = pd.read_csv(folder / "sceptre_port_discovery.tsv.gz", sep="\t").set_index(
        ["response_id", "grna_target"]
    )
    both = pairs.join(ref.rename_axis(["gene", "target"]), how="inner", rsuffix="_ref")
    r = float(np.corrcoef(both["z"], both["z_orig"])[0, 1])
    ours, theirs = (benjamini_hochberg(both[c]) < 0.1 for c in ("p_value", "p_value_ref"))
    overlap = float((ours & theirs).sum() / (ours | theirs).sum())
    c = got.calibration
    return [
        Row(
            "20,729 cells",
            "C1 guides of the reference run, same call",
            "all",
            percent(agree),
            met(agree == 1.0),
        ),
        Row("20,729 cells, 110 guides", "C1 CPU s", "at most 3", number(cost, 2), met(cost <= 3)),
        Row(
            "15,646 cells",
            "C2 correlation of z with SCEPTRE",
            "at least 0.99",
            number(r),
            met(r >= 0.99),
        ),
        Row(
            "15,646 cells",
            "C2 Jaccard of hits at 0.1",
            "at least 0.85",
            number(overlap, 3),
            met(overlap >= 0.85),
        ),
        Row(
            "non-targeting groups",
            "C3 p < 0.05",
            "0.04 to 0.06",
            number(c["p05"]),
            met(0.04 <= c["p05"] <= 0.06),
        ),
        Row(
            "non-targeting groups",
            "C3 p < 0.001",
            "at most 0.0015",
            number(c["p001"], 5),
            met(c["p001"] <= 0.0015),
        ),
        Row(
            "non-targeting groups",
            "C3 discoveries at 0.1",
            "0 or 1",
            number(c["discoveries"], 0),
            met(c["discoveries"] <= 1),
        ),
        Row(
            "15,646 cells",
            "C4 CPU ms per pair, whole analysis",
            "at most 1 (peer 9.3)",
            number(1e3 * whole / len(pairs), 2),
            "",
            "with responders, uniformity, energy distance and the calibration check",
        ),
    ]


UNIFORMITY = Study(
    "screens-uniformity",
    "Does a target change uniformity?",
    "Simulated single-cell screens: three targets raise and three lower heterogeneity by 30 %, others move means or depth.",
    uniformity,
)
EFFECTS = Study(
    "screens-effects",
    "Effects of targets in single cells",
    "A public low-multiplicity screen beside the Python port of SCEPTRE.",
    effects,
)
