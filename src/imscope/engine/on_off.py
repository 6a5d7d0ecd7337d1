"""Is a gene on in this cell: the likelihood of its count, knowing depth and ambient RNA."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]

PER = 10_000.0
"""Rates are per so many UMI of the cell."""


@dataclass(frozen=True)
class OnOffRates:
    """Expression of genes that are on and of genes that are off.

    Attributes
    ----------
    on
        Mean rate of a gene that is on, shape ``(n_genes,)``. Unit: UMI per 10,000 UMI.
    off
        Mean rate of a gene that is off, same shape and unit.
    on_shape, off_shape
        Shape of the gamma distribution of a rate among cells; the squared coefficient of
        variation is its inverse.
    """

    on: Floats
    off: Floats
    on_shape: float = 0.7
    off_shape: float = 0.5


def pooled_rates(n_genes: int, *, on: float = 3.0, off: float = 0.02) -> OnOffRates:
    """Give the same prior rates to every gene.

    Examples
    --------
    >>> pooled_rates(2).on
    array([3., 3.])
    """
    return OnOffRates(np.full(n_genes, on), np.full(n_genes, off))


def gamma_poisson_log(counts: Floats, mean: Floats, shape: Floats | float) -> Floats:
    r"""Log probability of counts under a gamma-Poisson law.

    .. math:: \log\frac{\Gamma(x+a)}{\Gamma(a)\,x!} + a\log\frac{a}{a+m} + x\log\frac{m}{a+m}

    Parameters
    ----------
    counts
        Whole numbers, any shape.
    mean
        Mean m, above zero, broadcast against ``counts``.
    shape
        Shape a; the variance is ``m + m**2 / a``.

    Examples
    --------
    >>> import numpy as np
    >>> gamma_poisson_log(np.array([0.0]), np.array([1.0]), 1.0).round(4)
    array([-0.6931])
    """
    # beyond 1e6 the law is Poisson to six digits, and differences of log-gammas lose theirs
    x, m, a = np.broadcast_arrays(counts, mean, np.minimum(shape, 1e6))
    out = -a * np.log1p(m / a)
    seen = x > 0
    xs, ms, as_ = x[seen], m[seen], a[seen]
    out[seen] += (
        gammaln(xs + as_) - gammaln(as_) - gammaln(xs + 1) + xs * (np.log(ms) - np.log(as_ + ms))
    )
    return np.asarray(out)


def on_off_log_likelihood(
    counts: Floats, depth: Floats, rates: OnOffRates, *, ambient: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Log probability of every count if its gene is on, and if it is off.

    Parameters
    ----------
    counts
        Shape ``(n_cells, n_genes)``. Unit: UMI.
    depth
        UMI of each cell over all genes, shape ``(n_cells,)``.
    rates
        Rates of the genes.
    ambient
        Expected rate of ambient counts, shape ``(n_genes,)``. Unit: UMI per 10,000 UMI.

    Returns
    -------
    on, off
        Each of shape ``(n_cells, n_genes)``.

    Notes
    -----
    The sum of a gamma-Poisson and a Poisson count is taken as gamma-Poisson with the mean and the
    variance of that sum. A gene that is off and abundant in the ambient RNA is then nearly Poisson.
    """
    scale = np.asarray(depth, dtype=np.float64)[:, None] / PER
    soup = scale * ambient
    out = []
    for rate, shape in ((rates.on, rates.on_shape), (rates.off, rates.off_shape)):
        own = scale * rate
        mean = own + soup
        out.append(gamma_poisson_log(counts, mean, shape * (mean / own) ** 2))
    return out[0], out[1]


def update_rates(
    rates: OnOffRates,
    counts: Floats,
    depth: Floats,
    chance: Floats,
    *,
    ambient: Floats | float = 0.0,
    weight: float = 20.0,
) -> OnOffRates:
    """Move the rates towards what cells show, shrunk to the prior.

    Parameters
    ----------
    rates
        Prior rates.
    counts, depth
        As in :func:`on_off_log_likelihood`.
    chance
        Chance that each gene is on in each cell, shape ``(n_cells, n_genes)``.
    ambient
        As in :func:`on_off_log_likelihood`.
    weight
        Cells that the prior of a gene that is on counts as; for a gene that is off ten times more.

    Returns
    -------
    rates
        A rate stays within a tenth and thirty times its prior when on, and a fifth and five times
        when off, so that a leak is never learned as ``on``.
    """
    shared = np.minimum(counts * PER / np.maximum(depth, 1.0)[:, None], 300.0)
    seen, rest = chance.sum(axis=0), (1 - chance).sum(axis=0)
    mean = (weight * rates.on + (chance * shared).sum(axis=0)) / (weight + seen)
    few = 10 * weight  # a leak is small: it takes more cells to change the prior
    own = np.maximum(shared - ambient, 0.0)
    leak = (few * rates.off + ((1 - chance) * own).sum(axis=0)) / (few + rest)
    return OnOffRates(
        np.clip(mean, rates.on / 10, rates.on * 30),
        np.clip(leak, rates.off / 5, rates.off * 5),
        rates.on_shape,
        rates.off_shape,
    )
