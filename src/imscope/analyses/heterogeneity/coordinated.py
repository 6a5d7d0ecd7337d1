r"""Coordinated heterogeneity: how much of the variation is shared by many genes.

For the weighted fractions :math:`z_c = y_c / \sqrt{p}` with biological covariance S, it is
:math:`\operatorname{tr} S^2`. It is a mean over quadruples of cells of products of true profiles.
Products of different cells are estimated by products of their fractions; where a product holds one
cell twice, its second moment without sampling noise takes the place of the square. So nothing is
split and nothing is drawn: the estimate is the average of the split estimate over all splits.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imscope.core.errors import DataError
from imscope.engine.kernels.moments import add_powers

_GENES_PER_CHUNK = 1_024


@dataclass(frozen=True, slots=True)
class Coordinated:
    """Squared coordinated heterogeneity of one set of cells.

    Attributes
    ----------
    tr_s2
        Estimate of tr S squared; can be negative when there is little signal.
    standard_error
        Delete-one-block jackknife standard error, NaN with fewer than 3 blocks.
    n_used
        Cells used.
    """

    tr_s2: float
    standard_error: float
    n_used: int

    @property
    def hi_c(self) -> float:
        """Square root of the estimate, NaN where it is not above zero."""
        return float(np.sqrt(self.tr_s2)) if self.tr_s2 > 0 else float("nan")


def compute_coordinated(
    counts: NDArray[np.integer],
    depth: NDArray[np.integer],
    weights: NDArray[np.float64],
    *,
    blocks: NDArray[np.integer] | None = None,
) -> Coordinated:
    """Estimate tr S squared in closed form, without splitting counts.

    Parameters
    ----------
    counts
        Counts of the genes of the universe, shape ``(n_cells, n_genes)``. Unit: UMI.
    depth
        Total count over all kept genes, at least 2, shape ``(n_cells,)``. Unit: UMI.
    weights
        1 / p of every gene, shape ``(n_genes,)``.
    blocks
        Block of every cell for the jackknife error, 0 to B - 1, shape ``(n_cells,)``.

    Raises
    ------
    DataError
        There are fewer than 4 cells, or a cell with fewer than 2 counts.

    Notes
    -----
    Exactly unbiased for cells whose counts are multinomial given their profile. At low depth or
    with few cells the error is large and the estimate may be negative: then it is not estimable.

    References
    ----------
    .. [1] Song L et al. (2012). Feature selection via dependence maximization. J Mach Learn Res
       13:1393-1434 (the unbiased estimate of the Hilbert-Schmidt criterion).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = np.full(50, 0.02)
    >>> same = rng.multinomial(2000, p, size=200)
    >>> bool(abs(compute_coordinated(same, same.sum(1), 1 / p).tr_s2) < 1e-5)
    True
    """
    n = len(counts)
    if n < 4 or (np.asarray(depth) < 2).any():
        raise DataError(
            "coordinated heterogeneity needs at least 4 cells with 2 counts each",
            found=f"{n} cells, smallest depth {int(np.min(depth, initial=0))}",
        )
    label = np.zeros(n, dtype=np.int64) if blocks is None else np.asarray(blocks, dtype=np.int64)
    sums = _collect(counts, np.asarray(depth, dtype=np.float64), weights, label)
    every = np.ones(sums.n_blocks, dtype=bool)
    estimate = _trace(sums, every)
    left_out = []
    if sums.n_blocks >= 3:
        for block in range(sums.n_blocks):
            keep = every.copy()
            keep[block] = False
            if sums.cells[keep].sum() >= 4:
                left_out.append(_trace(sums, keep))
    error = float("nan")
    if len(left_out) >= 3:
        values = np.asarray(left_out)
        b = len(values)
        error = float(np.sqrt((b - 1) / b * ((values - values.mean()) ** 2).sum()))
    return Coordinated(estimate, error, n)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Everything the estimate needs, by block; u = 1 / (N - 1), w = 1 / p."""

    n_blocks: int
    cells: NDArray[np.int64]  # (B,)
    label: NDArray[np.int64]  # (n,)
    u: NDArray[np.float64]  # (n,)
    w2: NDArray[np.float64]  # (G,)
    gene: NDArray[np.float64]  # (B, 5, G): y, y^2, u y, u y^2, u y^3
    diagonal: NDArray[np.float64]  # (B, 3): w^2 of u y^3, u^2 y^3, u^2 y^2
    rows: NDArray[np.float64]  # (n, B): sums of G over the cells of a block, without c itself
    square: NDArray[np.float64]  # (3, B, B): G^2, u G^2, u u G^2 over pairs of different cells


def _collect(
    counts: NDArray[np.integer],
    depth: NDArray[np.float64],
    weights: NDArray[np.float64],
    label: NDArray[np.int64],
) -> _Sums:
    from scipy.linalg.blas import dsyrk

    n, n_genes = counts.shape
    b = int(label.max()) + 1
    one = np.zeros((n, b))
    one[np.arange(n), label] = 1.0
    u = 1.0 / (depth - 1.0)
    gram = np.zeros((n, n), order="F")
    gene = np.zeros((b, 5, n_genes))
    diagonal = np.zeros((b, 3))
    w2 = weights * weights
    root = np.sqrt(weights)
    values = np.ascontiguousarray(counts, dtype=np.int32)
    for low in range(0, n_genes, _GENES_PER_CHUNK):
        z = np.zeros((n, min(_GENES_PER_CHUNK, n_genes - low)))
        add_powers(values, low, depth, label, root, w2, z, gene, diagonal)
        gram = dsyrk(1.0, z.T, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)
    gram += np.tril(gram, -1).T
    np.fill_diagonal(gram, 0.0)
    rows = gram @ one
    np.square(gram, out=gram)
    both = np.concatenate([one, u[:, None] * one], axis=1)
    inner = gram @ both
    square = np.stack(
        [one.T @ inner[:, :b], one.T @ inner[:, b:], (u[:, None] * one).T @ inner[:, b:]]
    )
    return _Sums(b, np.bincount(label, minlength=b), label, u, w2, gene, diagonal, rows, square)


