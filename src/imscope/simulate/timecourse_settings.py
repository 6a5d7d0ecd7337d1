"""What a simulated day series consists of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core.errors import UsageError
from imscope.simulate.timecourse_genes import STAGE_GENES

STAGES = tuple(STAGE_GENES)
PRODUCT_DAY = 14.0
"""Day from which a sample counts as product: it gets the pluripotent spike and passages."""


@dataclass(frozen=True)
class TimecourseSettings:
    """Knobs of :func:`imscope.simulate.simulate_timecourse`.

    Attributes
    ----------
    days
        Days of differentiation on which every lot is sampled.
    lots, clones
        Lots, and the iPSC clones they come from in turn.
    cells
        Good cells per sample.
    genes
        Genes, from 1,000 to 5,000.
    depth, depth_spread, depth_between
        Median UMI per cell, standard deviation of log depth among cells and among samples.
    peak_day, peak_frac
        Day on which mesenchymoangioblasts peak, and their share then. One day later 25 % of the
        peak are left, two days later none.
    arrested
        Share of mesenchymoangioblasts that stay from two days after the peak on.
    spike_frac
        Share of pluripotent cells in the product; whole cells, rounded up.
    gain_arm, gain_frac, gain_fold, gain_lot
        Chromosome arm with a gain, share of cells that have it, their relative expression of its
        genes, and the lot, counted from 1; 0 for none.
    crest_frac
        Share of neural crest cells before day 9, of cells that are neither off-target nor a
        mesenchymoangioblast.
    off_target
        Share of heart cells, and of trophoblast, from day 4 on.
    ambient, pluripotent_soup
        Ambient share of counts, and the share of that which comes from pluripotent cells.
    doublets, empty_droplets
        Doublets per good cell, and empty droplets per raw matrix.
    cycling, senescence_passage
        Share of dividing cells; passage at which half of the product is senescent.
    marker_level, marker_spread
        Median rate of a stage's genes per 10,000 UMI, and the standard deviation of its logarithm.
    private, lot_effect, sample_effect
        Standard deviation of log noise of each cell, and of differences of lots and samples.
    seed
        Seed.
    """

    days: tuple[float, ...] = (0, 1, 2, 3, 4, 6, 9, 14, 21, 28)
    lots: int = 4
    clones: int = 2
    cells: int = 400
    genes: int = 2500
    depth: float = 5000.0
    depth_spread: float = 0.3
    depth_between: float = 0.1
    peak_day: float = 2.0
    peak_frac: float = 0.45
    arrested: float = 0.0
    spike_frac: float = 0.001
    gain_arm: str = "17q"
    gain_frac: float = 0.2
    gain_fold: float = 1.5
    gain_lot: int = 1
    crest_frac: float = 0.02
    off_target: float = 0.01
    ambient: float = 0.03
    pluripotent_soup: float = 0.02
    doublets: float = 0.03
    empty_droplets: int = 1000
    cycling: float = 0.25
    senescence_passage: float = 10.0
    marker_level: float = 5.0
    marker_spread: float = 0.5
    private: float = 0.25
    lot_effect: float = 0.12
    sample_effect: float = 0.06
    seed: int = 20211103

    def __post_init__(self) -> None:
        """Refuse values that make no series."""
        shares = (
            *("peak_frac", "arrested", "spike_frac", "gain_frac", "crest_frac", "off_target"),
            *("ambient", "pluripotent_soup", "doublets", "cycling"),
        )
        amounts = (
            *("depth_spread", "depth_between", "marker_spread", "private", "lot_effect"),
            *("sample_effect", "seed", "empty_droplets", "gain_lot", "gain_fold"),
        )
        for name, ok, rule in (
            ("days", len(self.days) > 0 and min(self.days, default=-1) >= 0, "0 or later"),
            ("days", len(set(self.days)) == len(self.days), "each day once"),
            ("lots", self.lots >= 1, "1 or more"),
            ("clones", self.clones >= 1, "1 or more"),
            ("cells", self.cells >= 20, "20 or more"),
            ("depth", self.depth >= 100, "100 or more"),
            ("marker_level", self.marker_level > 0, "above 0"),
            *((n, 0 <= getattr(self, n) < 1, "from 0 to below 1") for n in shares),
            *((n, getattr(self, n) >= 0, "0 or more") for n in amounts),
        ):
            if not ok:
                raise UsageError(
                    f"a day series cannot be simulated with this value of {name}",
                    found=f"{name} = {getattr(self, name)}",
                    fix=rule,
                )


@dataclass(frozen=True)
class DaySample:
    """Design of one sample of the series, as the sample sheet gives it."""

    sample: str
    source_class: str
    donor: str
    line: str
    clone: str
    lot: str
    batch: str
    passage: int
    population_doublings: float
    day: float
    sex: str
    number: int


def timecourse_design(settings: TimecourseSettings) -> list[DaySample]:
    """List the samples, day by day.

    Examples
    --------
    >>> [d.sample for d in timecourse_design(TimecourseSettings(days=(0, 2), lots=2))]
    ['d0_L1', 'd0_L2', 'd2_L1', 'd2_L2']
    """
    out = []
    for day in sorted(settings.days):
        for lot in range(1, settings.lots + 1):
            clone = (lot - 1) % settings.clones + 1
            passage = max(int((day - 7) // 7), 0)
            kind = "iPSC" if day == 0 else "iMSC" if day >= PRODUCT_DAY else "intermediate"
            out.append(
                DaySample(
                    sample=f"d{day:g}_L{lot}",
                    source_class=kind,
                    donor="D0",
                    line="IPS1",
                    clone=f"C{clone}",
                    lot=f"L{lot}",
                    batch=f"B{(lot - 1) % 2 + 1}",
                    passage=passage,
                    population_doublings=round(0.6 * day, 1),
                    day=day,
                    sex="female",
                    number=lot,
                )
            )
    return out


def angioblast_share(day: float, settings: TimecourseSettings) -> float:
    """Share of mesenchymoangioblasts on a day: 0, rising, peak, a quarter, none."""
    x = day - settings.peak_day
    shape = float(np.interp(x, [-2, -1, 0, 1, 2], [0, 0.4, 1, 0.25, 0], left=0, right=0))
    late = settings.arrested if x >= 2 else 0.0
    return max(settings.peak_frac * shape, late)


_CURVES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "pluripotent": ((0, 1, 2, 3), (1, 0.35, 0.05, 0)),
    "streak": ((0, 1, 2, 3), (0, 0.5, 0.2, 0)),
    "mesoderm": ((0, 1, 2, 3, 4, 6, 9), (0, 0.2, 0.5, 0.5, 0.3, 0.05, 0)),
    "endothelial_core": ((1, 2, 3, 4, 6, 9), (0, 0.1, 0.4, 0.4, 0.1, 0)),
    "primitive_mesenchyme": ((2, 3, 4, 6, 9, 14, 21), (0, 0.1, 0.3, 0.8, 0.5, 0.05, 0)),
    "msc": ((4, 6, 9, 14), (0, 0.1, 0.4, 0.8)),
    "pericyte": ((6, 9, 14), (0, 0.08, 0.1)),
    "smooth_muscle": ((6, 9, 14), (0, 0.03, 0.06)),
}


def stage_shares(day: float, settings: TimecourseSettings) -> NDArray[np.float64]:
    """Share of each stage on a day without the spike, shape ``(n_stages,)``, sums to 1."""
    out = dict.fromkeys(STAGES, 0.0)
    for name, (at, value) in _CURVES.items():
        out[name] = float(np.interp(day, at, value))
    rest = sum(out.values())
    crest = settings.crest_frac if 1 < day < 9 else 0.0
    fixed = {"mesenchymoangioblast": angioblast_share(day, settings)}
    if day >= 4:
        fixed |= {"cardiac": settings.off_target, "trophoblast": settings.off_target}
    left = 1 - sum(fixed.values())
    out = {name: value / rest * left * (1 - crest) for name, value in out.items()}
    out |= fixed
    out["neural_crest"] = left * crest
    return np.array([out[name] for name in STAGES])
