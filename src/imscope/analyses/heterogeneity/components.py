"""Moment equations of nested components for any number of copies of the resampled units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from imscope.analyses.heterogeneity.compute import Heterogeneity

_GENES_PER_CHUNK = 1_024  # bounds memory: replicates x genes of a chunk


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The design as the resampled units see it, without any gene.

    Attributes
    ----------
    n
        Cells per unit, ``(K,)``.
    above
        Groups ``(K,)`` of the levels coarser than the unit, the first one all units together.
    sizes
        For every two levels from the unit on, sum over the finer groups of one unit of
        n_h^2 / n_parent, ``(levels, levels, K)``.
    squares
        Sum over the groups of one unit of n_h^2, per level from the unit on, ``(levels, K)``.
    """

    n: NDArray[np.float64]
    above: list[NDArray[np.int64]]
    sizes: NDArray[np.float64]
    squares: NDArray[np.float64]

    @property
    def parent(self) -> NDArray[np.int64]:
        """Group of every unit at the level just above it."""
        return self.above[-1]


@dataclass(frozen=True, slots=True, eq=False)
class GeneSums:
    """Sums per unit and gene, from which any weighting of genes follows.

    Attributes
    ----------
    first, noise
        Sum of y and of its sampling variance, ``(K, n_genes)``.
    inner
        T of every level from the unit on, before the weighting of genes,
        ``(levels, K, n_genes)``.
    profile, weight
        What each unit adds to the reference, ``(K, n_genes)`` and ``(K,)``: the reference of any
        copies of units is the ratio of the two sums.
    fixed_profile, fixed_weight
        The same of samples that are not resampled, ``(n_genes,)`` and one number.
    """

    first: NDArray[np.float64]
    noise: NDArray[np.float64]
    inner: NDArray[np.float64]
    profile: NDArray[np.float64]
    weight: NDArray[np.float64]
    fixed_profile: NDArray[np.float64]
    fixed_weight: float

    def take(self, genes: NDArray[np.bool_]) -> "GeneSums":
        """Keep some genes."""
        return GeneSums(
            self.first[:, genes],
            self.noise[:, genes],
            self.inner[:, :, genes],
            self.profile[:, genes],
            self.weight,
            self.fixed_profile[genes],
            self.fixed_weight,
        )


def lay_out(
    n: NDArray[np.float64], codes: list[NDArray[np.int64]], unit: NDArray[np.int64]
) -> Layout:
    """Describe a nested design by its resampled units.

    Parameters
    ----------
    n
        Cells per stratum.
    codes
        Group of every stratum at each level, coarse to fine.
    unit
        The member of ``codes`` that is resampled, or any grouping when there are no levels.
    """
    k = int(unit.max()) + 1
    level = next((i for i, c in enumerate(codes) if c is unit), 0)
    inside = codes[level:]
    n_in = len(inside) + 1  # and the cell
    sizes, squares = np.zeros((n_in, n_in, k)), np.zeros((n_in, k))
    fine = []
    for i, code in enumerate(inside):
        n_group = np.bincount(code, n)
        owner = _of(code, unit, len(n_group))
        squares[i] = np.bincount(owner, n_group**2, minlength=k)
        fine.append((code, n_group, owner))
    squares[-1] = np.bincount(unit, n, minlength=k)
    for i, (code, n_parent, owner) in enumerate(fine):
        sizes[i, -1] = np.bincount(owner, minlength=k)
        for j in range(i + 1, n_in - 1):
            child, n_child, child_owner = fine[j]
            parent = _of(child, code, len(n_child))
            sizes[i, j] = np.bincount(child_owner, n_child**2 / n_parent[parent], minlength=k)
    above = [np.zeros(k, dtype=np.int64), *(_of(unit, c, k) for c in codes[:level])]
    return Layout(np.bincount(unit, n, minlength=k), above, sizes, squares)


