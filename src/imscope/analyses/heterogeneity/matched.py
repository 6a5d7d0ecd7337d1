"""The same statistics at one depth: protection against noise that is not multinomial."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.compute import Heterogeneity, reduce_pools
from imscope.analyses.heterogeneity.groups import in_wells
from imscope.core.errors import MethodError
from imscope.engine.moments import compute_unit_moments
from imscope.engine.thin import ThinnedBlocks

TWIN = 1.6
"""Multiple of a library's median UMI above which a droplet may hold two like cells."""


def match_depth(h: Heterogeneity, *, threads: int | None = None) -> Heterogeneity:
    """Thin every cell to the 10th percentile of depth over all cells, and sum again.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    matched
        Same genes, weights and groups; counts drawn without replacement. Cells below the target
        depth stay as they are. The target is never under ``settings.matched_depth_floor``.
        Droplets with more than 1.6 times the median of their library are left out: two like cells
        in one droplet look more uniform than one.

    Raises
    ------
    MethodError
        The median depth is below what is needed to estimate anything.
    """
    depth = h.moments.depth[h.moments.unit >= 0]
    if not len(depth) or np.median(depth) < h.settings.min_median_umi:
        raise MethodError(
            "the cells are too shallow to match their depth",
            found=f"median {np.median(depth) if len(depth) else 0:,.0f} UMI",
            fix=f"{h.settings.min_median_umi:,} UMI are needed",
        )
    target = max(int(np.percentile(depth, 10)), h.settings.matched_depth_floor)
    thin = ThinnedBlocks(h.source, h.kept, target, h.settings.seed)
    unit = np.where(_twins(h), np.int32(-1), h.moments.unit)
    moments = compute_unit_moments(thin, unit, h.moments.n_units, kept=h.kept, threads=threads)
    genes = [u.genes for u in h.universes]
    reduced = reduce_pools(moments, h.pool[h.stratum], h.universes, genes)
    without = reduce_pools(
        moments, h.pool[h.stratum], h.universes, [u.without for u in h.universes]
    )
    return replace(
        h, moments=moments, all_genes=reduced, without=without, source=thin, programmes={}
    )


def _twins(h: Heterogeneity) -> NDArray[np.bool_]:
    """Droplets that hold too much RNA for one cell of their library; wells hold one by design."""
    out = np.zeros(len(h.moments.depth), dtype=bool)
    stratum = np.where(h.moments.unit >= 0, h.stratum[h.moments.unit], -1)
    for s in range(len(h.strata)):
        mine = np.flatnonzero(stratum == s)
        if len(mine) and not in_wells(h, np.array([s])):
            depth = h.moments.depth[mine]
            out[mine] = depth > TWIN * np.median(depth)
    return out
