"""Residual pluripotent cells: coverage of the interval, false calls in pluripotent soup."""

import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.analyses.safety import residual
from imscope.analyses.safety.detection import (
    ASSUMED_LOG_SD,
    ASSUMED_TOTAL,
    CallRule,
    meets_rule,
)
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.evidence.gene_sets import load
from validation.common import Row, Study, met, percent, rng_of

GENES = load()["residual_psc_msc_safe"].genes
FEATURES = pd.DataFrame({"symbol": [*GENES, "OTHER"]})
SOUP = 0.002
SPIKES = (0.0, 0.0001, 0.001, 0.01)


def _rates(rng: np.random.Generator) -> np.ndarray:
    """Rates nobody knows: unequal genes, a total off by as much as is said to be unknown."""
    share = rng.lognormal(0, 0.5, len(GENES))
    total = ASSUMED_TOTAL * np.exp(rng.normal(0, ASSUMED_LOG_SD))
    return share / share.sum() * total


def _library(rng: np.random.Generator, n: int, spike: float) -> tuple[sp.csr_array, int]:
    rate = _rates(rng)
    depth = np.maximum(rng.lognormal(np.log(5_000), 0.3, n), 500)
    psc = rng.random(n) < spike
    own = psc[:, None] * rate * rng.gamma(2, 0.5, (n, len(GENES)))
    markers = rng.poisson(depth[:, None] / 1e4 * (own + SOUP * rate))
    rest = np.maximum(depth - markers.sum(axis=1), 0).astype(np.int64)
    return sp.csr_array(np.column_stack([markers, rest])), int(psc.sum())


def coverage(quick: bool) -> list[Row]:
    runs, n = (20, 2_000) if quick else (500, 10_000)
    out = []
    for spike in SPIKES:
        rng = rng_of("residual coverage", spike)
        inside = sample = above = 0
        for _ in range(runs):
            counts, truth = _library(rng, n, spike)
            obs = pd.DataFrame({"doublet": np.zeros(n, dtype=bool)})
            cells = Cells(MemoryBlocks.from_csr(counts), FEATURES, obs)
            row = residual(cells, threads=1).tables["residual_pluripotent"].iloc[0]
            inside += bool(row["low"] <= spike <= row["high"])
            sample += bool(row["low"] <= truth / n <= row["high"])
            above += bool(row["upper_95"] >= spike)
        setting = f"{runs} libraries of {n:,} cells, spike {spike:.2%}"
        out.append(
            Row(
                setting,
                "95 % interval covers the true share",
                "93 % or more",
                percent(inside / runs),
                met(inside / runs >= 0.93),
                f"share among the cells drawn covered in {percent(sample / runs)}; "
                f"one-sided bound above the truth in {percent(above / runs)}",
            )
        )
    return out


def false_calls(quick: bool) -> list[Row]:
    """Cells without any pluripotent cell among them, whose soup is 0.2 % pluripotent."""
    n, blocks = (100_000, 2) if quick else (250_000, 16)
    rng = rng_of("residual soup")
    any_gene = rule = 0
    for _ in range(blocks):
        depth = np.full(n, 5_000.0)
        counts = rng.poisson(depth[:, None] / 1e4 * SOUP * _rates(rng))
        any_gene += int((counts.sum(axis=1) > 0).sum())
        rule += int(meets_rule(counts, CallRule()).sum())
    total = n * blocks
    setting = f"{total:,} product cells of 5,000 UMI, 0.2 % of it pluripotent soup"
    return [
        Row(setting, "cells with any marker gene", "0.4 to 4 %", percent(any_gene / total, 2)),
        Row(
            setting,
            "false calls per cell, counting rule alone",
            "at most 1e-5",
            f"{rule} of {total:,} ({rule / total:.1e})",
            met(rule / total <= 1e-5),
            "the likelihood ratio can only take calls away",
        ),
    ]


def run(quick: bool) -> list[Row]:
    return [*coverage(quick), *false_calls(quick)]


STUDY = Study(
    "residual",
    "Residual pluripotent cells",
    "Libraries with a known share of pluripotent cells whose marker rates differ from those assumed "
    "by as much as is said to be unknown, in ambient RNA of which some is pluripotent.",
    run,
)
