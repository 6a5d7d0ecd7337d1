"""Control charts of lots: phases, limits that know how few lots they rest on, named rules."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.errors import DataError, MethodError
from imscope.decisions.release.plan import Scale, to_scale
from imscope.decisions.release.rules import RULE_SETS, broken_rule, rule_run_length
from imscope.decisions.release.run_length import (
    CUSUM_LIMIT,
    CUSUM_REFERENCE,
    WEIGHT,
    c4,
    cusum_run_length,
    ewma_limit,
    ewma_promise,
    individuals_limit,
    individuals_promise,
    next_lot_limit,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
STATUS = (
    "RUN CHART ONLY",
    "NO SIGNAL, NO CLAIM OF CONTROL",
    "IN CONTROL",
    "SIGNAL",
)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Named, frozen lots that a phase rests on.

    Attributes
    ----------
    name
        Of the phase.
    lots
        Lots that make the limits.
    excluded
        Lots left out, each with its deviation.
    restarts
        Lots from which a self-starting chart starts again, by a person's decision.
    """

    name: str
    lots: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)
    restarts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """One set of limits of a phase; fields as in the JSON of ``release chart``."""

    baseline: str
    m: int
    centre: float
    sd: float
    limit: float
    kind: str
    arl: float
    arl_worst_tenth: float
    false_alarm_10: float


