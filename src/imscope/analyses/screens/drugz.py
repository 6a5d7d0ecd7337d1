"""Method `drugz`: guides against the spread of guides with like reads, genes by their sum."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
DEPTH, PSEUDO, STEP = 1e7, 5.0, 25


def drugz_guides(
    control: Floats, treatment: Floats, *, half_window: int = 500
) -> tuple[Floats, Floats]:
    """Fold change and z of one comparison.

    Parameters
    ----------
    control, treatment
        Reads per guide scaled to ten million, shape ``(n_guides,)``.
    half_window
        Half of the guides a spread is taken from.

    Returns
    -------
    log2_fc, z
        Shape ``(n_guides,)``. The spread never falls as reads fall.

    References
    ----------
    .. [1] Colic M et al. (2019). Genome Med 11:52. doi:10.1186/s13073-019-0665-3

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fc, z = drugz_guides(rng.uniform(50, 900, 3000), rng.uniform(50, 900, 3000))
    >>> bool(np.array_equal(np.sign(fc), np.sign(z))), bool(1.0 < z.std() < 1.5)
    (True, True)
    """
    n = len(control)
    half = int(min(half_window, max(n // 2, 1)))
    fc = np.log2((treatment + PSEUDO) / (control + PSEUDO))
    order = np.argsort(-control, kind="stable")
    sorted_fc = fc[order]
    one = np.concatenate([[0.0], np.cumsum(sorted_fc)])
    two = np.concatenate([[0.0], np.cumsum(sorted_fc**2)])

    def sd(low: int, high: int) -> float:
        m = high - low
        return float(
            np.sqrt(
                max((two[high] - two[low] - (one[high] - one[low]) ** 2 / m), 0) / max(m - 1, 1)
            )
        )

    spread = np.empty(n)
    spread[:half] = sd(0, min(2 * half, n))
    last = spread[0]
    for i in range(half, n - half + STEP, STEP):
        if i >= n:
            break
        if i < n - half:
            last = max(last, sd(i - half, i + half))
        spread[i : i + STEP] = last
    spread[max(n - half, half) :] = spread[max(n - half - 1, half - 1)]
    z = np.empty(n)
    z[order] = sorted_fc / np.maximum(spread, 1e-12)
    return fc, z


def drugz_genes(
    z: Floats, gene: NDArray[np.int64], n_genes: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Sum of z and normalised z of each gene.

    Parameters
    ----------
    z
        Shape ``(n_guides, n_comparisons)``.
    gene
        Number of the gene of each guide.
    n_genes
        How many genes there are.

    Returns
    -------
    sum_z, norm_z, n_obs
        ``norm_z`` is the sum over the root of the observations, standardised over genes.

    Examples
    --------
    >>> drugz_genes(np.array([[1.0], [2.0], [-3.0]]), np.array([0, 0, 1]), 2)[1].round(3)
    array([ 1., -1.])
    """
    known = np.isfinite(z) & (z != 0)  # no change at all is a guide without reads: not counted
    rows = np.broadcast_to(gene[:, None], z.shape)[known]
    total = np.bincount(rows, weights=z[known], minlength=n_genes)
    n = np.bincount(rows, minlength=n_genes)
    with np.errstate(divide="ignore", invalid="ignore"):
        norm = np.where(n > 0, total / np.sqrt(n), np.nan)
    norm = (norm - np.nanmean(norm)) / np.nanstd(norm)
    return total, norm, n


def normal_tails(z: Floats) -> tuple[Floats, Floats]:
    """One-sided p values of a standard normal.

    Examples
    --------
    >>> [round(float(p[0]), 3) for p in normal_tails(np.array([-1.96]))]
    [0.025, 0.975]
    """
    return np.asarray(stats.norm.cdf(z)), np.asarray(stats.norm.sf(z))
