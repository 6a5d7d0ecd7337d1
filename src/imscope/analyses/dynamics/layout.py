"""Where each parameter of the population model stands, and how intervals draw on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.cultures import PassageData
from imscope.analyses.dynamics.settings import RateSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Edge = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Slices of the parameter vector, priors, and the unique intervals.

    Attributes
    ----------
    growth, growth_slope, conversion, conversion_slope, logistic, shift, rate_shift, start
        Slices: growth per subset; its change with each covariate; log conversion per edge; its
        change; midpoint and log width of the logistic edge; donors' shift of growth; donors' shifts
        of log conversion; logits of the first composition of each culture.
    size
        Parameters in all.
    mean, sd
        Prior mean and standard deviation of each; donors' shifts have 1, scaled while fitting.
    rows
        Map from parameters to the rates of each unique interval, shape
        ``(n_intervals, n_subsets + n_edges, size)``.
    duration, middle
        Of each unique interval; the middle counts from the start of the culture.
    interval_of
        Unique interval of each step of each culture, -1 beyond its end, shape
        ``(n_cultures, n_steps)``.
    late
        Edges that rise as a logistic curve.
    covariate_mean, covariate_sd
        What covariates were centred and scaled by.
    """

    growth: slice
    growth_slope: slice
    conversion: slice
    conversion_slope: slice
    logistic: slice
    shift: slice
    rate_shift: slice
    start: slice
    size: int
    mean: Floats
    sd: Floats
    rows: Floats
    duration: Floats
    middle: Floats
    interval_of: Ints
    late: tuple[int, ...]
    covariate_mean: Floats
    covariate_sd: Floats


def build_layout(data: PassageData, edges: tuple[Edge, ...], settings: RateSettings) -> Layout:
    """Lay out the parameters of the model of these cultures."""
    k, e, x = len(data.subsets), len(edges), len(data.covariates)
    donors, cultures = data.donors, data.cultures
    several = len(donors) > 1
    late = _late_edges(data, edges, settings)
    sizes = (
        k,
        k * x,
        e,
        e * x,
        2 if late else 0,
        len(donors) if several and data.has_totals else 0,
        len(donors) * e if several else 0,
        len(cultures) * k,
    )
    ends = np.cumsum(sizes).tolist()
    cut = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    mean, sd = _priors(data, cut, settings)
    centre, scale = _covariate_scale(data)
    unique: dict[tuple[object, ...], int] = {}
    rows, duration, middle = [], [], []
    steps = max(len(c.times) for c in cultures) - 1
    interval_of = np.full((len(cultures), max(steps, 1)), -1, dtype=np.int64)
    for c, culture in enumerate(cultures):
        donor = donors.index(culture.donor)
        for s in range(len(culture.times) - 1):
            length = float(culture.times[s + 1] - culture.times[s])
            mid = float(culture.times[s] + length / 2 - culture.times[0])
            value = (culture.covariates[s] - centre) / scale if x else np.zeros(0)
            key = (donor, length, tuple(value), mid if late else None)
            if key not in unique:
                unique[key] = len(rows)
                rows.append(_row(cut, ends[-1], donor, value, (k, e)))
                duration.append(length)
                middle.append(mid)
            interval_of[c, s] = unique[key]
    return Layout(
        *cut,
        size=ends[-1],
        mean=mean,
        sd=sd,
        rows=np.array(rows).reshape(len(rows), k + e, ends[-1]),
        duration=np.array(duration),
        middle=np.array(middle),
        interval_of=interval_of,
        late=late,
        covariate_mean=centre,
        covariate_sd=scale,
    )


def _late_edges(
    data: PassageData, edges: tuple[Edge, ...], settings: RateSettings
) -> tuple[int, ...]:
    if settings.senescence_edge == "constant":
        return ()
    from imscope.core import codes
    from imscope.core.errors import DataError

    found = tuple(n for n, (_, to) in enumerate(edges) if data.subsets[to] == settings.senescent)
    if not found:
        raise DataError(
            f"no declared conversion leads to the senescent subset {settings.senescent!r}",
            found=f"subsets: {', '.join(data.subsets)}; {len(edges)} conversions",
            fix="declare one, such as A>S",
            code=codes.DYNAMICS_EDGES,
        )
    return found


def _priors(data: PassageData, cut: list[slice], settings: RateSettings) -> tuple[Floats, Floats]:
    growth, growth_slope, conversion, conversion_slope, logistic, shift, rate_shift, start = cut
    unit = settings.days_per_passage if data.time_unit == "passage" else 1.0
    mean, sd = np.zeros(start.stop), np.ones(start.stop)
    mean[growth], sd[growth] = settings.growth_mean * unit, settings.growth_sd * unit
    if data.cycling is not None:
        gained = settings.cycling_slope * (data.cycling - np.nanmean(data.cycling))
        mean[growth] += np.nan_to_num(gained) * unit
    sd[growth_slope] = settings.covariate_sd * unit
    mean[conversion] = np.log(settings.conversion_mean * unit)
    sd[conversion] = settings.conversion_log_sd
    sd[conversion_slope] = settings.covariate_sd / 0.3
    if logistic.stop > logistic.start:
        span = max(float(c.times[-1] - c.times[0]) for c in data.cultures)
        mean[logistic] = (span / 2, np.log(span / 8))
        sd[logistic] = (span / 2, 0.7)
    sd[start] = settings.start_sd / np.sqrt(2)
    del shift, rate_shift  # their standard deviations are estimated
    return mean, sd


def _covariate_scale(data: PassageData) -> tuple[Floats, Floats]:
    x = len(data.covariates)
    if not x:
        return np.zeros(0), np.ones(0)
    every = np.concatenate([c.covariates.reshape(-1, x) for c in data.cultures])
    sd = every.std(axis=0)
    return every.mean(axis=0), np.where(sd > 0, sd, 1.0)


def _row(cut: list[slice], size: int, donor: int, value: Floats, shape: tuple[int, int]) -> Floats:
    """Rates of one interval as a linear map of the parameters."""
    k, e = shape
    x = len(value)
    growth, growth_slope, conversion, conversion_slope, _, shift, rate_shift, _ = cut
    row = np.zeros((k + e, size))
    for i in range(k):
        row[i, growth.start + i] = 1
        row[i, growth_slope.start + i * x : growth_slope.start + (i + 1) * x] = value
        if shift.stop > shift.start:
            row[i, shift.start + donor] = 1
    for i in range(e):
        row[k + i, conversion.start + i] = 1
        row[k + i, conversion_slope.start + i * x : conversion_slope.start + (i + 1) * x] = value
        if rate_shift.stop > rate_shift.start:
            row[k + i, rate_shift.start + donor * e + i] = 1
    return row
