"""The calibration check: groups of non-targeting cells against the other non-targeting cells."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.screens.cell_parts import Assigned
from imscope.analyses.screens.target_scores import target_effects
from imscope.core.rng import spawn
from imscope.stats.adjust import benjamini_hochberg

Floats = NDArray[np.float64]
GROUPS = 12


def check_null(
    counts: sp.csr_array,
    design: Floats,
    assigned: Assigned,
    batch: NDArray[np.int64] | None,
    *,
    seed: int,
) -> dict[str, float]:
    """Shares of p below 0.05 and 0.001, and discoveries, where nothing is to be found.

    Parameters
    ----------
    counts, design, assigned, batch
        Of the cells used.
    seed
        Of the groups: half of the non-targeting guides, drawn twelve times; with one such guide
        random halves of its cells.

    Returns
    -------
    calibration
        ``p05``, ``p001``, ``discoveries`` at q 0.1, ``inflation`` (median chi squared over that
        expected), ``n_tests``.
    """
    own = np.flatnonzero(assigned.control)
    guides = np.unique(assigned.guide[own])
    found: list[Floats] = []
    x, d = counts[own], design[own]
    b = None if batch is None else batch[own]
    seen = set()
    for k in range(GROUPS):
        rng = spawn(seed, "null check", k)
        if len(guides) >= 2:
            chosen = np.sort(rng.choice(guides, max(len(guides) // 2, 1), replace=False))
            if tuple(chosen) in seen:
                continue
            seen.add(tuple(chosen))
            group = np.isin(assigned.guide[own], chosen)
        else:
            group = rng.permutation(len(own)) < len(own) // 2
        got = target_effects(x, d, np.where(group, 0, -1), control=~group, batch=b, n_targets=1)
        found.append(got.p_value[:, 0])
    p = np.concatenate(found)
    p = p[np.isfinite(p)]
    if not len(p):
        return dict.fromkeys(("p05", "p001", "discoveries", "inflation"), float("nan")) | {
            "n_tests": 0.0
        }
    from scipy.stats import chi2

    return {
        "p05": float((p < 0.05).mean()),
        "p001": float((p < 0.001).mean()),
        "discoveries": float((benjamini_hochberg(p) < 0.1).sum()),
        "inflation": float(np.median(chi2.isf(np.maximum(p, 1e-300), 1)) / chi2.median(1)),
        "n_tests": float(len(p)),
    }
