"""Which number of a plan matters most: one at a time, and by variance (Sobol)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core.rng import spawn
from imscope.decisions.manufacture.bridge import read_bridge
from imscope.decisions.manufacture.lots import LEAST_SHARE, Lots, make_lots, uniform_draws
from imscope.decisions.manufacture.plan_file import Plan

TORNADO_LOTS = 8_000
SOBOL_POWER = 11
"""Points of the Sobol sequence by default: 2 to this power."""
ENDS = (0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Lever:
    """One number of a plan and what it moves.

    Attributes
    ----------
    parameter
        Its path.
    low, high
        Mean released doses per lot with the number at its 10 and 90 % point, all others drawn.
    cost_low, cost_high
        Cost per dose at the same points.
    first_order, total_effect
        Sobol indices of the expected released doses of a lot.
    """

    parameter: str
    low: float
    high: float
    cost_low: float
    cost_high: float
    first_order: float
    total_effect: float


def find_levers(plan: Plan, *, power: int = SOBOL_POWER, seed: int = 0) -> list[Lever]:
    """Rank the uncertain numbers of a plan by their total effect on doses.

    Parameters
    ----------
    plan
        The plan.
    power
        The Sobol sequence has ``2**power`` points.
    seed
        Of the draws.

    References
    ----------
    .. [1] Saltelli A et al. (2010). Comput Phys Commun 181:259-270. doi:10.1016/j.cpc.2009.09.018
    """
    names = parameters(plan)
    if not names:
        return []
    bridge = read_bridge(plan)
    bars = _tornado(plan, names, bridge, seed)
    index = None

    def doses(shares: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)
        n = inside.shape[1]
        values = {name: inside[k] for k, name in enumerate(names)}
        which = np.zeros(n, dtype=np.int64) if bridge is not None else index
        made = make_lots(plan, uniform_draws(n, values), bridge=bridge, index=which)
        return made.doses

    found: Any = stats.sobol_indices(
        func=doses, n=2**power, dists=[stats.uniform()] * len(names), rng=spawn(seed, "sobol")
    )
    first, total = np.atleast_1d(found.first_order), np.atleast_1d(found.total_order)
    levers = [
        Lever(name, *bars[k], _known(first[k]), _known(total[k])) for k, name in enumerate(names)
    ]
    return sorted(levers, key=lambda v: (-v.total_effect, v.parameter))


def parameters(plan: Plan) -> list[str]:
    """Paths of the numbers that differ between lots, and the spreads between donors and lots."""
    growth = plan.sections["process"]["growth"]
    spreads = [
        name
        for name, key in (("donor", "donor_cv"), ("lot", "lot_cv"))
        if growth["doubling_d"] is not None and growth[key].median > 0
    ]
    return [q.path for q in plan.quantities() if not q.path.startswith("demand.")] + spreads


def _known(value: float) -> float:
    """An index between 0 and 1; 0 when nothing varies."""
    return float(np.clip(value, 0.0, 1.0)) if np.isfinite(value) else 0.0


def _tornado(
    plan: Plan, names: list[str], bridge: Any, seed: int
) -> list[tuple[float, float, float, float]]:
    """Mean doses and cost per dose with each number at its ends, the others drawn once."""
    rng = spawn(seed, "tornado")
    shares = {name: rng.random(TORNADO_LOTS) for name in names}
    index = rng.integers(0, bridge.n_draws, TORNADO_LOTS) if bridge is not None else None
    out = []
    for name in names:
        ends = []
        for end in ENDS:
            values = shares | {name: np.full(TORNADO_LOTS, end)}
            made = make_lots(plan, uniform_draws(TORNADO_LOTS, values), bridge=bridge, index=index)
            ends.append((float(made.doses.mean()), _cost(made)))
        out.append((ends[0][0], ends[1][0], ends[0][1], ends[1][1]))
    return out


def _cost(made: Lots) -> float:
    total = float(made.doses.sum())
    return float(made.cost.sum()) / total if total > 0 else float("inf")
