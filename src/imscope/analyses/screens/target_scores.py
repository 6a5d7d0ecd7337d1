"""Effects of targets on genes: score tests, calibrated by exact moments of permuted labels."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.screens.null_model import fit_null_model

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MIN_NONZERO, CHUNK = 7, 128
RESOLUTION = 1 / 5000
"""Below this p a permutation test of the usual size has no draws: the tail is then a model's."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetEffects:
    """Shape ``(n_genes, n_targets)`` each; NaN where a pair was not tested.

    Attributes
    ----------
    effect
        Log fold change, natural log, target over control cells.
    z
        Score over its model standard error.
    p_value
        Two-sided, from the permutation distribution with its exact variance and skewness.
    tail
        True where p lies beyond what draws could show: "tail model".
    n_nonzero
        Target cells with a count of the gene.
    """

    effect: Floats
    z: Floats
    p_value: Floats
    tail: NDArray[np.bool_]
    n_nonzero: Integers


def target_effects(
    counts: sp.csr_array,
    design: Floats,
    target: Integers,
    *,
    control: NDArray[np.bool_],
    batch: Integers | None = None,
    n_targets: int | None = None,
) -> TargetEffects:
    r"""Test every target on every gene.

    .. math:: z = \frac{S_T-dB_T}{\sqrt{B_TB_N/(B_T+B_N)}},\quad d=\frac{S_T+S_N}{B_T+B_N}

    with S the sum of score residuals and B of their weights under the null of control cells.

    Parameters
    ----------
    counts
        UMI, cells by genes, sparse.
    design
        Covariates of cells with a column of ones first, shape ``(n_cells, n_columns)``.
    target
        Number of the target of each cell, -1 for none.
    control
        Non-targeting cells. A cell may not be both.
    batch
        Number of the batch of each cell; labels are permuted inside batches only.
    n_targets
        How many targets there are.

    Notes
    -----
    Permuting the labels of target and control cells gives a score with a variance and skewness
    that are known without drawing (sampling without replacement); a gamma distribution with these
    moments (Pearson type III) gives p. Only a chunk of genes is dense at a time. Pairs with fewer
    than 7 cells with a count on either side are not tested.

    References
    ----------
    .. [1] Barry T et al. (2021). Genome Biol 22:344. doi:10.1186/s13059-021-02545-2
    .. [2] Barry T et al. (2024). Genome Biol 25:124. doi:10.1186/s13059-024-03254-2

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.poisson(2.0, (600, 5))
    >>> y[:100, 0] = rng.poisson(1.0, 100)
    >>> target = np.where(np.arange(600) < 100, 0, -1)
    >>> got = target_effects(sp.csr_array(y), np.ones((600, 1)), target, control=target < 0)
    >>> bool(got.p_value[0, 0] < 0.001), bool((got.p_value[1:, 0] > 0.001).all())
    (True, True)
    """
    n_cells, n_genes = counts.shape
    k = int(target.max(initial=-1)) + 1 if n_targets is None else n_targets
    strata = np.zeros(n_cells, dtype=np.int64) if batch is None else batch.astype(np.int64)
    n_strata = int(strata.max(initial=0)) + 1
    columns = [np.full((n_genes, k), np.nan) for _ in range(3)]
    nonzero = np.zeros((n_genes, k), dtype=np.int64)
    used = np.flatnonzero((target >= 0) | control)
    x, t, c, s = design[used], target[used], control[used], strata[used]
    rows = sp.csc_array(counts[used])
    # one column per target and stratum, then one per stratum of control cells
    slot = np.where(c, k * n_strata + s, t * n_strata + s)
    width = (k + 1) * n_strata
    member = sp.csr_array(
        (np.ones(len(used)), (np.arange(len(used)), slot)), shape=(len(used), width)
    )
    sizes = np.bincount(slot, minlength=width).astype(np.float64).reshape(k + 1, n_strata)
    for start in range(0, n_genes, CHUNK):
        part = slice(start, min(start + CHUNK, n_genes))
        y = rows[:, part].toarray().astype(np.float64)
        model = fit_null_model(y[c], x[c])
        mu = np.exp(np.clip(x @ model.beta, -15, 12))
        shrink = 1 / (1 + mu / model.theta)
        got = _chunk((y - mu) * shrink, mu * shrink, member, sizes)
        seen = (member.T @ (y > 0)).reshape(k + 1, n_strata, -1).sum(axis=1)
        good = (seen[:-1] >= MIN_NONZERO) & (seen[-1] >= MIN_NONZERO)
        for column, values in zip(columns, got, strict=True):
            column[part] = np.where(good, values, np.nan).T
        nonzero[part] = seen[:-1].T
    effect, z, p = columns
    return TargetEffects(effect, z, p, p < RESOLUTION, nonzero)


