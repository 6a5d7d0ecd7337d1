"""Simulated pooled screens with known truth: growth and sorted bins."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from imscope.core.rng import spawn

Floats = NDArray[np.float64]
EDGES = {
    2: ((0.0, 0.2), (0.8, 1.0)),
    4: ((0.0, 0.15), (0.15, 0.3), (0.7, 0.85), (0.85, 1.0)),
    6: ((0.0, 0.1), (0.1, 0.2), (0.2, 0.35), (0.65, 0.8), (0.8, 0.9), (0.9, 1.0)),
}
"""Quantiles of the sorted bins, by their number."""


@dataclass(frozen=True, eq=False)
class SimulatedScreen:
    """Tables of a simulated screen by file name (without ending), truth tables among them."""

    kind: str
    tables: dict[str, pd.DataFrame]
    simulated: bool = True


def simulate_pooled(
    *,
    genes: int = 1500,
    guides: int = 4,
    controls: int = 100,
    replicates: int = 3,
    depth: float = 300.0,
    essential: float = 0.12,
    seed: int = 1,
) -> SimulatedScreen:
    """Simulate a growth screen: library, start, and treated replicates.

    Parameters
    ----------
    genes, guides, controls
        Genes, guides of each, and safe-targeting guides.
    replicates
        On each side.
    depth
        Mean reads per guide.
    essential
        Share of genes that are lost; a tenth as many are gained.
    seed
        Of everything.

    Returns
    -------
    screen
        ``counts``, ``sheet``, ``truth_genes`` (``gene``, ``log2_fc``, ``class``), ``essential``,
        ``nonessential``.

    Examples
    --------
    >>> screen = simulate_pooled(genes=50, controls=10)
    >>> screen.tables["counts"].shape
    (210, 8)
    """
    rng = spawn(seed, "simulated pooled screen")
    u = rng.random(genes)
    effect = np.where(u < essential, -rng.gamma(5, 0.5, genes), 0.0)
    gained = (u > 1 - essential / 10) & (effect == 0)
    effect[gained] = rng.gamma(4, 0.3, int(gained.sum()))
    n = genes * guides + controls
    per_guide = np.concatenate(
        [np.repeat(effect, guides) * rng.beta(3, 1, genes * guides), np.zeros(controls)]
    )
    per_guide = per_guide + rng.normal(0, 0.12, n)  # off-target effects and cutting
    abundance = rng.lognormal(0, 0.5, n)
    names = [f"GENE{k:04d}" for k in range(genes)]
    table = pd.DataFrame(
        {
            "guide": [f"{g}_sg{j + 1}" for g in names for j in range(guides)]
            + [f"SAFE_sg{j + 1}" for j in range(controls)],
            "gene": [g for g in names for _ in range(guides)] + ["safe-targeting"] * controls,
        }
    )
    rows = []
    for side in ("control", "treatment"):
        for r in range(replicates):
            mean = abundance * (2.0**per_guide if side == "treatment" else 1.0)
            mean = mean / mean.mean() * depth * rng.uniform(0.7, 1.4)
            sample = f"{side}_{r + 1}"
            table[sample] = rng.poisson(mean * rng.gamma(12, 1 / 12, n))
            rows.append((sample, side, r + 1))
    kind = np.where(effect < 0, "essential", np.where(effect > 0, "gained", "inert"))
    truth = pd.DataFrame({"gene": names, "log2_fc": effect, "class": kind})
    inert = truth.loc[truth["class"] == "inert", "gene"]
    lost = truth.loc[truth["log2_fc"] < -1, "gene"]
    return SimulatedScreen(
        "pooled",
        {
            "counts": table,
            "sheet": pd.DataFrame(rows, columns=["sample", "condition", "replicate"]),
            "truth_genes": truth,
            "essential": pd.DataFrame({"gene": lost}),
            "nonessential": pd.DataFrame({"gene": inert.iloc[: max(len(inert) // 2, 1)]}),
        },
    )


def simulate_sorted(
    *,
    genes: int = 600,
    guides: int = 5,
    controls: int = 300,
    bins: int = 4,
    replicates: int = 2,
    hits: float = 0.08,
    seed: int = 1,
) -> SimulatedScreen:
    """Simulate a screen sorted by a marker into bins.

    Parameters
    ----------
    genes, guides, controls
        Genes, guides of each, and non-targeting guides.
    bins
        2, 4 or 6 sorted bins; the middle is not sorted.
    replicates
        Sorts.
    hits
        Share of genes that shift the marker, either way.
    seed
        Of everything.

    Returns
    -------
    screen
        ``counts``, ``sheet`` (with ``bin_low``, ``bin_high``) and ``truth_genes`` (``gene``,
        ``true_shift_sd``, ``is_hit``).

    Notes
    -----
    A cell of guide g has a marker drawn from a normal around the shift of the guide with standard
    deviation 1; a guide reaches a Beta-distributed share of the shift of its gene.

    Examples
    --------
    >>> screen = simulate_sorted(genes=20, controls=30, bins=2)
    >>> screen.tables["sheet"]["condition"].tolist()
    ['sorted', 'sorted', 'unsorted', 'sorted', 'sorted', 'unsorted']
    """
    rng = spawn(seed, "simulated sorted screen", bins)
    n = genes * guides + controls
    hit = rng.random(genes) < hits
    shift = np.where(hit, rng.gamma(4, 0.18, genes) * rng.choice([-1.0, 1.0], genes), 0.0)
    mu = np.concatenate(
        [np.repeat(shift, guides) * rng.beta(2.2, 1.1, genes * guides), np.zeros(controls)]
    ) + rng.normal(0, 0.05, n)
    names = [f"GENE{k:04d}" for k in range(genes)]
    table = pd.DataFrame(
        {
            "guide": [f"{g}_g{j + 1}" for g in names for j in range(guides)]
            + [f"NT_{j + 1}" for j in range(controls)],
            "gene": [g for g in names for _ in range(guides)] + ["NON-TARGETING"] * controls,
        }
    )
    rows: list[tuple[str, str, int, str, float, float, float]] = []
    edges = EDGES[bins]
    for r in range(replicates):
        cells = rng.poisson(150 * rng.lognormal(0, 0.4, n))
        owner = np.repeat(np.arange(n), cells)
        marker = rng.normal(mu[owner], 1.0)
        for b, (low, high) in enumerate(edges):
            inside = (marker > ndtri(low)) & (marker <= ndtri(high))
            found = np.bincount(owner[inside], minlength=n) + 1e-9
            mean = found / found.sum() * 300 * n
            sample = f"rep{r + 1}_bin{b + 1}"
            table[sample] = rng.poisson(mean * rng.gamma(50, 1 / 50, n))
            rows.append((sample, "sorted", r + 1, f"bin{b + 1}", low, high, int(inside.sum())))
        table[f"rep{r + 1}_unsorted"] = rng.poisson(cells / cells.mean() * 300)
        rows.append((f"rep{r + 1}_unsorted", "unsorted", r + 1, "", np.nan, np.nan, np.nan))
    columns = ["sample", "condition", "replicate", "bin", "bin_low", "bin_high", "cells_sorted"]
    truth = pd.DataFrame({"gene": names, "true_shift_sd": shift, "is_hit": hit.astype(int)})
    sheet = pd.DataFrame(rows, columns=columns)
    return SimulatedScreen("sorted", {"counts": table, "sheet": sheet, "truth_genes": truth})