def _trace(sums: _Sums, keep: NDArray[np.bool_]) -> float:
    """Estimate from the cells of the blocks kept."""
    n = int(sums.cells[keep].sum())
    cell = keep[sums.label]
    u = sums.u[cell]
    r = sums.rows[cell][:, keep].sum(axis=1)
    g2, g2u, g2uu = (float(m[np.ix_(keep, keep)].sum()) for m in sums.square)
    y, y2, uy, uy2, uy3 = sums.gene[keep].sum(axis=0)
    d_uy3, d_uuy3, d_uuy2 = (float(v) for v in sums.diagonal[keep].sum(axis=0))
    w2 = sums.w2
    # z_d' D_c z_d, and <D_c, D_d>, over pairs of different cells; D is the noise of one cell
    noise = float(w2 @ (uy * y2)) - d_uy3 - g2u
    noise_u = float(w2 @ (uy * uy2)) - d_uuy3
    noise_both = float(w2 @ (uy * uy)) - d_uuy2 - 2 * noise_u + g2uu
    pairs = g2 - 2 * noise + noise_both
    # s' D_c s with s the sum over all other cells
    around = float(w2 @ (uy * y * y - 2 * y * uy2 + uy3)) - float((u * r * r).sum())
    r2 = float((r * r).sum())
    triples = r2 - around - g2 + noise
    total = float(r.sum())
    quadruples = total * total + 2 * g2 - 4 * r2
    all_ways = quadruples + 2 * pairs + 4 * triples
    inner = pairs + all_ways / ((n - 1) * (n - 2)) - 2 * (triples + pairs) / (n - 2)
    return inner / (n * (n - 3))


def u_centre(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre a matrix of inner products so that products of two such matrices are unbiased.

    Parameters
    ----------
    gram
        Inner products of cells, shape ``(n, n)``; the diagonal is not used.

    Examples
    --------
    >>> u_centre(np.ones((4, 4))).tolist()[0]
    [0.0, 0.0, 0.0, 0.0]
    """
    n = len(gram)
    g = gram.copy()
    np.fill_diagonal(g, 0.0)
    r = g.sum(axis=1)
    out = g - (r[:, None] + r[None, :]) / (n - 2) + g.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return np.asarray(out)


def coordinated_from_halves(
    half_a: NDArray[np.integer],
    half_b: NDArray[np.integer],
    depth_a: NDArray[np.integer],
    depth_b: NDArray[np.integer],
    weights: NDArray[np.float64],
) -> float:
    """Estimate tr S squared from two halves of the counts of the same cells.

    Parameters
    ----------
    half_a, half_b
        Counts of each half, shape ``(n_cells, n_genes)``. Unit: UMI.
    depth_a, depth_b
        Total counts of each half over all kept genes, ``(n_cells,)``. Unit: UMI.
    weights
        1 / p of every gene.

    Raises
    ------
    DataError
        A half of a cell has no counts, or there are fewer than 4 cells.
    """
    n = len(half_a)
    if n < 4 or (np.asarray(depth_a) < 1).any() or (np.asarray(depth_b) < 1).any():
        raise DataError(
            "every half of a cell needs a count, and there must be 4 cells", found=f"{n} cells"
        )
    root = np.sqrt(weights)
    centred = []
    for half, depth in ((half_a, depth_a), (half_b, depth_b)):
        z = half / np.asarray(depth, dtype=np.float64)[:, None] * root
        z -= z.mean(axis=0)
        centred.append(u_centre(z @ z.T))
    return float((centred[0] * centred[1]).sum() / (n * (n - 3)))


def compute_split(
    counts: NDArray[np.integer],
    depth: NDArray[np.integer],
    weights: NDArray[np.float64],
    *,
    rng: np.random.Generator,
    replicates: int = 4,
) -> Coordinated:
    """Estimate tr S squared by binomial halves, averaged over replicates.

    Parameters
    ----------
    counts, depth, weights
        As for :func:`compute_coordinated`.
    rng
        Decides the halves.
    replicates
        Number of splits; their spread gives the standard error, which holds for the splitting
        only and not for the choice of cells.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.multinomial(500, np.full(20, 0.05), size=50)
    >>> compute_split(x, x.sum(1), np.full(20, 20.0), rng=rng).n_used
    50
    """
    rest = np.asarray(depth) - counts.sum(axis=1)  # kept genes outside the universe
    values = []
    for _ in range(replicates):
        half = rng.binomial(counts, 0.5)
        outside = rng.binomial(rest, 0.5)
        depth_a = half.sum(axis=1) + outside
        values.append(
            coordinated_from_halves(half, counts - half, depth_a, depth - depth_a, weights)
        )
    spread = float(np.std(values, ddof=1) / np.sqrt(replicates)) if replicates > 1 else float("nan")
    return Coordinated(float(np.mean(values)), spread, len(counts))


Method = Literal["closed", "split"]
"""How coordinated heterogeneity is estimated."""
