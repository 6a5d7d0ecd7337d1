"""The bridge from fits of one's own passages: rates and senescence with their uncertainty."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from imscope.core.rng import spawn
from imscope.decisions.manufacture.plan_file import Plan

Floats = NDArray[np.float64]
DRAWS = 2_000
Z = 1.959963984540054


@dataclass(frozen=True)
class Bridge:
    """Draws of fitted rates and of a senescence curve.

    Attributes
    ----------
    subsets
        Names; empty when only senescence is fitted.
    start
        Shares in the first passage, ``(n_subsets,)``.
    growth
        Rates per day, ``(n_draws, n_subsets)``.
    conversion
        Change per day from row to column, ``(n_draws, n_subsets, n_subsets)``; rows sum to 0.
    curve
        Senescent share by passage: passages, and draws ``(n_draws, n_passages)``; or nothing.
    passage_start
        Number of the first passage of the plan on that curve.
    """

    subsets: tuple[str, ...]
    start: Floats
    growth: Floats
    conversion: Floats
    curve: tuple[Floats, Floats] | None
    passage_start: int

    @property
    def n_draws(self) -> int:
        """Draws there are."""
        return DRAWS

    def senescent(self, passage: int, index: "NDArray[np.int64] | None") -> Floats:
        """Senescent share after a passage of the plan, one value per lot."""
        if self.curve is None or index is None:
            return np.zeros(0 if index is None else len(index))
        at, values = self.curve
        now = self.passage_start + max(passage - 1, 0)
        column = np.array([np.interp(now, at, row) for row in values])
        return np.asarray(column[index])


def read_bridge(plan: Plan) -> Bridge | None:
    """Read the fits a plan names; nothing when it names none."""
    growth, senescence = plan.sections["process"]["growth"], plan.sections["process"]["senescence"]
    if growth["from"] is None and senescence is None:
        return None
    folder = Path(plan.path).parent
    subsets: tuple[str, ...] = ()
    start = rates = np.zeros((DRAWS, 0))
    change = np.zeros((DRAWS, 0, 0))
    if growth["from"] is not None:
        subsets, start, rates, change = _rates(plan, growth, folder)
    curve, first = None, 1
    if senescence is not None:
        curve = _curve(plan, folder / senescence["from"])
        first = senescence["passage_start"]
    return Bridge(subsets, start, rates, change, curve, first)


def _rates(
    plan: Plan, growth: Mapping[str, Any], folder: Path
) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
    path = "process.growth.from"
    fit = _load(plan, folder / growth["from"], path, "growth")
    rows = fit["growth"]
    if any(bool(r.get("relative")) for r in rows):
        raise plan.wrong(
            path, "holds relative rates only, which give no doubling time", growth["from"],
            "fit with totals (harvested and seeded cells), or give doubling_d",
        )  # fmt: skip
    names = tuple(str(r["subset"]) for r in rows)
    given = growth["start_composition"] or ({names[0]: 1.0} if len(names) == 1 else {})
    if set(given) != set(names) or not np.isclose(sum(given.values()), 1.0):
        raise plan.wrong(
            "process.growth.start_composition", "should give each subset of the fit its share",
            f"{given or 'nothing'}; subsets of the fit: {', '.join(names)}",
            "write start_composition: {A: 0.7, B: 0.3}",
        )  # fmt: skip
    rng = spawn(0, "bridge")
    rates = np.stack([_normal(plan, r, path, rng) for r in rows], axis=1)
    k = len(names)
    change = np.zeros((DRAWS, k, k))
    for r in fit.get("conversion", []):
        i, j = names.index(str(r["from"])), names.index(str(r["to"]))
        q = np.maximum(_normal(plan, r, path, rng), 0.0)
        change[:, i, j] += q
        change[:, i, i] -= q
    return names, np.array([given[n] for n in names]), rates, change


def _normal(plan: Plan, row: Mapping[str, Any], path: str, rng: np.random.Generator) -> Floats:
    """Draws of one rate from its interval; a rate the data do not give is refused."""
    name = row.get("subset") or f"{row.get('from')} to {row.get('to')}"
    low, high, middle = row.get("low"), row.get("high"), row.get("rate_per_day")
    if middle is None or not row.get("identified", True) or low is None or high is None:
        raise plan.wrong(
            path, f"does not know the rate of {name}: these data do not identify it", str(row),
            "measure what `imscope dynamics design` suggests, or give doubling_d",
        )  # fmt: skip
    sd = max(float(high) - float(low), 0.0) / (2 * Z)
    return float(middle) + sd * rng.standard_normal(DRAWS)


def _curve(plan: Plan, path: Path) -> tuple[Floats, Floats]:
    where = "process.senescence.from"
    rows = _load(plan, path, where, "curve")["curve"]
    at = np.array([float(r["passage"]) for r in rows])
    if len(at) < 2 or (np.diff(at) <= 0).any():
        raise plan.wrong(where, "needs a curve over at least two passages in order", path.name)
    ends = [np.clip([float(r[k]) for r in rows], 1e-6, 1 - 1e-6) for k in ("median", "low", "high")]
    middle, low, high = (logit(v) for v in ends)
    sd = np.maximum(high - low, 0.0) / (2 * Z)
    z = spawn(0, "senescence bridge").standard_normal(DRAWS)[:, None]
    return at, expit(middle + z * sd)


def _load(plan: Plan, path: Path, where: str, key: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ValueError(f"no list {key!r}")
        if not content[key]:
            raise ValueError(f"{key!r} is empty: {content.get('status') or content.get('reason')}")
    except (OSError, ValueError) as error:
        raise plan.wrong(
            where, "names a file that is no result of `imscope dynamics`", f"{path.name}: {error}",
            "write it with `imscope dynamics fit --json` or `forecast --json`",
        ) from None  # fmt: skip
    return content
