"""What expression can and cannot tell about the donor: sex, and genes that people have or lack."""

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.identity.fractions import Groups
from imscope.analyses.identity.rates import group_sums, presence
from imscope.core.schema import DONOR_MATCH, DONOR_SEX
from imscope.engine.panel_counts import PanelCounts

if TYPE_CHECKING:
    import pandas as pd

Y_GENES = ("RPS4Y1", "DDX3Y", "EIF1AY", "KDM5D", "UTY", "USP9Y", "ZFY", "NLGN4Y", "TXLNGY")
"""Genes of chromosome Y outside the shared ends that many tissues express."""
POLYMORPHIC = ("GSTM1", "GSTT1", "ERAP2", "HLA-DRB4", "HLA-DRB5", "UGT2B17")
"""Genes that many people lack, by deletion or by a splice variant without stable RNA (ERAP2)."""
SEX_LIMIT = 20.0
GENE_LIMIT = 5.0
ACTIVE = 20.0
"""A gene is compared only among samples of a kind in which some sample reaches this rate."""
DONOR_GENES = ("XIST", *Y_GENES, *POLYMORPHIC)
"""All genes these checks read."""


def sex_table(
    panel: PanelCounts, groups: Groups, *, sheet: "pd.Series | None" = None
) -> "pd.DataFrame":
    """Sex of each group's donor from Y genes and XIST, held against the sample sheet.

    Parameters
    ----------
    panel
        Counts of (at least) :data:`DONOR_GENES`.
    groups
        Groups of the cells.
    sheet
        Sex of every cell as the sheet says, where it does.

    Returns
    -------
    table
        ``donor_sex`` as declared in :mod:`imscope.core.schema`.

    Notes
    -----
    Many female pluripotent lines have lost XIST, and male cells lose Y in culture: without both the
    call is ``no Y``, which contradicts neither. Both together mean two donors in one sample (or
    47,XXY); which of them cannot be told from sums.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> panel = PanelCounts(("DDX3Y", "RPS4Y1", "UTY", "XIST"), sp.csc_array([[60.0, 90, 9, 0]]),
    ...                     np.array([1e6]))
    >>> one = Groups(["a"], np.zeros(1, dtype=np.int64), np.array(["a"], dtype=object))
    >>> sex_table(panel, one)[["call", "agreement"]].iloc[0].tolist()
    ['male', 'not compared']
    """
    n = len(groups.names)
    there = panel.found(Y_GENES)
    total = group_sums(panel.depth[:, None], groups.group, n).ravel()
    y = group_sums(panel.of(there), groups.group, n).sum(axis=1, keepdims=True)
    has_xist = bool(panel.found(["XIST"]))
    x = group_sums(panel.of(["XIST"]), groups.group, n) if has_xist else np.zeros((n, 1))
    y_on, x_on = (presence(v, total, limit=SEX_LIMIT).ravel() for v in (y, x))
    rows = []
    for g, name in enumerate(groups.names):
        call, reason = _sex(int(y_on[g]), int(x_on[g]) if has_xist else -1, len(there))
        said = _said(sheet, groups.group == g)
        agreement, more = _agreement(call, said)
        rows.append(
            {
                "group": name,
                "xist_per_million": float(x[g, 0] / total[g] * 1e6) if has_xist else float("nan"),
                "y_per_million": float(y[g, 0] / total[g] * 1e6) if there else float("nan"),
                "n_y_genes": len(there),
                "call": call,
                "sheet": said,
                "agreement": agreement,
                "reason": f"{reason}{more}",
            }
        )
    return DONOR_SEX.frame(rows)


