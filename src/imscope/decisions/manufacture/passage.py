"""One passage: attachment, lag, logistic growth to the harvest density, losses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from imscope.decisions.manufacture.bridge import Bridge
from imscope.decisions.manufacture.plan_check import HARVEST, unit_of

if TYPE_CHECKING:
    from imscope.decisions.manufacture.draws import Draws

LN2 = float(np.log(2))
PIECES = 12
"""Steps in which the composition of a passage is followed."""


@dataclass
class Culture:
    """Lots while they are grown; every value is a number or one per lot.

    Attributes
    ----------
    cells, doublings, days
        Now.
    timeline
        Steps and their median days.
    doubling_d
        Of each lot, or nothing when rates are fitted.
    bridge, index
        Fitted rates, and the draw each lot has.
    n
        Lots.
    """

    cells: Any
    doublings: Any
    days: Any
    doubling_d: Any
    bridge: Bridge | None
    index: NDArray[np.int64] | None
    n: int
    composition: "NDArray[np.float64] | None" = None
    timeline: list[tuple[str, float]] = field(default_factory=list)
    above: float = 0.0
    passage: int = 0

    def start_composition(self) -> None:
        """Shares of the subsets at the start, where rates are fitted."""
        if self.bridge is not None and self.bridge.subsets:
            self.composition = np.tile(self.bridge.start, (self.n, 1))

    def rate(self) -> Any:
        """Growth rate per day before senescence."""
        if self.doubling_d is not None:
            return LN2 / self.doubling_d
        bridge, index = self._fitted()
        return np.einsum("ij,ij->i", self.composition, bridge.growth[index])  # type: ignore[arg-type]

    def _fitted(self) -> "tuple[Bridge, NDArray[np.int64]]":
        if self.bridge is None or self.index is None:
            raise RuntimeError("a culture has neither a doubling time nor fitted rates")
        return self.bridge, self.index

    def convert(self, days: Any) -> None:
        """Follow the composition for some days."""
        if self.composition is None:
            return
        bridge, index = self._fitted()
        step = np.asarray(days, dtype=np.float64)[..., None] / PIECES
        growth, change = bridge.growth[index], bridge.conversion[index]

        def slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(x * growth + np.einsum("ij,ijk->ik", x, change))

        x = self.composition
        for _ in range(PIECES):  # classical Runge-Kutta of fourth order
            a = slope(x)
            b = slope(x + step / 2 * a)
            c = slope(x + step / 2 * b)
            x = np.maximum(x + step / 6 * (a + 2 * b + 2 * c + slope(x + step * c)), 0.0)
            x = x / x.sum(axis=1, keepdims=True)
        self.composition = x

    def senescence(self, process: Mapping[str, Any]) -> Any:
        """Share of senescent cells now: fitted, or logistic in the doublings."""
        if self.bridge is not None and self.bridge.curve is not None:
            return self.bridge.senescent(self.passage, self.index)
        growth = process["growth"]
        half, width = growth["lifespan_pd"], growth["senescence_width_pd"]
        if not np.isfinite(half.median):
            return np.zeros(self.n)
        return expit((self.doublings - self.lifespan(half)) / width.median)

    def lifespan(self, half: Any) -> Any:
        """Doublings at which half of the cells are senescent, one value per lot."""
        return self._lifespan if self._lifespan is not None else half.median

    _lifespan: Any = None

    def shares(self) -> dict[str, tuple[float, float, float]]:
        """Mean and 5 and 95 % points of each subset's share."""
        if self.composition is None or self.bridge is None:
            return {}
        low, high = np.quantile(self.composition, [0.05, 0.95], axis=0)
        mean = self.composition.mean(axis=0)
        return {
            name: (float(mean[k]), float(low[k]), float(high[k]))
            for k, name in enumerate(self.bridge.subsets)
        }


def grow_passage(
    culture: Culture,
    passage: Mapping[str, Any],
    growth: Mapping[str, Any],
    draws: "Draws",
    *,
    number: int,
) -> dict[str, Any]:
    r"""Grow one passage in place; what it used.

    .. math:: x(t) = \frac{K}{1 + (K / x_0 - 1) e^{-\mu (t - \mathrm{lag})}}

    with :math:`\mu = (\ln 2 / t_d)(1 - S)`. The passage is harvested at its density or at its last
    day, whichever comes first.
    """
    unit = unit_of(passage)
    seed, limit = draws(passage["seed_per_" + unit]), draws(passage["limit_per_" + unit])
    given = passage["harvest_per_" + unit]
    harvest = HARVEST * limit if given is None else np.minimum(draws(given), 0.999 * limit)
    largest, per_litre = _largest(passage, draws, unit)
    size = np.minimum(culture.cells / seed, largest)  # cm2 or ml
    attached = draws(passage["attach_frac"]) * draws(passage["transfer_frac"])
    start = seed * attached
    if culture._lifespan is None and np.isfinite(growth["lifespan_pd"].median):
        culture._lifespan = draws(growth["lifespan_pd"])
    old = culture.senescence({"growth": growth})
    rate = culture.rate() * (1 - old)
    lag, most = draws(passage["lag_d"]), draws(passage["t_max_d"])
    with np.errstate(divide="ignore", invalid="ignore"):
        need = lag + np.log((limit / start - 1) / (limit / harvest - 1)) / np.maximum(rate, 1e-12)
    stuck = start >= harvest
    time = np.where(stuck, 0.0, np.minimum(np.where(rate > 0, need, most), most))
    grown = np.maximum(time - lag, 0.0)
    density = limit / (1 + (limit / start - 1) * np.exp(-np.maximum(rate, 0.0) * grown))
    fold = np.where(stuck, 1.0, density / start)
    culture.above += float(np.mean(stuck))
    culture.convert(grown)
    culture.cells = size * start * fold * draws(passage["recovery_frac"])
    culture.doublings = culture.doublings + np.log2(fold)
    culture.days = culture.days + time
    culture.passage = number
    culture.timeline.append((passage["name"] or f"passage {number}", float(np.median(time))))
    changes = draws(passage["media_changes"])
    per_size = draws(passage["media_ml_per_cm2"]) if unit == "cm2" else 1.0
    used: dict[str, Any] = {"media_l": size * per_size * changes / 1000, "days": time}
    used["vessel_cm2"] = size if passage["vessel"] == "planar" else 0.0
    litres = size / per_litre if passage["vessel"] == "microcarrier" else size / 1000
    used["reactor_l"] = 0.0 if passage["vessel"] == "planar" else litres
    carriers = passage["carrier_g_per_l"]
    used["carrier_g"] = 0.0 if carriers is None or unit == "ml" else litres * draws(carriers)
    return used


def _largest(passage: Mapping[str, Any], draws: "Draws", unit: str) -> tuple[Any, Any]:
    """Most cm2 or ml there are, and cm2 per litre of microcarriers."""
    volume = draws(passage["volume_max_ml"])
    if unit == "ml":
        return volume, 1.0
    area = draws(passage["area_max_cm2"])
    if passage["vessel"] != "microcarrier":
        return area, 1.0
    per_litre = draws(passage["carrier_g_per_l"]) * draws(passage["carrier_cm2_per_g"])
    return np.minimum(area, volume / 1000 * per_litre), per_litre
