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


def beta_binomial_p(
    counts: Floats,
    totals: Floats,
    full: Floats,
    null: Floats,
    *,
    arms: NDArray[np.bool_] | None = None,
) -> float:
    r"""Likelihood-ratio test with a small-sample reference.

    Twice the log ratio :math:`G` becomes :math:`F = (e^{G/n} - 1)(n - p)/q`, referred to
    :math:`F(q, n - p)`: exact for a Gaussian response, and the chi-square for many units.

    Parameters
    ----------
    counts, totals
        Cells of the subset and all cells per unit, shape ``(n_units,)``.
    full, null
        Designs, the null one spanning part of the full one.
    arms
        Units of the test arm: then each arm has a precision of its own, and the reference has the
        degrees of freedom of two arms as small as the smaller one.

    Examples
    --------
    >>> x = np.c_[np.ones(8), np.repeat([0.0, 1.0], 4)]
    >>> y = np.array([20.0, 24, 18, 22, 60, 55, 65, 58])
    >>> beta_binomial_p(y, np.full(8, 200.0), x, x[:, :1]) < 0.01
    True
    """
    n, p = full.shape
    q = p - null.shape[1]
    spread = np.ones((n, 1)) if arms is None else np.column_stack([arms, ~arms]).astype(np.float64)
    gain = 2 * (_best(counts, totals, full, spread) - _best(counts, totals, null, spread))
    free = n - p
    if arms is not None:  # as if both arms were as small as the smaller one
        free = 2 * max(min(int(arms.sum()), int((~arms).sum())) - 1, 1)
        n = free + p
    return float(stats.f.sf(np.expm1(max(gain, 0.0) / n) * free / q, q, free))


def _best(counts: Floats, totals: Floats, design: Floats, spread: Floats) -> float:
    """Largest log likelihood over coefficients and precisions."""
    k = design.shape[1]
    share = (counts + 0.5) / (totals + 1)
    start = np.linalg.lstsq(design, logit(share), rcond=None)[0]

    def cost(theta: Floats) -> float:
        mean = np.clip(expit(design @ theta[:k]), 1e-10, 1 - 1e-10)
        precision = np.exp(spread @ theta[k:])
        a, b = mean * precision, (1 - mean) * precision
        return -float((betaln(counts + a, totals - counts + b) - betaln(a, b)).sum())

    bounds = [(-LIMIT, LIMIT)] * k + [LOG_PRECISION] * spread.shape[1]
    found = [
        minimize(
            cost,
            np.r_[np.clip(start, -LIMIT, LIMIT), np.full(spread.shape[1], s)],
            method="L-BFGS-B",
            bounds=bounds,
        )
        for s in (3.0, 7.0)
    ]
    return -min(float(f.fun) for f in found)