def check_donors(
    panel: PanelCounts,
    groups: Groups,
    *,
    donor: "pd.Series | None" = None,
    kind: "pd.Series | None" = None,
) -> "pd.DataFrame":
    """Compare samples by genes that people have or lack: do samples of one donor agree.

    Parameters
    ----------
    panel
        Counts of (at least) :data:`DONOR_GENES`.
    groups
        Groups (samples) of the cells.
    donor
        Donor of every cell as the sheet says.
    kind
        Kind of cell (source class, stage) of every cell: apart from Y, a gene is compared only
        between samples of one kind, because silence in another kind says nothing about the genome.

    Returns
    -------
    table
        ``donor_match`` as declared in :mod:`imscope.core.schema`: one row per pair of groups.

    Notes
    -----
    A difference is evidence for a swap; agreement is hardly any for a match, because a handful of
    common variants agree between many people. Identity needs genotypes (STR or SNP).
    """
    n = len(groups.names)
    total = group_sums(panel.depth[:, None], groups.group, n).ravel()
    y = group_sums(panel.of(Y_GENES), groups.group, n).sum(axis=1, keepdims=True)
    genes = panel.found(POLYMORPHIC)
    sums = group_sums(panel.of(genes), groups.group, n)
    on = np.column_stack(
        [presence(y, total, limit=SEX_LIMIT), presence(sums, total, limit=GENE_LIMIT)]
    )
    if not panel.found(Y_GENES):
        on[:, 0] = -1
    names = ["Y genes", *genes]
    kinds = [_one(kind, groups.group == g) for g in range(n)]
    donors = [_one(donor, groups.group == g) for g in range(n)]
    rate = sums / total[:, None] * 1e6
    rows = []
    for a, b in combinations(range(n), 2):
        usable = (on[a] >= 0) & (on[b] >= 0)
        same_kind = kinds[a] == kinds[b]
        if genes:
            alike = [g for g in range(n) if kinds[g] == kinds[a]]
            usable[1:] &= same_kind & (rate[alike].max(axis=0) >= ACTIVE)
        same = bool(donors[a]) and donors[a] == donors[b]
        differ = [names[k] for k in np.flatnonzero(usable & (on[a] != on[b]))]
        verdict, reason = _verdict(int(usable.sum()), differ, same, bool(donors[a] and donors[b]))
        rows.append(
            {
                "first": groups.names[a],
                "second": groups.names[b],
                "same_donor": same,
                "n_compared": int(usable.sum()),
                "n_different": len(differ),
                "genes": ", ".join(differ),
                "verdict": verdict,
                "reason": reason,
            }
        )
    return DONOR_MATCH.frame(rows)


def _verdict(compared: int, differ: list[str], same: bool, known: bool) -> tuple[str, str]:
    if not compared:
        return "not compared", "no gene is decided in both samples"
    if not known:
        what = "they are of different donors" if differ else "they may be of one donor"
        return "not compared", f"the sheet gives no donor; by these genes {what}"
    if same and differ:
        rest = "; a lost Y chromosome does this too" if differ == ["Y genes"] else ""
        return "contradicts", f"one donor cannot both have and lack {', '.join(differ)}{rest}"
    if same:
        genes = "the one gene compared agrees" if compared == 1 else f"all {compared} genes agree"
        return "agrees", f"{genes}; two people often agree too, so one donor is not shown"
    if differ:
        return "agrees", "two donors that differ, as the sheet says"
    return "not compared", "two donors that these genes do not tell apart"


def _sex(y: int, x: int, n_y: int) -> tuple[str, str]:
    if n_y < 3:
        return "not estimable", f"{n_y} of {len(Y_GENES)} Y genes are in the matrix, 3 are needed"
    if y < 0:
        return "not estimable", "too few counts to say whether Y genes are expressed"
    if y and x == 1:
        return "mixed", "Y genes and XIST together: two donors in one sample, or 47,XXY"
    if y:
        return "male", "Y genes are expressed"
    if x == 1:
        return "female", "XIST is expressed and Y genes are not"
    return "no Y", "no Y genes, and no XIST: female with silenced XIST, or male with a lost Y"


def _agreement(call: str, sheet: str) -> tuple[str, str]:
    if not sheet or call == "not estimable":
        return "not compared", "" if sheet else "; the sheet gives no sex"
    if call == "mixed":
        return "contradicts", ""
    if call == "no Y":
        if sheet == "female":
            return "agrees", ""
        return "contradicts", "; the sheet says male, so a swap or a lost Y"
    return ("agrees" if call == sheet else "contradicts"), ""


def _said(sheet: "pd.Series | None", mine: NDArray[np.bool_]) -> str:
    word = _one(sheet, mine).lower()
    return {"m": "male", "male": "male", "f": "female", "female": "female"}.get(word, "")


def _one(column: "pd.Series | None", mine: NDArray[np.bool_]) -> str:
    """The one value of a column in a group, or nothing."""
    if column is None:
        return ""
    values = column[mine].dropna().astype(str).unique()
    return str(values[0]) if len(values) == 1 else ""
