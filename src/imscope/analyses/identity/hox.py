"""HOX position code: which HOX genes a sample keeps from the place its cells came from."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.identity.fractions import Groups
from imscope.analyses.identity.rates import group_sums, presence
from imscope.core.schema import HOX_CODE
from imscope.engine.panel_counts import PanelCounts
from imscope.evidence.gene_sets import load

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 5.0
"""A HOX gene is present above this rate. Unit: per million counts."""
NEEDED = 3.69 / LIMIT
"""Million counts from which a gene without any count is decided."""


def hox_table(panel: PanelCounts, groups: Groups) -> "pd.DataFrame":
    """Presence and absence of the HOX genes per group, and which group is most alike.

    Parameters
    ----------
    panel
        Counts of (at least) the genes of ``hox_position``.
    groups
        Groups of the cells.

    Returns
    -------
    table
        ``hox_code`` as declared in :mod:`imscope.core.schema`. A code with fewer than half of its
        genes decided is not compared.

    Notes
    -----
    Cells of the head's neural crest express no HOX gene: a code without any is a finding there, and
    no sign of poor data when its genes are decided.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> panel = PanelCounts(("HOXA1",), sp.csc_array([[4.0]]), np.array([9_000.0]))
    >>> one = Groups(["a"], np.zeros(1, dtype=np.int64), np.array(["a"], dtype=object))
    >>> hox_table(panel, one)["reason"][0]
    '1 of 39 genes decided with 0.009 million counts, about 0.74 are needed'
    """
    genes = load()["hox_position"].genes
    found = panel.found(genes)
    n = len(groups.names)
    sums = group_sums(panel.of(found), groups.group, n)
    total = group_sums(panel.depth[:, None], groups.group, n).ravel()
    code = np.full((n, len(genes)), -1, dtype=np.int8)
    place = [genes.index(g) for g in found]
    code[:, place] = presence(sums, total, limit=LIMIT)
    decided = (code >= 0).sum(axis=1)
    good = 2 * decided >= len(genes)
    rows = []
    for g, name in enumerate(groups.names):
        near, alike = _nearest(code, g, good)
        reason = ""
        if not good[g]:
            reason = (
                f"{decided[g]} of {len(genes)} genes decided with "
                f"{total[g] / 1e6:.2g} million counts, about {NEEDED:.2g} are needed"
            )
        present = [genes[k] for k in np.flatnonzero(code[g] == 1)]
        rows.append(
            {
                "group": name,
                "code": "".join("?" if v < 0 else str(v) for v in code[g]),
                "present": ", ".join(present),
                "n_present": len(present),
                "n_decided": int(decided[g]),
                "nearest": groups.names[near] if near >= 0 else "",
                "similarity": alike,
                "status": "ok" if good[g] else "not estimable",
                "reason": reason,
            }
        )
    return HOX_CODE.frame(rows)


def _nearest(code: NDArray[np.int8], g: int, good: NDArray[np.bool_]) -> tuple[int, float]:
    best, found = -1, float("nan")
    if not good[g]:
        return best, found
    for h in np.flatnonzero(good):
        both = (code[g] >= 0) & (code[h] >= 0)
        either = both & ((code[g] == 1) | (code[h] == 1))
        if h == g or not both.any():
            continue
        alike = float((code[g] == code[h])[either].mean()) if either.any() else 1.0
        if best < 0 or alike > found:
            best, found = int(h), alike
    return best, found
