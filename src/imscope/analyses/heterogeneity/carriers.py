"""Which genes and gene programmes carry the heterogeneity of a group."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.groups import groups_by, why_not
from imscope.analyses.heterogeneity.statistics import hi2, jackknife_interval
from imscope.core.schema import HETEROGENEITY_GENES, HETEROGENEITY_PROGRAMMES

if TYPE_CHECKING:
    import pandas as pd


def gene_table(h: Heterogeneity, by: str, *, top: int | None = 100) -> "pd.DataFrame":
    """Rank the genes of each group by what they add to HI2.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    by
        Column of the groups.
    top
        Genes per group; ``None`` for all.

    Returns
    -------
    genes
        As ``heterogeneity_genes`` in :mod:`imscope.core.schema`. The terms of all genes add up to
        HI2; groups that have no index have no rows.

    Raises
    ------
    DataError
        There is no such column.

    Notes
    -----
    The term of one gene is noisy and may be below zero; read the running share, not single ranks.
    """
    import pandas as pd

    frames = []
    for group in groups_by(h, by):
        if why_not(h, group):
            continue
        universe = h.universe_of(group.strata)
        columns = np.flatnonzero(universe.genes)
        n = int(h.moments.n_cells[group.units].sum())
        y, square, noise = h.moments.sums[group.units].sum(axis=0)[columns].T
        value = ((square - y * y / n) / (n - 1) - noise / n) / universe.reference[columns]
        order = np.argsort(-value, kind="stable")
        share = value / value.sum()
        chosen = order[:top]
        genes = h.features.iloc[columns[chosen]]
        frames.append(
            pd.DataFrame(
                {
                    "group": group.name,
                    "rank": np.arange(1, len(chosen) + 1),
                    "feature_id": genes["feature_id"].astype(str).to_numpy(),
                    "symbol": genes["symbol"].astype(str).to_numpy(),
                    "hi2": value[chosen],
                    "share": share[chosen],
                    "share_so_far": np.cumsum(share[order])[: len(chosen)],
                }
            )
        )
    names = HETEROGENEITY_GENES.names
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)
    return HETEROGENEITY_GENES.check(table)


def programme_table(h: Heterogeneity, by: str) -> "pd.DataFrame":
    """Tabulate HI2 restricted to the genes of each programme.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    by
        Column of the groups.

    Returns
    -------
    programmes
        As ``heterogeneity_programmes`` in :mod:`imscope.core.schema`, with intervals over blocks of
        cells. Gene sets overlap, so shares do not add up to one.

    Raises
    ------
    DataError
        There is no such column.
    """
    import pandas as pd

    rows = []
    for group in groups_by(h, by):
        if why_not(h, group):
            continue
        code = np.unique(h.block[group.units], return_inverse=True)[1]
        total = float(hi2(h.all_genes.subset(group.units))[0])
        for name, reduced in h.programmes.items():
            blocks = reduced.subset(group.units).merge(code)
            value = float(hi2(blocks)[0])
            interval = jackknife_interval(
                lambda times, own=blocks: hi2(own, times),  # type: ignore[misc]
                len(blocks.n),
                confidence=h.settings.confidence,
                of="blocks of cells",
            )
            rows.append(
                {
                    "group": group.name,
                    "programme": name,
                    "n_genes": reduced.n_genes,
                    "hi2": value,
                    "low": interval.low,
                    "high": interval.high,
                    "share": value / total if total > 0 else float("nan"),
                }
            )
    return HETEROGENEITY_PROGRAMMES.check(
        pd.DataFrame(rows, columns=HETEROGENEITY_PROGRAMMES.names)
    )
