"""Relative potency of lots against a standard, run by run and over runs."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from imscope.analyses.potency.assay_table import Plate, read_assay
from imscope.analyses.potency.combine import combine_runs, find_precision, geometric_cv
from imscope.analyses.potency.curves import (
    Curve,
    Model,
    fit,
    log_potency,
    response,
)
from imscope.analyses.potency.parallel import Margins, compare_shapes
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.result import Notice
from imscope.core.schema import POTENCY_PRECISION, POTENCY_RUNS, RELATIVE_POTENCY

if TYPE_CHECKING:
    import pandas as pd

LEAST_DOSES = {"4pl": 5, "5pl": 6, "line": 3}


@dataclass(frozen=True, slots=True)
class AssaySettings:
    """How an assay is analysed; set before the data.

    Attributes
    ----------
    model
        ``4pl``, ``5pl`` or ``line``.
    readout
        See :func:`imscope.analyses.potency.assay_table.read_assay`.
    margins
        Of parallelism.
    least_r2
        Variance the parallel curves must explain.
    least_top
        Share of the standard's span its highest dose must reach: without an upper plateau the
        asymptote is a guess. Not asked of lines.
    """

    model: Model = "4pl"
    readout: str = "raw"
    margins: Margins = field(default_factory=Margins)
    least_r2: float = 0.90
    least_top: float = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class AssayResult:
    """Tables ``relative_potency``, ``potency_runs`` and ``potency_precision``, and notices."""

    potency: "pd.DataFrame"
    runs: "pd.DataFrame"
    precision: "pd.DataFrame"
    notices: tuple[Notice, ...]
    settings: dict[str, object]

    @property
    def tables(self) -> "dict[str, pd.DataFrame]":
        """Tables by name."""
        return {
            "relative_potency": self.potency,
            "potency_runs": self.runs,
            "potency_precision": self.precision,
        }


def analyse_assay(
    table: "pd.DataFrame", *, standard: str | None = None, settings: AssaySettings | None = None
) -> AssayResult:
    """Relative potency of every lot against the standard of its run.

    Parameters
    ----------
    table, standard
        See :func:`imscope.analyses.potency.assay_table.read_assay`.
    settings
        Model, readout, margins and limits of suitability.

    Returns
    -------
    result
        A run counts when its curves are parallel by equivalence and its standard is suitable; runs
        are combined as a weighted geometric mean with the spread between them.

    Raises
    ------
    DataError
        The table cannot be used, or a curve has too few doses.

    References
    ----------
    .. [1] Yang H et al. (2012). PDA J Pharm Sci Technol 66:262-269. doi:10.5731/pdajpst.2012.00867
    .. [2] Knapp G, Hartung J (2003). Stat Med 22:2693-2710. doi:10.1002/sim.1482

    Examples
    --------
    >>> from imscope.simulate import simulate_assay
    >>> found = analyse_assay(simulate_assay({"L1": 0.5}, runs=3, seed=1), standard="standard")
    >>> row = found.potency.iloc[0]
    >>> row["status"], bool(row["low"] < 0.5 < row["high"])
    ('ok', True)
    """
    rules = settings or AssaySettings()
    data = read_assay(table, standard=standard, readout=rules.readout)
    rows = [_judge(plate, rules) for plate in data.plates]
    runs = POTENCY_RUNS.frame(_over_plates(rows))
    lots = sorted(set(runs["lot"]))
    potency = RELATIVE_POTENCY.frame(_lot(lot, runs[runs["lot"] == lot]) for lot in lots)
    precision = POTENCY_PRECISION.frame(
        row for lot in lots if (row := _precision(lot, runs[runs["lot"] == lot], data.nominal))
    )
    return AssayResult(potency, runs, precision, data.notices, asdict(rules))


def _judge(p: Plate, rules: AssaySettings) -> dict[str, object]:
    """One plate: fit apart, compare shapes, fit in parallel, say whether it may be used."""
    for j, who in enumerate(("the standard", f"lot {p.lot}")):
        doses = len(np.unique(p.x[p.which == j]))
        if doses < LEAST_DOSES[rules.model]:
            raise DataError(
                f"{who} of run {p.run} has too few doses for {rules.model}",
                found=f"{doses} doses with a response, {LEAST_DOSES[rules.model]} are needed",
                fix="add doses, or use --model line on the straight part",
                code=codes.POTENCY_DOSES,
            )
    apart = [
        fit(p.x[p.which == j], p.y[p.which == j], np.zeros((p.which == j).sum(), np.intp),
            rules.model)
        for j in (0, 1)
    ]  # fmt: skip
    both = fit(p.x, p.y, p.which, rules.model)
    shape = compare_shapes(*apart)
    value, error, low, high = log_potency(both)
    r2 = 1 - both.rss / max(float(((p.y - p.y.mean()) ** 2).sum()), 1e-300)
    top = _top(apart[0], float(p.x[p.which == 0].max()))
    lacks = []
    if r2 < rules.least_r2:
        lacks.append(f"the curves explain {100 * r2:.0f} % of the variance")
    if rules.model != "line" and top < rules.least_top:
        lacks.append(f"the standard reaches {100 * top:.0f} % of its span at its highest dose")
    limit = _limit(both, p, rules.model)
    parallel = shape.within(rules.margins)
    status = "ok" if parallel else "NOT PARALLEL"
    if lacks:
        status = "NOT SUITABLE"
    elif limit:  # half of the curve was never seen: its shape cannot be compared
        status = "BELOW RANGE" if limit == "<" else "ABOVE RANGE"
        bound = float(np.exp(_bound(apart[0], p, limit)))
        value, error, low, high = np.log(bound), np.nan, np.nan, np.nan
    return {
        "run": p.run, "lot": p.lot, "limit": limit, "log": value, "log_se": error,
        "relative_potency": np.exp(value), "low": np.exp(low), "high": np.exp(high),
        **dict(zip(("slope_ratio", "slope_low", "slope_high"), shape.slope, strict=True)),
        **dict(zip(("range_ratio", "range_low", "range_high"), shape.span, strict=True)),
        **dict(zip(("floor_shift", "floor_low", "floor_high"), shape.floor, strict=True)),
        "r2": r2, "curvature_p": _lack_of_fit(p, both), "top_reached": top,
        "n_points": len(p.y), "n_beyond": p.beyond, "parallel": parallel,
        "suitability": "; ".join(lacks) or "ok", "status": status,
    }  # fmt: skip


def _top(standard: Curve, x: float) -> float:
    """Share of its own span that a curve reaches at a dose."""
    if len(standard.shape) == 1:
        return float("nan")
    a, d = standard.shape[:2]
    return float((response(np.array([x]), standard.shape, standard.place)[0] - a) / d)


def _limit(both: Curve, p: Plate, model: Model) -> str:
    """``<`` where a curve of the common shape is half way up above the lot's doses, ``>`` below."""
    if model == "line":
        return ""
    x, place = p.x[p.which == 1], both.place[1]
    return "<" if place > x.max() else ">" if place < x.min() else ""


