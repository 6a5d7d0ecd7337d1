"""Claim C: does a lot of one arm move less per population doubling."""

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.arms import Arm
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.groups import Group
from imscope.analyses.heterogeneity.statistics import hi2

TIME = "population_doublings"


def samples_along(h: Heterogeneity, unit: Group) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Samples of a lot with a known time, and their times; none unless 3 samples and 2 times."""
    import pandas as pd

    none = np.zeros(0, dtype=np.int64), np.zeros(0)
    if TIME not in h.strata.columns:
        return none
    time = pd.to_numeric(h.strata[TIME], errors="coerce").to_numpy(np.float64)
    strata = unit.strata[np.isfinite(time[unit.strata])]
    if len(strata) < 3 or len(np.unique(time[strata])) < 2:
        return none
    return strata, time[strata]


def drift_of(h: Heterogeneity, unit: Group) -> tuple[float, float]:
    """Squared drift of the mean profile per doubling, and slope of log HI2 per doubling.

    The mean profile of each sample is regressed on population doublings; the squared length of the
    slope is corrected for the cells the means were taken over, so it is zero on average for a lot
    that does not move. NaN when the lot has fewer than 3 samples or 2 different times.
    """
    nothing = (float("nan"), float("nan"))
    strata, t = samples_along(h, unit)
    if not len(strata):
        return nothing
    code = np.full(len(h.all_genes.n), -1, dtype=np.int64)
    for i, s in enumerate(strata):
        code[(h.stratum == s) & (h.moments.n_cells > 0)] = i
    merged = h.all_genes.merge(code)
    if (merged.n < 2).any():
        return nothing
    a = (t - t.mean()) / ((t - t.mean()) ** 2).sum()
    gram = merged.gram / np.outer(merged.n, merged.n)
    noise = (merged.square - np.diag(merged.gram) / merged.n) / (merged.n - 1) / merged.n
    values = hi2(merged, np.eye(len(strata)))
    slope = float(a @ np.log(values)) if (values > 0).all() else float("nan")
    return float(a @ gram @ a - (a**2) @ noise), slope


def drifts_of(h: Heterogeneity, arm: Arm) -> list[float]:
    """Drift of every unit of an arm that has one."""
    values = [drift_of(h, unit)[0] for unit in arm.units]
    return [d for d in values if np.isfinite(d)]
