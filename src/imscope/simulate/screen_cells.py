"""Simulated single-cell CRISPR screens: effects, escape, and targets that change uniformity."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core.rng import spawn

Floats = NDArray[np.float64]
PRIVATE, SHARED, PROGRAMMES = 0.35, 0.25, 8


@dataclass(frozen=True, eq=False)
class SimulatedCells:
    """Counts and truth of a simulated single-cell screen.

    Attributes
    ----------
    counts, guides
        UMI, cells by genes and cells by guides.
    genes, guide_names, targets
        Names; target of each guide.
    obs
        One row per cell: ``replicate``, ``true_target``, ``true_guide``, ``subset``.
    truth
        One row per target: ``target``, ``kind`` (more, less, mean, depth, inert),
        ``heterogeneity`` (true ratio over non-targeting cells), ``n_cells``.
    """

    counts: sp.csr_array
    guides: sp.csr_array
    genes: tuple[str, ...]
    guide_names: tuple[str, ...]
    targets: tuple[str, ...]
    obs: pd.DataFrame
    truth: pd.DataFrame


def simulate_cell_screen(
    *,
    targets: int = 40,
    genes: int = 400,
    cells: int = 0,
    depth: float = 3000.0,
    change: float = 0.3,
    control_cells: int = 800,
    seed: int = 1,
) -> SimulatedCells:
    """Simulate a low-multiplicity screen with four guides per target.

    Parameters
    ----------
    targets
        Three raise and three lower heterogeneity, a third of the others moves means, a quarter
        has another depth, the rest does nothing.
    genes
        Measured genes.
    cells
        Cells of each target; 0 draws 150 to 400.
    depth
        Median UMI of a cell.
    change
        Relative change of heterogeneity (variance of log expression) in the six targets.
    control_cells
        Non-targeting cells, of eight guides.
    seed
        Of everything.

    Examples
    --------
    >>> made = simulate_cell_screen(targets=8, genes=60, cells=20, control_cells=40)
    >>> made.counts.shape, made.truth["kind"].tolist()[:6]
    ((200, 60), ['more', 'more', 'more', 'less', 'less', 'less'])
    """
    rng = spawn(seed, "simulated cell screen")
    p = rng.gamma(0.7, 1.0, genes) + 0.08
    p /= p.sum()
    loadings = rng.normal(0, 1, (PROGRAMMES, genes)) * (rng.random((PROGRAMMES, genes)) < 0.2)
    variance = PRIVATE**2 + SHARED**2 * (loadings**2).sum(axis=0)
    rest = max(targets - 6, 0)
    kinds = (["more"] * 3 + ["less"] * 3 + ["mean"] * (rest // 3) + ["depth"] * (rest // 4))[
        :targets
    ]
    kinds += ["inert"] * (targets - len(kinds))
    names = [f"TARGET{k + 1:02d}" for k in range(targets)]
    symbols = [f"GENE{k + 1:04d}" for k in range(genes)]
    parts, guide_of, target_of, labels = [], [], [], []
    guide_names: list[str] = []
    for name, kind in [*zip(names, kinds, strict=True), ("non-targeting", "control")]:
        n = control_cells if kind == "control" else (cells or int(rng.integers(150, 401)))
        factor = {"more": 1 + change, "less": 1 - change}.get(kind, 1.0)
        shift = np.zeros(genes)
        if kind == "mean":
            moved = rng.random(genes) < 0.1
            shift[moved] = rng.normal(0, 0.8, int(moved.sum()))
        factors = rng.normal(0, 1, (n, PROGRAMMES))
        log = np.sqrt(factor) * (
            PRIVATE * rng.normal(0, 1, (n, genes)) + SHARED * factors @ loadings
        )
        q = p * np.exp(log - factor * variance / 2 + shift)
        median = depth * (float(rng.choice([0.4, 2.5])) if kind == "depth" else 1.0)
        umi = np.maximum(rng.lognormal(np.log(median), 0.3, n), 100).astype(np.int64)
        parts.append(sp.csr_array(rng.multinomial(umi, q / q.sum(axis=1, keepdims=True))))
        own = 8 if kind == "control" else 4
        guide_of.append(len(guide_names) + np.arange(n) % own)
        guide_names += [f"{name}_{j + 1}" for j in range(own)]
        target_of += [name] * n
        labels.append(np.where(factors[:, 0] > 0.5, "immunomodulatory", "matrix"))
    guide = np.concatenate(guide_of)
    n = len(guide)
    reads = rng.poisson(0.02, (n, len(guide_names)))
    reads[np.arange(n), guide] += np.maximum(rng.lognormal(4, 0.6, n), 8).astype(np.int64)
    obs = pd.DataFrame(
        {
            "replicate": [f"r{k % 2 + 1}" for k in range(n)],
            "true_target": target_of,
            "true_guide": np.array(guide_names, dtype=object)[guide],
            "subset": np.concatenate(labels),
        },
        index=pd.Index([f"cell_{k + 1}" for k in range(n)]),
    )
    truth = pd.DataFrame(
        {
            "target": names,
            "kind": kinds,
            "heterogeneity": [{"more": 1 + change, "less": 1 - change}.get(k, 1.0) for k in kinds],
            "n_cells": [target_of.count(t) for t in names],
        }
    )
    owners = tuple(g.rsplit("_", 1)[0] for g in guide_names)
    return SimulatedCells(
        sp.csr_array(sp.vstack(parts)),
        sp.csr_array(reads),
        tuple(symbols),
        tuple(guide_names),
        owners,
        obs,
        truth,
    )
