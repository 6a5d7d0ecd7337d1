"""Are two curves of one shape: equivalence of steepness, span and lower asymptote."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.potency.curves import Curve

Floats = NDArray[np.float64]
LEVEL = 0.90
"""Of each interval: two one-sided tests of 5 %."""


@dataclass(frozen=True, slots=True)
class Margins:
    """How far shapes may lie apart and still count as parallel; set before the data.

    Attributes
    ----------
    slope, span
        Ratios of steepness and of span, lower and upper end.
    floor
        Difference of the lower asymptotes, of the standard's span, either side.
    """

    slope: tuple[float, float] = (0.70, 1.43)
    span: tuple[float, float] = (0.80, 1.25)
    floor: float = 0.10


@dataclass(frozen=True, slots=True)
class Shape:
    """Ratio of steepness, ratio of span and shift of the floor, each with its interval."""

    slope: tuple[float, float, float]
    span: tuple[float, float, float]
    floor: tuple[float, float, float]

    def within(self, margins: Margins) -> bool:
        """Whether every interval that is known lies within its margin.

        Examples
        --------
        >>> one = (1.0, 0.9, 1.1)
        >>> Shape(one, one, (0.0, -0.02, 0.02)).within(Margins())
        True
        >>> Shape((1.0, 0.5, 2.0), one, (0.0, 0.0, 0.0)).within(Margins())
        False
        """
        inside = [margins.slope[0] <= self.slope[1] and self.slope[2] <= margins.slope[1]]
        if np.isfinite(self.span[0]):
            inside.append(margins.span[0] <= self.span[1] and self.span[2] <= margins.span[1])
            inside.append(-margins.floor <= self.floor[1] and self.floor[2] <= margins.floor)
        return all(inside)


def compare_shapes(standard: Curve, lot: Curve) -> Shape:
    """Compare the shapes of two curves that were fitted apart.

    Notes
    -----
    A difference that is not significant is no proof of equal shape, and with precise data a
    difference that does not matter is significant: so intervals are held against margins.

    References
    ----------
    .. [1] Yang H et al. (2012). PDA J Pharm Sci Technol 66:262-269. doi:10.5731/pdajpst.2012.00867
    """
    nan3 = (float("nan"),) * 3
    t = float(stats.t.ppf(0.5 + LEVEL / 2, max(standard.df + lot.df, 1)))
    if len(standard.shape) == 1:
        a, b = standard.shape[0], lot.shape[0]
        error = np.sqrt(standard.covariance[0, 0] / a**2 + lot.covariance[0, 0] / max(b**2, 1e-300))
        return Shape(_ratio(b / a, float(error), t), nan3, nan3)
    va, vb = standard.covariance, lot.covariance
    slope = _ratio(np.exp(lot.shape[2] - standard.shape[2]), float(np.sqrt(va[2, 2] + vb[2, 2])), t)
    a, b = standard.shape[1], lot.shape[1]
    span = _ratio(b / a, float(np.sqrt(va[1, 1] / a**2 + vb[1, 1] / max(b**2, 1e-300))), t)
    shift = float((lot.shape[0] - standard.shape[0]) / abs(a))
    error = float(np.sqrt(va[0, 0] + vb[0, 0]) / abs(a))
    return Shape(slope, span, (shift, shift - t * error, shift + t * error))


def _ratio(value: float, log_error: float, t: float) -> tuple[float, float, float]:
    if not value > 0:  # the curves run in opposite directions
        return float(value), -np.inf, np.inf
    half = min(t * log_error, 50.0)  # a curve that is flat has any steepness
    return float(value), float(value * np.exp(-half)), float(value * np.exp(half))
