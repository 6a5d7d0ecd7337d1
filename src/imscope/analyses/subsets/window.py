"""The window of the mesenchymoangioblast: when it comes, when it peaks, whether it goes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.subsets.stage_calls import StageCalls
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn
from imscope.core.schema import STAGE_WINDOW, STAGE_WINDOW_CHECKS
from imscope.stats.shares import pooled_share

STAGE = "mesenchymoangioblast"
PEAK_DAY, PEAK_SLACK = 2.0, 0.5
GONE_DAY, GONE_SHARE = 4.0, 0.1
"""Rule of doi:10.1016/j.stem.2010.11.011: peak at day 2, sharply down at day 3, gone at day 4."""
PRESENT = 0.02
"""Share of cells below which mesenchymoangioblasts count as absent from a whole series."""
DRAWS = 400
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StageWindow:
    """Mesenchymoangioblasts over days.

    Attributes
    ----------
    days
        As :data:`imscope.core.schema.STAGE_WINDOW`.
    checks
        As :data:`imscope.core.schema.STAGE_WINDOW_CHECKS`.
    """

    days: pd.DataFrame
    checks: pd.DataFrame


def mesenchymoangioblast_window(
    calls: StageCalls,
    day: "pd.Series[float]",
    *,
    series: pd.Series | None = None,
    seed: int = 0,
) -> StageWindow:
    """Follow the share of mesenchymoangioblasts over the days of each series and check the rules.

    Parameters
    ----------
    calls
        From :func:`imscope.subsets.call_stages`.
    day
        Day of differentiation of each cell.
    series
        What is followed over days, such as the clone of each cell. Without it all cells are one.
    seed
        Seed of the draws behind the interval of the peak day.

    Returns
    -------
    window
        Share with interval per day, peak day, rules and alarms.

    Raises
    ------
    DataError
        There is not one day per cell, or a day is missing or not a number.

    Notes
    -----
    The peak is the top of the parabola through the highest day and its neighbours, or the highest
    day itself where the parabola has no top between them. It is not estimable from one day, nor
    when the highest day is the first or the last. The rules hold for the mesenchymoangioblast
    protocol; other routes need not pass through this state.

    References
    ----------
    .. [1] Vodyanik MA, et al. (2010). Cell Stem Cell 7:718-729. doi:10.1016/j.stem.2010.11.011
    """
    values = pd.to_numeric(pd.Series(day), errors="coerce").to_numpy(dtype=float)
    n = len(calls.cells)
    if len(values) != n or (series is not None and len(series) != n):
        raise DataError(
            "every cell needs a day",
            found=f"{len(values)} days for {n} cells",
            code=codes.STAGE_DAYS,
        )
    if not np.isfinite(values).all():
        raise DataError(
            "a day is missing or not a number",
            found=f"{int((~np.isfinite(values)).sum())} of {n} cells",
            fix="give the day of every sample in the sample sheet",
            code=codes.STAGE_DAYS,
        )
    name = np.full(n, "all") if series is None else series.astype(str).to_numpy()
    parts, checks = [], []
    for one in dict.fromkeys(name.tolist()):
        mine = name == one
        if not calls.scored[calls.stages.index(STAGE)]:
            checks.append(_not_scored(one, values[mine]))
            continue
        table = _days(calls, values, mine, one)
        parts.append(table)
        checks.append(_check(one, table, seed))
    frame = pd.concat(parts, ignore_index=True) if parts else STAGE_WINDOW.empty()
    return StageWindow(STAGE_WINDOW.check(frame), STAGE_WINDOW_CHECKS.frame(checks))


def _days(calls: StageCalls, day: Floats, mine: NDArray[np.bool_], series: str) -> pd.DataFrame:
    rows = []
    for value in np.unique(day[mine]):
        cells = calls.cells[mine & (day == value)]
        called = (cells["stage"] == STAGE).groupby(cells["sample"].to_numpy()).agg(["sum", "size"])
        share = pooled_share(called["sum"], called["size"], level=calls.settings.level)
        rows.append(
            {
                "series": series,
                "day": float(value),
                "frac": share.frac,
                "low": share.low,
                "high": share.high,
                "n_cells": len(cells),
                "n_samples": len(called),
                "interval": share.basis,
            }
        )
    table = pd.DataFrame(rows)
    top = table["frac"].max()
    table.insert(7, "of_peak", table["frac"] / top if top > 0 else np.nan)
    return table


def peak_of(day: Floats, frac: Floats) -> float:
    """Day of the peak by a parabola through the highest day and its two neighbours.

    Parameters
    ----------
    day
        Days in rising order, shape ``(n_days,)``.
    frac
        Share on each day.

    Returns
    -------
    peak
        NaN when the highest day is the first or the last, or nothing is above zero.

    Examples
    --------
    >>> import numpy as np
    >>> peak_of(np.array([0.0, 1, 2, 3, 4]), np.array([0, 0.4, 1, 0.4, 0]))
    2.0
    """
    k = int(np.argmax(frac))
    if not frac[k] > 0 or k in (0, len(day) - 1):
        return float("nan")
    x, y = day[k - 1 : k + 2], frac[k - 1 : k + 2]
    left, right = x[0] - x[1], x[2] - x[1]
    slope = (y[0] - y[1]) / left, (y[2] - y[1]) / right
    bend = (slope[1] - slope[0]) / (right - left)
    if not bend < 0:
        return float(day[k])
    top = -(slope[0] - bend * left) / (2 * bend)
    return float(np.clip(x[1] + top, (x[0] + x[1]) / 2, (x[1] + x[2]) / 2))


def _peak_interval(table: pd.DataFrame, series: str, seed: int) -> tuple[float, float]:
    """Draw the share of each day within its interval and take the peak each time."""
    rng = spawn(seed, "peak", series)
    day, frac = table["day"].to_numpy(), table["frac"].to_numpy()
    width = (table["high"] - table["low"]).to_numpy() / (2 * stats.norm.ppf(0.975))
    middle = np.clip(frac, 1e-4, 1 - 1e-4)
    size = np.maximum(middle * (1 - middle) / np.maximum(width, 1e-6) ** 2, 2.0)
    drawn = rng.beta(middle * size, (1 - middle) * size, (DRAWS, len(day)))
    peaks = np.array([peak_of(day, row) for row in drawn])
    known = peaks[np.isfinite(peaks)]
    if len(known) < DRAWS / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _check(series: str, table: pd.DataFrame, seed: int) -> dict[str, object]:
    day, frac = table["day"].to_numpy(), table["frac"].to_numpy()
    peak, low, high = float("nan"), float("nan"), float("nan")
    top, at = float(frac.max()), float(day[int(np.argmax(frac))])
    present = top >= PRESENT
    early = bool((day < GONE_DAY).any())
    if present:
        peak = peak_of(day, frac)
    if np.isfinite(peak):
        low, high = _peak_interval(table, series, seed)
    late = table[day >= GONE_DAY]
    peak_rule, gone_rule, alarm = "not testable", "not testable", ""
    if present and len(day) > 1:
        if np.isfinite(peak):
            peak_rule = "pass" if abs(peak - PEAK_DAY) <= PEAK_SLACK else "fail"
        if len(late) and early:
            gone = float(late["frac"].max()) <= GONE_SHARE * top
            gone_rule = "pass" if gone else "fail"
            stay = table[day >= max(GONE_DAY, at + GONE_DAY - PEAK_DAY)]
            # cells must be sure to be there: the whole interval above the rule
            alarm = "arrested" if (stay["low"] > GONE_SHARE * top).any() else ""
    elif not present and ((day > 0) & (day < GONE_DAY)).sum() >= 2:
        alarm = "never present" if float(table["high"].max()) < 5 * PRESENT else ""
    return {
        "series": series,
        "peak_day": peak,
        "low": low,
        "high": high,
        "days": ", ".join(f"{d:g}" for d in day),
        "peak_rule": peak_rule,
        "gone_rule": gone_rule,
        "alarm": alarm,
        "status": "ok" if len(day) > 1 and np.isfinite(peak) else "not estimable",
        "reason": _words(table, peak=peak, at=at, present=present, alarm=alarm),
    }


def _words(table: pd.DataFrame, *, peak: float, at: float, present: bool, alarm: str) -> str:
    n = len(table)
    if n == 1:
        return f"one day only ({at:g}): a window needs at least three days"
    if not present:
        seen = f"{table['high'].max():.1%}"
        tail = "; the route is not the mesenchymoangioblast's, or the days miss it" if alarm else ""
        return f"at most {seen} of the cells on any day{tail}"
    if not np.isfinite(peak):
        side = "first" if at == table["day"].min() else "last"
        return f"the highest share is on the {side} day, {at:g}"
    end = "; still there after day 4" if alarm else ""
    return f"peak at day {peak:.1f} with {table['frac'].max():.0%} of the cells{end}"


def _not_scored(series: str, day: Floats) -> dict[str, object]:
    return STAGE_WINDOW_CHECKS.blank(
        series=series,
        days=", ".join(f"{d:g}" for d in np.unique(day)),
        peak_rule="not testable",
        gone_rule="not testable",
        status="not scored",
        reason="APLNR, PDGFRA and KDR must all be in the matrix",
    )
