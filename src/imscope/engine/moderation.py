"""Variances of many things drawn towards their common value."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]


def squeeze(variance: Floats, df: float) -> tuple[float, float]:
    """Fit a scaled F to variances: the common variance and the weight it has.

    Parameters
    ----------
    variance
        Estimates, each with ``df`` degrees of freedom; those at zero are left out.
    df
        Degrees of freedom.

    Returns
    -------
    prior, df_prior
        ``df_prior`` is 0 with fewer than 3 positive variances (nothing is borrowed) and infinite
        when the variances differ no more than sampling explains.

    References
    ----------
    .. [1] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027

    Examples
    --------
    >>> squeeze(np.array([1.0, 1.0, 1.0, 1.0]), 6)[1]
    inf
    """
    known = variance[variance > 0]
    if len(known) < 3:
        return 0.0, 0.0
    e = np.log(known) - digamma(df / 2) + np.log(df / 2)
    spread = float(e.var(ddof=1) - polygamma(1, df / 2))
    if spread <= 0:
        return float(np.exp(e.mean())), float("inf")
    half = brentq(lambda h: float(polygamma(1, h)) - spread, 1e-8, 1e12)
    return float(np.exp(e.mean() + digamma(half) - np.log(half))), 2 * half
