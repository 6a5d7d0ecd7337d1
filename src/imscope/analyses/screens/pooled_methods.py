"""The other methods of pooled screens on the common frame, and all of them by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr

from imscope.analyses.screens.bagel import bayes_factors
from imscope.analyses.screens.bins import MIN_CONTROLS, combine_shifts, fit_shifts
from imscope.analyses.screens.calibrated import PSEUDO
from imscope.analyses.screens.drugz import DEPTH, drugz_genes, drugz_guides, normal_tails
from imscope.analyses.screens.effects import pool_guides
from imscope.analyses.screens.formula import build_design
from imscope.analyses.screens.negative_binomial import fit_nb
from imscope.analyses.screens.pooled_frame import (
    NO_READS,
    Answer,
    Frame,
    calibrated,
    guide_columns,
    mean_variances,
    need_sides,
    pool_tested,
    row_means,
)
from imscope.analyses.screens.rra import rank_genes
from imscope.analyses.screens.settings import PooledSettings
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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


def rra(frame: Frame, _: PooledSettings) -> list[Answer]:
    """The compatible method, with an exact null."""
    sides = need_sides(frame)
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
        "guide": names,
        "gene": frame.genes[code],
        "control_type": kinds,
        "control_mean": got.control,
        "treatment_mean": got.treatment,
        "log2_fc": log2,
        "sd": sd,
        "z": got.score,
        "p_low": got.p_low,
        "p_high": got.p_high,
        "tested": got.valid,
        "reason": np.where(got.valid, "", NO_READS),
    }
    more = {
        "concordance": pooled.concordance,
        "without_top": pooled.without_top,
        "score_depleted": low.rho,
        "score_enriched": high.rho,
        "good_depleted": low.good.astype(float),
        "good_enriched": high.good.astype(float),
    }
    facts = {
        "alpha": [round(a, 6) for a in got.alpha],
        "null": "control guides" if null.any() else "random guides, exact",
    }
    score = np.fmin(low.rho, high.rho)
    # NaN p sorts last; the compatible rank of known sets is by depletion
    return [
        Answer(
            frame,
            pooled.n_guides,
            effect,
            pooled.low,
            pooled.high,
            score,
            low.p_value,
            high.p_value,
            guides,
            -low.rho,
            facts,
            more,
        )
    ]


def nb(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Negative binomial regression: one answer per column of the design."""
    if settings.design:
        design = build_design(frame.sheet, settings.design)
        matrix, names = design.matrix, design.names
    else:
        sides = need_sides(frame)
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
        for v in (
            got.beta[:, k] / np.log(2),
            got.se[:, k] / np.log(2),
            got.z[:, k],
            got.score_z[:, k],
        ):
            full = np.full(n_genes, np.nan)
            full[present] = v
            columns.append(full)
        beta, se, z, score = columns
        half = 1.959964 * se
        more = {"score_p_value": 2 * stats.norm.sf(np.abs(score))}
        nothing = np.full(len(frame.guides), np.nan)
        guides = guide_columns(
            frame,
            effect=nothing,
            sd=nothing,
            z=nothing,
            tails=(nothing, nothing),
            tested=tested,
            reason=np.where(tested, "", "no reads in any sample"),
        )
        facts = {
            "dispersion": float(np.median(got.dispersion)),
            "permuted_p05": [round(float(s), 4) for s in got.permuted_share],
            "null": "normal, scaled to genes of random guides",
        }
        out.append(
            Answer(
                frame,
                n,
                beta,
                beta - half,
                beta + half,
                z,
                ndtr(z),
                ndtr(-z),
                guides,
                -z,
                facts,
                more,
                contrast=name,
            )
        )
    return out


