"""Dose-response curves: four parameters, profile-likelihood intervals, a calibrated F test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.screens.dose_null import f_null
from imscope.core import codes
from imscope.core.errors import DataError

Floats = NDArray[np.float64]
H_LOW, H_HIGH = 0.1, 10.0
N_EC, N_H, ZOOMS = 60, 32, 5
MIN_POINTS = 5
BEYOND = 1.0
"""Decades beyond the tested doses in which an EC50 is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class DoseFits:
    """One value per curve; NaN where there are too few points.

    Attributes
    ----------
    n
        Points used.
    log_ec50, low, high
        log10 of the half-effective dose in the unit of the doses, and its profile interval; an
        infinite end means the data do not bound that side.
    place
        ``inside``, ``> max`` or ``< min`` of the tested doses, or ``flat``.
    slope, front, back
        Steepness, response at low and at high dose.
    effect, effect_low, effect_high
        Response at the highest dose less that at none, with profile interval.
    r2, f, p_value
        Fit; F against a flat line and its p value.
    relevance
        -log10 of the p value after F is shrunk for small effects.
    auc
        Mean response over the tested log doses.
    """

    n: NDArray[np.int64]
    log_ec50: Floats
    low: Floats
    high: Floats
    place: NDArray[np.str_]
    slope: Floats
    front: Floats
    back: Floats
    effect: Floats
    effect_low: Floats
    effect_high: Floats
    r2: Floats
    f: Floats
    p_value: Floats
    relevance: Floats
    auc: Floats
    rss: Floats


def fit_curves(
    dose: Floats,
    response: Floats,
    *,
    front: float | None = None,
    least: float = 0.3,
    lower: float | None = None,
    level: float = 0.95,
    smooth: bool = True,
) -> DoseFits:
    r"""Fit :math:`f(x)=b+(a-b)/(1+10^{h(x-\log EC_{50})})` to many curves at once.

    Parameters
    ----------
    dose
        Doses, shape ``(n_doses,)``; 0 is the vehicle. Repeats of a dose are allowed.
    response
        Shape ``(n_curves, n_doses)``; NaN where missing.
    front
        Response of the vehicle if it is to be fixed, such as 1; estimated by default.
    least
        Smallest change worth having, on the log2 scale of back over front, for ``relevance``.
    lower
        Lowest value a response can have, such as 0 for viability.
    level
        Of the intervals.
    smooth
        Let the mean of every two neighbouring doses count as a point between them when EC50 and
        steepness are chosen: a change between two doses says little on how steep it is. Test and
        intervals use the measured points alone.

    Raises
    ------
    DataError
        Doses are negative, or fewer than four differ.

    Notes
    -----
    Front and back are linear and solved exactly on a grid of EC50 and steepness, which is then
    narrowed five times around the best point. Intervals are profiles: every EC50 (or effect) whose
    best fit is not worse than F allows. A flat curve has an interval that is open on both sides.

    References
    ----------
    .. [1] Bayer FP et al. (2023). Nat Commun 14:7902. doi:10.1038/s41467-023-43696-z

    Examples
    --------
    >>> x = np.array([0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30])
    >>> y = 0.2 + 0.8 / (1 + x / 0.5) + 0.01 * np.cos(7 * np.arange(9))
    >>> fit = fit_curves(x, y[None])
    >>> bool(abs(fit.log_ec50[0] - np.log10(0.5)) < 0.05), str(fit.place[0])
    (True, 'inside')
    """
    dose = np.asarray(dose, dtype=np.float64)
    y = np.atleast_2d(np.asarray(response, dtype=np.float64))
    positive = dose[dose > 0]
    if (dose < 0).any() or len(np.unique(positive)) < 4:
        raise DataError(
            "a dose-response curve needs at least four doses above zero",
            found=f"{len(np.unique(positive))} in {len(dose)} points",
            code=codes.PLATE_DOSE,
        )
    low, high = np.log10(positive.min()), np.log10(positive.max())
    x = np.where(dose > 0, np.log10(np.where(dose > 0, dose, 1)), -np.inf)
    out = [np.full(len(y), np.nan) for _ in range(15)]
    known = np.isfinite(y)
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        mine = np.flatnonzero(which.reshape(-1) == k)
        if pattern.sum() < MIN_POINTS or len(np.unique(dose[pattern & (dose > 0)])) < 4:
            continue
        part = _fit_pattern(
            x[pattern], y[mine][:, pattern], (low, high), front, lower, level, smooth
        )
        for column, values in zip(out, part, strict=True):
            column[mine] = values
    (e, e_low, e_high, h, a, b, change, c_low, c_high, rss, flat, f, p, auc, top) = out
    n = known.sum(axis=1)
    f0 = np.maximum(f, 0)
    s0 = _relevance_shift(f0, a, top, least, n, a.size)
    place = np.full(len(y), "flat", dtype="<U8")
    tested = np.isfinite(e)
    place[tested] = np.where(
        e[tested] > high, "> max", np.where(e[tested] < low, "< min", "inside")
    )
    place[tested & (p >= 0.05)] = "flat"
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - rss / flat
    return DoseFits(
        n, e, e_low, e_high, place, h, a, b, change, c_low, c_high, r2, f, p, s0, auc, rss
    )