def _of(code: NDArray[np.int64], other: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Group of another, coarser, grouping for every group of a code."""
    out = np.zeros(size, dtype=np.int64)
    out[code] = other
    return out


def sum_genes(
    h: Heterogeneity,
    strata: NDArray[np.int64],
    codes: list[NDArray[np.int64]],
    unit: NDArray[np.int64],
) -> GeneSums:
    """Add up the moments of strata by resampled unit, for the genes of their universe.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    strata
        Rows of ``h.strata`` that hold cells.
    codes, unit
        As for :func:`lay_out`.
    """
    columns = np.flatnonzero(h.universe_of(strata).genes)
    n_all, sums = _strata_sums(h, columns)
    mine = sums[strata]
    n = n_all[strata]
    k = int(unit.max()) + 1
    level = next((i for i, c in enumerate(codes) if c is unit), 0)
    inner = []
    for code in codes[level:]:
        n_group = np.bincount(code, n)
        groups = _add(code, mine, len(n_group))
        value = (groups[:, :, 0] ** 2 - groups[:, :, 2]) / n_group[:, None]
        inner.append(_add(_of(code, unit, len(n_group)), value, k))
    per_unit = _add(unit, mine, k)
    inner.append(per_unit[:, :, 1] - per_unit[:, :, 2])
    # every sample weighs alike in the reference, whatever its strata
    sample = np.unique(h.strata["sample"].astype(str), return_inverse=True)[1]
    pooled = h.pool == h.pool[strata[0]]
    n_sample = np.bincount(sample[pooled], n_all[pooled], minlength=int(sample.max()) + 1)
    size = np.where(n_sample[sample] > 0, n_sample[sample], 1.0)
    rest = np.setdiff1d(np.flatnonzero(pooled & (n_all > 0)), strata)
    return GeneSums(
        np.ascontiguousarray(per_unit[:, :, 0]),
        np.ascontiguousarray(per_unit[:, :, 2]),
        np.stack(inner),
        _add(unit, mine[:, :, 0] / size[strata, None], k),
        np.bincount(unit, n / size[strata], minlength=k),
        (sums[rest, :, 0] / size[rest, None]).sum(axis=0),
        float((n_all[rest] / size[rest]).sum()),
    )


def _strata_sums(
    h: Heterogeneity, columns: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_strata = len(h.strata)
    out = np.zeros((n_strata, len(columns), 3))
    for unit, stratum in enumerate(h.stratum):
        if h.moments.n_cells[unit]:
            out[stratum] += h.moments.sums[unit, columns]
    return np.bincount(h.stratum, h.moments.n_cells, minlength=n_strata), out


def _add(code: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    out = np.zeros((size, *values.shape[1:]))
    np.add.at(out, code, values)
    return out


def components(
    layout: Layout,
    genes: GeneSums,
    times: NDArray[np.float64],
    *,
    reference: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Components of every set of copies of units: solve E[T] = A s, levels coarse to fine.

    Parameters
    ----------
    layout, genes
        From :func:`lay_out` and :func:`sum_genes`.
    times
        How often each unit is taken, ``(n_sets, K)``.
    reference
        Profile that weighs the genes, ``(n_genes,)``. By default that of the very copies: the
        error of a reference made from the units at hand is then part of the spread of the sets.

    Returns
    -------
    components
        Shape ``(n_sets, n_levels)``, the cell last; NaN where the copies cannot tell.
    """
    t = _observed(layout, genes, times, reference)
    return _solve_rows(_expected(layout, times), t)[:, 1:]


def _observed(
    layout: Layout,
    genes: GeneSums,
    times: NDArray[np.float64],
    reference: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    groups = [np.eye(int(c.max()) + 1)[c] for c in layout.above]
    inner = [np.zeros((len(times), g.shape[1])) for g in groups]
    lines = np.zeros((1 + len(genes.inner), len(times), len(layout.n)))
    n_genes = genes.first.shape[1]
    with threadpool_limits(1, "blas"):
        for low in range(0, n_genes, _GENES_PER_CHUNK):
            part = slice(low, low + _GENES_PER_CHUNK)
            weight = _weights(genes, times, part, reference)
            first = genes.first[:, part]
            for i, group in enumerate(groups):
                for g in range(group.shape[1]):
                    mine = group[:, g] > 0
                    together = times[:, mine] @ first[mine]
                    together *= together
                    together *= weight
                    inner[i][:, g] += together.sum(axis=1)
            for i, values in enumerate((genes.noise, *genes.inner)):
                lines[i] += weight @ values[:, part].T
    out = np.zeros((len(times), len(groups) + len(genes.inner)))
    for i, group in enumerate(groups):
        n_group = (times * layout.n) @ group
        out[:, i] = _over(inner[i] - (times * lines[0]) @ group, n_group).sum(axis=1)
    for i in range(len(genes.inner)):
        out[:, len(groups) + i] = (times * lines[1 + i]).sum(axis=1)
    return out


def _weights(
    genes: GeneSums,
    times: NDArray[np.float64],
    part: slice,
    reference: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """One over the reference; a gene that none of the copies has weighs nothing."""
    if reference is not None:
        p = reference[None, part]
    else:
        p = times @ genes.profile[:, part] + genes.fixed_profile[part]
        p /= (times @ genes.weight + genes.fixed_weight)[:, None]
    return _over(np.ones_like(p), p)


def _expected(layout: Layout, times: NDArray[np.float64]) -> NDArray[np.float64]:
    n_c, n_in = len(layout.above), len(layout.squares)
    size = n_c + n_in
    n = times @ layout.n
    a = np.zeros((len(times), size, size))
    a[:, np.tril_indices(size)[0], np.tril_indices(size)[1]] = n[:, None]
    for i, code in enumerate(layout.above):
        one = np.eye(int(code.max()) + 1)[code]  # (K, groups)
        n_group = (times * layout.n) @ one
        for j in range(i + 1, n_c):
            child = np.eye(int(layout.above[j].max()) + 1)[layout.above[j]]
            n_child = (times * layout.n) @ child
            parent = _of(layout.above[j], code, child.shape[1])
            a[:, i, j] = _over(n_child**2, n_group[:, parent]).sum(axis=1)
        for j in range(n_in):
            per_unit = times * layout.squares[j]
            a[:, i, n_c + j] = _over(per_unit @ one, n_group).sum(axis=1)
    for i in range(n_in):
        for j in range(i + 1, n_in):
            a[:, n_c + i, n_c + j] = times @ layout.sizes[i, j]
    return a


def _over(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _solve_rows(a: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full(t.shape, np.nan)
    scale = a[:, -1, -1][:, None, None]
    good = (scale[:, 0, 0] > 0) & (np.abs(np.linalg.det(a / np.maximum(scale, 1.0))) > 1e-12)
    if good.any():
        out[good] = np.linalg.solve(a[good], t[good][:, :, None])[:, :, 0]
    for row in np.flatnonzero(~good & (scale[:, 0, 0] > 0)):
        matrix = a[row] / scale[row]
        inverse = np.linalg.pinv(matrix, rcond=1e-10)
        known = np.abs(np.diag(inverse @ matrix) - 1.0) < 1e-8  # the others are not told apart
        out[row, known] = (inverse @ (t[row] / scale[row, 0]))[known]
    return out
