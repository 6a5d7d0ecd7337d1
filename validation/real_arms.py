"""Cells as real studies deliver them: arms unlike in cells, depth, units, spread, soup, doublets.

Written from the counts up and without ``imscope.simulate``, so that an error shared by the package
and its own simulator would show. Every lot has one truth per arm, so two arms that differ only in
how they were measured are a null of every claim.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.heterogeneity import (
    Heterogeneity,
    HeterogeneitySettings,
    compute_heterogeneity,
)
from imscope.core.blocks import MemoryBlocks
from imscope.evidence.gene_sets import genes_of

Floats = NDArray[np.float64]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Arms:
    """How two arms are made; every pair is test, reference.

    Attributes
    ----------
    units, cells, depth
        Lots per arm, cells per lot, mean UMI per cell.
    noise
        Squared coefficient of variation of a gene between cells of one lot.
    spread
        Standard deviation of log noise between lots of one arm.
    apart
        Standard deviation of the log profile between lots.
    soup, doublets, cycling
        Share of ambient RNA, of droplets with two like cells, of cycling cells.
    known
        Whether the ambient share is told to the package.
    """

    units: tuple[int, int] = (4, 4)
    cells: tuple[int, int] = (60, 60)
    depth: Pair = (2_000.0, 2_000.0)
    noise: Pair = (0.25, 0.25)
    spread: Pair = (0.2, 0.2)
    apart: Pair = (0.10, 0.10)
    soup: Pair = (0.0, 0.0)
    doublets: Pair = (0.0, 0.0)
    cycling: Pair = (0.0, 0.0)
    known: bool = True
    genes: int = 500
    programmes: int = 4


@dataclass(frozen=True)
class Made:
    """Counts and the design of every cell."""

    counts: NDArray[np.int32]
    obs: pd.DataFrame
    names: list[str] = field(default_factory=list)


def make(rng: np.random.Generator, arms: Arms) -> Made:
    """Draw one study."""
    g = arms.genes
    share = rng.lognormal(0, 1.0, g) + 0.15
    names = [f"GENE{k}" for k in range(g)]
    cyclers = np.zeros(g, dtype=bool)
    if max(arms.cycling) > 0:
        known = sorted(genes_of("cc_s", "cc_g2m"))[:60]
        names[: len(known)] = known
        cyclers[: len(known)] = True
        share[: len(known)] = np.exp(rng.normal(-0.5, 0.3, len(known)))
    share /= share.sum()
    load = rng.normal(0, 1, (arms.programmes, g)) * (rng.random((arms.programmes, g)) < 0.15)
    blocks, rows = [], []
    for a, name in enumerate(("test", "reference")):
        for lot in range(arms.units[a]):
            direction = rng.normal(0, 1, arms.programmes) @ load * 0.5 + rng.normal(0, 1, g)
            centre = share * np.exp(arms.apart[a] * direction)
            noise = arms.noise[a] * np.exp(rng.normal(0, arms.spread[a]))
            blocks.append(_lot(rng, centre / centre.sum(), noise, arms, a, load, cyclers))
            rows += [(f"{name}{lot}", name, arms.soup[a])] * arms.cells[a]
    obs = pd.DataFrame(rows, columns=["lot", "arm", "ambient_frac"])
    obs = obs.assign(sample=obs["lot"], platform="droplets")
    if not arms.known:
        obs = obs.drop(columns="ambient_frac")
    return Made(np.vstack(blocks), obs, names)


def _lot(
    rng: np.random.Generator,
    centre: Floats,
    noise: float,
    arms: Arms,
    a: int,
    load: Floats,
    cyclers: NDArray[np.bool_],
) -> NDArray[np.int32]:
    n = arms.cells[a]
    twins = rng.random(n) < arms.doublets[a]
    parts = []
    for copy in range(2):
        m = n if copy == 0 else int(twins.sum())
        shape = 1.0 / (0.7 * noise)
        p = centre * rng.gamma(shape, 1.0 / shape, (m, len(centre)))
        # programmes shared by many genes carry the rest of the noise
        p *= np.exp(
            np.sqrt(0.3 * noise / 0.15 / len(load)) * rng.normal(0, 1, (m, len(load))) @ load
        )
        p[np.ix_(rng.random(m) < arms.cycling[a], cyclers)] *= 4.0
        p /= p.sum(axis=1, keepdims=True)
        p = (1 - arms.soup[a]) * p + arms.soup[a] * centre
        umi = arms.depth[a] * rng.lognormal(0, 0.25, (m, 1))
        parts.append(rng.poisson(p * umi).astype(np.int32))
    counts = parts[0]
    counts[twins] += parts[1]
    return counts


def measured(made: Made, settings: HeterogeneitySettings | None = None) -> Heterogeneity:
    """The study as the package sees it."""
    features = pd.DataFrame({"feature_id": made.names, "symbol": made.names})
    source = MemoryBlocks.from_csr(sp.csr_array(made.counts))
    return compute_heterogeneity(
        source, features, made.obs, classes={}, settings=settings, threads=1
    )
