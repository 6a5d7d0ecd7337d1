"""The methods of pooled screens on one common frame, each giving the same kind of answer."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr

from imscope.analyses.screens.arms_of_screen import Sides
from imscope.analyses.screens.bagel import bayes_factors
from imscope.analyses.screens.bins import MIN_CONTROLS, combine_shifts, fit_shifts
from imscope.analyses.screens.calibrated import MIN_CONTROL, PSEUDO, Calibrated, calibrate
from imscope.analyses.screens.drugz import DEPTH, drugz_genes, drugz_guides, normal_tails
from imscope.analyses.screens.effects import GeneEffects, pool_guides
from imscope.analyses.screens.empirical_null import MIN_CONTROLS as MIN_CONTROL_GENES
from imscope.analyses.screens.empirical_null import local_fdr
from imscope.analyses.screens.formula import build_design
from imscope.analyses.screens.negative_binomial import fit_nb
from imscope.analyses.screens.rra import rank_genes
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
        return np.minimum(2 * np.minimum(self.p_low, self.p_high), 1.0)

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
        ("non-essential genes with p < 0.05, depleted", float((p_low[mine] < 0.05).mean()), n, words),
        ("non-essential genes with p < 0.05, enriched", float((p_high[mine] < 0.05).mean()), n, words),
        ("non-essential genes with p < 0.05, two-sided", float((two[mine] < 0.05).mean()), n, words),
    ]  # fmt: skip


def _means(x: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row of missing values gives NaN
        return np.asarray(np.nanmean(x, axis=1))


def _variance(x: Floats) -> tuple[Floats, int]:
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
    sides = _sides(frame)
    c, t = frame.side(sides.control), frame.side(sides.treatment)
    depth = np.nansum(np.hstack([c, t]), axis=0)
    goal = np.median(np.nansum(np.hstack([frame.side(sides.control, raw=True),
                                          frame.side(sides.treatment, raw=True)]), axis=0))  # fmt: skip
    scale = goal / depth.mean()
    lc, lt = np.log2(c * scale + PSEUDO), np.log2(t * scale + PSEUDO)
    if sides.pairs:
        difference = lt - lc
        noise, df = _variance(difference)
        effect = _means(difference)
    else:
        (vc, dc), (vt, dt) = _variance(lc), _variance(lt)
        effect, noise, df = _means(lt) - _means(lc), vc + vt, dc + dt
    return effect, noise, df, _means(c * scale)


def _sides(frame: Frame) -> Sides:
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
    arguments = {"abundance": np.log2(mean + PSEUDO), "gene": frame.code, "seed": settings.seed,
                 "control_guides": given if given.any() else None}  # fmt: skip
    if tested.sum() < 40:
        raise DataError(
            "too few guides are left to learn the spread of inert ones",
            found=f"{int(tested.sum())} of {len(tested)}: the others have {LOW}",
            fix="sequence the control sample deeper, or use --method rra", code=codes.SCREEN_FEW,
        )  # fmt: skip
    got = calibrate(effect, noise, df, control_genes=frame.inert, **arguments)
    pooled = _pool(got.effect, got.sd, frame, tested)

    def check(inert: Bools) -> list[tuple[str, float, int, str]]:
        return _left_out(effect, noise, df, inert, frame, arguments, settings.seed)

    few = frame.inert is None or frame.inert.sum() < MIN_CONTROL_GENES
    notes = (f"{codes.W_SCREEN_CONTROLS}: no {MIN_CONTROL_GENES} inert genes are named, so the "
             "null comes from the bulk of the genes",) if few else ()  # fmt: skip
    reason = np.where(tested, "", np.where(np.isfinite(mean) & (mean >= MIN_CONTROL),
                                           "missing counts", LOW))  # fmt: skip
    guides = _guides(frame, effect=got.effect, sd=got.sd, z=got.z_guide,
                     tails=(ndtr(got.z_guide), ndtr(-got.z_guide)), tested=tested, reason=reason)  # fmt: skip
    return [
        Answer(
            frame, pooled.n_guides, pooled.effect, pooled.low, pooled.high, got.z, got.p_low,
            got.p_high, guides, -got.z, {"null": _null_words(got)},
            {"local_fdr": local_fdr(got.z, got.null), "concordance": pooled.concordance,
             "without_top": pooled.without_top}, notes, check=check,
        )
    ]  # fmt: skip


def _null_words(got: Calibrated) -> str:
    n = got.null
    return (f"{n.source} ({n.n} genes): centre {n.centre:.3f}, sd {n.sd:.3f}, "
            f"df {n.df:.0f}, correlation of guides {got.correlation:.3f}")  # fmt: skip


def _left_out(
    effect: Floats, noise: Floats, df: int, inert: Bools, frame: Frame, arguments: dict[str, Any],
    seed: int,
) -> list[tuple[str, float, int, str]]:  # fmt: skip
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


def _pool(effect: Floats, sd: Floats, frame: Frame, tested: Bools) -> GeneEffects:
    use = np.flatnonzero(tested)
    return pool_guides(effect[use], sd[use], frame.code[use], len(frame.genes))


def _guides(
    frame: Frame, *, effect: Floats, sd: Floats, z: Floats, tails: tuple[Floats, Floats],
    tested: Bools, reason: NDArray[Any],
) -> dict[str, Any]:  # fmt: skip
    if frame.sides is None:
        empty = np.full(len(frame.guides), np.nan)
        means = (empty, empty)
    else:
        means = (_means(frame.side(frame.sides.control)), _means(frame.side(frame.sides.treatment)))
    return {
        "guide": frame.guides, "gene": frame.genes[frame.code], "control_type": frame.kinds,
        "control_mean": means[0], "treatment_mean": means[1], "log2_fc": effect, "sd": sd, "z": z,
        "p_low": tails[0], "p_high": tails[1], "tested": tested, "reason": reason,
    }  # fmt: skip


def gene_medians(values: Floats, gene: NDArray[np.int64], n_genes: int) -> Floats:
    """Median of the guides of each gene.

    Examples
    --------
    >>> gene_medians(np.array([3.0, 1.0, 2.0, 9.0]), np.array([0, 0, 0, 2]), 3)
    array([ 2., nan,  9.])
    """
    ordered = values[np.lexsort((values, gene))]
    n = np.bincount(gene, minlength=n_genes)
    start = np.concatenate([[0], np.cumsum(n)[:-1]])
    some = n > 0
    out = np.full(n_genes, np.nan)
    low, high = start + (n - 1) // 2, start + n // 2
    out[some] = 0.5 * (ordered[low[some]] + ordered[high[some]])
    return out


def rra(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """The compatible method, with an exact null."""
    sides = _sides(frame)
    c, t = frame.side(sides.control), frame.side(sides.treatment)
    null = frame.control_guides
    code, names, kinds = frame.code, frame.guides, frame.kinds
    if sides.pairs:
        k = len(sides.pairs)
        c, t = c.T.reshape(-1, 1), t.T.reshape(-1, 1)
        code, null, kinds = np.tile(code, k), np.tile(null, k), np.tile(kinds, k)
        names = np.concatenate([np.char.add(names, f"_r{i}") for i in range(k)])
    got = rank_genes(c, t, code, null_guides=null if null.any() else None)
    log2 = np.log2((got.treatment + 1) / (got.control + 1))
    n_genes = len(frame.genes)
    effect = gene_medians(log2[got.valid], code[got.valid], n_genes)
    sd = np.sqrt(got.variance) / (got.control + 1) / np.log(2)
    use = np.flatnonzero(got.valid)
    pooled = pool_guides(log2[use], np.maximum(sd[use], 1e-3), code[use], n_genes)
    low, high = got.depleted, got.enriched
    guides = {
        "guide": names, "gene": frame.genes[code], "control_type": kinds,
        "control_mean": got.control, "treatment_mean": got.treatment, "log2_fc": log2, "sd": sd,
        "z": got.score, "p_low": got.p_low, "p_high": got.p_high, "tested": got.valid,
        "reason": np.where(got.valid, "", NO_READS),
    }  # fmt: skip
    more = {
        "concordance": pooled.concordance, "without_top": pooled.without_top,
        "score_depleted": low.rho, "score_enriched": high.rho,
        "good_depleted": low.good.astype(float), "good_enriched": high.good.astype(float),
    }  # fmt: skip
    facts = {"alpha": [round(a, 6) for a in got.alpha],
             "null": "control guides" if null.any() else "random guides, exact"}  # fmt: skip
    score = np.fmin(low.rho, high.rho)
    # NaN p sorts last; the compatible rank of known sets is by depletion
    return [Answer(frame, pooled.n_guides, effect, pooled.low, pooled.high, score, low.p_value,
                   high.p_value, guides, -low.rho, facts, more)]  # fmt: skip


def nb(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Negative binomial regression: one answer per column of the design."""
    if settings.design:
        design = build_design(frame.sheet, settings.design)
        matrix, names = design.matrix, design.names
    else:
        sides = _sides(frame)
        one = np.isin(frame.sheet["sample"].to_numpy(dtype=str), sides.treatment).astype(float)
        if sides.pairs:
            blocks = build_design(frame.sheet, "pair").matrix
            matrix = np.column_stack([one, blocks])
        else:
            matrix = one[:, None]
        names = (settings.treatment,)
    tested = np.nansum(frame.raw, axis=1) > 0
    use = np.flatnonzero(tested)
    present, code = np.unique(frame.code[use], return_inverse=True)
    got = fit_nb(frame.raw[use], frame.factors, matrix, gene=code, seed=settings.seed)
    n_genes = len(frame.genes)
    n = np.bincount(frame.code[use], minlength=n_genes)
    out = []
    for k, name in enumerate(names):
        columns = []
        for v in (got.beta[:, k] / np.log(2), got.se[:, k] / np.log(2), got.z[:, k], got.score_z[:, k]):  # fmt: skip  # noqa: E501
            full = np.full(n_genes, np.nan)
            full[present] = v
            columns.append(full)
        beta, se, z, score = columns
        half = 1.959964 * se
        more = {"score_p_value": 2 * stats.norm.sf(np.abs(score))}
        nothing = np.full(len(frame.guides), np.nan)
        guides = _guides(frame, effect=nothing, sd=nothing, z=nothing, tails=(nothing, nothing),
                         tested=tested, reason=np.where(tested, "", "no reads in any sample"))  # fmt: skip
        facts = {"dispersion": float(np.median(got.dispersion)),
                 "permuted_p05": [round(float(s), 4) for s in got.permuted_share],
                 "null": "normal, scaled to genes of random guides"}  # fmt: skip
        out.append(Answer(frame, n, beta, beta - half, beta + half, z, ndtr(z), ndtr(-z), guides,
                          -z, facts, more, contrast=name))  # fmt: skip
    return out


