"""Values of a plan for many lots: fixed numbers stay numbers, distributions are drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imscope.decisions.manufacture.literals import Quantity

Floats = NDArray[np.float64]


class Draws:
    """Values of a plan for some lots: fixed numbers stay numbers, others are drawn.

    Parameters
    ----------
    share
        Gives shares of the distribution of a quantity, one per lot.
    normal
        Gives standard normal values under a name: ``donor`` and ``lot``.
    n
        Lots.
    rng
        Draws whole numbers; without it their means are taken.
    """

    def __init__(
        self,
        share: Callable[[Quantity], Floats],
        normal: Callable[[str], Floats],
        n: int,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.share, self.normal, self.n, self.rng = share, normal, n, rng
        self.cache: dict[str, Floats] = {}

    def __call__(self, quantity: Quantity) -> "Floats | float":
        """Values of one quantity, the same whenever it is asked for."""
        if quantity.fixed:
            return quantity.median
        if quantity.path not in self.cache:
            self.cache[quantity.path] = quantity.draw(self.share(quantity))
        return self.cache[quantity.path]

    def poisson(self, mean: Any) -> Any:
        """Whole numbers of rare events, one per lot."""
        if self.rng is None:
            return mean
        return self.rng.poisson(np.minimum(mean, 1e15) * np.ones(self.n)).astype(np.float64)
