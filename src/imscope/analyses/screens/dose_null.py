"""Null distribution of the F of a four-parameter curve, which a grid of bounds changes."""

import numpy as np

_POINTS = np.array([5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 24, 32, 48], dtype=np.float64)
_SCALE = np.array(
    [
        0.2233,
        0.5065,
        0.6925,
        0.7595,
        0.8249,
        0.9,
        0.9287,
        1.0118,
        1.0865,
        1.1385,
        1.1699,
        1.1781,
        1.2268,
    ]
)
_DN = np.array(
    [
        193.2282,
        5.7094,
        3.2853,
        3.9763,
        4.5053,
        4.2728,
        7.1827,
        6.1298,
        5.8748,
        5.369,
        5.2328,
        8.0339,
        6.9734,
    ]
)
_DD = np.array(
    [
        1.5348,
        2.635,
        3.7932,
        4.7043,
        5.4455,
        6.6297,
        6.6998,
        8.824,
        11.4586,
        15.6355,
        18.3839,
        15.8736,
        22.1298,
    ]
)


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
    The values were fitted to the upper half of simulated flat curves of each number of points by
    ``validation/fit_dose_null.py`` and are interpolated over 1 / n.

    Examples
    --------
    >>> scale, dn, dd = f_null(17)
    >>> scale > 0, dn > 0, dd > 0
    (True, True, True)
    """
    at = 1.0 / min(max(n, 5), 48)
    order = np.argsort(1 / _POINTS)
    x = (1 / _POINTS)[order]
    return tuple(float(np.interp(at, x, v[order])) for v in (_SCALE, _DN, _DD))  # type: ignore[return-value]
