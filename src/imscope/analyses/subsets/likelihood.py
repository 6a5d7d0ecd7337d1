"""Beta-binomial likelihood of one subset against the rest."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize
from scipy.special import betaln, expit, logit

Floats = NDArray[np.float64]

LIMIT = 30.0
"""Bound of every coefficient: beyond it a share is 0 or 1 to any digit that counts."""
LOG_PRECISION = (-2.0, 16.0)
"""Bounds of the log precision; at the upper one counts are binomial."""


def beta_binomial_p(counts: Floats, totals: Floats, full: Floats, null: Floats) -> float:
    r"""Likelihood-ratio test with a small-sample reference.

    Twice the log ratio :math:`G` becomes :math:`F = (e^{G/n} - 1)(n - p)/q`, referred to
    :math:`F(q, n - p)`: exact for a Gaussian response, and the chi-square for many units.

    Parameters
    ----------
    counts, totals
        Cells of the subset and all cells per unit, shape ``(n_units,)``.
    full, null
        Designs, the null one spanning part of the full one.

    Examples
    --------
    >>> x = np.c_[np.ones(8), np.repeat([0.0, 1.0], 4)]
    >>> y = np.array([20.0, 24, 18, 22, 60, 55, 65, 58])
    >>> beta_binomial_p(y, np.full(8, 200.0), x, x[:, :1]) < 0.01
    True
    """
    n, p = full.shape
    q = p - null.shape[1]
    gain = 2 * (_best(counts, totals, full) - _best(counts, totals, null))
    return float(stats.f.sf(np.expm1(max(gain, 0.0) / n) * (n - p) / q, q, n - p))


def _best(counts: Floats, totals: Floats, design: Floats) -> float:
    """Largest log likelihood over coefficients and precision."""
    share = (counts + 0.5) / (totals + 1)
    start = np.linalg.lstsq(design, logit(share), rcond=None)[0]

    def cost(theta: Floats) -> float:
        mean = np.clip(expit(design @ theta[:-1]), 1e-10, 1 - 1e-10)
        precision = np.exp(theta[-1])
        a, b = mean * precision, (1 - mean) * precision
        return -float((betaln(counts + a, totals - counts + b) - betaln(a, b)).sum())

    bounds = [(-LIMIT, LIMIT)] * design.shape[1] + [LOG_PRECISION]
    found = [
        minimize(cost, np.r_[np.clip(start, -LIMIT, LIMIT), s], method="L-BFGS-B", bounds=bounds)
        for s in (3.0, 7.0)
    ]
    return -min(float(f.fun) for f in found)