def _bound(standard: Curve, p: Plate, limit: str) -> float:
    """Log potency of a lot whose curve is half way up just at the end of its doses."""
    x = p.x[p.which == 1]
    return float(np.log(10) * (standard.place[0] - (x.max() if limit == "<" else x.min())))


def _lack_of_fit(p: Plate, both: Curve) -> float:
    """F test of the curves against the means of replicates; NaN without replicates."""
    keys = np.stack([p.which.astype(float), p.x])
    _, group = np.unique(keys, axis=1, return_inverse=True)
    group = group.reshape(-1)
    n_groups = int(group.max()) + 1
    pure_df = len(p.y) - n_groups
    n_used = len(both.shape) + len(both.place)
    if pure_df < 1 or n_groups <= n_used:
        return float("nan")
    means = np.bincount(group, p.y) / np.bincount(group)
    pure = float(((p.y - means[group]) ** 2).sum())
    if pure <= 0:
        return float("nan")
    f = max(both.rss - pure, 0) / (n_groups - n_used) / (pure / pure_df)
    return float(stats.f.sf(f, n_groups - n_used, pure_df))


def _over_plates(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """One row per run and lot: the usable plates of a run are its replicates."""
    out = []
    for key in dict.fromkeys((str(r["run"]), str(r["lot"])) for r in rows):
        mine = [r for r in rows if (r["run"], r["lot"]) == key]
        usable = [r for r in mine if r["status"] == "ok"]
        if len(usable) < 2:
            out.append((usable or mine)[0])
            continue
        value = np.array([float(r["log"]) for r in usable])  # type: ignore[arg-type]
        error = np.array([float(r["log_se"]) for r in usable])  # type: ignore[arg-type]
        w = 1 / error**2 / (1 / error**2).sum()
        mean = float(w @ value)
        scatter = float(w @ (value - mean) ** 2) / (len(value) - 1)
        spread = max(float(1 / (1 / error**2).sum()), scatter) ** 0.5
        half = float(stats.t.ppf(0.975, len(value) - 1)) * spread
        out.append(
            usable[0]
            | {"log": mean, "log_se": spread, "relative_potency": np.exp(mean),
               "low": np.exp(mean - half), "high": np.exp(mean + half),
               "n_points": sum(int(r["n_points"]) for r in usable)}  # type: ignore[call-overload]
        )  # fmt: skip
    return [{k: v for k, v in r.items() if k != "log"} for r in out]


def _lot(lot: str, runs: "pd.DataFrame") -> dict[str, object]:
    """A lot over its runs, in one row and one sentence."""
    usable, beyond = runs[runs["status"] == "ok"], runs[runs["limit"] != ""]
    beyond = beyond[beyond["status"].isin(["BELOW RANGE", "ABOVE RANGE"])]
    refused = int(runs["status"].isin(["NOT PARALLEL", "NOT SUITABLE"]).sum())
    judged = runs[~runs["status"].isin(["BELOW RANGE", "ABOVE RANGE", "NOT SUITABLE"])]
    said = [s for s in dict.fromkeys(runs["suitability"]) if s != "ok"]
    row: dict[str, object] = {
        "lot": lot, "n_runs": len(usable), "n_refused": refused,
        "parallel": bool(len(judged)) and bool(judged["parallel"].all()),
        "suitability": "; ".join(said) or "ok",
    }  # fmt: skip
    if len(beyond) and not len(usable):
        if beyond["limit"].nunique() > 1:
            return row | {"status": "NOT TESTABLE", "reason": "runs lie beyond either end"}
        limit = str(beyond["limit"].iloc[0])
        bound = float(beyond["relative_potency"].agg("max" if limit == "<" else "min"))
        side = "less" if limit == "<" else "more"
        return row | {
            "limit": limit, "relative_potency": bound, "n_runs": len(beyond),
            "status": "BELOW RANGE" if limit == "<" else "ABOVE RANGE",
            "reason": f"lot {lot} has {side} than {bound:.3g} times the potency of the standard; "
            "its curve is not half way up within the doses tried",
        }  # fmt: skip
    if not len(usable):
        why = "; ".join(dict.fromkeys(runs["status"].str.lower()))
        return row | {"status": "NOT TESTABLE", "reason": f"no run can be used: {why}"}
    return row | _mean(lot, usable, len(beyond), refused)


def _mean(lot: str, usable: "pd.DataFrame", beyond: int, refused: int) -> dict[str, object]:
    log = np.log(usable["relative_potency"].to_numpy(dtype=float))
    both = combine_runs(log, usable["log_se"].to_numpy(dtype=float))
    value = float(np.exp(both.value))
    head = f"lot {lot} has {value:.3g} times the potency of the standard"
    tail = f"; {refused} further runs were refused" if refused else ""
    if len(usable) == 1:
        return {
            "relative_potency": value, "status": "ONE RUN",
            "reason": f"{head} in one run; an interval needs a second run{tail}",
        }  # fmt: skip
    total = float(log.std(ddof=1))
    status = "MIXED" if beyond else "ok"
    if beyond:
        tail += f"; {beyond} further runs lie beyond the doses and are not in the mean"
    low, high = float(np.exp(both.low)), float(np.exp(both.high))
    words = f"{head} (95 % interval {low:.3g} to {high:.3g}, {len(usable)} runs){tail}"
    return {
        "relative_potency": value, "low": low, "high": high,
        "between_run_cv": geometric_cv(both.between), "intermediate_cv": geometric_cv(total),
        "status": status, "reason": words,
    }  # fmt: skip


def _precision(
    lot: str, runs: "pd.DataFrame", nominal: dict[str, float]
) -> dict[str, object] | None:
    usable = runs[runs["status"] == "ok"]
    if len(usable) < 2:
        return None
    found = find_precision(np.log(usable["relative_potency"]), usable["log_se"])
    stated = nominal.get(lot, np.nan)
    return {
        "sample": lot, "n_runs": found.n_runs,
        "between_run_cv": geometric_cv(found.between), "within_run_cv": geometric_cv(found.within),
        "intermediate_cv": geometric_cv(found.total), "nominal": stated,
        "bias": 100 * (np.exp(found.mean) / stated - 1),
        "expected_low": np.exp(found.low), "expected_high": np.exp(found.high),
    }  # fmt: skip