def drugz(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Sum of guide z scores, standardised over genes."""
    sides = _sides(frame)
    c, t = (frame.side(s, raw=True) for s in (sides.control, sides.treatment))
    c, t = c / np.nansum(c, axis=0) * DEPTH, t / np.nansum(t, axis=0) * DEPTH
    sets = list(zip(c.T, t.T, strict=True)) if sides.pairs else [(_means(c), _means(t))]
    effects, zs = np.full((len(c), len(sets)), np.nan), np.full((len(c), len(sets)), np.nan)
    for k, (a, b) in enumerate(sets):
        known = np.isfinite(a) & np.isfinite(b)
        effects[known, k], zs[known, k] = drugz_guides(
            a[known], b[known], half_window=settings.half_window
        )
    total, norm, n = drugz_genes(zs, frame.code, len(frame.genes))
    low, high = normal_tails(norm)
    effect, z = _means(effects), np.nansum(zs, axis=1) / np.sqrt(len(sets))
    tested = np.isfinite(effect) & (zs != 0).any(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.where(z != 0, np.abs(effect * np.sqrt(len(sets)) / z), np.nan)
    pooled = _pool(effect, np.nan_to_num(sd, nan=1.0) + 1e-9, frame, tested)
    guides = _guides(frame, effect=effect, sd=sd, z=z, tails=(ndtr(z), ndtr(-z)), tested=tested,
                     reason=np.where(tested, "", NO_READS))  # fmt: skip
    more = {"sum_z": total, "observations": n.astype(float), "concordance": pooled.concordance,
            "without_top": pooled.without_top}  # fmt: skip
    return [Answer(frame, pooled.n_guides, pooled.effect, pooled.low, pooled.high, norm, low, high,
                   guides, -norm, {"null": "standard normal over all genes"}, more)]  # fmt: skip


def bagel(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Bayes factors from known genes."""
    sides = _sides(frame)
    c, t = (frame.side(s, raw=True) + PSEUDO for s in (sides.control, sides.treatment))
    c, t = c / np.nansum(c, axis=0), t / np.nansum(t, axis=0)
    base = c if sides.pairs else _means(c)[:, None]
    effect = np.log2(t / base)
    read = np.nansum(np.hstack([frame.side(sides.control, raw=True),
                                frame.side(sides.treatment, raw=True)]), axis=1) > 0  # fmt: skip
    bf = bayes_factors(effect, frame.code, frame.essential, frame.nonessential, seed=settings.seed)
    mean = _means(effect)
    tested = np.isfinite(mean)
    noise, df = _variance(effect)
    sd = np.sqrt(np.maximum(noise, np.median(noise[tested]) if df else 0.04))
    pooled = _pool(mean, np.maximum(sd, 1e-3), frame, tested)
    nothing = np.full(len(frame.guides), np.nan)
    none = np.full(len(frame.genes), np.nan)
    guides = _guides(frame, effect=mean, sd=sd, z=nothing, tails=(nothing, nothing),
                     tested=tested, reason=np.where(tested, "", "missing counts"))  # fmt: skip
    notes = (f"{codes.W_SCREEN_LOW}: {int((~read).sum())} guides without reads on either side "
             "count as unchanged, as this method has it",) if (~read).any() else ()  # fmt: skip
    more = {"concordance": pooled.concordance, "without_top": pooled.without_top}
    facts = {"null": "none: a Bayes factor has no p value; above 6 is likely essential"}
    return [Answer(frame, pooled.n_guides, pooled.effect, pooled.low, pooled.high, bf, none, none,
                   guides, bf, facts, more, notes, by_score=True)]  # fmt: skip


def bins(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Shifts of sorted bins."""
    controls = frame.control_guides if frame.control_guides.any() else np.isin(
        frame.kinds, ("non-targeting", "safe-targeting")
    )  # fmt: skip
    notes: tuple[str, ...] = ()
    if controls.sum() < MIN_CONTROLS:
        notes = (f"{codes.W_SCREEN_CONTROLS}: {int(controls.sum())} control guides are too few, so "
                 "all guides set the scale",)  # fmt: skip
        controls = np.ones(len(frame.guides), dtype=bool)
    fits, reads = [], np.zeros(len(frame.guides))
    table = frame.sheet.reset_index(drop=True)
    for name, rows in _bins_by_replicate(table):
        where = rows.index.to_numpy()
        low, high = rows["bin_low"].to_numpy(), rows["bin_high"].to_numpy()
        if np.isnan(low).any() or np.isnan(high).any() or (low[1:] < high[:-1] - 1e-9).any():
            raise DataError(
                f"bins of replicate {name!r} overlap or have no quantiles",
                found=", ".join(f"{a} to {b}" for a, b in zip(low, high, strict=True)),
                fix="give `bin_low` and `bin_high` as fractions of all cells",
                code=codes.SCREEN_SHEET,
            )  # fmt: skip
        fits.append(fit_shifts(frame.raw[:, where], low, high, controls))
        reads += np.nansum(frame.raw[:, where], axis=1)
    got = combine_shifts(fits, frame.code, controls, seed=settings.seed)
    tested = np.isfinite(got.guide_shift)
    z = got.guide_shift / got.guide_sd
    pooled = _pool(np.where(tested, got.guide_shift, 0.0), np.where(tested, got.guide_sd, 1.0),
                   frame, tested)  # fmt: skip
    guides = _guides(frame, effect=got.guide_shift, sd=got.guide_sd, z=z, tails=(ndtr(z), ndtr(-z)),
                     tested=tested, reason=np.where(tested, "", "no reads in any bin"))  # fmt: skip
    more = {"concordance": pooled.concordance, "without_top": pooled.without_top}
    facts = {"null": f"random groups of {int(controls.sum())} control guides", "tau2": got.tau2,
             "phi": [round(p, 3) for p in got.phi], "replicates": len(fits),
             "unit": "standard deviations of the marker in the population"}  # fmt: skip
    return [Answer(frame, pooled.n_guides, pooled.effect, pooled.low, pooled.high, got.z, got.p_low,
                   got.p_high, guides, -got.z, facts, more, notes)]  # fmt: skip


def _bins_by_replicate(table: "pd.DataFrame") -> "list[tuple[str, pd.DataFrame]]":
    sorted_rows = table[table["condition"] == "sorted"]
    if not {"bin_low", "bin_high"} <= set(table.columns):
        raise DataError(
            "sorted bins need `bin_low` and `bin_high`", found=", ".join(table.columns),
            fix="quantiles of all cells, such as 0.0 and 0.15", code=codes.SCREEN_SHEET,
        )  # fmt: skip
    names = sorted_rows["replicate"] if "replicate" in table else sorted_rows["condition"]
    return [(str(name), rows.sort_values("bin_low")) for name, rows in sorted_rows.groupby(names)]


METHODS: dict[str, Callable[[Frame, PooledSettings], list[Answer]]] = {
    "calibrated": calibrated, "rra": rra, "nb": nb, "drugz": drugz, "bagel": bagel, "bins": bins,
}  # fmt: skip