@dataclass(frozen=True, slots=True)
class Point:
    """One lot of a chart; fields as in the JSON of ``release chart``."""

    lot: str
    order: int
    value: float
    low: float
    high: float
    statistic: float
    signal: bool
    rule: str
    phase: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A control chart with everything that is drawn."""

    attribute: str
    group: str
    key: str
    scale: str
    phases: tuple[Limits, ...]
    points: tuple[Point, ...]
    status: str
    words: str

    @property
    def signals(self) -> tuple[Point, ...]:
        """Lots with a signal."""
        return tuple(p for p in self.points if p.signal)

    def content(self) -> dict[str, Any]:
        """Return the chart as JSON holds it; what is not a number becomes null."""

        def clean(row: Mapping[str, Any]) -> dict[str, Any]:
            bad = {k for k, v in row.items() if isinstance(v, float) and not np.isfinite(v)}
            return {k: None if k in bad else v for k, v in row.items()}

        return {
            "attribute": self.attribute,
            "group": self.group,
            "key": self.key,
            "phases": [clean(asdict(p)) for p in self.phases],
            "points": [clean(asdict(p)) for p in self.points],
            "status": self.status,
            "scale": self.scale,
            "words": self.words,
        }


def control_chart(
    results: "pd.DataFrame",
    baselines: Sequence[Baseline] = (),
    *,
    attribute: str,
    group: str = "",
    scale: Scale = "identity",
    rules: str = "",
) -> Chart:
    """Chart one attribute over lots in manufacturing order.

    Parameters
    ----------
    results
        One row per lot or per library of a lot: ``lot``, ``order``, ``value``; ``low``, ``high``,
        ``key``, ``method`` and ``unit`` where there are such. Libraries of a lot are averaged.
    baselines
        Phases in order; each starts with its first lot. None: a run chart without limits.
    attribute, group
        What is charted, of which product.
    scale
        ``identity``, ``log`` or ``logit``; limits are made on that scale.
    rules
        Off by default; ``westgard`` or ``western electric`` adds rules on single lots, and their
        false-alarm rate is named.

    Returns
    -------
    chart
        With 3 to 9 baseline lots a limit for the next lot and a self-starting cumulative sum; from
        10 a moving average with guaranteed limits; from 20 guaranteed limits for single lots too.

    Raises
    ------
    DataError
        Columns or the manufacturing order are missing, keys, methods or units are mixed, a
        baseline names unknown lots or leaves one out without a deviation.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"lot": [f"L{i:02}" for i in range(13)], "order": range(13),
    ...     "value": [5, 6, 4, 5, 7, 5, 4, 6, 5, 6, 5, 9, 9]})
    >>> chart = control_chart(table, [Baseline("start", tuple(table["lot"][:11]))], attribute="x")
    >>> chart.status, [p.lot for p in chart.signals]
    ('IN CONTROL', [])
    """
    if rules and rules not in RULE_SETS:
        raise DataError(f"there are no rules {rules!r}", found=", ".join(RULE_SETS))
    lots = _lots(results, scale)
    spans = _spans(lots, baselines)
    phases: list[Limits] = []
    points: list[Point] = []
    for baseline, part in spans:
        made, drawn = _phase(baseline, part, rules)
        phases += made
        points += drawn
    key = str(lots["key"].iloc[0]) if "key" in lots.columns and len(lots) else ""
    status, words = _status(phases, points, spans, rules)
    return Chart(attribute, group, key, scale, tuple(phases), tuple(points), status, words)


def _lots(results: "pd.DataFrame", scale: Scale) -> "pd.DataFrame":
    missing = [c for c in ("lot", "order", "value") if c not in results.columns]
    if missing or results.empty:
        raise DataError(
            "a chart needs lots with an order and a value",
            found=f"missing: {', '.join(missing) or 'all rows'}",
            code=codes.CHART_ORDER,
        )
    for column, code in (
        ("key", codes.CHART_KEY),
        ("method", codes.CHART_KEY),
        ("unit", codes.CHART_KEY),
    ):
        if column in results.columns and results[column].astype(str).nunique() > 1:
            seen = sorted(set(results[column].astype(str)))
            raise DataError(
                f"a chart cannot mix more than one {column}",
                found=" | ".join(seen[:4]),
                fix="chart one, or start a new phase with `imscope release bridge`",
                code=code,
            )
    rows = results.assign(y=to_scale(results["value"], scale))
    if rows["y"].isna().any() or rows["order"].isna().any():
        bad = rows.loc[rows["y"].isna() | rows["order"].isna(), "lot"].iloc[0]
        raise DataError(
            f"a value does not fit the {scale} scale, or a lot has no order",
            found=f"first is lot {bad}",
            code=codes.CHART_ORDER,
        )
    how: dict[str, Any] = {
        "order": ("order", "first"),
        "value": ("value", "mean"),
        "y": ("y", "mean"),
    }
    how |= {c: (c, "mean") for c in ("low", "high") if c in rows.columns}
    how |= {c: (c, "first") for c in ("key",) if c in rows.columns}
    lots = rows.groupby("lot", observed=True, sort=True).agg(**how).reset_index()
    if lots["order"].duplicated().any():
        twice = lots.loc[lots["order"].duplicated(keep=False), "lot"].astype(str).tolist()
        raise DataError(
            "two lots have the same place in the manufacturing order",
            found=", ".join(twice[:4]),
            code=codes.CHART_ORDER,
        )
    ordered: pd.DataFrame = lots.sort_values("order").reset_index(drop=True)
    return ordered


def _spans(
    lots: "pd.DataFrame", baselines: Sequence[Baseline]
) -> list[tuple[Baseline | None, "pd.DataFrame"]]:
    """Cut the lots into phases; lots before the first baseline belong to none."""
    place = {str(lot): k for k, lot in enumerate(lots["lot"])}
    starts = []
    for b in baselines:
        unknown = [lot for lot in (*b.lots, *b.excluded, *b.restarts) if lot not in place]
        if unknown or not b.lots:
            raise DataError(
                f"baseline {b.name!r} names lots that have no result here",
                found=", ".join(unknown) or "no lot",
                code=codes.CHART_PHASE,
            )
        if any(not str(why).strip() for why in b.excluded.values()):
            raise DataError(
                f"baseline {b.name!r} leaves out a lot without a deviation",
                found=", ".join(b.excluded),
                code=codes.CHART_EXCLUDED,
            )
        first, last = min(place[x] for x in b.lots), max(place[x] for x in b.lots)
        between = [str(x) for x in lots["lot"].iloc[first : last + 1]]
        silent = [x for x in between if x not in b.lots and x not in b.excluded]
        if silent:
            raise DataError(
                f"baseline {b.name!r} passes over lots without a deviation",
                found=", ".join(silent),
                code=codes.CHART_EXCLUDED,
            )
        starts.append((first, last, b))
    starts.sort(key=lambda s: s[0])
    for (_, last, a), (first, _, b) in pairwise(starts):
        if first <= last:
            raise DataError(
                "baselines of two phases overlap",
                found=f"{a.name}, {b.name}",
                code=codes.CHART_PHASE,
            )
    edges = [s[0] for s in starts] + [len(lots)]
    spans: list[tuple[Baseline | None, pd.DataFrame]] = []
    if edges[0] > 0:
        spans.append((None, lots.iloc[: edges[0]]))
    spans += [(s[2], lots.iloc[a:b]) for s, a, b in zip(starts, edges, edges[1:], strict=False)]
    return spans


def _phase(
    baseline: Baseline | None, part: "pd.DataFrame", rules: str
) -> tuple[list[Limits], list[Point]]:
    name = baseline.name if baseline else ""
    rows = [
        Point(
            str(r["lot"]),
            int(r["order"]),
            float(r["value"]),
            float(r["low"]) if "low" in part.columns else float("nan"),
            float(r["high"]) if "high" in part.columns else float("nan"),
            float("nan"),
            False,
            "",
            name,
        )
        for _, r in part.iterrows()
    ]
    if baseline is None or len(baseline.lots) < 3:
        return [], rows
    y = part["y"].to_numpy(float)
    lots = [str(x) for x in part["lot"]]
    inside = np.array([x in baseline.lots for x in lots])
    m = int(inside.sum())
    centre, s = float(y[inside].mean()), float(y[inside].std(ddof=1))
    if s == 0:
        raise MethodError(
            f"the baseline lots of {name!r} do not vary at all",
            found=f"{m} lots",
            code=codes.COMP_CONSTANT,
        )
    limits = _limits(name, m, centre, s)
    return limits, _marked(rows, y, inside, limits, baseline, rules)


def _limits(name: str, m: int, centre: float, s: float) -> list[Limits]:
    def made(limit: float, kind: str, promise: Any) -> Limits:
        return Limits(
            name,
            m,
            centre,
            s,
            limit,
            kind,
            promise.arl,
            promise.arl_worst_tenth,
            promise.false_alarm_10,
        )

    following = next_lot_limit(m)
    nan = float("nan")
    out = [made(following * s, "next lot", individuals_promise(m, following * c4(m)))]
    if m < 20:
        out.append(
            Limits(
                name, m, centre, s, CUSUM_LIMIT, "self-starting CUSUM", cusum_run_length(), nan, nan
            )
        )
    if m >= 10:
        factor = ewma_limit(m)
        width = factor * s / c4(m) * np.sqrt(WEIGHT / (2 - WEIGHT))
        out.append(made(float(width), "EWMA", ewma_promise(m, factor)))
    if m >= 20:
        factor = individuals_limit(m)
        out.append(made(factor * s / c4(m), "individuals", individuals_promise(m, factor)))
        out.append(made(3 * s / c4(m), "plug-in 3 s", individuals_promise(m, 3.0)))
    return out


def _marked(
    rows: list[Point],
    y: Floats,
    inside: NDArray[np.bool_],
    limits: list[Limits],
    baseline: Baseline,
    rules: str,
) -> list[Point]:
    by_kind = {x.kind: x for x in limits}
    centre, s, m = limits[0].centre, limits[0].sd, limits[0].m
    restart = np.array([p.lot in baseline.restarts for p in rows])
    out_of = np.array([p.lot in baseline.excluded for p in rows])
    use = ~out_of
    sums = np.full(len(y), np.nan)
    sums[use] = self_starting_cusum(y[use], restart[use])
    average, out = centre, []
    last = int(np.flatnonzero(inside).max())
    for k, p in enumerate(rows):
        broken: list[str] = []
        future = k > last and not out_of[k]
        if future and "EWMA" in by_kind:
            average = WEIGHT * y[k] + (1 - WEIGHT) * (centre if restart[k] else average)
            if abs(average - centre) > by_kind["EWMA"].limit:
                broken.append(f"EWMA {WEIGHT} beyond its guaranteed limit")
        if future and m < 20 and abs(y[k] - centre) > by_kind["next lot"].limit:
            broken.append("outside the limit for the next lot")
        if (
            future
            and "individuals" in by_kind
            and abs(y[k] - centre) > by_kind["individuals"].limit
        ):
            broken.append("single lot beyond its guaranteed limit")
        if m < 20 and np.isfinite(sums[k]) and abs(sums[k]) > CUSUM_LIMIT:
            broken.append(f"self-starting CUSUM beyond {CUSUM_LIMIT}")
        if rules and future:
            z = (y[max(last + 1, 0) : k + 1] - centre) / (s / c4(m))
            broken += broken_rule(z, rules)
        shown = average if future and m >= 10 else sums[k]
        rule = "; ".join(broken) or ("baseline" if inside[k] else "")
        if out_of[k]:
            rule = f"left out of the baseline: {baseline.excluded[p.lot]}"
        out.append(replace(p, statistic=float(shown), signal=bool(broken), rule=rule))
    return out


def self_starting_cusum(values: ArrayLike, restart: ArrayLike | None = None) -> Floats:
    """Cumulative sums that need no baseline: each lot is held against those before it.

    Parameters
    ----------
    values
        In manufacturing order, shape ``(n_lots,)``.
    restart
        True where a person started the sums again, shape ``(n_lots,)``.

    Returns
    -------
    sums
        The larger of the upper and lower sum with its sign, NaN for the first two lots. After a
        signal the sums stand still and no lot is learned until a restart: a lot with a signal
        never joins the history by itself.

    References
    ----------
    .. [1] Hawkins DM (1987). The Statistician 36:299-316. doi:10.2307/2348827

    Examples
    --------
    >>> self_starting_cusum([5, 6, 4, 5, 6, 5, 9, 9, 9]).round(1)
    array([ nan,  nan, -0.5,  0. ,  0.4,  0. ,  2.3,  3.4,  4.2])
    """
    x = np.asarray(values, dtype=np.float64)
    again = np.zeros(len(x), bool) if restart is None else np.asarray(restart, bool)
    sums = np.full(len(x), np.nan)
    known: list[float] = []
    up = down = 0.0
    for k, value in enumerate(x):
        if again[k]:
            up = down = 0.0
        if max(up, down) > CUSUM_LIMIT:
            sums[k] = up if up >= down else -down
            continue
        n = len(known)
        if n >= 2 and np.std(known) > 0:
            z = _standing(float(value), known)
            up, down = max(0.0, up + z - CUSUM_REFERENCE), max(0.0, down - z - CUSUM_REFERENCE)
            sums[k] = up if up >= down else -down
        if max(up, down) <= CUSUM_LIMIT:
            known.append(float(value))
    return sums


def _standing(value: float, known: list[float]) -> float:
    """Standard normal score of a value given independent ones before it (Student t)."""
    n = len(known)
    t = (value - np.mean(known)) / (np.std(known, ddof=1) * np.sqrt(1 + 1 / n))
    upper = t > 0
    tail = max(float(stats.t.sf(abs(t), n - 1)), 1e-300)
    return float(stats.norm.isf(tail) if upper else -stats.norm.isf(tail))


def history_in_control(values: ArrayLike) -> bool:
    """Whether a self-starting chart of historic lots, in order, gives no signal.

    Examples
    --------
    >>> history_in_control([5, 6, 4, 5, 6, 5, 4, 6, 5, 5])
    True
    """
    sums = self_starting_cusum(values)
    return not bool((np.abs(sums[np.isfinite(sums)]) > CUSUM_LIMIT).any())


def _status(
    phases: list[Limits],
    points: list[Point],
    spans: "list[tuple[Baseline | None, pd.DataFrame]]",
    rules: str,
) -> tuple[str, str]:
    if any(p.signal for p in points):
        first = next(p for p in points if p.signal)
        return "SIGNAL", f"lot {first.lot}: {first.rule}"
    m = phases[-1].m if phases else 0
    if not phases:
        n = len(spans[-1][1])
        return "RUN CHART ONLY", f"{n} lots, no frozen baseline of 3 or more: no limits"
    extra = (
        f"; rules `{rules}` on, average run length {rule_run_length(rules):.0f}" if rules else ""
    )
    if m < 10:
        return (
            "NO SIGNAL, NO CLAIM OF CONTROL",
            f"{m} baseline lots are too few to say that the process is in control{extra}",
        )
    found = next(p for p in phases if p.baseline == phases[-1].baseline and p.kind == "EWMA")
    return (
        "IN CONTROL",
        f"no signal; {m} baseline lots; nine laboratories in ten run {found.arl_worst_tenth:.0f} "
        f"lots or more between false signals{extra}",
    )
