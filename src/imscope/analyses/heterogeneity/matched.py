"""The same statistics at one depth: protection against noise that is not multinomial."""

from dataclasses import replace

import numpy as np

from imscope.analyses.heterogeneity.compute import Heterogeneity, reduce_pools
from imscope.core.errors import MethodError
from imscope.engine.moments import compute_unit_moments
from imscope.engine.thin import ThinnedBlocks


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
    moments = compute_unit_moments(
        thin, h.moments.unit, h.moments.n_units, kept=h.kept, threads=threads
    )
    genes = [u.genes for u in h.universes]
    reduced = reduce_pools(moments, h.pool[h.stratum], h.universes, genes)
    without = reduce_pools(
        moments, h.pool[h.stratum], h.universes, [u.without for u in h.universes]
    )
    return replace(
        h, moments=moments, all_genes=reduced, without=without, source=thin, programmes={}
    )
