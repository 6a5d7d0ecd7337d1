"""Probabilities adjusted for several tests: Holm, Benjamini and Hochberg, a fixed sequence."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """Adjust probabilities for several claims (Holm); NaN stays and is not counted.

    References
    ----------
    .. [1] Holm S (1979). Scand J Stat 6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, np.nan, 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return out


def in_sequence(p_values: ArrayLike) -> Floats:
    """Adjust claims tested in an order fixed before the data; NaN stays and is passed over.

    A claim is shown only when all before it are: its probability is the largest up to it. The
    first claim pays nothing for those behind it.

    References
    ----------
    .. [1] Maurer W, Hothorn LA, Lehmacher W (1995). In: Biometrie in der chemisch-pharmazeutischen
       Industrie 6:3-18 (tests in an order fixed beforehand).

    Examples
    --------
    >>> in_sequence([0.01, np.nan, 0.3, 0.02]).tolist()
    [0.01, nan, 0.3, 0.3]
    """
    p = np.asarray(p_values, dtype=np.float64)
    return np.where(np.isfinite(p), np.fmax.accumulate(p), np.nan)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjust for the false discovery rate over all finite entries; NaN stays NaN.

    References
    ----------
    .. [1] Benjamini Y, Hochberg Y (1995). J R Stat Soc B 57:289-300.
       doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, float("nan"), 0.03]).round(3)
    array([0.03, 0.04,  nan, 0.04])
    """
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    values = p[known]
    order = np.argsort(values, kind="stable")[::-1]
    scaled = values[order] * (len(values) / np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    out[known] = adjusted
    return out
