"""In-silico sort: what the gate does to heterogeneity, and for how many passages."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

Measure = Callable[[NDArray[np.bool_], NDArray[np.str_]], "pd.DataFrame"]
"""Takes cells to measure and their groups; gives ``group``, ``hi2``, ``hi2_low``, ``hi2_high``."""
FEWEST = 50
"""Cells per group below which heterogeneity is not measured."""


def sort_in_silico(
    inside: ArrayLike,
    target: ArrayLike,
    units: ArrayLike,
    *,
    measure: Measure,
    passages: ArrayLike | None = None,
) -> "pd.DataFrame":
    """Heterogeneity of each unit, and of each passage, before and after the gate.

    Parameters
    ----------
    inside, target
        Shape ``(n_cells,)``, boolean.
    units
        Shape ``(n_cells,)``: donors or lots.
    measure
        Measures heterogeneity per group of some of the cells; handed in, so that this analysis does
        not depend on the one that measures.
    passages
        Shape ``(n_cells,)``; with them the gain is followed over passages.

    Returns
    -------
    table
        ``gate_sorted``.
    """
    import pandas as pd

    gate, y = np.asarray(inside).astype(bool), np.asarray(target).astype(bool)
    kinds = {"unit": np.asarray(units).astype(str)}
    if passages is not None:
        kinds["passage"] = np.asarray(passages).astype(str)
    rows = []
    for by, groups in kinds.items():
        for state, cells in (("before", np.ones(len(gate), dtype=bool)), ("after", gate)):
            names, n = np.unique(groups[cells], return_counts=True)
            enough = cells & np.isin(groups, names[n >= FEWEST])
            found = measure(enough, groups[enough]).set_index("group") if enough.any() else None
            for name in np.unique(groups).tolist():
                here = cells & (groups == name)
                row = {"group": name, "by": by, "state": state, "n_cells": int(here.sum())}
                row["purity"] = float(y[here].mean()) if here.any() else float("nan")
                ok = found is not None and name in found.index
                for c in ("hi2", "hi2_low", "hi2_high"):
                    row[c] = float(found.loc[name, c]) if ok else float("nan")  # type: ignore[union-attr]
                row["status"] = "ok" if ok else f"NOT TESTABLE: fewer than {FEWEST} cells"
                rows.append(row)
    return TABLES["gate_sorted"].check(pd.DataFrame(rows))
