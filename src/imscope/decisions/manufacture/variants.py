"""Growth variants: how far a faster clone can get in a bank or lot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from imscope.decisions.manufacture.draws import Draws
    from imscope.decisions.manufacture.passage import Culture


def variant_fraction(start: Any, advantage_per_d: Any, days: Any) -> Any:
    r"""Share of a variant after some days.

    .. math:: f_t = \frac{f_0 e^{s t}}{1 - f_0 + f_0 e^{s t}}

    Parameters
    ----------
    start
        Share at the beginning, any shape.
    advantage_per_d
        Extra growth rate of the variant. Unit: per day.
    days
        Time.

    Examples
    --------
    >>> round(float(variant_fraction(1e-6, 0.5, 20)), 4)
    0.0216
    """
    f = np.clip(np.asarray(start, dtype=np.float64), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.where(f <= 0, 0.0, expit(np.log(f) - np.log1p(-f) + advantage_per_d * days))


def variant_share(
    variant: Mapping[str, Any] | None,
    draws: "Draws",
    expanded: tuple[Any, Any],
    culture: "Culture",
) -> Any:
    r"""Share of growth variants at the end of a lot, from those that arose while iPSC divided.

    .. math:: f_0 = \mathrm{Poisson}(\mu \cdot \mathrm{divisions}) / N

    They are given the time of the whole lot to grow, which errs on the cautious side.

    Parameters
    ----------
    variant
        Section of the plan, or nothing.
    draws
        Values of the plan.
    expanded
        Divisions of the iPSC, and their number at the end.
    culture
        The lots.
    """
    if variant is None:
        return 0.0
    divisions, cells = expanded
    arisen = draws.poisson(draws(variant["mutations_per_division"]) * divisions)
    share = arisen / np.maximum(cells, 1.0)
    return variant_fraction(share, draws(variant["advantage_per_d"]), culture.days)