def drugz(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Sum of guide z scores, standardised over genes."""
    sides = need_sides(frame)
    c, t = (frame.side(s, raw=True) for s in (sides.control, sides.treatment))
    c, t = c / np.nansum(c, axis=0) * DEPTH, t / np.nansum(t, axis=0) * DEPTH
    sets = list(zip(c.T, t.T, strict=True)) if sides.pairs else [(row_means(c), row_means(t))]
    effects, zs = np.full((len(c), len(sets)), np.nan), np.full((len(c), len(sets)), np.nan)
    for k, (a, b) in enumerate(sets):
        known = np.isfinite(a) & np.isfinite(b)
        effects[known, k], zs[known, k] = drugz_guides(
            a[known], b[known], half_window=settings.half_window
        )
    total, norm, n = drugz_genes(zs, frame.code, len(frame.genes))
    low, high = normal_tails(norm)
    effect, z = row_means(effects), np.nansum(zs, axis=1) / np.sqrt(len(sets))
    tested = np.isfinite(effect) & (zs != 0).any(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.where(z != 0, np.abs(effect * np.sqrt(len(sets)) / z), np.nan)
    pooled = pool_tested(effect, np.nan_to_num(sd, nan=1.0) + 1e-9, frame, tested)
    guides = guide_columns(
        frame,
        effect=effect,
        sd=sd,
        z=z,
        tails=(ndtr(z), ndtr(-z)),
        tested=tested,
        reason=np.where(tested, "", NO_READS),
    )
    more = {
        "sum_z": total,
        "observations": n.astype(float),
        "concordance": pooled.concordance,
        "without_top": pooled.without_top,
    }
    return [
        Answer(
            frame,
            pooled.n_guides,
            pooled.effect,
            pooled.low,
            pooled.high,
            norm,
            low,
            high,
            guides,
            -norm,
            {"null": "standard normal over all genes"},
            more,
        )
    ]


def bagel(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Bayes factors from known genes."""
    sides = need_sides(frame)
    c, t = (frame.side(s, raw=True) + PSEUDO for s in (sides.control, sides.treatment))
    c, t = c / np.nansum(c, axis=0), t / np.nansum(t, axis=0)
    base = c if sides.pairs else row_means(c)[:, None]
    effect = np.log2(t / base)
    read = (
        np.nansum(
            np.hstack([frame.side(sides.control, raw=True), frame.side(sides.treatment, raw=True)]),
            axis=1,
        )
        > 0
    )
    bf = bayes_factors(effect, frame.code, frame.essential, frame.nonessential, seed=settings.seed)
    mean = row_means(effect)
    tested = np.isfinite(mean)
    noise, df = mean_variances(effect)
    sd = np.sqrt(np.maximum(noise, np.median(noise[tested]) if df else 0.04))
    pooled = pool_tested(mean, np.maximum(sd, 1e-3), frame, tested)
    nothing = np.full(len(frame.guides), np.nan)
    none = np.full(len(frame.genes), np.nan)
    guides = guide_columns(
        frame,
        effect=mean,
        sd=sd,
        z=nothing,
        tails=(nothing, nothing),
        tested=tested,
        reason=np.where(tested, "", "missing counts"),
    )
    notes = (
        (
            f"{codes.W_SCREEN_LOW}: {int((~read).sum())} guides without reads on either side "
            "count as unchanged, as this method has it",
        )
        if (~read).any()
        else ()
    )
    more = {"concordance": pooled.concordance, "without_top": pooled.without_top}
    facts = {"null": "none: a Bayes factor has no p value; above 6 is likely essential"}
    return [
        Answer(
            frame,
            pooled.n_guides,
            pooled.effect,
            pooled.low,
            pooled.high,
            bf,
            none,
            none,
            guides,
            bf,
            facts,
            more,
            notes,
            by_score=True,
        )
    ]


def bins(frame: Frame, settings: PooledSettings) -> list[Answer]:
    """Shifts of sorted bins."""
    controls = (
        frame.control_guides
        if frame.control_guides.any()
        else np.isin(frame.kinds, ("non-targeting", "safe-targeting"))
    )
    notes: tuple[str, ...] = ()
    if controls.sum() < MIN_CONTROLS:
        notes = (
            f"{codes.W_SCREEN_CONTROLS}: {int(controls.sum())} control guides are too few, so "
            "all guides set the scale",
        )
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
            )
        fits.append(fit_shifts(frame.raw[:, where], low, high, controls))
        reads += np.nansum(frame.raw[:, where], axis=1)
    got = combine_shifts(fits, frame.code, controls, seed=settings.seed)
    tested = np.isfinite(got.guide_shift)
    z = got.guide_shift / got.guide_sd
    pooled = pool_tested(
        np.where(tested, got.guide_shift, 0.0), np.where(tested, got.guide_sd, 1.0), frame, tested
    )
    guides = guide_columns(
        frame,
        effect=got.guide_shift,
        sd=got.guide_sd,
        z=z,
        tails=(ndtr(z), ndtr(-z)),
        tested=tested,
        reason=np.where(tested, "", "no reads in any bin"),
    )
    more = {"concordance": pooled.concordance, "without_top": pooled.without_top}
    facts = {
        "null": f"random groups of {int(controls.sum())} control guides",
        "tau2": got.tau2,
        "phi": [round(p, 3) for p in got.phi],
        "replicates": len(fits),
        "unit": "standard deviations of the marker in the population",
    }
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
            facts,
            more,
            notes,
        )
    ]


def _bins_by_replicate(table: "pd.DataFrame") -> "list[tuple[str, pd.DataFrame]]":
    sorted_rows = table[table["condition"] == "sorted"]
    if not {"bin_low", "bin_high"} <= set(table.columns):
        raise DataError(
            "sorted bins need `bin_low` and `bin_high`",
            found=", ".join(table.columns),
            fix="quantiles of all cells, such as 0.0 and 0.15",
            code=codes.SCREEN_SHEET,
        )
    names = sorted_rows["replicate"] if "replicate" in table else sorted_rows["condition"]
    return [(str(name), rows.sort_values("bin_low")) for name, rows in sorted_rows.groupby(names)]


METHODS: dict[str, Callable[[Frame, PooledSettings], list[Answer]]] = {
    "calibrated": calibrated,
    "rra": rra,
    "nb": nb,
    "drugz": drugz,
    "bagel": bagel,
    "bins": bins,
}
