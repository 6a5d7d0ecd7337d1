"""Means and quantiles of a mixture of normal distributions."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from imscope.analyses.dynamics.laplace import Fitted

Floats = NDArray[np.float64]


def describe(fitted: Fitted, rows: Floats, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Median and interval of linear functions of the parameters.

    Parameters
    ----------
    fitted
        The posterior.
    rows
        One function per row, shape ``(n_functions, n_parameters)``.
    confidence
        Of the interval.

    Returns
    -------
    middle, ends, sd
        Shapes ``(n_functions,)``, ``(2, n_functions)``, ``(n_functions,)``.
    """
    weight = np.array([n.weight for n in fitted.nodes])
    weight = weight / weight.sum()
    mean = np.array([rows @ n.mode.x for n in fitted.nodes])
    sd = np.array(
        [np.sqrt(np.einsum("fi,ij,fj->f", rows, n.covariance, rows)) for n in fitted.nodes]
    )
    tail = (1 - confidence) / 2
    middle, low, high = (_quantile(weight, mean, sd, q) for q in (0.5, tail, 1 - tail))
    centre = weight @ mean
    total = np.sqrt(weight @ (sd**2 + (mean - centre) ** 2))
    return middle, np.stack([low, high]), total


def _quantile(weight: Floats, mean: Floats, sd: Floats, q: float) -> Floats:
    """Bisect the distribution function of every function at once."""
    low, high = (mean - 9 * sd).min(axis=0), (mean + 9 * sd).max(axis=0)
    for _ in range(60):
        middle = (low + high) / 2
        below = weight @ norm.cdf((middle - mean) / sd) < q
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)
