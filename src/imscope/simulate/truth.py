"""Exact values of the indices on known expression fractions: no sampling, no estimation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Fractions = NDArray[np.floating]


@dataclass(frozen=True)
class TrueIndex:
    """Heterogeneity of a set of cells whose expression fractions are known.

    Attributes
    ----------
    hi2
        Inertia: mean over cells of the squared chi-square distance to their mean.
    hi_c
        Coordinated heterogeneity; NaN when the squared value is not above zero.
    programmes
        Effective number of coordinated programmes, ``hi2**2 / hi_c**2``.
    """

    hi2: float
    hi_c: float
    programmes: float


def true_index(fractions: Fractions, reference: Fractions) -> TrueIndex:
    r"""Compute the indices from expression fractions.

    .. math:: HI^2 = \sum_g s^2_g(\lambda) / p_g, \qquad
        HI_c^2 = \frac{1}{n(n-3)} \sum_{c \ne d} \tilde K_{cd}^2

    with :math:`K = \lambda\,\mathrm{diag}(1/p)\,\lambda^T`, U-centred to :math:`\tilde K`.

    Parameters
    ----------
    fractions
        Expression fractions, shape ``(n_cells, n_genes)``; the genes of the universe only.
    reference
        Reference profile p, shape ``(n_genes,)``, above zero.

    Notes
    -----
    The same sums that a count-splitting estimator targets given these cells, so an estimate on
    counts differs from this value by sampling noise alone.

    Examples
    --------
    >>> import numpy as np
    >>> true_index(np.array([[0.4, 0.6], [0.6, 0.4]] * 4), np.array([0.5, 0.5])).hi2.__round__(4)
    0.0457
    """
    p = np.asarray(reference, dtype=np.float64)
    scaled = np.asarray(fractions, dtype=np.float64) / np.sqrt(p)
    scaled -= scaled.mean(axis=0)
    n = len(scaled)
    hi2 = float((scaled**2).sum() / (n - 1))
    squared = float("nan")
    if n > 3:
        centred = _u_centre(scaled @ scaled.T)
        squared = float((centred**2).sum() / (n * (n - 3)))
    if not squared > 0:
        return TrueIndex(hi2, float("nan"), float("nan"))
    return TrueIndex(hi2, float(np.sqrt(squared)), hi2**2 / squared)


def _u_centre(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    n = len(gram)
    out = gram.copy()
    np.fill_diagonal(out, 0.0)
    rows = out.sum(axis=1)
    out = out - (rows[:, None] + rows) / (n - 2) + out.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return out


def true_components(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    sizes: Sequence[int],
    *,
    nesting: Sequence[Sequence[object]],
) -> list[float]:
    """Split the inertia of known fractions over nested levels and cells (ANOVA estimator).

    Parameters
    ----------
    sums
        Per finest group, the sum over its cells of scaled fractions (fraction over the square root
        of the reference), shape ``(n_groups, n_genes)``.
    squares
        Per finest group, the sum over its cells of the squared length, shape ``(n_groups,)``.
    sizes
        Cells per finest group.
    nesting
        One sequence of labels per level, coarse to fine, each of length ``n_groups``; the finest
        level must tell all groups apart.

    Returns
    -------
    components
        One variance per level, then the one of cells. They may be negative.
    """
    cells = np.asarray(sizes, dtype=np.float64)
    n = cells.sum()
    codes = [np.zeros(len(cells), dtype=int)]
    for labels in nesting:
        pairs = list(zip(codes[-1].tolist(), labels, strict=True))
        order = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        codes.append(np.array([order[pair] for pair in pairs]))
    depth = len(codes) + 1  # the last level is the cell itself
    total, system = np.zeros(depth), np.zeros((depth, depth))
    for level, code in enumerate(codes):
        size = np.bincount(code, cells)
        mean = np.zeros((len(size), sums.shape[1]))
        np.add.at(mean, code, sums)
        mean /= size[:, None]
        total[level] = ((mean**2).sum(axis=1) * size).sum()
        for other in range(depth):
            if other <= level:
                system[level, other] = n
            elif other == depth - 1:
                system[level, other] = len(size)
            else:
                inner = np.bincount(codes[other], cells)
                parent = np.zeros(len(inner), dtype=int)
                parent[codes[other]] = code
                system[level, other] = (inner**2 / size[parent]).sum()
    total[-1], system[-1] = squares.sum(), n
    return [float(v) for v in np.linalg.solve(system, total)[1:]]
