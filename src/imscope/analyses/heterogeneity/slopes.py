"""How the samples of each lot change per population doubling, with a slope of its own per lot."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.arms import Arm, choose_arms, make_arm, why_not_compare
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.drift import drift_of, samples_along
from imscope.analyses.heterogeneity.groups import Group, coordinated_of, make_group, why_not
from imscope.analyses.heterogeneity.statistics import hi2
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import HETEROGENEITY_DRIFT
from imscope.stats.contrast import one_sided
from imscope.stats.intervals import t_interval

if TYPE_CHECKING:
    import pandas as pd

MIN_UNITS = 3
FRACTION = "senescent_fraction"
MEASURES = ("centroid drift", "log HI2", "log HI_c", "senescent fraction")


@dataclass(frozen=True, slots=True)
class Slope:
    """Mean slope of an arm whose lots each have a slope of their own.

    Attributes
    ----------
    mean, low, high
        Mean over lots and its interval; lots are the replicates.
    spread
        Standard deviation of the lots' own slopes.
    n
        Lots.
    """

    mean: float
    low: float
    high: float
    spread: float
    n: int


def read_fractions(table: "pd.DataFrame") -> dict[str, float]:
    """Senescent fraction per sample from a table with ``sample`` and ``senescent_fraction``.

    Parameters
    ----------
    table
        One row per sample; empty fractions are left out.

    Raises
    ------
    DataError
        A column is missing, a sample stands twice or a value is not between 0 and 1.
    """
    import pandas as pd

    missing = [c for c in ("sample", FRACTION) if c not in table.columns]
    if missing:
        raise DataError(
            "the table of senescent fractions lacks a column",
            found=f"columns: {', '.join(map(str, table.columns))}",
            fix=f"give {' and '.join(missing)}",
            code=codes.HETEROGENEITY_COLUMN,
        )
    known = table[table[FRACTION].notna()]
    value = pd.to_numeric(known[FRACTION], errors="coerce").to_numpy(np.float64)
    names = known["sample"].astype(str)
    wrong = names[~((value >= 0) & (value <= 1))]
    if len(wrong) or names.duplicated().any():
        first = wrong.iloc[0] if len(wrong) else names[names.duplicated()].iloc[0]
        raise DataError(
            "every sample needs one senescent fraction between 0 and 1",
            found=f"sample {first}",
            code=codes.HETEROGENEITY_COLUMN,
        )
    return dict(zip(names, value.tolist(), strict=True))


def drift_table(
    h: Heterogeneity,
    group: str,
    *,
    unit: str | None = None,
    reference: str | None = None,
) -> "pd.DataFrame":
    """Slopes per population doubling of every group, each lot with a slope of its own.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`, with the column ``population_doublings``.
    group
        Column of the groups.
    unit
        Column of the replicate units; by default the one of the settings.
    reference
        Group the others are compared with; by default the usual reference.

    Returns
    -------
    table
        As ``heterogeneity_drift`` in :mod:`imscope.core.schema`: centroid drift (squared length
        per squared doubling), log HI2, log HI_c and the senescent fraction. Groups that may not be
        compared, or have fewer than 3 lots with 3 samples, have no rows.

    Raises
    ------
    DataError
        A column or group does not exist.

    Notes
    -----
    Each lot gives one least-squares slope and counts once, which is the random-slope model of
    a balanced design; the interval is Student's over lots. Differences from the reference are
    tested by exact permutation of lots, two-sided and not adjusted: claim C tests the centroid
    drift alone.
    """
    import pandas as pd

    column = unit or h.replicate_column
    rows: list[dict[str, object]] = []
    done: set[str] = set()
    for one, other in choose_arms(h, group, test=None, reference=reference):
        arms = make_arm(h, one, column), make_arm(h, other, column)
        if why_not_compare(h, *arms):
            continue
        slopes = [slopes_of(h, arm) for arm in arms]
        for measure in MEASURES:
            got = [s[measure] for s in slopes]
            enough = min(map(len, got)) >= MIN_UNITS
            for side in (1, 0):
                if len(got[side]) >= MIN_UNITS and not (side and other.name in done):
                    p = _two_sided(*got) if enough and not side else float("nan")
                    rows.append(_row(h, measure, (one, other)[side], got[side], p))
        done.add(other.name)
    return HETEROGENEITY_DRIFT.check(pd.DataFrame(rows, columns=HETEROGENEITY_DRIFT.names))


def _two_sided(test: list[float], reference: list[float]) -> float:
    lower, higher = one_sided(np.array([*test, *reference])[None], len(test))
    return float(min(1.0, 2 * min(lower[0], higher[0])))


def _row(
    h: Heterogeneity, measure: str, group: Group, slopes: list[float], p: float
) -> dict[str, object]:
    slope = mean_slope(slopes, confidence=h.settings.confidence)
    return {
        "measure": measure,
        "group": group.name,
        "n_units": slope.n,
        "slope": slope.mean,
        "low": slope.low,
        "high": slope.high,
        "sd_units": slope.spread,
        "p_value": p,
    }


def mean_slope(slopes: list[float], *, confidence: float = 0.95) -> Slope:
    """Mean of the lots' slopes with an interval over lots.

    Examples
    --------
    >>> s = mean_slope([0.1, 0.2, 0.3])
    >>> round(s.mean, 2), bool(s.low < 0), s.n
    (0.2, True, 3)
    """
    mean, low, high, spread = t_interval(slopes, level=confidence)
    return Slope(mean, low, high, spread, len(slopes))


def with_fractions(h: Heterogeneity, fractions: Mapping[str, float]) -> Heterogeneity:
    """Give the samples their senescent fraction, for its slope per doubling.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`, with the column ``sample``.
    fractions
        Senescent fraction by sample, as :func:`read_fractions` gives it; others have none.

    Returns
    -------
    h
        The same with the column ``senescent_fraction``.
    """
    if not fractions or "sample" not in h.strata.columns:
        return h
    share = h.strata["sample"].astype(str).map(dict(fractions)).astype(float)
    return replace(h, strata=h.strata.assign(**{FRACTION: share}))


def slopes_of(h: Heterogeneity, arm: Arm) -> dict[str, list[float]]:
    """Slope of each measure in every lot that has it."""
    out: dict[str, list[float]] = {m: [] for m in MEASURES}
    for unit in arm.units:
        strata, time = samples_along(h, unit)
        if not len(strata):
            continue
        drift, log_hi2 = drift_of(h, unit)
        log_hi_c = _line(time, np.array([_log_hi_c(h, s) for s in strata]))
        share = np.full(len(strata), np.nan)
        if FRACTION in h.strata.columns:
            share = h.strata[FRACTION].iloc[strata].to_numpy(np.float64)
        found = (drift, log_hi2, log_hi_c, _line(time, share))
        for measure, value in zip(MEASURES, found, strict=True):
            if np.isfinite(value):
                out[measure].append(float(value))
    return out


def _line(time: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Least-squares slope over the known values; NaN unless 3 values and 2 times."""
    known = np.isfinite(values)
    t, y = time[known], values[known]
    if len(y) < 3 or len(np.unique(t)) < 2:
        return float("nan")
    centred = t - t.mean()
    return float(centred @ y / (centred @ centred))


def _log_hi_c(h: Heterogeneity, stratum: int) -> float:
    sample = make_group(h, "", np.array([stratum]))
    if why_not(h, sample) or not float(hi2(h.all_genes.subset(sample.units))[0]) > 0:
        return float("nan")
    tr = coordinated_of(h, sample)[0].tr_s2
    return float(0.5 * np.log(tr)) if tr > 0 else float("nan")
