"""Which experiment to do next: what resolves most uncertainty of the list for its cost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import stats

from imscope.analyses.regulators.grades import REACH_Z
from imscope.analyses.regulators.posterior import Channels, posterior
from imscope.analyses.regulators.ranking import Ranking
from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.schema import REGULATOR_NEXT

if TYPE_CHECKING:
    import pandas as pd

COSTS: Mapping[str, float] = {"knockout": 1.0, "compound": 0.5, "sort": 0.25}
KEY_Z = 4.0
"""z that a key regulator shows with 3 guides in 3 replicates, as in the simulated worlds."""
BASE = 9.0
NODES = 15


@dataclass(frozen=True, slots=True)
class NextSettings:
    """Choices of the next experiments.

    Attributes
    ----------
    budget
        Experiments to name.
    by
        ``uncertainty``: p(1 - p) per cost; ``gain``: expected rise of certainty over the results
        the screen can give, which counts power too.
    guides, replicates
        Of the planned experiment.
    """

    budget: int = 8
    by: Literal["uncertainty", "gain"] = "uncertainty"
    guides: int = 3
    replicates: int = 3

    def __post_init__(self) -> None:
        if self.budget < 1 or self.guides < 1 or self.replicates < 1:
            raise UsageError(
                "the number of experiments, guides and replicates starts at 1",
                found=str(asdict(self)),
                fix="give whole numbers from 1",
                code=codes.REGULATORS_OPTION,
            )
        if self.by not in ("uncertainty", "gain"):
            raise UsageError(
                f"experiments are not chosen by {self.by!r}",
                fix="uncertainty or gain",
                code=codes.REGULATORS_OPTION,
            )


def power_of(guides: int, replicates: int) -> float:
    """Chance to see a key regulator at 5 %, two-sided; the error falls with guides x replicates.

    Examples
    --------
    >>> round(power_of(3, 3), 2), power_of(1, 1) < 0.3
    (0.98, True)
    """
    z = KEY_Z * np.sqrt(guides * replicates / BASE)
    return float(stats.norm.sf(1.96 - z) + stats.norm.cdf(-1.96 - z))


def expected_gain(channels: Channels, row: int, before: float, *, z_key: float) -> float:
    """Expected rise of max(p, 1 - p) by a screen of one regulator.

    The screen's z is about ``z_key`` in the direction of the activity if it is key, about zero if
    not; each possible result is joined with the other channels by the frozen model.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    sign = float(np.sign(channels.activity[row])) or 1.0
    n = 2 * NODES
    z = sign * np.concatenate([z_key + nodes, nodes])
    power = float(stats.norm.sf(1.96 - z_key))
    after = posterior(
        Channels(
            np.full(n, channels.activity[row]), np.full(n, channels.expression[row]),
            np.full(n, channels.reach[row]), z, np.full(n, power),
        )
    )  # fmt: skip
    chance = np.concatenate([before * weights, (1 - before) * weights])
    return float((chance * np.maximum(after, 1 - after)).sum() - max(before, 1 - before))


