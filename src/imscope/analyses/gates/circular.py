"""Circular labels: a label that one protein alone gives back is a gate, not evidence for one."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

AREA = 0.999
"""Area under the ROC curve that one protein must reach in every donor ..."""
CUT_F1 = 0.985
"""... and F1 of its best single cut in every donor, for the label to look made by that protein."""
MIN_CELLS = 20
"""Target and other cells that a donor needs to speak."""


def circular_markers(
    values: Mapping[str, NDArray[np.float64]], target: NDArray[np.bool_], donor: NDArray[np.str_]
) -> list[str]:
    """Name the proteins that alone reproduce the label in every donor that can tell.

    Parameters
    ----------
    values
        Values by marker, each of shape ``(n_cells,)``, on any scale that keeps their order.
    target, donor
        Shape ``(n_cells,)``.
    """
    names = np.unique(donor)
    return [
        marker
        for marker, v in values.items()
        if (told := [s for d in names if (s := _told(v[donor == d], target[donor == d]))])
        and all(area >= AREA and f1 >= CUT_F1 for area, f1 in told)
    ]


def _told(v: NDArray[np.float64], y: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Area and F1 of the best cut, in the direction that suits; None with too few cells."""
    n1, n0 = int(y.sum()), int((~y).sum())
    if min(n1, n0) < MIN_CELLS or np.isnan(v).any():
        return None
    order = np.argsort(v, kind="stable")
    last = np.append(v[order][1:] != v[order][:-1], True)  # equal values stay together
    tp = np.cumsum(y[order])[last]
    fp = np.cumsum(~y[order])[last]
    area = float(np.trapezoid(np.append(0, tp) / n1, np.append(0, fp) / n0))
    below = 2 * tp / (tp + fp + n1)
    above = 2 * (n1 - tp) / np.maximum(n1 - tp + n0 - fp + n1, 1)
    return max(area, 1 - area), float(max(below.max(), above.max()))
