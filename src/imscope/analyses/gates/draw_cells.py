"""Cells to draw a gate with: a few hundred per donor, in the gate's own axes."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from imscope.analyses.gates.gate import Gate, apply_gate
from imscope.core.rng import spawn
from imscope.core.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

PER_DONOR = 300


def cells_to_draw(
    gate: Gate, aligned: "pd.DataFrame", target: ArrayLike, donors: ArrayLike, *, seed: int = 0
) -> "pd.DataFrame":
    """Draw cells of each donor at random, with the gate's markers in pairs.

    Parameters
    ----------
    gate
        One to four markers; they are paired in order, a last one alone with the first.
    aligned
        Aligned units (RNA: counts), one row per cell.
    target, donors
        Shape ``(n_cells,)``.

    Returns
    -------
    table
        ``gate_cells``.
    """
    import pandas as pd

    y = np.asarray(target).astype(bool)
    names = np.asarray(donors).astype(str)
    inside = apply_gate(aligned, gate)
    m = gate.markers
    pairs = [(m[k], m[k + 1]) for k in range(0, len(m) - 1, 2)]
    if len(m) % 2:
        pairs.append((m[0], m[-1]) if len(m) > 1 else (m[0], ""))
    frames = []
    for donor in np.unique(names).tolist():
        of = np.flatnonzero(names == donor)
        rng = spawn(seed, "cells to draw", donor)
        shown = np.sort(rng.permutation(of)[:PER_DONOR])
        for a, b in pairs:
            frames.append(
                pd.DataFrame(
                    {
                        "gate": str(gate),
                        "donor": donor,
                        "marker_x": a,
                        "marker_y": b,
                        "x": aligned[a].to_numpy(dtype=np.float64)[shown],
                        "y": aligned[b].to_numpy(dtype=np.float64)[shown]
                        if b
                        else rng.uniform(0, 1, len(shown)),
                        "target": y[shown],
                        "inside": inside[shown],
                    }
                )
            )
    return TABLES["gate_cells"].check(pd.concat(frames, ignore_index=True))
