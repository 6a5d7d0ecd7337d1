"""Bring a marker to one scale in all batches: negative peak 0, positive peak 1."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Literal as OneOf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.analyses.gates.gate import Landmarks, Scale
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GRID = 256
"""Points on which the density of a marker is drawn."""
VALLEY = 0.85
"""Two peaks need a density between them below this share of the lower one."""
Z_VALLEY = 4.0
"""... and a valley this many standard errors deep."""
MIN_PEAK = 15
"""Fewest cells a peak is drawn from."""
EM_ROUNDS = 60
"""Most rounds of the mixture of two normal curves."""
NARROW = 0.35
"""Without a valley, two groups closer than this share of the usual distance are one peak."""
MIXTURE = 0.5
"""How far the mix of cell types may move a centre, in standard deviations of its cells."""


@dataclass(frozen=True)
class Aligned:
    """Values on one scale and how they came there.

    Attributes
    ----------
    values
        One row per cell, one column per marker; 0 is the negative and 1 the positive peak.
    scale
        Landmarks of every marker and batch, as a gate carries them.
    table
        ``gate_landmarks``.
    """

    values: "pd.DataFrame"
    scale: Scale
    table: "pd.DataFrame"


@dataclass
class _Peaks:
    """What one batch shows of one marker."""

    n: int
    negative: float
    positive: float
    sd: float
    se_negative: float
    se_positive: float
    two: bool
    valley: bool
    method: str
    middle: float = float("nan")


def align_batches(
    values: "pd.DataFrame",
    batches: ArrayLike,
    *,
    studies: ArrayLike | None = None,
    background: "pd.DataFrame | None" = None,
    transform: OneOf["log1p", "asinh", "none"] = "log1p",
    cofactor: float = 5.0,
) -> Aligned:
    """Align markers across batches without looking at any label.

    Each batch is split by 1-D 2-means; the two centres are its landmarks, drawn towards the mean of
    its study by how far the mix of cell types may have moved them. Two peaks are believed when the
    BIC prefers two normal curves and either a significant valley lies between them or they are as
    far apart as usual for the marker and batch. Otherwise the batch has one peak: it is kept, told
    to be negative or positive by the background or by where other batches have theirs, and the
    other is set at the usual distance. So a sample without positive cells is not stretched.

    Parameters
    ----------
    values
        Raw values, one row per cell, one column per marker. NaN: not measured.
    batches
        Shape ``(n_cells,)``: donor, visit or run.
    studies
        Shape ``(n_cells,)``: batches of one study share panel and chemistry.
    background
        Raw negative level, one row per batch (index), one column per marker: isotype controls or
        empty droplets. Markers and batches may be missing.
    transform, cofactor
        How raw values are transformed first; see :class:`~imscope.analyses.gates.gate.Scale`.

    Raises
    ------
    DataError
        Values that are infinite, or batches that do not fit the rows.

    Notes
    -----
    Misleads when a batch was sorted to hold positive cells only and neither background nor other
    batches say so.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> low, high = rng.poisson(4, 400), rng.poisson(200, 200)
    >>> raw = pd.DataFrame({"CD3": [*low, *high, *(low * 5), *(high * 5)]})
    >>> out = align_batches(raw, ["a"] * 600 + ["b"] * 600)
    >>> out.table["method"].tolist()
    ['two peaks', 'two peaks']
    """
    import pandas as pd

    names, code = np.unique(np.asarray(batches).astype(str), return_inverse=True)
    if len(code) != len(values):
        raise DataError(
            "batches do not fit the cells",
            found=f"{len(code)} batches for {len(values)} cells",
            code=codes.GATE_INPUT,
        )
    study = _study_of(names, code, studies)
    shape = Scale("protein", transform, cofactor)
    raw = values.to_numpy(dtype=np.float64)
    if np.isinf(raw).any():
        raise DataError("marker values are infinite", code=codes.GATE_INPUT)
    x = shape.forward(raw)
    floor = None if background is None else background.rename(index=str)
    markers = [str(m) for m in values.columns]
    peaks = [[_find_peaks(x[code == b, m]) for b in range(len(names))] for m in range(len(markers))]
    levels = _batch_levels(peaks)
    usual = _usual_gaps(peaks)
    out = np.full(x.shape, np.nan)
    rows = []
    marks: dict[str, dict[str, Landmarks]] = {}
    for m, marker in enumerate(markers):
        known = [_background(floor, marker, str(b), shape) for b in names]
        _settle(peaks[m], study, known, levels, usual[m])
        marks[marker] = {}
        for b, name in enumerate(names.tolist()):
            p = peaks[m][b]
            cells = code == b
            out[cells, m] = (x[cells, m] - p.negative) / (p.positive - p.negative)
            if p.method != "none":
                marks[marker][name] = Landmarks(p.negative, p.positive, p.method)
            rows.append((marker, name, study[b], p.n, p.negative, p.positive, p.sd, p.method))
    table = pd.DataFrame(
        rows,
        columns=[
            *("marker", "batch", "study", "n_cells", "negative", "positive"),
            *("negative_sd", "method"),
        ],
    )
    frame = pd.DataFrame(out, index=values.index, columns=markers)
    return Aligned(frame, Scale("protein", transform, cofactor, 0.5, marks), table)


def _study_of(
    names: NDArray[np.str_], code: NDArray[np.int64], studies: ArrayLike | None
) -> list[str]:
    if studies is None:
        return [""] * len(names)
    s = np.asarray(studies).astype(str)
    return [str(s[np.argmax(code == b)]) for b in range(len(names))]


def _background(
    table: "pd.DataFrame | None", marker: str, batch: str, scale: Scale
) -> float | None:
    if table is None or marker not in table.columns or batch not in table.index:
        return None
    value = float(table.loc[batch, marker])  # type: ignore[arg-type]
    return float(scale.forward(value)) if np.isfinite(value) else None


def _find_peaks(v: NDArray[np.float64]) -> _Peaks:
    """Centres of the two groups of one marker in one batch, and whether they are two peaks."""
    v = np.sort(v[np.isfinite(v)])
    n = len(v)
    if n < MIN_PEAK:
        return _Peaks(n, np.nan, np.nan, np.nan, np.inf, np.inf, False, False, "none")
    if v[0] == v[-1]:
        return _Peaks(n, float(v[0]), np.nan, 0.0, 0.0, np.inf, False, False, "one peak")
    k = _two_means(v)
    low, high = v[:k], v[k:]
    spread = [max(float(part.std()), 1e-3) for part in (low, high)]
    se = [s * np.hypot(MIXTURE, 1 / np.sqrt(m)) for s, m in zip(spread, (k, n - k), strict=True)]
    two = min(k, n - k) >= MIN_PEAK and _bic_prefers_two(v, k)
    centre = float(low.mean()), float(high.mean())
    middle = float(np.median(v))
    valley = two and _has_valley(v, *centre)
    p = _Peaks(n, *centre, spread[0], float(se[0]), float(se[1]), two, valley, "two peaks")
    p.middle = middle
    return p


def _two_means(v: NDArray[np.float64]) -> int:
    """Size of the lower group of the exact 1-D 2-means of sorted values."""
    n = len(v)
    total = np.cumsum(v)
    k = np.arange(1, n)
    between = k * (n - k) * ((total[-1] - total[:-1]) / (n - k) - total[:-1] / k) ** 2
    between[v[1:] == v[:-1]] = -1.0  # equal values stay together
    return int(np.argmax(between)) + 1


def _density(
    v: NDArray[np.float64], grid: NDArray[np.float64], width: float
) -> NDArray[np.float64]:
    """Gaussian kernel density on an even grid, from binned values."""
    step = grid[1] - grid[0]
    place = (v - grid[0]) / step
    left = np.floor(place).astype(np.int64)
    part = place - left
    count = np.bincount(left, 1 - part, GRID) + np.bincount(
        np.minimum(left + 1, GRID - 1), part, GRID
    )
    half = int(np.ceil(4 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / width) ** 2)
    kernel /= kernel.sum() * step * len(v)
    return np.convolve(count, kernel)[half : half + GRID]


def _has_valley(v: NDArray[np.float64], low: float, high: float) -> bool:
    """Whether the density dips significantly somewhere between the centres."""
    n, spread = len(v), float(v.std())
    iqr = float(np.subtract(*np.quantile(v, [0.75, 0.25]))) / 1.349
    width = float(max(0.9 * (min(spread, iqr) if iqr > 0 else spread) * n**-0.2, 0.12 * spread))
    grid = np.linspace(v[0] - 2 * width, v[-1] + 2 * width, GRID)
    density = _density(v, grid, width)
    inner = np.flatnonzero((grid > low - width) & (grid < high + width))
    if len(inner) < 3:
        return False
    d = density[inner]
    lower = np.minimum(np.maximum.accumulate(d), np.maximum.accumulate(d[::-1])[::-1])
    # variance of a Gaussian kernel density: 0.2821 * density / (n * width)
    noise = np.sqrt((lower + d) * 0.2821 / (n * width))
    return bool(((d < VALLEY * lower) & (lower - d > Z_VALLEY * noise)).any())


def _bic_prefers_two(v: NDArray[np.float64], k: int) -> bool:
    """A mixture of two normal curves against one, by BIC, on binned values."""
    n = len(v)
    count, edges = np.histogram(v, GRID)
    x = (edges[1:] + edges[:-1]) / 2
    tiny = 1e-6 + 1e-3 * float(v.var())
    mean, var = np.array([v[:k].mean(), v[k:].mean()]), np.array([v[:k].var(), v[k:].var()]) + tiny
    share = np.array([k / n, 1 - k / n])
    two = -np.inf
    for _ in range(EM_ROUNDS):
        part = share * np.exp(-0.5 * (x[:, None] - mean) ** 2 / var) / np.sqrt(2 * np.pi * var)
        total = part.sum(axis=1) + 1e-300
        before, two = two, float(count @ np.log(total))
        if two - before < 1e-6 * n:
            break
        mass = part / total[:, None] * count[:, None]
        size = np.maximum(mass.sum(axis=0), 1e-9)
        share, mean = size / n, mass.T @ x / size
        var = (mass * (x[:, None] - mean) ** 2).sum(axis=0) / size + tiny
    spread = float(v.var()) + tiny
    one = -0.5 * float(count @ (np.log(2 * np.pi * spread) + (x - v.mean()) ** 2 / spread))
    return bool(-2 * two + 5 * np.log(n) < -2 * one + 2 * np.log(n))


def _usual_gaps(peaks: list[list[_Peaks]]) -> NDArray[np.float64]:
    """Distance of the peaks to expect, shape ``(n_markers, n_batches)``: marker times batch."""
    shape = len(peaks), len(peaks[0]) if peaks else 0
    gap = np.full(shape, np.nan)
    for m, row in enumerate(peaks):
        for b, p in enumerate(row):
            if p.valley:
                gap[m, b] = p.positive - p.negative
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row without any two peaks stays NaN
        of_marker = np.nanmedian(gap, axis=1) if gap.size else np.zeros(shape[0])
        of_batch = np.nanmedian(gap / of_marker[:, None], axis=0) if gap.size else np.zeros(0)
    of_batch = np.where(np.isfinite(of_batch), of_batch, 1.0)
    return np.outer(of_marker, of_batch)


def _batch_levels(peaks: list[list[_Peaks]]) -> list[float]:
    """Per batch: the usual negative level over the markers that show two peaks, else NaN."""
    out = []
    for b in range(len(peaks[0]) if peaks else 0):
        lows = [p[b].negative for p in peaks if p[b].valley]
        out.append(float(np.median(lows)) if lows else float("nan"))
    return out


def _settle(
    peaks: list[_Peaks],
    study: list[str],
    known: list[float | None],
    levels: list[float],
    usual: NDArray[np.float64],
) -> None:
    """Tell two peaks from one, shrink to the study mean, fill in what does not show."""
    for b, p in enumerate(peaks):
        far = np.isfinite(usual[b]) and p.positive - p.negative >= NARROW * usual[b]
        p.two = p.valley or (p.two and bool(far))
    for name in sorted(set(study)):
        members = [b for b in range(len(peaks)) if study[b] == name and peaks[b].two]
        for which in ("negative", "positive"):
            at = np.array([getattr(peaks[b], which) for b in members])
            se = np.array([getattr(peaks[b], f"se_{which}") for b in members])
            for b, value in zip(members, _shrink(at, se), strict=True):
                if abs(value - getattr(peaks[b], which)) > 0.02:
                    peaks[b].method = "shrunk"
                setattr(peaks[b], which, float(value))
    two = [b for b in range(len(peaks)) if peaks[b].two]
    for b, p in enumerate(peaks):
        if not p.two and p.method != "none":
            mates = [peaks[k] for k in two if study[k] == study[b]]
            _fill(p, float(usual[b]), mates, known[b], levels[b])


def _fill(p: _Peaks, gap: float, mates: list[_Peaks], known: float | None, level: float) -> None:
    """Tell which peak a batch with one peak shows, and put the other at the usual distance."""
    peak = p.middle if np.isfinite(p.middle) else p.negative
    if mates:
        gap = float(np.mean([k.positive - k.negative for k in mates]))
    if not np.isfinite(gap):
        gap = max(4 * p.sd, 1.0)  # no batch shows two peaks: far from the peak either way
    low = known
    if low is None and mates:
        low = float(np.mean([k.negative for k in mates]))
    if low is None and np.isfinite(level):
        low = level
    if low is not None and peak > low + gap / 2:
        p.positive, p.negative, p.method = peak, peak - gap, "one peak (positive)"
    else:
        p.negative, p.positive = peak, peak + gap
        p.method = "one peak (negative)" if known is None else "background"


def _shrink(at: NDArray[np.float64], se: NDArray[np.float64]) -> NDArray[np.float64]:
    """Empirical Bayes: towards the mean by the share of variance that is uncertainty."""
    if len(at) < 3:
        return at
    between = max(0.0, float(at.var(ddof=1) - np.mean(se**2)))
    keep = between / (between + se**2) if between > 0 else np.zeros(len(at))
    return keep * at + (1 - keep) * float(np.mean(at))
