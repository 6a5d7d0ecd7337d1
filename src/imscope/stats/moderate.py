"""Linear models over many responses at once, with variances drawn towards their common value."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Least squares of every response on one design.

    Attributes
    ----------
    coefficients
        Shape ``(n_coefficients, n_responses)``.
    unscaled
        Inverse of the normal matrix, shape ``(n_coefficients, n_coefficients)``.
    variance
        Residual variance of each response, drawn towards the common one.
    df
        Degrees of freedom of the drawn variance; infinite when all responses share one.
    """

    coefficients: Floats
    unscaled: Floats
    variance: Floats
    df: float


def fit_moderated(responses: Floats, design: Floats) -> Fit:
    """Fit by least squares and squeeze the variances.

    Parameters
    ----------
    responses
        Shape ``(n_units, n_responses)``.
    design
        Full column rank, shape ``(n_units, n_coefficients)``, with residual degrees of freedom.

    References
    ----------
    .. [1] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027
    """
    unscaled = np.linalg.inv(design.T @ design)
    coefficients = unscaled @ design.T @ responses
    rest = len(design) - design.shape[1]
    variance = ((responses - design @ coefficients) ** 2).sum(axis=0) / rest
    prior, df_prior = squeeze(variance, rest)
    drawn = draw_towards(variance, rest, prior, df_prior)
    return Fit(coefficients, unscaled, drawn, df_prior + rest)


def squeeze(variance: Floats, df: int) -> tuple[float, float]:
    """Fit a scaled F to variances: the common variance and the weight it has.

    Returns
    -------
    prior, df_prior
        ``df_prior`` is 0 with fewer than 3 positive variances (nothing is borrowed) and infinite
        when the variances differ no more than sampling explains.

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


def draw_towards(variance: Floats, df: float, prior: float, df_prior: float) -> Floats:
    """Draw variances towards a common one that counts as so many degrees of freedom.

    Examples
    --------
    >>> draw_towards(np.array([1.0, 3.0]), 4, 2.0, 4.0).tolist()
    [1.5, 2.5]
    """
    if np.isinf(df_prior):
        return np.full_like(variance, prior)
    return np.asarray((df_prior * prior + df * variance) / (df_prior + df))


def moderated_f(fit: Fit, columns: list[int]) -> tuple[Floats, Floats]:
    """Moderated F (squared t for one column) of some coefficients, and its p value."""
    b = fit.coefficients[columns]
    middle = np.linalg.inv(fit.unscaled[np.ix_(columns, columns)])
    q = len(columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = np.einsum("ik,ij,jk->k", b, middle, b) / q / fit.variance
    p = stats.chi2.sf(f * q, q) if np.isinf(fit.df) else stats.f.sf(f, q, fit.df)
    return f, np.asarray(p, dtype=np.float64)
