"""Lots of cells in which some cells carry more copies of a chromosome arm, with the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core.errors import UsageError
from imscope.core.rng import spawn

Floats = NDArray[np.float64]

UMI_SHARES: Mapping[str, float] = {
    "1q": 0.037, "8p": 0.006, "8q": 0.015, "12p": 0.019, "12q": 0.042, "17q": 0.039,
    "20q": 0.013, "Xp": 0.012, "Xq": 0.018,
}  # fmt: skip
"""Share of counts per arm in cultured cells, as measured with 10x chemistry."""


@dataclass(frozen=True)
class KaryotypeSettings:
    """Knobs of :func:`simulate_karyotype_lot`.

    Attributes
    ----------
    cells, depth, depth_spread
        Cells per lot, their median UMI, and the standard deviation of log depth.
    gene_noise
        Standard deviation of each gene's own log noise among cells.
    programmes, programme_noise, programme_share
        Coordinated programmes; size of the log change of a gene by one standard deviation of a
        programme; share of genes in each programme.
    lot_noise, lot_programme
        Standard deviation among lots of the log level of each gene, and of each programme's mean.
    seed
        Same seed, same cells.
    """

    cells: int = 1_000
    depth: float = 10_000.0
    depth_spread: float = 0.3
    gene_noise: float = 0.5
    programmes: int = 6
    programme_noise: float = 0.25
    programme_share: float = 0.15
    lot_noise: float = 0.15
    lot_programme: float = 0.3
    seed: int = 20210907

    def __post_init__(self) -> None:
        """Refuse values that make no lot."""
        if not (self.cells >= 1 and self.depth >= 10 and 0 <= self.programme_share <= 1):
            raise UsageError(
                "a lot cannot be simulated like this",
                found=f"{self.cells} cells, depth {self.depth}, share {self.programme_share}",
            )


@dataclass(frozen=True, slots=True)
class KaryotypeLot:
    """Counts, shape ``(n_cells, n_genes)``, and for each gained region which cells carry it."""

    counts: sp.csr_array
    carriers: dict[str, NDArray[np.bool_]]


def simulate_karyotype_lot(
    arms: Sequence[str],
    settings: KaryotypeSettings,
    *,
    lot: int,
    gains: Mapping[str, tuple[float, float]] | None = None,
) -> KaryotypeLot:
    """Simulate one lot with gains or losses in a share of its cells.

    Parameters
    ----------
    arms
        Arm of each gene, such as ``17q``.
    settings
        Knobs; abundances and programmes depend on the seed only, so all lots share them.
    lot
        Number of the lot; decides its own noise.
    gains
        Region to ``(share of cells, factor)``: 1.5 for three copies, 0.5 for one. A region is an
        arm or a whole chromosome. Regions get cells of their own as long as there are enough.

    Examples
    --------
    >>> knobs = KaryotypeSettings(cells=10, depth=100)
    >>> made = simulate_karyotype_lot(["17q", "1p"] * 50, knobs, lot=1, gains={"17q": (0.2, 1.5)})
    >>> made.counts.shape, int(made.carriers["17q"].sum())
    ((10, 100), 2)
    """
    where = np.asarray(arms)
    mean, load = _genes(where, settings)
    rng = spawn(settings.seed, "karyotype lot", lot)
    n = settings.cells
    level = mean * np.exp(rng.normal(0, settings.lot_noise, where.size))
    scores = rng.normal(0, 1, (n, settings.programmes))
    scores += rng.normal(0, settings.lot_programme, settings.programmes)
    order = rng.permutation(n)
    carriers, start = {}, 0
    factor = np.ones((n, where.size), dtype=np.float32)
    for region, (share, times) in (gains or {}).items():
        inside = (where == region) | (np.char.rstrip(where, "pq") == region)
        wanted = round(share * n)
        cells = order[np.arange(start, start + wanted) % n]
        start += wanted
        carriers[region] = np.isin(np.arange(n), cells)
        factor[np.ix_(carriers[region], inside)] *= times
    log = rng.standard_normal((n, where.size), dtype=np.float32) * settings.gene_noise
    log += (scores @ load).astype(np.float32)
    fraction = np.exp(log) * factor * level.astype(np.float32)
    depth = settings.depth * rng.lognormal(0, settings.depth_spread, n)
    fraction *= (depth / fraction.sum(axis=1))[:, None].astype(np.float32)
    return KaryotypeLot(sp.csr_array(rng.poisson(fraction).astype(np.int32)), carriers)


def _genes(arms: NDArray[np.str_], settings: KaryotypeSettings) -> tuple[Floats, Floats]:
    """Mean fraction of each gene and the loading of each programme."""
    rng = spawn(settings.seed, "karyotype genes")
    mean = rng.lognormal(0, 1.6, arms.size)
    mean = np.minimum(mean, np.quantile(mean, 0.999))
    mean /= mean.sum()
    fixed = np.isin(arms, list(UMI_SHARES))
    rest = 1 - sum(v for k, v in UMI_SHARES.items() if (arms == k).any())
    for arm, share in UMI_SHARES.items():
        here = arms == arm
        if here.any():
            mean[here] *= share / mean[here].sum()
    if (~fixed).any():
        mean[~fixed] *= rest / mean[~fixed].sum()
    load = rng.normal(0, settings.programme_noise, (settings.programmes, arms.size))
    load *= rng.random(load.shape) < settings.programme_share
    return mean / mean.sum(), load
