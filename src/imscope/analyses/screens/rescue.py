"""Rescue score: how far a compound takes patient cells toward the corrected line, and nothing else.

The axis is learnt from vehicle wells of both lines and never judges the plate it was learnt on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.covariance import ledoit_wolf

from imscope.analyses.screens.plate_normalise import MAD, Layout, fit_positions
from imscope.core import codes
from imscope.core.errors import DataError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MIN_VEHICLE, MIN_SAMPLES = 4, 60
OFF_LIMIT, VIABLE, LEAST = 3.0, 0.7, 0.1
NEAR = 0.7
"""Share of sample wells, nearest first, that the covariance is learnt from as well."""


@dataclass(frozen=True, slots=True, eq=False)
class WellScores:
    """Scores of wells; see :func:`score_wells`.

    Attributes
    ----------
    rescue
        0 is patient vehicle, 1 corrected vehicle.
    off_axis_z
        Distance from the axis, in standard deviations of vehicle wells (log scale).
    cosine
        Cosine of the change with the axis.
    axis
        Mean difference of the two lines over all plates, scaled features, ``(n_features,)``.
    separation
        Mahalanobis distance between the lines.
    """

    rescue: Floats
    off_axis_z: Floats
    cosine: Floats
    axis: Floats
    separation: float


def scale_plate(x: Floats, layout: Layout) -> Floats:
    """Take positions out of every feature and put patient vehicle of this plate at 0 with spread 1.

    Parameters
    ----------
    x
        Shape ``(n_wells, n_features)``.
    layout
        Of the plate; needs four wells of ``patient_vehicle`` (or ``negative``).
    """
    patient = layout.mask("patient_vehicle")
    patient = patient if patient.any() else layout.mask("negative")
    if patient.sum() < MIN_VEHICLE:
        raise DataError(
            f"a rescue score needs at least {MIN_VEHICLE} patient vehicle wells on every plate",
            found=str(int(patient.sum())),
            code=codes.PLATE_ROLE,
            fix="name the roles patient_vehicle and corrected_vehicle",
        )
    positions, residual = fit_positions(x, layout)
    y = x - positions
    centre = np.nanmean(y[patient], axis=0)
    quiet = layout.mask("patient_vehicle", "negative", "sample", "corrected_vehicle")
    own = np.nanstd(y[patient], axis=0, ddof=1)
    bulk = MAD * np.nanmedian(
        np.abs(residual[quiet] - np.nanmedian(residual[quiet], axis=0)), axis=0
    )
    spread = np.where(np.isfinite(own) & (own > 0), 0.5 * own + 0.5 * bulk, bulk)
    return np.asarray((y - centre) / np.where(spread > 0, spread, 1.0))


def score_wells(
    y: Floats, role: NDArray[np.str_], plate: NDArray[np.int64], *, fold: NDArray[np.int64]
) -> WellScores:
    r"""Score wells along the disease axis, each fold with an axis learnt on the others.

    .. math:: s = w^\top y,\quad w = S^{-1}\mu / (\mu^\top S^{-1}\mu)

    Parameters
    ----------
    y
        Scaled features, shape ``(n_wells, n_features)``, patient vehicle at 0.
    role
        Of the wells.
    plate
        Number of the plate.
    fold
        Number of the fold of each well, constant within a plate. With one fold the axis is learnt
        leaving out one vehicle well in five at a time.

    Raises
    ------
    DataError
        One of the two lines has too few vehicle wells.

    References
    ----------
    .. [1] Ledoit O, Wolf M (2004). J Multivar Anal 88:365-411. doi:10.1016/S0047-259X(03)00096-4

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> role = np.repeat(["patient_vehicle", "corrected_vehicle", "sample"], 20)
    >>> y = rng.normal(0, 1, (60, 6))
    >>> y[role == "corrected_vehicle", 0] += 8
    >>> y[-1, 0] += 8
    >>> got = score_wells(y, role, np.arange(60) % 2, fold=np.arange(60) % 2)
    >>> bool(abs(got.rescue[-1] - 1) < 0.3)
    True
    """
    patient = np.isin(role, ("patient_vehicle", "negative"))
    corrected = role == "corrected_vehicle"
    if min(patient.sum(), corrected.sum()) < MIN_VEHICLE:
        raise DataError(
            "a disease axis needs vehicle wells of both lines",
            found=f"{int(patient.sum())} patient, {int(corrected.sum())} corrected",
            fix="name the roles patient_vehicle and corrected_vehicle",
            code=codes.PLATE_ROLE,
        )
    ok = np.isfinite(y).all(axis=0)
    y = y[:, ok]
    n = len(y)
    rescue, off, cosine = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    for learn, judge in _folds(patient | corrected, fold):
        a, c = patient & learn, corrected & learn
        mu = _plate_mean(y, c, plate) - _plate_mean(y, a, plate)
        w, metric = _axis(y, (a, c), role == "sample", learn, plate, mu)
        s = y[judge] @ w
        rest = y[judge] - s[:, None] * mu
        rescue[judge] = s
        distance = np.log(np.maximum(np.einsum("ij,jk,ik->i", rest, metric, rest), 1e-12))
        base_rest = y[a] - (y[a] @ w)[:, None] * mu
        base = np.log(np.maximum(np.einsum("ij,jk,ik->i", base_rest, metric, base_rest), 1e-12))
        off[judge] = (distance - np.median(base)) / max(float(np.std(base, ddof=1)), 1e-6)
        length = np.sqrt(np.einsum("ij,jk,ik->i", y[judge], metric, y[judge]))
        along = y[judge] @ metric @ mu
        cosine[judge] = along / np.maximum(length * np.sqrt(mu @ metric @ mu), 1e-12)
    rescue = rescue - _plate_offsets(rescue, role, plate)
    # vehicle wells that had no part in the axis say where 0 of the distance lies
    judged = off[patient & np.isfinite(off)]
    off = (off - np.median(judged)) / max(float(np.std(judged, ddof=1)), 1e-6)
    axis = np.full(len(ok), np.nan)
    mu = _plate_mean(y, corrected, plate) - _plate_mean(y, patient, plate)
    axis[ok] = mu
    every = np.ones(n, dtype=bool)
    _, metric = _axis(y, (patient, corrected), role == "sample", every, plate, mu)
    return WellScores(rescue, off, cosine, axis, float(np.sqrt(mu @ metric @ mu)))


def _folds(vehicle: Bools, fold: NDArray[np.int64]) -> list[tuple[Bools, Bools]]:
    """Pairs of masks: learn on these, judge those."""
    names = np.unique(fold)
    if len(names) > 1:
        return [(fold != k, fold == k) for k in names]
    part = np.zeros(len(fold), dtype=np.int64)
    part[vehicle] = np.arange(int(vehicle.sum())) % 5
    pairs = [(vehicle & (part != k), vehicle & (part == k)) for k in range(5)]
    return [*pairs, (vehicle, ~vehicle)]


def _plate_mean(y: Floats, mask: Bools, plate: NDArray[np.int64]) -> Floats:
    """Mean of the means of plates."""
    means = [y[mask & (plate == k)].mean(axis=0) for k in np.unique(plate[mask])]
    return np.asarray(np.mean(means, axis=0))


def _axis(
    y: Floats,
    groups: tuple[Bools, Bools],
    samples: Bools,
    learn: Bools,
    plate: NDArray[np.int64],
    mu: Floats,
) -> tuple[Floats, Floats]:
    """Weights of the score, and the inverse of the shrunken covariance within lines and plates.

    Vehicle wells start it; the nearer half of the sample wells, most of which do nothing, then
    make it sharp, scaled back to the size that the vehicle wells have.
    """
    rest = []
    for mask in groups:
        for k in np.unique(plate[mask]):
            part = y[mask & (plate == k)]
            if len(part) > 1:
                rest.append((part - part.mean(axis=0)) * np.sqrt(len(part) / (len(part) - 1)))
    vehicle = np.concatenate(rest)
    covariance, _ = ledoit_wolf(vehicle, assume_centered=True)
    metric = np.linalg.inv(covariance)
    wells = np.flatnonzero(samples & learn & np.isfinite(y).all(axis=1))
    if len(wells) > len(vehicle):
        near = y[wells] - _plate_median(y[wells], plate[wells])
        for _ in range(2):
            distance = np.einsum("ij,jk,ik->i", near, metric, near)
            kept = near[distance <= np.quantile(distance, NEAR)]
            own = np.einsum("ij,jk,ik->i", vehicle, metric, vehicle)
            usual = np.einsum("ij,jk,ik->i", kept, metric, kept)
            kept = kept * np.sqrt(np.median(own) / np.median(usual))
            covariance, _ = ledoit_wolf(np.concatenate([vehicle, kept]), assume_centered=True)
            metric = np.linalg.inv(covariance)
    direction = metric @ mu
    return direction / (mu @ direction), metric


def _plate_offsets(rescue: Floats, role: NDArray[np.str_], plate: NDArray[np.int64]) -> Floats:
    """Where 0 lies for the sample wells of each plate, from vehicle wells and the samples' median.

    Vehicle wells stand at the rim of most layouts and are few. A median of samples that lies
    beyond four standard errors is an effect of many compounds and is left alone.
    """
    out = np.zeros(len(rescue))
    for k in np.unique(plate):
        sample = (role == "sample") & (plate == k) & np.isfinite(rescue)
        vehicle = np.isin(role, ("patient_vehicle", "negative")) & (plate == k)
        if sample.sum() < MIN_SAMPLES or vehicle.sum() < MIN_VEHICLE:
            continue
        spread = float(np.nanstd(rescue[vehicle], ddof=1))
        error = spread / np.sqrt(vehicle.sum())
        middle = float(np.median(rescue[sample]))
        own = 1.2533 * spread / np.sqrt(sample.sum())
        if abs(middle) < 4 * np.hypot(error, own):
            out[sample] = middle * error**2 / (error**2 + own**2)
    return out


def _plate_median(y: Floats, plate: NDArray[np.int64]) -> Floats:
    out = np.empty_like(y)
    for k in np.unique(plate):
        out[plate == k] = np.median(y[plate == k], axis=0)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class CompoundScores:
    """One value per compound (and dose)."""

    n: NDArray[np.int64]
    rescue: Floats
    low: Floats
    high: Floats
    p_value: Floats
    q_value: Floats
    off_axis_z: Floats
    cosine: Floats
    viability: Floats
    hit: Bools
    rank_score: Floats
    verdict: NDArray[np.str_]
    null_sd: float


def score_compounds(
    scores: WellScores,
    group: NDArray[np.int64],
    role: NDArray[np.str_],
    viability: Floats,
    *,
    least: float = LEAST,
) -> CompoundScores:
    """Put the replicate wells of each compound together and call rescues.

    Parameters
    ----------
    scores
        Of the wells.
    group
        Number of the compound (and dose) of each well, -1 for other wells.
    role
        Of the wells.
    viability
        Cells over the median of patient vehicle on the same plate; NaN if cells were not counted.
    least
        The interval of a hit must lie above this rescue fraction.

    Returns
    -------
    compounds
        p is one-sided for rescue above 0. A hit has q <= 0.05, interval above ``least``, off-axis z
        of at most 3 and viability of at least 0.7 (unless cells were not counted).
    """
    from imscope.stats.adjust import benjamini_hochberg

    use = (group >= 0) & np.isfinite(scores.rescue)
    g = group[use]
    n_groups = int(group.max(initial=-1)) + 1
    n = np.bincount(g, minlength=n_groups)
    some = np.maximum(n, 1)

    def mean(x: Floats) -> Floats:
        known = np.isfinite(x[use])
        k = np.bincount(g[known], minlength=n_groups)
        total = np.bincount(g[known], weights=x[use][known], minlength=n_groups)
        return np.where(k > 0, total / np.maximum(k, 1), np.nan)

    s = mean(scores.rescue)
    patient = np.isin(role, ("patient_vehicle", "negative")) & np.isfinite(scores.rescue)
    vehicle = scores.rescue[patient]
    within = np.bincount(g, weights=(scores.rescue[use] - s[g]) ** 2, minlength=n_groups)
    df = np.maximum(n - 1, 0)
    well = float(np.var(vehicle, ddof=1))
    if df.sum() >= 20:  # replicates lie on other plates: their differences hold plate effects too
        repeat = np.where(df > 0, within / np.maximum(df, 1), np.nan)
        well = 0.5 * (well + float(np.nanmedian(repeat) / _median_chi2(df)))
    d0 = max(len(vehicle) - 1.0, 10.0)
    variance = (d0 * well + within) / (d0 + df)
    error = np.sqrt(variance / some)
    # wells of one compound share their deviation: the mean of z times root n is a z again
    off = mean(scores.off_axis_z) * np.sqrt(some)
    v, c = mean(viability), mean(scores.cosine)
    alive = ~(v < VIABLE)
    quiet = alive & (off <= 2) & (n > 0)
    centre, scale = _null((s / error)[quiet], vehicle, well)
    z = (s / error - centre) / scale
    p = np.where(n > 0, stats.norm.sf(z), np.nan)
    q = benjamini_hochberg(p)
    half = 1.959964 * error * scale
    low, high = s - half, s + half
    hit = (q <= 0.05) & (low > least) & (off <= OFF_LIMIT) & alive
    rank = (
        _standard(s)
        + _standard(c)
        - np.maximum(off - 2, 0)
        - 20 * np.nan_to_num(np.maximum(VIABLE - v, 0))
    )
    verdict = np.full(n_groups, "no effect", dtype="<U16")
    verdict[benjamini_hochberg(np.where(n > 0, stats.norm.cdf(z), np.nan)) <= 0.05] = "worsens"
    verdict[(q <= 0.05)] = "weak rescue"
    verdict[hit] = "rescue"
    verdict[off > OFF_LIMIT] = "different state"
    verdict[~alive] = "toxic"
    verdict[n == 0] = "not measured"
    return CompoundScores(n, s, low, high, p, q, off, c, v, hit, rank, verdict, scale)


def _median_chi2(df: NDArray[np.int64]) -> float:
    """Median of chi squared over its degrees of freedom, at the usual number of replicates."""
    usual = int(np.median(df[df > 0]))
    return float(stats.chi2.median(usual) / usual)


def _null(z: Floats, vehicle: Floats, well: float) -> tuple[float, float]:
    """Centre and scale of z of inert compounds: the central mass of those that change nothing else.

    The scale is that of the lower half, in which no rescue lies.
    """
    own = (vehicle - vehicle.mean()) / np.sqrt(well)
    known = z[np.isfinite(z)]
    if len(known) < 100:
        return 0.0, max(float(np.std(own, ddof=1)), 1.0)
    low, middle = np.quantile(known, (0.25, 0.5))
    return float(middle), max(float(middle - low) / 0.6745, 1.0)


def _standard(x: Floats) -> Floats:
    known = x[np.isfinite(x)]
    if not len(known):
        return np.zeros(len(x))
    spread = float(np.std(known))
    return np.asarray(np.nan_to_num((x - known.mean()) / (spread or 1.0)))