def next_experiments(
    ranking: Ranking,
    regulators: tuple[str, ...],
    *,
    compounds: "pd.DataFrame | None" = None,
    costs: Mapping[str, float] | None = None,
    settings: NextSettings | None = None,
) -> "pd.DataFrame":
    """Name the experiments that would change the list most for their cost.

    Parameters
    ----------
    ranking
        Of :func:`rank`.
    regulators
        Names in the order of its channels: ``activity.regulators``.
    compounds
        ``regulator``, ``compound``, ``mode`` (raise or lower) of compounds at hand.
    costs
        Relative cost of ``knockout``, ``compound`` and ``sort``.
    settings
        Choices.

    Returns
    -------
    table
        As declared in ``regulator_next``. A family is named once; what was tested with power 0.8
        is not named again; a marker that differs is sorted before anything is knocked out.

    Raises
    ------
    UsageError
        A setting is out of range or a cost not positive.
    """
    chosen = settings or NextSettings()
    prices = {**COSTS, **(costs or {})}
    if any(v <= 0 for v in prices.values()):
        raise UsageError(
            "a cost must be positive", found=str(prices), fix="give relative costs above 0",
            code=codes.REGULATORS_OPTION,
        )  # fmt: skip
    table = ranking.table
    place = {n: k for k, n in enumerate(regulators)}
    at_hand = {} if compounds is None else _compounds(compounds)
    z_key = KEY_Z * float(np.sqrt(chosen.guides * chosen.replicates / BASE))
    rows: list[dict[str, Any]] = []
    for row in table.to_dict("records"):
        p = float(row["posterior"])
        tested = np.isfinite(row["screen_z"]) and not row["screen_power"] < 0.8
        if row["kind"] != "regulator" or not np.isfinite(p) or tested or row["veto"]:
            continue
        name = str(row["regulator"])
        compound = at_hand.get(name)
        cost = prices["compound" if compound else "knockout"]
        gain = p * (1 - p)
        if chosen.by == "gain":
            gain = expected_gain(ranking.channels, place[name], p, z_key=z_key)
        rows.append(_experiment(row, compound, gain, cost, chosen))
    rows.sort(key=lambda r: (-r["gain"] / r["cost"], r["regulator"]))
    family = dict(zip(table["regulator"], table["family"], strict=True))
    once: dict[str, dict[str, Any]] = {}
    for r in rows:
        once.setdefault(str(family[r["regulator"]]), r)
    best = list(once.values())
    markers = [_sort(row, prices["sort"]) for row in table.to_dict("records")
               if row["kind"] == "surface"]  # fmt: skip
    picked = [*markers[:1], *best][: chosen.budget] if best else markers[: chosen.budget]
    return REGULATOR_NEXT.frame({**r, "rank": k + 1} for k, r in enumerate(picked))


def _compounds(table: "pd.DataFrame") -> dict[str, str]:
    names = table.drop_duplicates("regulator")
    return dict(zip(names["regulator"].astype(str), names["compound"].astype(str), strict=True))


def _experiment(
    row: Mapping[Any, Any], compound: str | None, gain: float, cost: float, chosen: NextSettings
) -> dict[str, Any]:
    """One experiment in words."""
    name = str(row["regulator"])
    if compound:
        what = f"{compound} at {max(2, chosen.guides)} doses, {chosen.replicates} replicates"
        controls = "vehicle; viability at each dose"
    else:
        where = "the group of interest" if row["effect"] > 0 else "the other cells"
        what = (
            f"knock-out of {name} in {where}, {chosen.guides} guides, "
            f"{chosen.replicates} replicates"
        )
        controls = "3 non-targeting guides; guides of a gene known to move the programme"
    near = abs(float(row["reach_z"])) < REACH_Z
    changes = "moves as said with q <= 0.05: causal here; no effect with power: contradicted"
    return {
        "experiment": what, "regulator": name, "gain": gain, "cost": cost,
        "power": power_of(chosen.guides, chosen.replicates),
        "readout": "programme score and coordinated heterogeneity" if near else "programme score",
        "controls": controls, "changes": changes,
    }  # fmt: skip


def _sort(row: Mapping[Any, Any], cost: float) -> dict[str, Any]:
    """Sort on a marker: the cheapest test of whether it marks the group."""
    name = str(row["regulator"])
    gate = f" with gate {row['gate']}" if row["gate"] else ""
    return {
        "experiment": f"sort on {name}{gate} and score again", "regulator": name,
        "gain": float("nan"), "cost": cost, "power": float("nan"),
        "readout": "programme score of sorted fractions", "controls": "unsorted cells; isotype",
        "changes": "stays a marker: a sort shows that it marks the group, not that it moves it",
    }  # fmt: skip
