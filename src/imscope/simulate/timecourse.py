"""A simulated day series from iPSC to MSC whose stages, spikes and gains are known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.errors import UsageError
from imscope.core.rng import spawn
from imscope.simulate.cohort import SimulatedSample
from imscope.simulate.genes import PROGRAMMES, GeneModel, gene_model
from imscope.simulate.sequence import add_empty_droplets, barcodes, draw_counts
from imscope.simulate.timecourse_genes import (
    ALSO_NAMED,
    ARM_17Q,
    ELSEWHERE,
    SOMETIMES,
    STAGE_GENES,
    STROMAL,
)
from imscope.simulate.timecourse_settings import (
    PRODUCT_DAY,
    STAGES,
    DaySample,
    TimecourseSettings,
    stage_shares,
    timecourse_design,
)

Floats = NDArray[np.float64]
_PRODUCT = ("msc", "pericyte", "smooth_muscle")
_TRIPLE = ("APLNR", "PDGFRA", "KDR")


@dataclass(frozen=True)
class Timecourse:
    """A simulated day series.

    Attributes
    ----------
    settings
        The knobs, with the seed.
    samples
        Libraries by sample name.
    features
        One row per gene: ``feature_id``, ``symbol``.
    sheet
        Sample sheet without ``path``.
    truth
        Tables by name. ``samples``: true share of every stage, spike, gain, senescence, ambient
        share, doublets and depth per sample. ``genes``: share of each gene in every stage.
    """

    settings: TimecourseSettings
    samples: dict[str, SimulatedSample]
    features: pd.DataFrame
    sheet: pd.DataFrame
    truth: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class _Stages:
    """Log share of each gene in every stage, and the genes switched cell by cell."""

    log: Floats
    markers: NDArray[np.intp]
    arm: NDArray[np.intp]


def simulate_timecourse(
    settings: TimecourseSettings | None = None, *, gene_arm: Mapping[str, str] | None = None
) -> Timecourse:
    """Simulate lots of iPSC on their way to MSC, day by day, with known truth.

    Parameters
    ----------
    settings
        The knobs; by default four lots of two clones on ten days.
    gene_arm
        Chromosome arm by gene symbol, such as ``{"TP53": "17p"}``. Without it a gain can be put
        on 17q only.

    Returns
    -------
    series
        Counts, sample sheet and truth tables.

    Raises
    ------
    UsageError
        A setting is out of range, or no simulated gene is on the arm.

    Examples
    --------
    >>> small = TimecourseSettings(days=(0, 2), lots=1, cells=40, genes=1000)
    >>> made = simulate_timecourse(small)
    >>> made.truth["samples"][["sample", "mesenchymoangioblast"]].values.tolist()
    [['d0_L1', 0.0], ['d2_L1', 0.45]]
    """
    settings = TimecourseSettings() if settings is None else settings
    genes = gene_model(settings.genes, settings.seed).renamed(ALSO_NAMED)
    stages = _stage_profiles(genes, settings, gene_arm)
    samples, facts = {}, []
    for design in timecourse_design(settings):
        made = _sample(design, genes, stages, settings)
        samples[design.sample] = made
        facts.append(_facts(design, made, settings))
    profile = np.exp(stages.log)
    profile /= profile.sum(axis=1, keepdims=True)
    shares = genes.features.assign(**dict(zip(STAGES, profile, strict=True)))
    arm = np.zeros(len(shares), dtype=bool)
    arm[stages.arm] = True
    truth = {"samples": pd.DataFrame(facts), "genes": shares.assign(gained=arm)}
    return Timecourse(settings, samples, genes.features, _sheet(settings), truth)


def _stage_profiles(
    genes: GeneModel, settings: TimecourseSettings, gene_arm: Mapping[str, str] | None
) -> _Stages:
    rng = spawn(settings.seed, "stages")
    names = tuple(
        dict.fromkeys(
            (
                *(g for listed in STAGE_GENES.values() for g in listed),
                *(g for chances in SOMETIMES.values() for g in chances),
                *ELSEWHERE,
            )
        )
    )
    markers = genes.index(tuple(g for g in names if g not in STROMAL))
    n = len(genes.features)
    rest = np.log(genes.for_sex("female"))
    log = np.tile(rest, (len(STAGES), 1)) + rng.normal(0.0, 0.3, (len(STAGES), n))
    off = np.log(1e-6) + rng.normal(0.0, 0.7, len(markers))
    log[:, markers] = off
    level = np.log(settings.marker_level * 1e-4) + rng.normal(0.0, settings.marker_spread, n)
    for row, (name, listed) in enumerate(STAGE_GENES.items()):
        absent = genes.index(tuple(g for g in STROMAL if g not in listed))
        if name not in _PRODUCT:
            log[row, absent] -= 3.0
        at = genes.index(tuple(g for g in listed if g not in STROMAL))
        log[row, at] = level[at] + rng.normal(0.0, 0.25, len(at))
        for gene in SOMETIMES.get(name, {}):
            where = genes.index((gene,))
            log[row, where] = level[where]
    table = dict.fromkeys(ARM_17Q, "17q") if gene_arm is None else gene_arm
    arm = np.flatnonzero([table.get(s) == settings.gain_arm for s in genes.features["symbol"]])
    if settings.gain_lot and settings.gain_frac and not len(arm):
        raise UsageError(
            "no simulated gene is on the chromosome arm of the gain",
            found=settings.gain_arm,
            fix="choose 17q, or give `gene_arm` for another arm",
        )
    return _Stages(log, markers, arm)


def _cells(
    design: DaySample,
    labels: NDArray[np.intp],
    genes: GeneModel,
    stages: _Stages,
    settings: TimecourseSettings,
    part: str,
) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """Expression fractions of cells with the given stages, and what they are."""
    rng = spawn(settings.seed, "cells", design.sample, part)
    n, seed, width = len(labels), settings.seed, len(genes.features)
    product = np.isin(np.array(STAGES)[labels], _PRODUCT)
    share = 1 / (1 + np.exp(-(design.passage - settings.senescence_passage) / 1.5))
    old = product & (rng.random(n) < share)
    dividing = ~old & (rng.random(n) < settings.cycling)
    phase = np.where(dividing, np.where(rng.random(n) < 0.55, "S", "G2M"), "G1")
    log = stages.log[labels] + settings.private * rng.standard_normal((n, width))
    log += spawn(seed, "lot", design.lot).normal(0.0, settings.lot_effect, width)
    log += spawn(seed, "run", design.sample).normal(0.0, settings.sample_effect, width)
    for programme, score in (
        ("cycle_s", 1.5 * (phase == "S")),
        ("cycle_g2m", 1.7 * (phase == "G2M")),
        ("senescence", 1.5 * old),
        ("stress", rng.normal(0.0, 0.5, n)),
        ("hypoxia", rng.normal(0.0, 0.5, n)),
    ):
        log[:, genes.index(PROGRAMMES[programme])] += score[:, None]
    if old.any():
        log[np.ix_(old, genes.index(("LMNB1", "MKI67", "TOP2A")))] -= 1.5
    _switch(rng, log, labels, genes, stages)
    gained = np.zeros(n, dtype=bool)
    if design.number == settings.gain_lot and settings.gain_frac > 0:
        gained[rng.permutation(n)[: round(settings.gain_frac * n)]] = True
        log[np.ix_(gained, stages.arm)] += np.log(settings.gain_fold)
    fractions = np.exp(log)
    fractions /= fractions.sum(axis=1, keepdims=True)
    names = np.array(STAGES)[labels]
    table = pd.DataFrame({"stage": names, "phase": phase, "senescent": old, "gained": gained})
    return fractions, table


def _switch(
    rng: np.random.Generator,
    log: Floats,
    labels: NDArray[np.intp],
    genes: GeneModel,
    stages: _Stages,
) -> None:
    """Let marker genes burst, and switch off those that only some cells express."""
    at = stages.markers
    log[:, at] += np.log(rng.gamma(2.5, 1 / 2.5, (len(log), len(at))) + 1e-3)
    silent = np.log(1e-6)
    for row, name in enumerate(STAGES):
        mine = np.flatnonzero(labels == row)
        chances = SOMETIMES.get(name, {})
        state = {g: rng.random(len(mine)) < p for g, p in chances.items()}
        if all(g in state for g in _TRIPLE):
            all_on = np.logical_and.reduce([state[g] for g in _TRIPLE])
            state["KDR"] &= ~all_on
        for gene, on in state.items():
            log[np.ix_(mine[~on], genes.index((gene,)))] = silent


def _labels(design: DaySample, settings: TimecourseSettings) -> tuple[NDArray[np.intp], int]:
    """Stage of every good cell, the pluripotent spike among them, and the size of the spike."""
    n = settings.cells
    late = design.day >= PRODUCT_DAY and settings.spike_frac > 0
    spike = int(np.ceil(settings.spike_frac * n - 1e-9)) if late else 0
    shares = stage_shares(design.day, settings) * (n - spike)
    size = np.floor(shares).astype(int)
    order = np.argsort(size - shares, kind="stable")
    size[order[: n - spike - size.sum()]] += 1
    size[STAGES.index("pluripotent")] += spike
    rng = spawn(settings.seed, "labels", design.sample)
    return rng.permutation(np.repeat(np.arange(len(STAGES)), size)), spike


def _sample(
    design: DaySample, genes: GeneModel, stages: _Stages, settings: TimecourseSettings
) -> SimulatedSample:
    labels, _ = _labels(design, settings)
    n, n_doublets = len(labels), round(settings.doublets * len(labels))
    fractions, cells = _cells(design, labels, genes, stages, settings, "good")
    rng = spawn(settings.seed, "counts", design.sample)
    more = rng.choice(labels, 2 * n_doublets)
    extra, _ = _cells(design, more, genes, stages, settings, "extra")
    source = np.exp(stages.log[STAGES.index("pluripotent")])
    soup = (1 - settings.pluripotent_soup) * fractions.mean(axis=0)
    soup += settings.pluripotent_soup * source / source.sum()
    soup /= soup.sum()
    middle = settings.depth * float(np.exp(rng.normal(0.0, settings.depth_between)))
    depth = middle * np.exp(rng.normal(0.0, settings.depth_spread, n + 2 * n_doublets))
    a, b = depth[n : n + n_doublets, None], depth[n + n_doublets :, None]
    pairs = (a * extra[:n_doublets] + b * extra[n_doublets:]) / (a + b)
    counts = draw_counts(
        rng,
        np.vstack([fractions, pairs]),
        soup,
        np.concatenate([depth[:n], (a + b).ravel()]),
        ambient=settings.ambient,
    )
    cells.insert(0, "state", "good")
    double = pd.DataFrame({"state": ["doublet"] * n_doublets, "stage": ["doublet"] * n_doublets})
    names = np.array(STAGES)[more]
    cells["stage_2"] = ""
    double = double.assign(
        stage=names[:n_doublets],
        stage_2=names[n_doublets:],
        phase="",
        senescent=False,
        gained=False,
    )
    cells = pd.concat([cells, double], ignore_index=True)
    order = rng.permutation(len(cells))
    cells = cells.iloc[order].reset_index(drop=True)
    cells.insert(0, "cell", barcodes(rng, len(cells)))
    droplets, all_counts = add_empty_droplets(
        counts[order],
        cells["cell"],
        soup,
        n_empty=settings.empty_droplets,
        rng=spawn(settings.seed, "empty", design.sample),
    )
    return SimulatedSample(counts[order], cells, droplets, all_counts)


def _facts(
    design: DaySample, made: SimulatedSample, settings: TimecourseSettings
) -> dict[str, object]:
    cells = made.cells
    good = cells[cells["state"] == "good"]
    share = good["stage"].value_counts(normalize=True)
    late = design.day >= PRODUCT_DAY
    product = good["stage"].isin(_PRODUCT)
    return {
        "sample": design.sample,
        "day": design.day,
        "lot": design.lot,
        "clone": design.clone,
        "n_cells": len(cells),
        "n_good": len(good),
        **{name: float(share.get(name, 0.0)) for name in STAGES},
        "spike_cells": int((good["stage"] == "pluripotent").sum()) if late else 0,
        "gained_frac": float(good["gained"].mean()),
        "senescent_frac": float(good.loc[product, "senescent"].mean()) if product.any() else 0.0,
        "cycling_frac": float((good["phase"] != "G1").mean()),
        "ambient_frac": settings.ambient,
        "pluripotent_soup": settings.pluripotent_soup,
        "doublet_frac": float((cells["state"] == "doublet").mean()),
        "median_umi": float(np.median(made.counts.sum(axis=1)[cells["state"].eq("good")])),
    }


def _sheet(settings: TimecourseSettings) -> pd.DataFrame:
    designs = timecourse_design(settings)
    table = pd.DataFrame([asdict(d) for d in designs]).drop(columns="number")
    if settings.gain_lot and settings.gain_frac > 0:  # the product of the other lots is diploid
        table["is_reference"] = [
            "yes" if d.number != settings.gain_lot and d.source_class == "iMSC" else "no"
            for d in designs
        ]
    table["source_tissue"] = "iPSC"
    table["platform"] = "simulated_10x_3p"
    table["library"] = table["sample"]
    table["simulated"] = "yes"
    return table
