"""Method `bagel`: how much likelier the effects are for essential than for non-essential genes."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gaussian_kde, linregress

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FOLDS, MIN_SET = 10, 10


def bayes_factors(
    effect: Floats, gene: NDArray[np.int64], essential: Bools, nonessential: Bools, *, seed: int = 0
) -> Floats:
    """Log2 Bayes factor of each gene, summed over its guides and replicates.

    Parameters
    ----------
    effect
        log2 ratio per guide and replicate, shape ``(n_guides, n_replicates)``; NaN is left out.
    gene
        Number of the gene of each guide.
    essential, nonessential
        Shape ``(n_genes,)``.
    seed
        Of the ten folds: a gene is never judged by curves that saw it.

    Raises
    ------
    DataError
        Fewer than ten genes of one set were tested.

    References
    ----------
    .. [1] Kim E, Hart T (2021). Genome Med 13:2. doi:10.1186/s13073-020-00809-3

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gene, sick = np.repeat(np.arange(100), 4), np.arange(100) < 30
    >>> l = rng.normal(np.where(sick[gene], -2, 0), 0.5)[:, None]
    >>> bf = bayes_factors(l, gene, sick & (np.arange(100) < 20), ~sick)
    >>> bool(bf[:30].min() > bf[30:].max())
    True
    """
    n_genes = len(essential)
    tested = np.bincount(gene, weights=np.isfinite(effect).any(axis=1), minlength=n_genes) > 0
    sets = {"essential": essential & tested, "non-essential": nonessential & tested}
    for name, mask in sets.items():
        if mask.sum() < MIN_SET:
            raise DataError(
                f"`bagel` needs at least {MIN_SET} {name} genes among those tested",
                found=str(int(mask.sum())),
                fix="give lists with --essential and --nonessential",
                code=codes.SCREEN_CONTROLS,
            )
    fold = spawn(seed, "bagel").permutation(n_genes) % FOLDS
    total = np.zeros(n_genes)
    for k in range(FOLDS):
        train = [m & (fold != k) for m in sets.values()]
        judged = fold[gene] == k
        for r in range(effect.shape[1]):
            x = effect[:, r]
            known = np.isfinite(x)
            line = _line(x[train[0][gene] & known], x[train[1][gene] & known])
            here = judged & known
            total += np.bincount(gene[here], weights=line[0] * x[here] + line[1], minlength=n_genes)
    return np.where(tested, total, np.nan)


def _line(ess: Floats, non: Floats) -> tuple[float, float]:
    """Slope and intercept of log2(density of essential / of non-essential) over the effect."""
    low, high = min(ess.min(), non.min()), max(ess.max(), non.max())
    grid = np.round(np.arange(np.floor(low * 100) - 1, np.ceil(high * 100) + 2) / 100, 2)
    f_ess, f_non = gaussian_kde(ess)(grid), gaussian_kde(non)(grid)
    floor = 2.0 ** (-1.1535 * np.log(len(non) + 13.324) + 0.7728)
    solid = np.flatnonzero(f_non > floor)
    ratio = np.log2(np.maximum(f_ess, 1e-300) / np.maximum(f_non, 1e-300))
    first = int(solid[0])
    stop = first + int(np.argmin(ratio[first : int(solid[-1]) + 1]))
    x = np.round(np.concatenate([ess, non]), 2)
    x = x[(x >= grid[first]) & (x <= grid[stop])]
    if len(x) < 3 or stop <= first:
        return 0.0, 0.0
    where = np.clip(np.round((x - grid[0]) * 100).astype(int), 0, len(grid) - 1)
    got = linregress(x, ratio[where])
    return float(got.slope), float(got.intercept)
