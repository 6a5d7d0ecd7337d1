"""Claim D: is each sample more uniform than all samples of its platform put together."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.groups import (
    Group,
    ambient_bounds,
    groups_by,
    make_group,
    too_much_ambient,
    why_not,
)
from imscope.analyses.heterogeneity.statistics import Interval, hi2, jackknife_interval
from imscope.core.schema import CLAIMS

if TYPE_CHECKING:
    import pandas as pd


def describe_claims(h: Heterogeneity) -> "pd.DataFrame":
    """Compare every sample with the pool of its platform, and refuse to compare platforms.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.

    Returns
    -------
    claims
        As ``claims`` in :mod:`imscope.core.schema`: one row ``D`` per sample of a platform with two
        or more samples, with the ratio of its HI2 to that of the pool and an interval over blocks
        of cells; one row ``NOT TESTABLE`` per pair of platforms. Claims with replicates come from
        :func:`compare`.

    Notes
    -----
    The pool holds the differences between samples besides those inside them, so a ratio below one
    says that cells of one sample are more alike than cells of the cohort. It is a description of
    these libraries, not a test: cells are not replicates.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    keys = np.array(h.keys, dtype=object)
    names = sorted(set(h.keys))
    for key in names:
        pool = make_group(h, f"pool of {key.split('|')[0]}", np.flatnonzero(keys == key))
        samples = [
            make_group(h, g.name, np.intersect1d(g.strata, pool.strata))
            for g in groups_by(h, "sample")
        ]
        samples = [g for g in samples if len(g.strata)]
        if len(samples) > 1:
            rows += [_against_pool(h, sample, pool) for sample in samples]
    for k, one in enumerate(names):
        rows += [_refused(one, other) for other in names[k + 1 :]]
    return CLAIMS.check(pd.DataFrame(rows, columns=CLAIMS.names))


def _against_pool(h: Heterogeneity, sample: Group, pool: Group) -> dict[str, object]:
    reasons = [f"{g.name}: {r}" for g in (sample, pool) if (r := why_not(h, g))]
    row = _row(sample.name, pool.name, n_test=1, n_reference=len(set(_samples(h, pool))))
    soup = too_much_ambient(h, sample)
    if soup:
        reasons.append(f"{sample.name}: {soup}")
    if reasons:
        return row | {"verdict": "NOT TESTABLE", "reason": "; ".join(reasons)}
    mine = h.all_genes.subset(sample.units)
    every = h.all_genes.subset(pool.units)
    levels, code = np.unique(h.block[pool.units], return_inverse=True)
    pooled = every.merge(code)
    own = mine.merge(np.searchsorted(levels, h.block[sample.units]))
    if len(own.n) < len(levels):
        return row | {
            "verdict": "NOT TESTABLE",
            "reason": f"{sample.name} has too few cells for an interval",
        }
    ratio = float(hi2(own)[0] / hi2(pooled)[0])
    interval = jackknife_interval(
        lambda times: hi2(own, times) / hi2(pooled, times),
        len(levels),
        confidence=h.settings.confidence,
        of="blocks of cells",
    )
    return row | {
        "ratio": ratio,
        "low": interval.low,
        "high": interval.high,
        "verdict": "DESCRIPTIVE",
        "reason": _sentence(sample.name, pool.name, interval, _soup(h, sample)),
    }


def _soup(h: Heterogeneity, sample: Group) -> float:
    """Most ambient RNA of the sample where it is high enough to be warned of, else 0."""
    most = ambient_bounds(h, sample.strata)[1]
    return float(most) if most > h.settings.ambient_warn else 0.0


def _sentence(sample: str, pool: str, interval: Interval, soup: float) -> str:
    if interval.high < 1 and soup and interval.high / (1 - soup) ** 2 < 1:
        return (
            f"{sample} looks more alike than the {pool}; up to {100 * soup:.0f} % ambient RNA "
            "makes a part of this, but cannot make all of it"
        )
    if interval.high < 1 and not soup:
        return f"cells of {sample} are more alike than cells of the {pool}"
    if interval.high < 1:
        return (
            f"{sample} looks more alike than the {pool}, which up to {100 * soup:.0f} % ambient "
            "RNA alone can make"
        )
    if interval.low > 1:
        return f"cells of {sample} differ more than cells of the {pool}"
    return f"the interval holds 1: {sample} and the {pool} cannot be told apart"


def _samples(h: Heterogeneity, group: Group) -> list[str]:
    return h.strata["sample"].iloc[group.strata].astype(str).tolist()


def _refused(one: str, other: str) -> dict[str, object]:
    a, b = (k.split("|")[0] for k in (one, other))
    return _row(a, b, n_test=0, n_reference=0) | {
        "verdict": "NOT TESTABLE",
        "reason": f"indices of different platforms or pipelines ({a}, {b}) are not comparable",
    }


def _row(test: str, reference: str, *, n_test: int, n_reference: int) -> dict[str, object]:
    nothing = dict.fromkeys(("ratio", "low", "high", "p_value", "p_equivalence"), float("nan"))
    return {
        "claim": "D",
        "test_group": test,
        "reference_group": reference,
        **nothing,
        "n_test": n_test,
        "n_reference": n_reference,
    }
