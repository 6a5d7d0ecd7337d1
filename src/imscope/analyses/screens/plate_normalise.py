"""Normalisation of plates: by median, controls, spread, two-way polish, or a robust model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MAD = 1.4826
EPS, SWEEPS = 1e-5, 200


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where every well of one plate lies and what it is.

    Attributes
    ----------
    row, column
        From 1, shape ``(n_wells,)``.
    role
        See :data:`imscope.io.wells.ROLES`.
    shape
        Rows and columns of the plate.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    role: NDArray[np.str_]
    shape: tuple[int, int]

    def mask(self, *roles: str) -> Bools:
        """Wells with one of these roles."""
        return np.isin(self.role, roles)


def normalise_plate(values: Floats, layout: Layout, method: str = "robust") -> Floats:
    """Normalise the wells of one plate.

    Parameters
    ----------
    values
        Shape ``(n_wells,)`` or ``(n_wells, n_features)``; NaN where missing.
    layout
        Of the wells.
    method
        ``robust`` (row and column slope and edge taken out by a robust linear model that knows
        roles), ``median`` (over the median of samples), ``centre`` (less that median),
        ``negatives`` (over the median of negatives), ``poc``, ``npi``, ``z``, ``robust_z``,
        ``bscore``, ``bscore_mad`` or ``none``.

    Raises
    ------
    DataError
        The controls a method needs are not on the plate.

    References
    ----------
    .. [1] Brideau C et al. (2003). J Biomol Screen 8:634-647. doi:10.1177/1087057103258285

    Examples
    --------
    >>> rows, columns = np.divmod(np.arange(96), 12)
    >>> plate = Layout(rows + 1, columns + 1, np.full(96, "sample"), (8, 12))
    >>> x = 5.0 + 0.3 * rows
    >>> bool(np.abs(normalise_plate(x, plate, "bscore")).max() < 1e-9)
    True
    """
    if method not in METHODS:
        raise UsageError(
            f"{method!r} is no normalisation", fix=", ".join(METHODS), code=codes.SCREEN_OPTION
        )
    x = np.asarray(values, dtype=np.float64)
    wide = x[:, None] if x.ndim == 1 else x
    out = METHODS[method](wide, layout)
    return out[:, 0] if x.ndim == 1 else out


def _need(layout: Layout, role: str) -> Bools:
    mask = layout.mask(
        role, *{"negative": ("patient_vehicle",), "positive": ("corrected_vehicle",)}.get(role, ())
    )
    if not mask.any():
        raise DataError(
            f"this normalisation needs {role} wells on every plate",
            fix="name them in the column `role`, or use the robust normalisation",
            code=codes.PLATE_ROLE,
        )
    return mask


def _samples(layout: Layout) -> Bools:
    mask = layout.mask("sample")
    return mask if mask.any() else np.ones(len(layout.role), dtype=bool)


def _median(x: Floats) -> Floats:
    """Median over wells without missing ones; NaN when all are."""
    ordered = np.sort(x, axis=0)
    n = (~np.isnan(x)).sum(axis=0)
    low, high = np.maximum((n - 1) // 2, 0), np.minimum(n // 2, len(x) - 1)
    k = np.arange(x.shape[1])
    return np.where(n > 0, 0.5 * (ordered[low, k] + ordered[high, k]), np.nan)


def _mad(x: Floats) -> Floats:
    return MAD * _median(np.abs(x - _median(x)))


def _mean_sd(x: Floats) -> tuple[Floats, Floats]:
    n = np.maximum((~np.isnan(x)).sum(axis=0), 1)
    mean = np.nansum(x, axis=0) / n
    return mean, np.sqrt(np.nansum((x - mean) ** 2, axis=0) / np.maximum(n - 1, 1))


def _poc(x: Floats, layout: Layout) -> Floats:
    return 100 * x / _mean_sd(x[_need(layout, "positive")])[0]


def _npi(x: Floats, layout: Layout) -> Floats:
    pos = _mean_sd(x[_need(layout, "positive")])[0]
    neg = _mean_sd(x[_need(layout, "negative")])[0]
    return (pos - x) / (pos - neg)


def _z(x: Floats, layout: Layout) -> Floats:
    mean, sd = _mean_sd(x[_samples(layout)])
    return (x - mean) / sd


def _robust_z(x: Floats, layout: Layout) -> Floats:
    mine = x[_samples(layout)]
    return (x - _median(mine)) / _mad(mine)


def _bscore(x: Floats, layout: Layout) -> Floats:
    out = np.empty_like(x)
    for k in range(x.shape[1]):
        grid = np.full(layout.shape, np.nan)
        use = _samples(layout)
        grid[layout.row[use] - 1, layout.column[use] - 1] = x[use, k]
        overall, rows, columns = median_polish(grid)
        out[:, k] = x[:, k] - overall - rows[layout.row - 1] - columns[layout.column - 1]
    return out


def _bscore_mad(x: Floats, layout: Layout) -> Floats:
    b = _bscore(x, layout)
    mine = b[_samples(layout)]
    return b / _mad(mine)


def median_polish(grid: Floats) -> tuple[float, Floats, Floats]:
    """Overall, row and column effects by Tukey's median polish, rows first.

    Parameters
    ----------
    grid
        Rows by columns, NaN where there is no sample.

    Returns
    -------
    overall, rows, columns
        Empty rows and columns have effect 0. Stops when the sum of absolute residuals changes by
        less than 1e-5 of itself, or after 200 sweeps.

    Examples
    --------
    >>> overall, rows, columns = median_polish(np.array([[1.0, 2], [3, 4]]))
    >>> overall, rows.tolist(), columns.tolist()
    (2.5, [-1.0, 1.0], [-0.5, 0.5])
    """
    z = grid.copy()
    rows, columns, overall, before = np.zeros(z.shape[0]), np.zeros(z.shape[1]), 0.0, 0.0
    for _ in range(SWEEPS):
        step = np.nan_to_num(_median(z.T))
        z -= step[:, None]
        rows += step
        middle = float(np.median(columns))
        columns -= middle
        overall += middle
        step = np.nan_to_num(_median(z))
        z -= step[None, :]
        columns += step
        middle = float(np.median(rows))
        rows -= middle
        overall += middle
        now = float(np.nansum(np.abs(z)))
        if now == 0 or abs(now - before) < EPS * now:
            break
        before = now
    return overall, rows, columns


def position_terms(layout: Layout) -> Floats:
    """Row slope, column slope and edge of each well, centred over samples."""
    r, c = layout.shape
    edge = (layout.row == 1) | (layout.row == r) | (layout.column == 1) | (layout.column == c)
    terms = np.column_stack(
        [(layout.row - (r + 1) / 2) / r, (layout.column - (c + 1) / 2) / c, edge]
    )
    return np.asarray(terms - terms[_samples(layout)].mean(axis=0), dtype=np.float64)


def fit_positions(x: Floats, layout: Layout, *, iterations: int = 12) -> tuple[Floats, Floats]:
    """Fit mean, slopes, edge and role effects by Huber's M-estimator, all features at once.

    Parameters
    ----------
    x
        Shape ``(n_wells, n_features)``.
    layout
        Of the wells.
    iterations
        Of reweighting.

    Returns
    -------
    positions, residual
        What the position adds to each well, and what mean, position and role leave, both
        ``(n_wells, n_features)``.
    """
    terms = position_terms(layout)
    used = layout.mask("sample", "negative", "positive", "patient_vehicle", "corrected_vehicle")
    roles = [r for r in np.unique(layout.role[used]) if r != "sample"]
    columns = [np.ones(len(terms)), *terms.T, *((layout.role == r).astype(float) for r in roles)]
    design = np.column_stack(columns)
    design = design[:, np.concatenate([[True], np.ptp(design[used, 1:], axis=0) > 0])]
    n_terms = design.shape[1] - sum(bool((layout.role == r)[used].any()) for r in roles)
    positions, residual = np.zeros_like(x), np.full_like(x, np.nan)
    for k in range(x.shape[1]):
        ok = used & np.isfinite(x[:, k])
        if ok.sum() < 3 * design.shape[1]:
            residual[:, k] = x[:, k] - (np.median(x[ok, k]) if ok.any() else 0.0)
            continue
        d, y = design[ok], x[ok, k]
        beta = np.linalg.lstsq(d, y, rcond=None)[0]
        for _ in range(iterations):
            rest = y - d @ beta
            scale = MAD * float(np.median(np.abs(rest - np.median(rest))))
            if scale <= 0:
                break
            w = np.minimum(1.0, 1.345 * scale / np.maximum(np.abs(rest), 1e-12))
            new = np.linalg.lstsq(d * np.sqrt(w)[:, None], y * np.sqrt(w), rcond=None)[0]
            done = np.abs(new - beta).max() < 1e-8 * max(scale, 1e-12)
            beta = new
            if done:
                break
        positions[:, k] = design[:, 1:n_terms] @ beta[1:n_terms]
        residual[:, k] = x[:, k] - design @ beta
    return positions, residual


def _robust(x: Floats, layout: Layout) -> Floats:
    """Position taken out, then centred on the vehicle (or the samples) and over its spread."""
    positions, _ = fit_positions(x, layout)
    y = x - positions
    vehicle = layout.mask("negative", "patient_vehicle")
    base = vehicle if vehicle.sum() >= 8 else _samples(layout)
    spread = _mad(y[base])
    return (y - _median(y[base])) / np.where(spread > 0, spread, 1.0)


METHODS: dict[str, Callable[[Floats, Layout], Floats]] = {
    "robust": _robust,
    "median": lambda x, layout: x / _median(x[_samples(layout)]),
    "centre": lambda x, layout: x - _median(x[_samples(layout)]),
    "negatives": lambda x, layout: x / _median(x[_need(layout, "negative")]),
    "poc": _poc,
    "npi": _npi,
    "z": _z,
    "robust_z": _robust_z,
    "bscore": _bscore,
    "bscore_mad": _bscore_mad,
    "none": lambda x, _: x,
}
