"""Technical floor: the index of cells that cannot differ, from RNA-pool wells or spike-ins."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.frozen import Floor
from imscope.analyses.heterogeneity.groups import make_group, select_strata, why_not
from imscope.analyses.heterogeneity.statistics import (
    Reduced,
    hi2,
    jackknife_interval,
    reduce_moments,
)
from imscope.core.errors import MethodError
from imscope.engine.moments import compute_unit_moments

SPIKE_INS = "spike-ins"
MIN_SPIKE_UMI = 50
MIN_SPIKES = 5
MIN_WELLS = 15
"""Pool wells of one RNA that make a floor; they are alike, so fewer than of cells are enough."""


def with_floor(h: Heterogeneity, origin: str, *, threads: int | None = None) -> Heterogeneity:
    """Measure the technical floor of every platform, for the index above it.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    origin
        ``COLUMN=VALUE``: the wells that all hold one RNA, such as ``is_pool=true``; wells of
        different samples may hold different RNA. Or ``spike-ins``: the ERCC features.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    heterogeneity
        The same, with ``floors``: one per comparability pool, or none where there is no control.

    Raises
    ------
    DataError
        There is no such column or value.
    MethodError
        The controls are too few or too shallow on every platform.

    Notes
    -----
    The floor grows as the input RNA falls, which thinning cannot imitate: wells should hold as much
    RNA as a cell. Spike-ins give the noise of each molecule's own capture; the floor is their index
    times the share of counts that the compared genes hold.

    References
    ----------
    .. [1] Tian L et al. (2019). Nature Methods 16:479-487. doi:10.1038/s41592-019-0425-8
    """
    made = _spikes(h, threads) if origin == SPIKE_INS else _wells(h, origin)
    if all(isinstance(f, str) for f in made):
        reasons = "; ".join(dict.fromkeys(f for f in made if isinstance(f, str)))
        raise MethodError("no technical floor can be measured", found=reasons)
    return replace(h, floors=tuple(None if isinstance(f, str) else f for f in made))


def _wells(h: Heterogeneity, origin: str) -> list[Floor | str]:
    chosen = select_strata(h, origin)
    out: list[Floor | str] = []
    for pool in range(len(h.universes)):
        strata = np.flatnonzero(chosen & (h.pool == pool))
        group = make_group(h, origin, strata)
        if not len(group.units):
            out.append(f"no wells with {origin}")
            continue
        reason = why_not(h, group, least=MIN_WELLS)
        if reason:
            out.append(reason)
            continue
        n = int(h.moments.n_cells[group.units].sum())
        depth = h.moments.median_depth(group.units)
        words = f"from {n} wells with {origin} at a median of {depth:,.0f} UMI"
        out.append(_floor(h, h.all_genes, group.units, 1.0, words))
    return out


def _spikes(h: Heterogeneity, threads: int | None) -> list[Floor | str]:
    spikes = h.spikes if h.spikes is not None else np.zeros(h.source.n_features, dtype=bool)
    if spikes.sum() < MIN_SPIKES:
        return [f"{int(spikes.sum())} spike-in features, {MIN_SPIKES} are needed"]
    moments = compute_unit_moments(
        h.source, h.moments.unit, h.moments.n_units, kept=spikes, threads=threads
    )
    out: list[Floor | str] = []
    for pool, universe in enumerate(h.universes):
        units = np.flatnonzero((h.pool[h.stratum] == pool) & (moments.n_cells > 1))
        depth = moments.median_depth(units) if len(units) else 0.0
        if not depth >= MIN_SPIKE_UMI:
            out.append(f"median of {depth:,.0f} spike-in UMI per cell, {MIN_SPIKE_UMI} are needed")
            continue
        share = moments.sums[units, :, 0].sum(axis=0) / moments.n_cells[units].sum()
        reduced = reduce_moments(moments, np.where(share > 0, share, 1.0), share > 0)
        held = float(universe.reference[universe.genes].sum())
        words = f"from {int((share > 0).sum())} spike-ins at a median of {depth:,.0f} UMI"
        out.append(_floor(h, reduced, units, held, words))
    return out


def _floor(
    h: Heterogeneity, reduced: Reduced, units: NDArray[np.int64], held: float, words: str
) -> Floor:
    """Mean index inside samples, weighted by cells, with an interval over blocks."""
    names = h.strata["sample"].astype(str).to_numpy()[h.stratum[units]]
    sample = np.unique(names, return_inverse=True)[1]
    block = np.unique(h.block[units], return_inverse=True)[1]
    own = reduced.subset(units)

    def inside(times: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros(len(times))
        weight = np.zeros(len(times))
        for s in range(int(sample.max()) + 1):
            mine = np.where(sample == s, 1.0, 0.0) * times[:, block]
            n = mine @ own.n
            value = hi2(own, mine)
            good = np.isfinite(value)
            total[good] += (n * value)[good]
            weight[good] += n[good]
        return np.asarray(held * total / weight)

    k = int(block.max()) + 1
    interval = jackknife_interval(inside, k, confidence=h.settings.confidence, of="blocks")
    return Floor(float(inside(np.ones((1, k)))[0]), interval.low, interval.high, words)
