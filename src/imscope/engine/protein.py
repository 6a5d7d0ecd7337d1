"""Surface protein counts on a scale with a known zero: background per batch and marker."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MIN_CELLS = 50
"""Cells a batch needs for a statement about its modes."""
MIN_SEPARATION = 2.0
"""Ashman's D below which two normal curves are one hump and not two modes."""
MIN_SHARE = 0.02
"""A mode must hold this share of the cells."""
MAX_VALLEY = 0.8
"""Density between the modes over that of the lower peak; above it there is no valley."""
COUNT_SPREAD = 0.25
"""Smallest spread of a mode of ``ln(1 + counts)``: steps between 0, 1 and 2 are not modes."""
MIN_GAIN = 10.0
"""Difference of BIC that counts as very strong evidence."""
_BINS = 400


@dataclass(frozen=True, slots=True)
class TwoModes:
    """One normal curve or two over values of one marker.

    Attributes
    ----------
    supported
        Whether two modes are there: BIC, separation and share of the smaller one all say so.
    centres, spreads, shares
        Of the lower and the upper curve. Without support the single curve stands first and the
        second is NaN.
    threshold
        Where a value belongs to either curve with the same probability; NaN without support.
    separation
        Ashman's D of the two curves, whether supported or not.
    bic_gain
        BIC of one curve less that of two; above zero speaks for two.
    n
        Values used.
    reason
        In words.
    """

    supported: bool
    centres: tuple[float, float]
    spreads: tuple[float, float]
    shares: tuple[float, float]
    threshold: float
    separation: float
    bic_gain: float
    n: int
    reason: str