def _relevance_shift(
    f: Floats, front: Floats, top: Floats, least: float, n: NDArray[np.int64], size: int
) -> Floats:
    """-log10 p after F is divided by (1 + s0 root F / effect) squared."""
    out = np.full(size, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        fold = np.abs(np.log2(np.maximum(top, 1e-4) / np.maximum(front, 1e-4)))
    for m in np.unique(n):
        mine = (n == m) & np.isfinite(f)
        if m < MIN_POINTS or not mine.any():
            continue
        scale, dn, dd = f_null(int(m))
        s0 = least / np.sqrt(stats.f.isf(0.05, dn, dd) * scale)
        root = np.sqrt(f[mine])
        adjusted = np.where(
            fold[mine] > 0, root / (1 + s0 * root / np.maximum(fold[mine], 1e-9)), 0
        )
        out[mine] = -stats.f.logsf(adjusted**2 / scale, dn, dd) / np.log(10)
    return out


def _curve(x: Floats, e: Floats, h: Floats) -> Floats:
    """Share of the way from front to back; vehicle (minus infinity) is 0."""
    power = np.clip(h * (x - e), -30, 30)
    return np.where(np.isneginf(x), 0.0, 1 / (1 + 10.0**-power))


def _linear(
    g: Floats, y: Floats, front: float | None, lower: float | None
) -> tuple[Floats, Floats, Floats]:
    """Front, back and residual sum for basis ``g`` ``(..., n)`` and ``y`` broadcast to it."""
    n = g.shape[-1]
    if front is not None:
        gg = (g * g).sum(axis=-1)
        d = (g * (y - front)).sum(axis=-1) / np.maximum(gg, 1e-12)
        a, b = np.full_like(d, front), front + d
    else:
        gm, ym = g.mean(axis=-1), y.mean(axis=-1)
        gg = (g * g).sum(axis=-1) - n * gm**2
        d = np.where(gg > 1e-9, ((g * y).sum(axis=-1) - n * gm * ym) / np.maximum(gg, 1e-12), 0.0)
        a = ym - d * gm
        b = a + d
    if lower is not None:
        under = b < lower
        if under.any() and front is None:
            w = 1 - g
            fixed = ((w * (y - lower * g)).sum(axis=-1)) / np.maximum((w * w).sum(axis=-1), 1e-12)
            a = np.where(under, np.maximum(fixed, lower), a)
        b = np.where(under, lower, b)
    rest = y - a[..., None] - (b - a)[..., None] * g
    return a, b, (rest * rest).sum(axis=-1)


def _fit_pattern(
    x: Floats,
    y: Floats,
    tested: tuple[float, float],
    front: float | None,
    lower: float | None,
    level: float,
    smooth: bool,
) -> list[Floats]:
    n, m = len(x), len(y)
    reach = BEYOND
    e_grid = np.linspace(tested[0] - reach, tested[1] + reach, N_EC)
    h_grid = np.geomspace(H_LOW, H_HIGH, N_H)
    ee, hh = (v.ravel() for v in np.meshgrid(e_grid, h_grid, indexing="ij"))
    g = _curve(x[None], ee[:, None], hh[:, None])
    rss = _grid_rss(g, y, front, lower)
    step = (e_grid[1] - e_grid[0], float(np.log(h_grid[1] / h_grid[0])))
    start = rss.argmin(axis=1)
    e, h = _narrow(x, y, (ee[start], hh[start]), (e_grid[0], e_grid[-1]), step, front, lower)
    least = _linear(_curve(x[None], e[:, None], h[:, None]), y, front, lower)[2]
    if smooth:
        wide_x, wide_y = _between(x, y)
        start = _grid_rss(
            _curve(wide_x[None], ee[:, None], hh[:, None]), wide_y, front, lower
        ).argmin(axis=1)
        e, h = _narrow(
            wide_x, wide_y, (ee[start], hh[start]), (e_grid[0], e_grid[-1]), step, front, lower
        )
        a, b, _ = _linear(_curve(wide_x[None], e[:, None], h[:, None]), wide_y, front, lower)
    else:
        a, b, _ = _linear(_curve(x[None], e[:, None], h[:, None]), y, front, lower)
    shown = a[:, None] + (b - a)[:, None] * _curve(x[None], e[:, None], h[:, None])
    flat = (
        ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        if front is None
        else ((y - front) ** 2).sum(axis=1)
    )
    p_fit = 4 if front is None else 3
    df = max(n - p_fit, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = np.where(least > 0, (flat - least) / (p_fit - 1) / (least / df), np.inf)
    scale, dn, dd = f_null(n)
    p = stats.f.sf(np.maximum(f, 0) / scale, dn, dd)
    limit = least * (1 + stats.f.ppf(level, 1, df) / df) + 1e-12
    profile = np.minimum(rss.reshape(m, N_EC, N_H).min(axis=2), np.inf)
    e_low, e_high = _profile(e_grid, profile, e, least, limit)
    top_x = x.max()
    at_top = _curve(np.array([top_x]), e[:, None], h[:, None])[:, 0]
    change = (b - a) * at_top
    c_low, c_high = _effect_profile(g, y, rss, limit, _curve(np.array(top_x), ee, hh), front)
    c_low, c_high = np.fmin(c_low, change), np.fmax(c_high, change)
    line = np.linspace(tested[0], tested[1], 101)
    auc = (a[:, None] + (b - a)[:, None] * _curve(line[None], e[:, None], h[:, None])).mean(axis=1)
    own = ((y - shown) ** 2).sum(axis=1)
    return [e, e_low, e_high, h, a, b, change, c_low, c_high, own, flat, f, p, auc, a + change]


def _grid_rss(g: Floats, y: Floats, front: float | None, lower: float | None) -> Floats:
    """Residual sums of every curve at every point of the grid, 64 curves at a time."""
    rss = np.empty((len(y), len(g)))
    for start in range(0, len(y), 64):
        part = slice(start, start + 64)
        rss[part] = _linear(g[None], y[part][:, None, :], front, lower)[2]
    return rss


def _narrow(
    x: Floats,
    y: Floats,
    start: tuple[Floats, Floats],
    ends: tuple[float, float],
    step: tuple[float, float],
    front: float | None,
    lower: float | None,
) -> tuple[Floats, Floats]:
    """EC50 and steepness from the best point of a grid, by five ever smaller grids around it."""
    e, log_h = start[0], np.log(start[1])
    de, dh = step
    offsets = np.array([(i, j) for i in (-1, -0.5, 0, 0.5, 1) for j in (-1, -0.5, 0, 0.5, 1)])
    rows = np.arange(len(y))
    for _ in range(ZOOMS):
        te = np.clip(e[:, None] + de * offsets[:, 0], *ends)
        th = np.clip(log_h[:, None] + dh * offsets[:, 1], np.log(H_LOW), np.log(H_HIGH))
        gg = _curve(x[None, None], te[..., None], np.exp(th)[..., None])
        pick = _linear(gg, y[:, None, :], front, lower)[2].argmin(axis=1)
        e, log_h = te[rows, pick], th[rows, pick]
        de, dh = de / 2, dh / 2
    return e, np.exp(log_h)


def _between(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The points with the mean of every two neighbouring doses added half way between them."""
    doses = np.unique(x[np.isfinite(x)])
    mean = np.stack([y[:, x == d].mean(axis=1) for d in doses], axis=1)
    middle = 0.5 * (doses[1:] + doses[:-1])
    return np.concatenate([x, middle]), np.hstack([y, 0.5 * (mean[:, 1:] + mean[:, :-1])])


def _profile(
    grid: Floats, profile: Floats, best: Floats, least: Floats, limit: Floats
) -> tuple[Floats, Floats]:
    """Ends of the doses whose best fit stays under the limit, interpolated; infinite when open."""
    low, high = np.full(len(best), -np.inf), np.full(len(best), np.inf)
    for k in range(len(best)):
        inside = profile[k] <= limit[k]
        where = np.flatnonzero(inside)
        for side, out in ((0, low), (-1, high)):
            edge = 0 if side == 0 else len(grid) - 1
            if len(where) and where[side] == edge:
                continue
            if len(where):
                i = where[side]
                j = i - 1 if side == 0 else i + 1
                # a finer look than a straight line: the profile is curved, so roots of it
                y0, y1, t = np.sqrt(profile[k, i]), np.sqrt(profile[k, j]), np.sqrt(limit[k])
                out[k] = grid[i] + (grid[j] - grid[i]) * (t - y0) / max(y1 - y0, 1e-15)
            else:  # narrower than the grid: a parabola through the best point and its neighbours
                j = int(np.searchsorted(grid, best[k]))
                j = min(max(j if side == -1 else j - 1, 0), len(grid) - 1)
                gap = abs(grid[j] - best[k]) or grid[1] - grid[0]
                rise = max(profile[k, j] - least[k], 1e-15)
                step = gap * np.sqrt((limit[k] - least[k]) / rise)
                out[k] = best[k] + (step if side == -1 else -step)
    return np.minimum(low, best), np.maximum(high, best)


def _effect_profile(
    g: Floats, y: Floats, rss: Floats, limit: Floats, top: Floats, front: float | None
) -> tuple[Floats, Floats]:
    """Ends of the effect at the highest dose over all curves that stay under the limit."""
    n = g.shape[1]
    gm = g.mean(axis=1) if front is None else np.zeros(len(g))
    gg = (g * g).sum(axis=1) - n * gm**2
    good = gg > 1e-6
    low, high = np.full(len(y), np.nan), np.full(len(y), np.nan)
    for k in range(len(y)):
        ok = good & (rss[k] <= limit[k])
        if not ok.any():
            ok = good & (rss[k] <= rss[k].min() * (1 + 1e-9))
        base = y[k].mean() if front is None else front
        d = (
            (g[ok] @ y[k] - n * gm[ok] * base) / gg[ok]
            if front is None
            else (g[ok] @ (y[k] - front)) / gg[ok]
        )
        half = np.sqrt(np.maximum(limit[k] - rss[k][ok], 0) / gg[ok])
        ends = np.stack([(d - half) * top[ok], (d + half) * top[ok]])
        low[k], high[k] = ends.min(), ends.max()
    return low, high
