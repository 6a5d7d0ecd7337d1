"""The common frame of pooled screens, the answer every method gives, and the default method."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from imscope.analyses.screens.arms_of_screen import Sides
from imscope.analyses.screens.calibrated import MIN_CONTROL, PSEUDO, Calibrated, calibrate
from imscope.analyses.screens.effects import GeneEffects, pool_guides
from imscope.analyses.screens.empirical_null import MIN_CONTROLS as MIN_CONTROL_GENES
from imscope.analyses.screens.empirical_null import local_fdr
from imscope.analyses.screens.settings import PooledSettings
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LOW = f"fewer than {MIN_CONTROL:g} normalised reads on the control side"
NO_READS = "no reads on either side"


@dataclass(frozen=True, eq=False)
class Frame:
    """Guides by samples, normalised, with what is known about guides and genes."""

    raw: Floats
    reads: Floats
    factors: Floats
    sheet: "pd.DataFrame"
    sides: Sides | None
    guides: NDArray[np.str_]
    genes: NDArray[np.str_]
    code: NDArray[np.int64]
    kinds: NDArray[np.str_]
    control_guides: Bools
    essential: Bools
    nonessential: Bools
    control_genes: Bools

    def side(self, samples: tuple[str, ...], *, raw: bool = False) -> Floats:
        """Reads of some samples, in their order."""
        where = {s: k for k, s in enumerate(self.sheet["sample"])}
        return np.asarray((self.raw if raw else self.reads)[:, [where[s] for s in samples]])

    def only(self, control: str, treatment: str) -> "Frame":
        """The same with one sample on each side."""
        return replace(self, sides=Sides((control,), (treatment,)))

    @property
    def inert(self) -> Bools | None:
        """Genes known to be inert: those named, else the non-essential ones."""
        named = self.control_genes if self.control_genes.any() else self.nonessential
        return named if named.any() else None


@dataclass(frozen=True, eq=False)
class Answer:
    """Genes and guides of one contrast."""

    frame: Frame
    n_guides: NDArray[np.int64]
    effect: Floats
    low: Floats
    high: Floats
    score: Floats
    p_low: Floats
    p_high: Floats
    guides: dict[str, Any]
    ranking: Floats
    facts: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Floats] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    contrast: str = ""
    by_score: bool = False
    check: Callable[[Bools], list[tuple[str, float, int, str]]] | None = None

    @property
    def p_two(self) -> Floats:
        """Two-sided p values."""
        return np.asarray(np.minimum(2 * np.minimum(self.p_low, self.p_high), 1.0))

    @property
    def order_by(self) -> Floats:
        """Genes in this order are best first; untested ones come last."""
        first = -self.ranking if self.by_score else self.p_two
        return np.where(np.isfinite(first), first, np.inf)

    @property
    def tie(self) -> Floats:
        """Larger goes first among equal p values."""
        return self.score if not self.by_score else self.ranking

    def named(self, contrast: str) -> "Answer":
        """The same with the name of its contrast."""
        return replace(self, contrast=contrast)

    def calibration(self, inert: Bools) -> list[tuple[str, float, int, str]]:
        """Share of genes known to be inert with p below 0.05."""
        if self.check is not None:
            return self.check(inert)
        return shares(self.p_low, self.p_high, inert, "")


def shares(
    p_low: Floats, p_high: Floats, inert: Bools, note: str
) -> list[tuple[str, float, int, str]]:
    """Share of inert genes with p below 0.05: depleted, enriched and two-sided."""
    mine = inert & np.isfinite(p_low)
    if not mine.any():
        return []
    two = np.minimum(2 * np.minimum(p_low, p_high), 1)
    n = int(mine.sum())
    words = note or "0.05 is expected of an honest test"
    return [
        (
            "non-essential genes with p < 0.05, depleted",
            float((p_low[mine] < 0.05).mean()),
            n,
            words,
        ),
        (
            "non-essential genes with p < 0.05, enriched",
            float((p_high[mine] < 0.05).mean()),
            n,
            words,
        ),
        (
            "non-essential genes with p < 0.05, two-sided",
            float((two[mine] < 0.05).mean()),
            n,
            words,
        ),
    ]


def row_means(x: Floats) -> Floats:
    """Mean of each row without missing values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row of missing values gives NaN
        return np.asarray(np.nanmean(x, axis=1))


def mean_variances(x: Floats) -> tuple[Floats, int]:
    """Variance of the mean of each row, and its degrees of freedom."""
    k = x.shape[1]
    if k < 2:
        return np.zeros(len(x)), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nan_to_num(np.nanvar(x, axis=1, ddof=1) / k), k - 1


def guide_effects(frame: Frame) -> tuple[Floats, Floats, int, Floats]:
    """log2 effect of each guide, its variance, the degrees of freedom of that, mean control reads.

    Five reads are added at the median depth of the samples.
    """
    sides = need_sides(frame)
    c, t = frame.side(sides.control), frame.side(sides.treatment)
    depth = np.nansum(np.hstack([c, t]), axis=0)
    goal = np.median(
        np.nansum(
            np.hstack([frame.side(sides.control, raw=True), frame.side(sides.treatment, raw=True)]),
            axis=0,
        )
    )
    scale = goal / depth.mean()
    lc, lt = np.log2(c * scale + PSEUDO), np.log2(t * scale + PSEUDO)
    if sides.pairs:
        difference = lt - lc
        noise, df = mean_variances(difference)
        effect = row_means(difference)
    else:
        (vc, dc), (vt, dt) = mean_variances(lc), mean_variances(lt)
        effect, noise, df = row_means(lt) - row_means(lc), vc + vt, dc + dt
    return effect, noise, df, row_means(c * scale)


