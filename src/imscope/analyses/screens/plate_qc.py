"""Quality of plates: how far controls stand apart, with intervals, and what position does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.screens.plate_normalise import MAD, Layout, median_polish
from imscope.core.rng import spawn

Floats = NDArray[np.float64]
DRAWS = 999
MIN_CONTROLS = 3


@dataclass(frozen=True, slots=True)
class ControlQuality:
    """How far two kinds of control wells stand apart."""

    z_prime: float
    z_prime_low: float
    z_prime_high: float
    z_prime_robust: float
    ssmd: float
    ssmd_robust: float
    signal_window: float
    cv: float
    n_positive: int
    n_negative: int


def z_prime(positive: Floats, negative: Floats, *, robust: bool = False) -> float:
    r"""Screening window coefficient :math:`1-3(s_p+s_n)/|m_p-m_n|`.

    Parameters
    ----------
    positive, negative
        Control wells, without missing values.
    robust
        Median and MAD instead of mean and standard deviation.

    References
    ----------
    .. [1] Zhang JH et al. (1999). J Biomol Screen 4:67-73. doi:10.1177/108705719900400206

    Examples
    --------
    >>> round(z_prime(np.array([9.0, 10, 11]), np.array([0.0, 1, -1])), 2)
    0.4
    """
    (mp, sp), (mn, sn) = _location(positive, robust), _location(negative, robust)
    return float(1 - 3 * (sp + sn) / abs(mp - mn)) if mp != mn else float("-inf")


def strictly_standardised(positive: Floats, negative: Floats, *, robust: bool = False) -> float:
    """Strictly standardised mean difference; in small samples unbiased.

    References
    ----------
    .. [1] Zhang XD (2007). Genomics 89:552-561. doi:10.1016/j.ygeno.2006.12.014

    Examples
    --------
    >>> round(strictly_standardised(np.array([9.0, 10, 11]), np.array([0.0, 1, -1])), 2)
    5.61
    """
    (mp, sp), (mn, sn) = _location(positive, robust), _location(negative, robust)
    n_p, n_n = len(positive), len(negative)
    if robust:
        spread = np.sqrt(sp**2 + sn**2)
    else:
        k = max(n_p + n_n - 3.48, 0.5)
        spread = np.sqrt(2 / k * ((n_p - 1) * sp**2 + (n_n - 1) * sn**2))
    return float((mp - mn) / spread) if spread > 0 else float("nan")


def _location(x: Floats, robust: bool) -> tuple[float, float]:
    if robust:
        centre = float(np.median(x))
        return centre, MAD * float(np.median(np.abs(x - centre)))
    return float(np.mean(x)), float(np.std(x, ddof=1))


def control_quality(positive: Floats, negative: Floats, *, seed: int = 0) -> ControlQuality | None:
    """Z', SSMD, signal window and CV of controls; nothing with fewer than three of either.

    Parameters
    ----------
    positive, negative
        Control wells; missing values are left out.
    seed
        Of the bootstrap: wells are drawn with replacement, and the spread is corrected for the
        draws' loss of variance, so that four wells give the wide interval they deserve.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> got = control_quality(rng.normal(10, 1, 8), rng.normal(0, 1, 8))
    >>> got.z_prime_low < got.z_prime < got.z_prime_high
    True
    """
    p, n = positive[np.isfinite(positive)], negative[np.isfinite(negative)]
    if min(len(p), len(n)) < MIN_CONTROLS:
        return None
    rng = spawn(seed, "z prime", len(p), len(n))
    draws = []
    for x in (p, n):
        pick = x[rng.integers(0, len(x), (DRAWS, len(x)))]
        draws.append((pick.mean(axis=1), pick.std(axis=1, ddof=1) * np.sqrt(len(x) / (len(x) - 1))))
    (mp, sp), (mn, sn) = draws
    with np.errstate(divide="ignore"):
        values = 1 - 3 * (sp + sn) / np.abs(mp - mn)
    low, high = np.quantile(values, (0.025, 0.975))
    value = z_prime(p, n)
    gap = abs(np.mean(p) - np.mean(n)) - 3 * (np.std(p, ddof=1) + np.std(n, ddof=1))
    return ControlQuality(
        value,
        min(float(low), value),
        max(float(high), value),
        z_prime(p, n, robust=True),
        strictly_standardised(p, n),
        strictly_standardised(p, n, robust=True),
        float(gap / np.std(p, ddof=1)) if np.std(p) > 0 else float("inf"),
        float(np.std(n, ddof=1) / abs(np.mean(n))) if np.mean(n) else float("nan"),
        len(p),
        len(n),
    )


def grade(value: float) -> str:
    """Grade of Z'.

    Examples
    --------
    >>> grade(0.7), grade(0.2), grade(-1)
    ('good', 'marginal', 'unusable')
    """
    if not np.isfinite(value):
        return "NOT TESTABLE"
    return "good" if value >= 0.5 else "marginal" if value >= 0 else "unusable"


def position_effects(x: Floats, layout: Layout, *, seed: int = 0) -> dict[str, float]:
    """Edge index and p values of row and column effects, by permuting sample wells.

    Parameters
    ----------
    x
        One value per well.
    layout
        Of the wells.
    seed
        Of 199 permutations.

    Returns
    -------
    effects
        ``edge_index`` (edge less inner wells, over the MAD), ``row_p``, ``column_p``, ``drift``
        (rank correlation with the column, the order of dispensing).
    """
    use = layout.mask("sample") & np.isfinite(x)
    nothing = {"edge_index": np.nan, "row_p": np.nan, "column_p": np.nan, "drift": np.nan}
    if use.sum() < 24:
        return nothing
    values, rows, columns = x[use], layout.row[use] - 1, layout.column[use] - 1
    r, c = layout.shape
    edge = (rows == 0) | (rows == r - 1) | (columns == 0) | (columns == c - 1)
    spread = MAD * float(np.median(np.abs(values - np.median(values))))
    if spread <= 0:
        return nothing
    index = np.nan
    if edge.any() and (~edge).any():
        index = float(np.median(values[edge]) - np.median(values[~edge])) / spread
    rng = spawn(seed, "positions")
    ranks = np.argsort(np.argsort(values)).astype(np.float64)

    def between(v: Floats, by: NDArray[np.int64]) -> float:
        n = np.bincount(by, minlength=1)
        total = np.bincount(by, weights=v - v.mean())
        return float((total[n > 0] ** 2 / n[n > 0]).sum())

    seen = {"row": between(ranks, rows), "column": between(ranks, columns)}
    more = {"row": 1, "column": 1}
    for _ in range(199):
        mixed = rng.permutation(ranks)
        more["row"] += between(mixed, rows) >= seen["row"]
        more["column"] += between(mixed, columns) >= seen["column"]
    order = np.corrcoef(ranks, columns)[0, 1] if np.ptp(columns) else np.nan
    return {
        "edge_index": index,
        "row_p": more["row"] / 200,
        "column_p": more["column"] / 200,
        "drift": float(order),
    }


def active_lines(z: Floats, layout: Layout, *, limit: float = 3.0) -> tuple[float, str]:
    """Largest share of active sample wells in a row or column, and which one.

    Examples
    --------
    >>> rows, columns = np.divmod(np.arange(96), 12)
    >>> plate = Layout(rows + 1, columns + 1, np.full(96, "sample"), (8, 12))
    >>> active_lines(np.where(rows == 2, 9.0, 0.0), plate)
    (1.0, 'row C')
    """
    use = layout.mask("sample") & np.isfinite(z)
    best = (0.0, "")
    for name, by in (("row", layout.row), ("column", layout.column)):
        for k in np.unique(by[use]):
            mine = use & (by == k)
            if mine.sum() < 4:
                continue
            share = float((np.abs(z[mine]) > limit).mean())
            if share > best[0]:
                label = _letter(int(k)) if name == "row" else str(int(k))
                best = (share, f"{name} {label}")
    return best


def _letter(row: int) -> str:
    return chr(64 + row) if row <= 26 else "A" + chr(64 + row - 26)


def polish_grid(x: Floats, layout: Layout) -> Floats:
    """Row plus column effects of a median polish on all wells of the plate, rows by columns."""
    grid = np.full(layout.shape, np.nan)
    use = layout.mask("sample")
    grid[layout.row[use] - 1, layout.column[use] - 1] = x[use]
    _, rows, columns = median_polish(grid)
    return np.asarray(rows[:, None] + columns[None, :])
