"""Null distribution of the F of a four-parameter curve, which a grid of bounds changes."""

import numpy as np

POINTS = np.array([5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 24, 32, 48], dtype=np.float64)
"""Numbers of points for which flat curves were simulated."""
SCALE = np.array(
    [
        *(0.2629, 0.4985, 0.6744, 0.8551, 0.8551, 0.9234, 1.0399),
        *(1.1408, 1.1549, 1.1549, 1.1549, 1.2414, 1.2784),
    ]
)
"""Scale of F at these numbers, by its 95 % quantile."""
DN = 5.0
"""Degrees of freedom of the numerator that the upper tails of the simulated curves have."""


def dd_of(n: float) -> float:
    """Degrees of freedom of the denominator.

    Examples
    --------
    >>> round(dd_of(10), 1)
    6.6
    """
    return float(n) - 3.4


def f_null(n: int) -> tuple[float, float, float]:
    """Scale and degrees of freedom of F under a flat line with ``n`` points.

    Parameters
    ----------
    n
        Points of the curve.

    Returns
    -------
    scale, dn, dd
        F over ``scale`` follows an F distribution with ``dn`` and ``dd`` degrees of freedom.

    Notes
    -----
    The plain (3, n - 4) degrees are wrong, for the parameters are bounded and only partly free.
    The scale matches the 95 % quantile of simulated flat curves (``validation.fit_dose_null``) and
    is interpolated over 1 / n; beyond 48 points it stays.

    Examples
    --------
    >>> scale, dn, dd = f_null(17)
    >>> scale > 0, dn > 0, dd > 0
    (True, True, True)
    """
    at = 1.0 / min(max(n, 5), 48)
    order = np.argsort(1 / POINTS)
    scale = float(np.interp(at, (1 / POINTS)[order], SCALE[order]))
    return scale, DN, dd_of(max(n, 5))