def need_sides(frame: Frame) -> Sides:
    """The two sides, or an error where a method needs them."""
    if frame.sides is None:
        raise DataError("this method compares two sides", code=codes.SCREEN_ARMS)
    return frame.sides


def calibrated(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """The default method."""
    effect, noise, df, mean = guide_effects(frame)
    tested = np.isfinite(effect) & (mean >= MIN_CONTROL)
    effect = np.where(tested, effect, np.nan)
    safe = np.isin(frame.kinds, ("safe-targeting", "nonessential"))
    given = frame.control_guides if frame.control_guides.any() else safe
    arguments: dict[str, Any] = {
        "abundance": np.log2(mean + PSEUDO),
        "gene": frame.code,
        "seed": settings.seed,
        "control_guides": given if given.any() else None,
    }
    if tested.sum() < 40:
        raise DataError(
            "too few guides are left to learn the spread of inert ones",
            found=f"{int(tested.sum())} of {len(tested)}: the others have {LOW}",
            fix="sequence the control sample deeper, or use --method rra",
            code=codes.SCREEN_FEW,
        )
    got = calibrate(effect, noise, df, control_genes=frame.inert, **arguments)
    pooled = pool_tested(got.effect, got.sd, frame, tested)

    def check(inert: Bools) -> list[tuple[str, float, int, str]]:
        return _left_out(effect, noise, df, inert, arguments, settings.seed)

    few = frame.inert is None or frame.inert.sum() < MIN_CONTROL_GENES
    notes = (
        (
            f"{codes.W_SCREEN_CONTROLS}: no {MIN_CONTROL_GENES} inert genes are named, so the "
            "null comes from the bulk of the genes",
        )
        if few
        else ()
    )
    reason = np.where(
        tested, "", np.where(np.isfinite(mean) & (mean >= MIN_CONTROL), "missing counts", LOW)
    )
    guides = guide_columns(
        frame,
        effect=got.effect,
        sd=got.sd,
        z=got.z_guide,
        tails=(ndtr(got.z_guide), ndtr(-got.z_guide)),
        tested=tested,
        reason=reason,
    )
    return [
        Answer(
            frame,
            pooled.n_guides,
            pooled.effect,
            pooled.low,
            pooled.high,
            got.z,
            got.p_low,
            got.p_high,
            guides,
            -got.z,
            {"null": _null_words(got)},
            {
                "local_fdr": local_fdr(got.z, got.null),
                "concordance": pooled.concordance,
                "without_top": pooled.without_top,
            },
            notes,
            check=check,
        )
    ]


def _null_words(got: Calibrated) -> str:
    n = got.null
    return (
        f"{n.source} ({n.n} genes): centre {n.centre:.3f}, sd {n.sd:.3f}, "
        f"df {n.df:.0f}, correlation of guides {got.correlation:.3f}"
    )


def _left_out(
    effect: Floats,
    noise: Floats,
    df: int,
    inert: Bools,
    arguments: dict[str, Any],
    seed: int,
) -> list[tuple[str, float, int, str]]:
    """Calibration on inert genes that had no part in the null: each half judges the other."""
    if inert.sum() < 2 * MIN_CONTROL_GENES:
        got = calibrate(effect, noise, df, **arguments)
        return shares(got.p_low, got.p_high, inert, "null from the bulk of the genes")
    half = spawn(seed, "halves").permutation(len(inert)) % 2 == 0
    low, high = np.full(len(inert), np.nan), np.full(len(inert), np.nan)
    for first in (half, ~half):
        got = calibrate(effect, noise, df, control_genes=inert & first, **arguments)
        other = inert & ~first
        low[other], high[other] = got.p_low[other], got.p_high[other]
    return shares(low, high, inert, "each half judged with the null of the other")


def pool_tested(effect: Floats, sd: Floats, frame: Frame, tested: Bools) -> GeneEffects:
    """Pool the guides that were tested."""
    use = np.flatnonzero(tested)
    return pool_guides(effect[use], sd[use], frame.code[use], len(frame.genes))


def guide_columns(
    frame: Frame,
    *,
    effect: Floats,
    sd: Floats,
    z: Floats,
    tails: tuple[Floats, Floats],
    tested: Bools,
    reason: NDArray[Any],
) -> dict[str, Any]:
    """Columns of table ``screen_guides``."""
    if frame.sides is None:
        empty = np.full(len(frame.guides), np.nan)
        means = (empty, empty)
    else:
        means = (
            row_means(frame.side(frame.sides.control)),
            row_means(frame.side(frame.sides.treatment)),
        )
    return {
        "guide": frame.guides,
        "gene": frame.genes[frame.code],
        "control_type": frame.kinds,
        "control_mean": means[0],
        "treatment_mean": means[1],
        "log2_fc": effect,
        "sd": sd,
        "z": z,
        "p_low": tails[0],
        "p_high": tails[1],
        "tested": tested,
        "reason": reason,
    }
