"""Growth-rate metrics: what a compound does per division, whatever the speed of division."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.errors import DataError

Floats = NDArray[np.float64]
H_LOW, H_HIGH = 0.1, 5.0
GR_LOW, GR_HIGH = -1.0, 1.0


@dataclass(frozen=True, slots=True)
class GrowthFit:
    """Metrics of one curve; doses in the unit given, infinite where they are not reached."""

    gr50: float
    gr_max: float
    gec50: float
    gr_inf: float
    slope: float
    gr_aoc: float
    r2: float
    p_value: float
    fit: str


def growth_values(count: Floats, control: Floats, start: Floats) -> Floats:
    r"""Growth-rate inhibition :math:`2^{\log_2(x/x_0)/\log_2(x_{ctrl}/x_0)}-1`.

    Parameters
    ----------
    count, control, start
        Cells after treatment, in vehicle wells at the same time, and at the start; they broadcast.

    Returns
    -------
    gr
        1: as vehicle; 0: no growth; below 0: death.

    Raises
    ------
    DataError
        A count is not positive, or vehicle wells did not grow.

    References
    ----------
    .. [1] Hafner M et al. (2016). Nat Methods 13:521-527. doi:10.1038/nmeth.3853

    Examples
    --------
    >>> growth_values(np.array([400.0, 100, 50]), np.array(400.0), np.array(100.0)).round(3)
    array([ 1.   ,  0.   , -0.293])
    """
    x, c, s = (np.asarray(v, dtype=np.float64) for v in (count, control, start))
    if (s <= 0).any() or (c <= 0).any() or (x < 0).any():
        raise DataError("cell counts must be above zero", code=codes.SCREEN_VALUES)
    if (c <= s).any():
        raise DataError(
            "vehicle wells did not grow, so growth rates are not defined",
            found=f"{int((c <= s).sum())} of {c.size} values",
            code=codes.SCREEN_VALUES,
            fix="check the count at the start of treatment",
        )
    with np.errstate(divide="ignore"):
        return np.asarray(2.0 ** (np.log2(x / s) / np.log2(c / s)) - 1)


def fit_growth(dose: Floats, gr: Floats) -> GrowthFit:
    """Fit GR over dose and give the metrics of the curve.

    Parameters
    ----------
    dose, gr
        Shape ``(n_points,)``; doses above zero, repeats allowed.

    Notes
    -----
    GRinf lies in [-1, 1], the slope in [0.1, 5], GEC50 within two decades of the doses. Where the
    curve is not better than a flat line (F test, p >= 0.05) the flat line is reported.

    Examples
    --------
    >>> x = np.geomspace(0.001, 10, 9)
    >>> got = fit_growth(x, -0.2 + 1.2 / (1 + x / 0.1))
    >>> round(got.gr_inf, 2), round(got.gec50, 2), got.fit
    (-0.2, 0.1, 'sigmoid')
    """
    ok = np.isfinite(gr) & (dose > 0)
    x, y = np.log10(dose[ok]), gr[ok]
    levels = np.unique(x)
    if len(levels) < 4:
        raise DataError(
            "a growth-rate curve needs four doses", found=str(len(levels)), code=codes.PLATE_DOSE
        )
    mean = np.array([y[x == v].mean() for v in levels])
    aoc = float(np.trapezoid(1 - mean, levels) / (levels[-1] - levels[0]))
    gr_max = float(mean[-2:].min())
    e, h, inf, rss = _fit(x, y)
    flat = float(((y - y.mean()) ** 2).sum())
    df = len(y) - 3
    f = ((flat - rss) / 2) / (rss / df) if rss > 0 else np.inf
    p = float(stats.f.sf(f, 2, df)) if df > 0 else float("nan")
    r2 = 1 - rss / flat if flat > 0 else float("nan")
    if not p < 0.05:
        value = float(y.mean())
        edge = np.inf if value > 0.5 else -np.inf
        return GrowthFit(edge, gr_max, 0.0, value, 0.01, aoc, r2, p, "flat")
    half = 10**e * ((1 - inf) / (0.5 - inf) - 1) ** (1 / h) if inf < 0.5 else np.inf
    return GrowthFit(float(half), gr_max, float(10**e), inf, h, aoc, r2, p, "sigmoid")


def _fit(x: Floats, y: Floats) -> tuple[float, float, float, float]:
    e_grid = np.linspace(x.min() - 2, x.max() + 2, 81)
    h_grid = np.geomspace(H_LOW, H_HIGH, 30)
    ends = (e_grid[0], e_grid[-1])

    def solve(e: Floats, h: Floats) -> tuple[Floats, Floats]:
        g = 1 / (1 + 10.0 ** (-np.clip(h[:, None] * (x - e[:, None]), -30, 30)))
        d = (g * (y - 1)).sum(axis=1) / np.maximum((g * g).sum(axis=1), 1e-12)
        inf = np.clip(1 + d, GR_LOW, GR_HIGH)
        return inf, ((y - 1 - (inf - 1)[:, None] * g) ** 2).sum(axis=1)

    ee, hh = (v.ravel() for v in np.meshgrid(e_grid, h_grid, indexing="ij"))
    _, rss = solve(ee, hh)
    k = int(rss.argmin())
    e, log_h = float(ee[k]), float(np.log(hh[k]))
    de, dh = float(e_grid[1] - e_grid[0]), float(np.log(h_grid[1] / h_grid[0]))
    a, b = (v.ravel() for v in np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 7)))
    for _ in range(14):
        te = np.clip(e + de * a, *ends)
        th = np.clip(log_h + dh * b, np.log(H_LOW), np.log(H_HIGH))
        _, rss = solve(te, np.exp(th))
        k = int(rss.argmin())
        e, log_h = float(te[k]), float(th[k])
        de, dh = de * 0.6, dh * 0.6
    inf, last = solve(np.array([e]), np.array([np.exp(log_h)]))
    return e, float(np.exp(log_h)), float(inf[0]), float(last[0])