def fit_two_modes(values: ArrayLike, *, min_spread: float = 0.0) -> TwoModes:
    r"""Decide whether values have two modes, and where they are.

    Two normal curves of different spread are fitted by expectation and maximisation on a
    histogram of 400 bins, from starts at three fixed splits; the best likelihood is held against
    one normal curve by BIC. Skewed values also favour two curves, so the curves must lie apart:

    .. math:: D = |\mu_2 - \mu_1| \sqrt{2 / (s_1^2 + s_2^2)} \ge 2

    and the smoothed values themselves must show a valley between the two centres.

    Parameters
    ----------
    values
        Shape ``(n_cells,)``, on a scale where modes are roughly normal, such as log or arcsinh.
    min_spread
        Smallest standard deviation a mode may have, in units of the values. Set it to the step of
        values that are rounded, so that single steps are not taken for modes.

    Raises
    ------
    DataError
        A value is not finite.

    References
    ----------
    .. [1] Ashman KM, Bird CM, Zepf SE (1994). Astronomical Journal 108:2348.
       doi:10.1086/117248
    .. [2] Schwarz G (1978). Annals of Statistics 6:461-464. doi:10.1214/aos/1176344136

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> two = fit_two_modes(np.r_[rng.normal(0, 1, 700), rng.normal(6, 1, 300)])
    >>> two.supported, round(two.shares[1], 2)
    (True, 0.3)
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(x).all():
        raise DataError(
            "values of a marker must be finite",
            found=f"{int((~np.isfinite(x)).sum())} of {x.size} are not",
            code=codes.PROTEIN_INPUT,
        )
    nan = float("nan")
    if x.size < MIN_CELLS or x.min() == x.max():
        centre = float(np.median(x)) if x.size else nan
        spread = float(x.std()) if x.size else nan
        reason = (
            f"too few cells: {x.size}, needed {MIN_CELLS}" if x.size < MIN_CELLS else "all equal"
        )
        return TwoModes(
            False, (centre, nan), (spread, nan), (1.0, 0.0), nan, nan, nan, x.size, reason
        )
    points, weight, step = _histogram(x)
    floor = max(step, min_spread)
    one_mean = float(weight @ points / weight.sum())
    one_sd = max(float(np.sqrt(weight @ (points - one_mean) ** 2 / weight.sum())), floor)
    one = float(weight @ _log_normal(points, one_mean, one_sd))
    best = max(
        (_fit(points, weight, np.quantile(x, q), floor) for q in (0.25, 0.5, 0.8)),
        key=lambda r: r[0],
    )
    gain = 2 * (best[0] - one) - 3 * np.log(x.size)
    (m1, m2), (s1, s2), (p1, p2) = best[1], best[2], best[3]
    apart = abs(m2 - m1) * np.sqrt(2 / (s1**2 + s2**2))
    problems = []
    if gain < MIN_GAIN:
        problems.append(f"BIC prefers one (gain {gain:.0f}, needed {MIN_GAIN:.0f})")
    if apart < MIN_SEPARATION:
        problems.append(f"separation {apart:.1f} is under {MIN_SEPARATION:.0f}")
    if min(p1, p2) < MIN_SHARE:
        problems.append(f"the smaller holds {100 * min(p1, p2):.1f} % of cells")
    valley = _valley(points, weight, best[1], max(0.5 * min(s1, s2), floor))
    if valley > MAX_VALLEY:
        problems.append("no valley between the modes")
    if problems:
        reason = "one mode: " + ", ".join(problems)
        return TwoModes(
            False, (one_mean, nan), (one_sd, nan), (1.0, 0.0), nan, float(apart), float(gain),
            x.size, reason,
        )  # fmt: skip
    return TwoModes(
        True, (m1, m2), (s1, s2), (p1, p2), _crossing(best[1], best[2], best[3]), float(apart),
        float(gain), x.size, "two modes",
    )  # fmt: skip


def _histogram(x: Floats) -> tuple[Floats, Floats, float]:
    counts, edges = np.histogram(x, bins=_BINS)
    width = float(edges[1] - edges[0])
    sums, _ = np.histogram(x, bins=edges, weights=x)
    used = counts > 0
    weight = counts[used].astype(np.float64)
    return sums[used] / weight, weight, 2 * width


def _valley(x: Floats, weight: Floats, centres: tuple[float, float], width: float) -> float:
    """Lowest smoothed density between the centres over that of the lower centre's or upper's."""
    grid = np.linspace(*centres, 101)
    density = np.exp(-0.5 * ((grid[:, None] - x) / width) ** 2) @ weight
    return float(density.min() / min(density[0], density[-1]))


def _log_normal(x: Floats, mean: float, sd: float) -> Floats:
    return np.asarray(-0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi))


def _fit(
    x: Floats, weight: Floats, split: float, floor: float
) -> tuple[float, tuple[float, float], tuple[float, float], tuple[float, float]]:
    """Fit two curves from one start: log likelihood, centres, spreads, shares; lower first."""
    upper = (x > split).astype(np.float64)
    if not 0 < weight @ upper < weight.sum():
        upper = (x > weight @ x / weight.sum()).astype(np.float64)
    last = -np.inf
    mean, sd, share = np.zeros(2), np.ones(2), np.full(2, 0.5)
    for _ in range(500):
        for k, part in enumerate((1 - upper, upper)):
            w = weight * part
            total = max(float(w.sum()), 1e-9)
            mean[k] = w @ x / total
            sd[k] = max(np.sqrt(w @ (x - mean[k]) ** 2 / total), floor)
            share[k] = total / weight.sum()
        a = np.log(share[0]) + _log_normal(x, mean[0], sd[0])
        b = np.log(share[1]) + _log_normal(x, mean[1], sd[1])
        both = np.logaddexp(a, b)
        upper = np.exp(b - both)
        now = float(weight @ both)
        if now - last < 1e-8 * abs(now):
            break
        last = now
    low, high = (0, 1) if mean[0] <= mean[1] else (1, 0)
    pairs = [(float(v[low]), float(v[high])) for v in (mean, sd, share)]
    return now, pairs[0], pairs[1], pairs[2]


def _crossing(
    centres: tuple[float, float], spreads: tuple[float, float], shares: tuple[float, float]
) -> float:
    """Point between the centres at which both curves are equally likely."""
    grid = np.linspace(centres[0], centres[1], 2_001)
    low = np.log(shares[0]) + _log_normal(grid, centres[0], spreads[0])
    high = np.log(shares[1]) + _log_normal(grid, centres[1], spreads[1])
    return float(grid[int(np.argmin(np.abs(low - high)))])


@dataclass(frozen=True, slots=True)
class ProteinResult:
    """Protein on a scale with a known zero.

    Attributes
    ----------
    values
        float32, shape ``(n_cells, n_antigens)``: 0 is the background; 1 the positive mode where
        the scale is aligned, otherwise the unit is natural log of counts above background.
    positive
        int8, same shape: 1 positive, 0 negative, -1 cannot be told.
    antigens
        Names of the columns, isotype controls left out.
    markers
        One row per batch and antigen, see the table ``protein_markers``.
    """

    values: NDArray[np.float32]
    positive: NDArray[np.int8]
    antigens: tuple[str, ...]
    markers: "pd.DataFrame"


def find_isotypes(antigens: Sequence[str]) -> list[str]:
    """Name the antigens that are isotype controls, by the usual words.

    Parameters
    ----------
    antigens
        Names as found in the file.

    Examples
    --------
    >>> find_isotypes(["CD73", "IgG1_control", "mouse_IgG2a", "rat-isotype", "IGHM", "CD16"])
    ['IgG1_control', 'mouse_IgG2a', 'rat-isotype']
    """
    word = re.compile(r"isotype|(^|[^a-z])ig[gm]\d?[ab]?(?![a-z])", re.IGNORECASE)
    return [a for a in antigens if word.search(a)]


def normalise_protein(
    counts: ArrayLike,
    antigens: Sequence[str],
    batches: ArrayLike,
    *,
    isotypes: Sequence[str] | None = None,
    empty: ArrayLike | None = None,
    empty_batches: ArrayLike | None = None,
) -> ProteinResult:
    """Put antibody counts on a scale whose zero is the background of each batch and marker.

    Counts are taken as ``ln(1 + count)``. With isotype controls the part of the background that
    goes up and down with a cell's isotype counts is taken away, with a slope found on the negative
    cells of the batch. The zero is then, in this order: the centre of the lower mode where two
    modes are supported; the median of empty droplets of the batch; the isotype controls; the only
    peak there is. Which one was used stands in the table. A marker's scale is aligned (positive
    centre 1) only if two modes are supported in every batch with cells enough to tell; a batch
    with fewer cells takes the width of the others.

    Parameters
    ----------
    counts
        Shape ``(n_cells, n_antigens)``, dense or sparse. Unit: UMI.
    antigens
        Name of each column.
    batches
        Technical batch of each cell.
    isotypes
        Names of isotype controls. Default: those :func:`find_isotypes` finds.
    empty, empty_batches
        Counts of empty droplets with the same columns, and the batch of each.

    Raises
    ------
    DataError
        Shapes do not fit, counts are negative or not finite, or an isotype is not there.

    Notes
    -----
    A marker with one peak may be negative or positive on all cells: without isotypes or empty
    droplets ``positive`` is -1 for it.

    References
    ----------
    .. [1] Mule MP, Martins AJ, Tsang JS (2022). Nature Communications 13:2099.
       doi:10.1038/s41467-022-29356-8 (background from empty droplets and isotypes)

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> n = np.r_[rng.poisson(5, 300), rng.poisson(200, 200)][:, None]
    >>> found = normalise_protein(n, ["CD73"], np.repeat("b1", 500))
    >>> found.markers.loc[0, ["background", "scale"]].tolist(), found.positive.sum()
    (['negative peak', 'aligned'], np.int64(200))
    """
    import pandas as pd

    from imscope.core.schema import PROTEIN_MARKERS

    raw, names, batch = _checked(counts, antigens, batches)
    iso = list(find_isotypes(names) if isotypes is None else isotypes)
    if unknown := [a for a in iso if a not in names]:
        raise DataError(
            "isotype controls are not among the antigens",
            found=", ".join(unknown),
            fix=f"antigens: {', '.join(names[:20])}",
            code=codes.PROTEIN_OPTION,
        )
    blank, blank_batch = _empties(empty, empty_batches, len(names))
    is_iso = np.array([a in iso for a in names])
    kept = np.flatnonzero(~is_iso)
    log = np.log1p(raw)
    values = np.zeros((len(raw), kept.size))
    sign = np.full(values.shape, -1, dtype=np.int8)
    rows = []
    for name in sorted(set(batch.tolist())):
        here = batch == name
        own = np.log1p(blank[blank_batch == name])
        level = log[np.ix_(here, is_iso)]
        for column, k in enumerate(kept):
            found = _marker(log[here, k], level, own[:, k])
            values[here, column], sign[here, column] = found.scaled, found.positive
            rows.append({"batch": str(name), "antigen": names[k], **found.row})
    table = pd.DataFrame(rows)
    _align(values, table, batch, [names[k] for k in kept])
    return ProteinResult(
        values.astype(np.float32),
        sign,
        tuple(names[k] for k in kept),
        PROTEIN_MARKERS.check(table),
    )


@dataclass(frozen=True, slots=True)
class _Marker:
    scaled: Floats
    positive: NDArray[np.int8]
    row: dict[str, object]


def _marker(log: Floats, isotypes: Floats, empty: Floats) -> _Marker:
    """One antigen in one batch: values above background, signs and the row of the table."""
    modes = fit_two_modes(log, min_spread=COUNT_SPREAD)
    if isotypes.shape[1] and log.size >= MIN_CELLS:
        log = _without_isotype(log, isotypes, modes)
        modes = fit_two_modes(log, min_spread=COUNT_SPREAD)
    nan = float("nan")
    threshold = modes.threshold
    if modes.supported:
        zero, how = modes.centres[0], "negative peak"
    elif empty.size >= MIN_CELLS:
        zero, how = float(np.median(empty)), "empty droplets"
        threshold = zero + 2.326 * _spread(empty)
    elif isotypes.shape[1] and isotypes.size >= MIN_CELLS:
        zero, how = float(np.median(isotypes)), "isotype controls"
        threshold = zero + 2.326 * _spread(isotypes.ravel())
    else:
        zero, how = modes.centres[0], "single peak"
    if modes.n < MIN_CELLS:
        threshold = nan
    known = np.isfinite(threshold)
    sign = np.where(log > threshold, 1, 0) if known else np.full(log.size, -1)
    return _Marker(
        log - zero,
        sign.astype(np.int8),
        {
            "n_cells": int(log.size),
            "background": how,
            "centre_negative": zero,
            "centre_positive": modes.centres[1],
            "threshold": threshold,
            "separation": modes.separation,
            "positive_frac": float(sign.mean()) if known else nan,
            "bic_gain": modes.bic_gain,
            "scale": "",
            "status": _word(modes),
            "reason": modes.reason,
        },
    )


def _without_isotype(log: Floats, isotypes: Floats, modes: TwoModes) -> Floats:
    """Take away what rises with the isotype counts of the cell among negative cells."""
    level = isotypes.mean(axis=1)
    level = level - np.median(level)
    low = log <= modes.threshold if modes.supported else np.ones(log.size, dtype=bool)
    spread = float(level[low].var())
    if spread <= 0:
        return log
    slope = float(np.mean((level[low] - level[low].mean()) * (log[low] - log[low].mean()))) / spread
    return np.asarray(log - np.clip(slope, 0.0, 1.0) * level)


def _spread(values: Floats) -> float:
    """Robust standard deviation; that of the mean count's Poisson noise at least."""
    mad = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return max(mad, float(values.std()) if mad == 0 else 0.0, 0.1)