def _chunk(
    a: Floats, b: Floats, member: sp.csr_array, sizes: Floats
) -> tuple[Floats, Floats, Floats]:
    """Effect, z and p of a chunk of genes, each ``(n_targets, n_genes)``."""
    k, n_strata = sizes.shape[0] - 1, sizes.shape[1]

    def total(v: Floats) -> Floats:
        return np.asarray(member.T @ v).reshape(k + 1, n_strata, -1)

    a1, b1 = total(a), total(b)
    sa, sb = a1.sum(axis=1), b1.sum(axis=1)
    whole = sb[:-1] + sb[-1]
    d = (sa[:-1] + sa[-1]) / np.maximum(whole, 1e-12)
    number = sa[:-1] - d * sb[:-1]
    variance = np.maximum(sb[:-1] * sb[-1] / np.maximum(whole, 1e-12), 1e-12)
    # sums of powers of r = a - d b over the pool of each target and stratum
    second = [total(v) for v in (a * a, a * b, b * b)]
    third = [total(v) for v in (a * a * a, a * a * b, a * b * b, b * b * b)]
    d3 = d[:, None, :]

    def pool(v: Floats) -> Floats:
        return np.asarray(v[:-1] + v[-1])

    r1 = pool(a1) - d3 * pool(b1)
    aa, ab, bb = (pool(v) for v in second)
    r2 = aa - 2 * d3 * ab + d3**2 * bb
    aaa, aab, abb, bbb = (pool(v) for v in third)
    r3 = aaa - 3 * d3 * aab + 3 * d3**2 * abb - d3**3 * bbb
    n_t = sizes[:-1][:, :, None]
    n = n_t + sizes[-1][None, :, None]
    size = np.maximum(n, 1)
    mean = r1 / size
    c2 = np.maximum(r2 - n * mean**2, 0)
    c3 = r3 - 3 * mean * r2 + 2 * n * mean**3
    rest = n - n_t
    v = np.where(n > 1, n_t * rest / (size * np.maximum(n - 1, 1)) * c2, 0).sum(axis=1)
    w = np.where(
        n > 2,
        n_t * rest * (rest - n_t) / (size * np.maximum(n - 1, 1) * np.maximum(n - 2, 1)) * c3,
        0,
    ).sum(axis=1)
    centre = (n_t * mean).sum(axis=1)
    spread = np.sqrt(np.maximum(v, 1e-12))
    x = (number - centre) / spread
    p = gamma_tails(x, w / spread**3)
    return number / variance, number / np.sqrt(variance), p


def gamma_tails(x: Floats, skew: Floats) -> Floats:
    """Two-sided p of a standardised variable with this skewness (Pearson type III).

    Examples
    --------
    >>> gamma_tails(np.array([1.96, 3.0]), np.array([0.0, 1.0])).round(3)
    array([0.05 , 0.021])
    """
    g = np.clip(np.abs(skew), 1e-4, 20)
    y = np.where(skew < 0, -x, x)
    shape = 4 / g**2
    at = np.maximum(shape + y * np.sqrt(shape), 0.0)
    upper = stats.gamma.sf(at, shape)
    lower = stats.gamma.cdf(at, shape)
    normal = g < 0.02
    upper = np.where(normal, stats.norm.sf(y), upper)
    lower = np.where(normal, stats.norm.cdf(y), lower)
    return np.asarray(np.clip(2 * np.minimum(upper, lower), 1e-300, 1.0))


def cell_design(
    umi: Floats,
    detected: Floats,
    *,
    more: list[Floats] | None = None,
    batch: Integers | None = None,
) -> Floats:
    """Covariates: ones, log UMI, log detected genes, further columns, batches; scaled, full rank.

    Parameters
    ----------
    umi, detected
        Counts and detected genes of each cell.
    more
        Further covariates, such as log guide UMI.
    batch
        Number of the batch of each cell.
    """
    columns = [np.ones(len(umi))]
    for v in (np.log(np.maximum(umi, 1)), np.log(np.maximum(detected, 1)), *(more or [])):
        spread = float(np.std(v))
        if spread > 1e-9:
            columns.append((v - v.mean()) / spread)
    if batch is not None:
        columns += [(batch == b).astype(float) for b in np.unique(batch)[1:]]
    kept: list[Floats] = []
    for column in columns:
        if np.linalg.matrix_rank(np.column_stack([*kept, column])) > len(kept):
            kept.append(column)
    return np.column_stack(kept)
