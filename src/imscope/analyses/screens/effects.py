"""Effect of a gene from its guides: a random-effects mean with an honest interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GeneEffects:
    """One value per gene; NaN where nothing was tested."""

    n_guides: NDArray[np.int64]
    effect: Floats
    low: Floats
    high: Floats
    concordance: Floats
    without_top: Floats


def pool_guides(
    effect: Floats, sd: Floats, gene: NDArray[np.int64], n_genes: int, *, level: float = 0.95
) -> GeneEffects:
    """Pool guides by DerSimonian and Laird, with the interval of Knapp and Hartung.

    Parameters
    ----------
    effect, sd
        Of each guide, shape ``(n_guides,)``.
    gene
        Number of its gene.
    n_genes
        How many genes there are.
    level
        Of the interval.

    Returns
    -------
    effects
        The interval has t quantiles with n - 1 degrees of freedom, so two guides give a wide one
        and one guide gives none. ``concordance`` is the share of guides that point the way of the
        gene, ``without_top`` the effect without the guide farthest out in that way.

    References
    ----------
    .. [1] DerSimonian R, Laird N (1986). Control Clin Trials 7:177-188.
       doi:10.1016/0197-2456(86)90046-2
    .. [2] Knapp G, Hartung J (2003). Stat Med 22:2693-2710. doi:10.1002/sim.1482

    Examples
    --------
    >>> got = pool_guides(np.array([-2.0, -2.2, -1.8]), np.full(3, 0.3), np.zeros(3, int), 1)
    >>> got.effect.round(2), (got.high - got.low).round(2)
    (array([-2.]), array([1.49]))
    """

    def total(x: Floats) -> Floats:
        return np.bincount(gene, weights=x, minlength=n_genes)

    n = np.bincount(gene, minlength=n_genes)
    w = 1 / sd**2
    sum_w = total(w)
    with np.errstate(divide="ignore", invalid="ignore"):
        fixed = total(w * effect) / sum_w
        q = total(w * (effect - fixed[gene]) ** 2)
        tau2 = np.maximum((q - (n - 1)) / (sum_w - total(w**2) / sum_w), 0.0)
        tau2 = np.where(n > 1, tau2, 0.0)
        v = 1 / (sd**2 + tau2[gene])
        sum_v = total(v)
        mean = total(v * effect) / sum_v
        spread = total(v * (effect - mean[gene]) ** 2) / np.maximum(n - 1, 1)
        # not below the error the guides are known to have
        error = np.sqrt(np.maximum(spread, 1.0) / sum_v)
        half = stdtrit(np.maximum(n - 1, 1), 0.5 + level / 2) * error
        half = np.where(n > 1, half, np.nan)
        agree = total((np.sign(effect) == np.sign(mean[gene])).astype(float)) / n
    return GeneEffects(n, mean, mean - half, mean + half, agree, _without(effect, gene, mean, n))


def _without(effect: Floats, gene: NDArray[np.int64], mean: Floats, n: NDArray[np.int64]) -> Floats:
    """Plain mean of the guides after the one farthest out in the gene's direction is left out."""
    n_genes = len(n)
    way = np.where(mean[gene] < 0, -1.0, 1.0)
    top = np.full(n_genes, -np.inf)
    np.maximum.at(top, gene, way * effect)
    sign = np.where(mean < 0, -1.0, 1.0)
    total = np.bincount(gene, weights=effect, minlength=n_genes)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 1, (total - sign * top) / (n - 1), np.nan)
