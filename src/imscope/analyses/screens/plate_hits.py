"""Hits of a plate screen: replicates by moderated t, an empirical null, and a least effect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.screens.empirical_null import fit_null
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.moderate import squeeze_robust

Floats = NDArray[np.float64]
MIN_NULL = 20


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """One value per compound (and dose)."""

    n: NDArray[np.int64]
    effect: Floats
    low: Floats
    high: Floats
    t: Floats
    p_value: Floats
    q_value: Floats
    p_effect: Floats
    ssmd: Floats
    null: str


def call_hits(
    values: Floats,
    group: NDArray[np.int64],
    *,
    negatives: Floats,
    least: float = 0.0,
    null_groups: NDArray[np.bool_] | None = None,
) -> Hits:
    r"""Test every compound against vehicle.

    Parameters
    ----------
    values
        Normalised sample wells, shape ``(n_wells,)``; 0 is the vehicle.
    group
        Number of the compound of each well.
    negatives
        Normalised vehicle wells.
    least
        Smallest effect worth having: ``p_effect`` tests :math:`|\text{effect}|\le` least.
    null_groups
        Compounds the bulk null may come from; all by default.

    Notes
    -----
    The variance of a compound is drawn to that of all compounds; single wells take the spread of
    the vehicle wells, or of the bulk. With 100 compounds or more the central mass gives the centre
    and how far inert compounds differ beyond their replicates, which is added to the error: close
    replicates alone make no hit.

    References
    ----------
    .. [1] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027
    .. [2] McCarthy DJ, Smyth GK (2009). Bioinformatics 25:765-771.
       doi:10.1093/bioinformatics/btp053

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(0, 1, 400)
    >>> x[:6] += 8
    >>> hits = call_hits(x, np.arange(400) // 2, negatives=rng.normal(0, 1, 40))
    >>> np.flatnonzero(hits.q_value < 0.05).tolist()
    [0, 1, 2]
    """
    ok = np.isfinite(values)
    g, x = group[ok], values[ok]
    n_groups = int(group.max(initial=-1)) + 1
    n = np.bincount(g, minlength=n_groups)
    some = np.maximum(n, 1)
    mean = np.bincount(g, weights=x, minlength=n_groups) / some
    rest = np.bincount(g, weights=(x - mean[g]) ** 2, minlength=n_groups)
    df = np.maximum(n - 1, 0)
    vehicle = negatives[np.isfinite(negatives)]
    spread = float(np.var(vehicle, ddof=1)) if len(vehicle) >= 8 else _bulk_variance(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(df > 0, rest / df, np.nan)
    usual = int(np.median(df[df > 0])) if (df > 0).any() else 0
    if usual and (df == usual).sum() >= 10:
        prior, d0 = squeeze_robust(own[df == usual], usual)
        prior, d0 = (prior, d0) if d0 > 0 else (spread, 3.0)
    else:
        prior, d0 = spread, max(len(vehicle) - 1.0, 10.0)
    variance = (d0 * prior + rest) / (d0 + df)
    total = d0 + df
    take = (n > 0) if null_groups is None else (n > 0) & null_groups
    centre, tau2, words = 0.0, 0.0, "vehicle wells"
    if take.sum() >= 5 * MIN_NULL:
        null = fit_null(mean[take])
        centre, words = null.centre, "vehicle wells and central mass"
        tau2 = max(null.sd**2 - float(np.median(variance[take] / some[take])), 0.0)
    error = np.sqrt(variance / some + tau2)
    # the part that all compounds share is known well: degrees of freedom by Satterthwaite
    total = np.minimum(total * (error**2 / (variance / some)) ** 2, 1e6)
    effect = np.where(n > 0, mean - centre, np.nan)
    t = effect / error
    p = np.where(n > 0, np.minimum(2 * stats.t.sf(np.abs(t), total), 1), np.nan)
    half = stats.t.isf(0.025, total) * error
    reach = (np.abs(effect) - least) / error
    p_effect = np.where(n > 0, np.minimum(2 * stats.t.sf(reach, total), 1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ssmd = effect / np.sqrt(variance + spread)
    return Hits(
        n, effect, effect - half, effect + half, t, p, benjamini_hochberg(p), p_effect, ssmd, words
    )


def _bulk_variance(x: Floats) -> float:
    if len(x) < 4:
        return 1.0
    return max((1.4826 * float(np.median(np.abs(x - np.median(x))))) ** 2, 1e-12)
