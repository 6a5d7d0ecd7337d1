"""A plan in words and tables."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from imscope.core.schema.declare import Table
from imscope.decisions.manufacture import tables as declared

if TYPE_CHECKING:
    import pandas as pd

    from imscope.decisions.manufacture.planner import PlanResult

BINS = 30


def plan_sentences(result: "PlanResult") -> list[str]:
    """The answer of a plan in words."""
    c, demand = result.content(), result.plan.sections["demand"]
    doses, cost, weeks = c["doses_per_lot"], c["cost_per_dose"], c["weeks"]
    lines = [
        f"{result.plan.name}: a lot gives {doses['p50']:,.0f} released doses (5 to 95 %: "
        f"{doses['p5']:,.0f} to {doses['p95']:,.0f}); {100 * c['p_release']:.0f} % of lots are "
        f"released, {weeks['p50']:.1f} weeks after their start.",
    ]
    if demand["doses"] is not None:
        need, chance = c["lots_needed"], 100 * demand["probability"].median
        words = f"{demand['doses']:,} doses with a chance of {chance:.0f} %"
        lines.append(
            f"{words}: no number of lots gives them."
            if need is None
            else f"{words}: {need:,} lots from {c['sources_needed']:,} donors or vials, "
            f"{weeks['all_lots']:,.0f} weeks in {result.plan.sections['facility']['suites']} rooms."
        )
        if demand["horizon_weeks"] is not None and c["p_target"] is not None:
            lines.append(
                f"Within {demand['horizon_weeks'].median:g} weeks {result.campaign.lots} lots can "
                f"be released, which gives the doses with a chance of {100 * c['p_target']:.0f} %."
            )
    if cost["p50"] is not None:
        lines.append(
            f"A released dose costs {cost['p50']:,.0f} {cost['currency']} (5 to 95 % of "
            f"campaigns: {cost['p5']:,.0f} to {cost['p95'] or float('inf'):,.0f})."
        )
    for name, v in c["composition"].items():
        lines.append(
            f"{100 * v['mean']:.0f} % of the dose is {name} (5 to 95 %: {100 * v['p5']:.0f} to "
            f"{100 * v['p95']:.0f}), by the rates that were fitted."
        )
    if result.levers:
        top = ", ".join(f"{v.parameter} ({v.total_effect:.2f})" for v in result.levers[:5])
        lines.append(f"Most of the spread of doses comes from: {top} (Sobol total effect).")
    return lines


def plan_tables(result: "PlanResult") -> "dict[str, pd.DataFrame]":
    """Every table of a plan by name; the name of the process stands in the first column."""
    made: list[tuple[Table, Iterable[dict[str, Any]]]] = [
        (declared.MANUFACTURE_STEPS, _steps(result)),
        (declared.MANUFACTURE_DOSES, _doses(result)),
        (declared.MANUFACTURE_LEVERS, (_known(asdict(lever)) for lever in result.levers)),
        (declared.MANUFACTURE_COSTS, _costs(result)),
        (declared.MANUFACTURE_SCHEDULE, _schedule(result)),
        (declared.MANUFACTURE_INPUTS, _inputs(result)),
    ]
    return {
        table.name: table.frame({"process": result.plan.name, **row} for row in rows)
        for table, rows in made
    }


def _inputs(result: "PlanResult") -> Iterator[dict[str, Any]]:
    for q in result.plan.every():
        if np.isfinite(q.median):
            named = {"parameter": q.path, "value": q.text, "median": q.median}
            yield {**named, "source": q.source, "status": q.status}


def _steps(result: "PlanResult") -> Iterator[dict[str, Any]]:
    for k, (name, cells) in enumerate(result.lots.steps.items(), 1):
        low, middle, high = np.quantile(cells, [0.05, 0.5, 0.95]).tolist()
        yield {"order": k, "step": name, "cells_p5": low, "cells_p50": middle, "cells_p95": high}


def _doses(result: "PlanResult") -> Iterator[dict[str, Any]]:
    doses = result.lots.doses
    top = max(float(np.quantile(doses, 0.995)), 1.0)
    width = max(1.0, np.ceil(top / BINS))
    edges = np.append(np.arange(0.0, top + width, width), np.inf)
    counts = np.bincount(np.searchsorted(edges, doses, side="right") - 1, minlength=len(edges) - 1)
    for low, n in zip(edges[:-1].tolist(), counts.tolist(), strict=False):
        yield {"low": low, "high": low + width, "frac": n / len(doses)}


def _costs(result: "PlanResult") -> Iterator[dict[str, Any]]:
    mean = float(result.lots.doses.mean())
    for part, cost in result.lots.parts.items():
        yield {"part": part, "cost": cost, "per_dose": cost / mean if mean > 0 else np.nan}


def _schedule(result: "PlanResult") -> Iterator[dict[str, Any]]:
    day = 0.0
    for step, days in result.lots.timeline:
        yield {"step": step, "start_d": day, "end_d": day + days}
        day += days


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {k: np.nan if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}
