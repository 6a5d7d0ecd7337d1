"""Linear models over many subsets at once, with variances drawn towards their common value."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.engine.moderation import squeeze

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
    if np.isinf(df_prior):
        return Fit(coefficients, unscaled, np.full_like(variance, prior), float("inf"))
    drawn = (df_prior * prior + rest * variance) / (df_prior + rest)
    return Fit(coefficients, unscaled, drawn, df_prior + rest)


def moderated_f(fit: Fit, columns: list[int]) -> tuple[Floats, Floats]:
    """Moderated F (squared t for one column) of some coefficients, and its p value."""
    b = fit.coefficients[columns]
    middle = np.linalg.inv(fit.unscaled[np.ix_(columns, columns)])
    q = len(columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = np.einsum("ik,ij,jk->k", b, middle, b) / q / fit.variance
    p = stats.chi2.sf(f * q, q) if np.isinf(fit.df) else stats.f.sf(f, q, fit.df)
    return f, np.asarray(p, dtype=np.float64)
