"""Which clusters of a whole run are populations of their own in its replicate units."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import SUBSET_SUPPORT

if TYPE_CHECKING:
    import pandas as pd

OVERLAP = 0.5
"""Shared cells over all cells of both (Jaccard) from which a cluster and a subset are the same."""
FEWEST_UNITS = 2
"""Units that must show a cluster as a population of its own."""
FEWEST_CELLS = 10
"""Tested cells below which a unit has no say on a cluster."""


def support_clusters(tables: "Mapping[str, pd.DataFrame]", clusters: "pd.Series") -> "pd.DataFrame":
    """Hold the clusters of a run against the subsets found in each replicate unit.

    Clusters come from all cells together; a cluster may be one lot, or a slice of a continuum.
    Here a cluster is significant when, in at least two units, the subset test splits the unit into
    discrete populations and one of them holds the same cells as the cluster.

    Parameters
    ----------
    tables
        Of the result of :func:`imscope.subsets.split`.
    clusters
        Cluster of every cell, indexed as the cell table given to the test.

    Returns
    -------
    support
        Table ``subset_support``, one row per cluster.

    Raises
    ------
    DataError
        A tested cell has no cluster.

    Notes
    -----
    A cluster that fails is not shown to be nothing: with few cells per unit, or when the clusters
    cut a population in two, the subsets of the units match none of them.

    Examples
    --------
    >>> import pandas as pd
    >>> labels = pd.DataFrame(
    ...     {"cell": range(80), "group": ["L1"] * 40 + ["L2"] * 40,
    ...      "subset": (["1"] * 28 + ["2"] * 12) * 2}
    ... )
    >>> calls = pd.DataFrame({"group": ["L1", "L2"], "shape": "discrete"})
    >>> found = {"subset_calls": calls, "subset_labels": labels}
    >>> clusters = pd.Series((["a"] * 28 + ["b"] * 12) * 2)
    >>> support_clusters(found, clusters)["significant"].tolist()
    [True, True]
    """
    labels, calls = tables["subset_labels"], tables["subset_calls"]
    known = clusters.astype(str).set_axis(clusters.index.astype(str))
    own = known.reindex(labels["cell"].astype(str).to_numpy())
    if own.isna().any():
        raise DataError(
            "cells that were tested have no cluster",
            found=f"{int(own.isna().sum())} of {len(own)} cells",
            fix="give the clusters with the index of the tested cell table",
            code=codes.SUBSETS_DESIGN,
        )
    cluster = own.to_numpy()
    shape = dict(zip(calls["group"].astype(str), calls["shape"], strict=True))
    units = labels["group"].astype(str).to_numpy()
    subset = labels["subset"].astype(str).to_numpy()
    rows = []
    for name in sorted(clusters.astype(str).unique(), key=lambda c: (len(c), c)):
        asked, seen, best = 0, 0, 0.0
        for unit in np.unique(units):
            here = units == unit
            mine = here & (cluster == name)
            if mine.sum() < FEWEST_CELLS:
                continue
            asked += 1
            if shape.get(str(unit)) != "discrete":
                continue
            overlap = max(
                float((mine & (subset == s)).sum() / (mine | (here & (subset == s))).sum())
                for s in np.unique(subset[here])
            )
            best = max(best, overlap)
            seen += overlap >= OVERLAP
        rows.append(_row(name, asked, seen, best))
    return SUBSET_SUPPORT.frame(rows)


def _row(name: str, asked: int, seen: int, best: float) -> dict[str, object]:
    ok = seen >= FEWEST_UNITS
    if asked < FEWEST_UNITS:
        who = "1 unit holds" if asked == 1 else f"{asked} units hold"
        reason = f"{who} {FEWEST_CELLS} tested cells of it, {FEWEST_UNITS} are needed"
    elif ok:
        reason = f"a population of its own in {seen} of {asked} units"
    else:
        reason = f"a population of its own in {seen} of {asked} units, {FEWEST_UNITS} are needed"
    return {
        "cluster": name,
        "n_units": asked,
        "n_supported": int(seen),
        "best_overlap": best,
        "significant": bool(ok),
        "reason": reason,
    }