def _word(modes: TwoModes) -> str:
    if modes.n < MIN_CELLS:
        return "too few cells"
    return "two modes" if modes.supported else "one mode"


def _align(
    values: Floats, table: "pd.DataFrame", batch: NDArray[np.str_], names: list[str]
) -> None:
    """Scale to a positive centre of 1 where every batch with cells enough to tell has two modes.

    A batch that cannot tell takes the median width of those that can, so that one column holds one
    scale.
    """
    able = table["n_cells"] >= MIN_CELLS
    width = table["centre_positive"] - table["centre_negative"]
    for column, name in enumerate(names):
        mine = table["antigen"] == name
        told = width[mine & able]
        aligned = len(told) > 0 and bool(told.notna().all())
        table.loc[mine, "scale"] = "log above background"
        if not aligned:
            continue
        table.loc[mine, "scale"] = np.where(able[mine], "aligned", "borrowed")
        for k in np.flatnonzero(mine):
            here = batch == table["batch"].iloc[k]
            values[here, column] /= width.iloc[k] if able.iloc[k] else float(told.median())


def _checked(
    counts: ArrayLike, antigens: Sequence[str], batches: ArrayLike
) -> tuple[Floats, list[str], NDArray[np.str_]]:
    dense = counts.toarray() if hasattr(counts, "toarray") else counts
    raw = np.asarray(dense, dtype=np.float64)
    names = [str(a) for a in antigens]
    batch = np.asarray(batches).astype(str)
    problem = ""
    if raw.ndim != 2 or raw.shape[1] != len(names) or batch.shape != (len(raw),):
        problem = f"counts {raw.shape}, {len(names)} antigens, {batch.size} batches"
    elif not np.isfinite(raw).all() or (raw < 0).any():
        problem = f"{int((~np.isfinite(raw) | (raw < 0)).sum())} values negative or not finite"
    elif len(set(names)) < len(names):
        problem = "an antigen stands twice"
    if problem:
        raise DataError("protein counts cannot be used", found=problem, code=codes.PROTEIN_INPUT)
    return raw, names, batch


def _empties(
    empty: ArrayLike | None, batches: ArrayLike | None, width: int
) -> tuple[Floats, NDArray[np.str_]]:
    if empty is None:
        return np.zeros((0, width)), np.zeros(0, dtype=str)
    dense = empty.toarray() if hasattr(empty, "toarray") else empty
    raw = np.asarray(dense, dtype=np.float64)
    names = np.asarray([] if batches is None else batches).astype(str)
    if raw.ndim != 2 or raw.shape[1] != width or names.shape != (len(raw),):
        raise DataError(
            "empty droplets do not fit the cells",
            found=f"shape {raw.shape}, {names.size} batches, {width} antigens",
            code=codes.PROTEIN_INPUT,
        )
    return raw, names
