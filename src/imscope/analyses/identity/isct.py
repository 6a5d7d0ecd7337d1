"""ISCT panel: from protein where it was measured, else a surrogate from RNA that says so."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.identity.fractions import Groups
from imscope.core.schema import ISCT_PANEL
from imscope.engine.panel_counts import PanelCounts
from imscope.evidence.gene_sets import load
from imscope.stats.shares import clopper_pearson

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.raw import Modality

Floats = NDArray[np.float64]
POSITIVE, NEGATIVE = 0.95, 0.02
LEAST_CELLS = 50
ANTIGENS = {
    "NT5E": "CD73",
    "THY1": "CD90",
    "ENG": "CD105",
    "PTPRC": "CD45",
    "CD34": "CD34",
    "CD14": "CD14",
    "ITGAM": "CD11b",
    "CD79A": "CD79a",
    "CD19": "CD19",
    "HLA-DRA": "HLA-DR",
    "HLA-DRB1": "HLA-DR",
}
ISOTYPE_QUANTILE = 0.99
SURROGATE = "RNA surrogate"


def check_isct(
    panel: PanelCounts,
    groups: Groups,
    *,
    protein: "Modality | None" = None,
    cutoffs: Mapping[str, float] | None = None,
) -> "pd.DataFrame":
    """Hold every group against the ISCT panel: 95 % positive, at most 2 % negative.

    Parameters
    ----------
    panel
        Counts of (at least) the genes of ``isct_positive`` and ``isct_negative``.
    groups
        Groups of the cells.
    protein
        Surface protein counts of the same cells; a marker measured there is taken from there only.
    cutoffs
        Count above which a cell is positive, by antigen (such as ``CD73``). Without one it is the
        99 % point of the isotype controls; without those a protein is not judged.

    Returns
    -------
    table
        ``isct_panel`` as declared in :mod:`imscope.core.schema`.

    Notes
    -----
    The criterion is one of flow cytometry. RNA is no replacement: a cell with the protein may show
    no count. A positive marker is therefore judged from RNA only if nearly every cell would show a
    count were all alike; silent RNA of a negative marker is weak evidence. The panel does not tell
    stromal cells from fibroblasts.

    References
    ----------
    .. [1] Dominici M et al. (2006). Cytotherapy 8:315-317. doi:10.1080/14653240600855905
    .. [2] Viswanathan S et al. (2019). Cytotherapy 21:1019-1024. doi:10.1016/j.jcyt.2019.08.002

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> panel = PanelCounts(("ENG",), sp.csc_array(np.ones((60, 1))), np.full(60, 9_000.0))
    >>> all_cells = Groups(["a"], np.zeros(60, dtype=np.int64), np.full(60, "a", dtype=object))
    >>> check_isct(panel, all_cells)[["antigen", "source", "verdict"]].iloc[2].tolist()
    ['CD105', 'RNA surrogate', 'not estimable']
    """
    sets = load()
    rules = dict.fromkeys(sets["isct_positive"].genes, "positive")
    rules |= dict.fromkeys(sets["isct_negative"].genes, "negative")
    columns = _protein_columns(protein)
    background = _isotype_cutoff(protein)
    rows, seen = [], set()
    for symbol, rule in rules.items():
        antigen = ANTIGENS.get(symbol, symbol)
        column = columns.get(antigen)
        if column is not None and antigen in seen:
            continue
        seen.add(antigen)
        for g, name in enumerate(groups.names):
            mine = groups.group == g
            row = ISCT_PANEL.blank(
                group=name, antigen=antigen, symbol=symbol, rule=rule, n_cells=int(mine.sum())
            )
            if column is not None and protein is not None:
                values = np.asarray(protein.counts[:, [column]].toarray()).ravel()[mine]
                row |= _from_protein(values, rule, (cutoffs or {}).get(antigen, background))
            else:
                row |= _from_rna(panel, symbol, rule, mine)
            rows.append(row)
    return ISCT_PANEL.frame(rows)


def _from_protein(values: Floats, rule: str, cutoff: float | None) -> dict[str, object]:
    if cutoff is None:
        why = "no isotype control in the panel and no cut-off given: the protein is not judged"
        return {"source": "protein", **_not(why)}
    if len(values) < LEAST_CELLS:
        return {"source": "protein", **_not(_few(len(values)))}
    share = _share(values > cutoff)
    verdict = "open"
    if rule == "positive":
        verdict = "meets" if share["low"] >= POSITIVE else verdict
        verdict = "fails" if share["high"] < POSITIVE else verdict
    else:
        verdict = "meets" if share["high"] <= NEGATIVE else verdict
        verdict = "fails" if share["low"] > NEGATIVE else verdict
    return {"source": "protein", **share, "verdict": verdict, "status": "ok"}


def _from_rna(
    panel: PanelCounts, symbol: str, rule: str, mine: NDArray[np.bool_]
) -> dict[str, object]:
    out: dict[str, object] = {"source": SURROGATE}
    if not panel.found([symbol]):
        return out | _not(f"{symbol} is not in the matrix")
    n = int(mine.sum())
    if n < LEAST_CELLS:
        return out | _not(_few(n))
    counts = panel.of([symbol], np.flatnonzero(mine)).ravel()
    depth = panel.depth[mine]
    rate = counts.sum() / max(depth.sum(), 1.0)
    share = _share(counts > 0)
    expected = float((1 - np.exp(-depth * rate)).mean())
    out |= {**share, "expected_seen": expected, "per_10k": float(rate * 1e4), "status": "ok"}
    if rule == "negative":
        if share["low"] > NEGATIVE:
            return out | {"verdict": "against"}
        if share["high"] <= NEGATIVE:
            return out | {"verdict": "consistent"}
        return out | {"verdict": "open"}
    if expected < POSITIVE:
        return out | _not(f"only {expected:.0%} of cells would show a count if all were alike")
    if share["low"] >= POSITIVE:
        return out | {"verdict": "consistent"}
    return out | {"verdict": "against" if share["high"] < POSITIVE else "open"}


def _share(positive: NDArray[np.bool_]) -> dict[str, float]:
    low, high = clopper_pearson(int(positive.sum()), len(positive))
    return {"frac": float(positive.mean()), "low": float(low), "high": float(high)}


def _not(why: str) -> dict[str, object]:
    return {"verdict": "not estimable", "status": "not estimable", "reason": why}


def _few(n: int) -> str:
    return f"{n} cells, {LEAST_CELLS} are needed"


def _protein_columns(protein: "Modality | None") -> dict[str, int]:
    """Column of each antigen of the panel, by CD name or gene."""
    if protein is None:
        return {}
    names = {a.upper(): a for a in ANTIGENS.values()} | {
        s.upper(): a for s, a in ANTIGENS.items() if s != "CD34"
    }
    names |= {"HLADR": "HLA-DR"}
    out: dict[str, int] = {}
    for k, (symbol, feature) in enumerate(
        zip(protein.features["symbol"], protein.features["feature_id"], strict=True)
    ):
        for word in (str(symbol), str(feature)):
            stem = re.split(r"[_ .]|[-]TotalSeq", word.upper(), maxsplit=1)[0]
            stem = re.sub(r"^(ADT|AB|ANTI)-", "", stem)
            if stem in names and not _is_isotype(word):
                out.setdefault(names[stem], k)
    return out


def _is_isotype(name: str) -> bool:
    return bool(re.search(r"isotype|\bigg|_igg|control", name, flags=re.IGNORECASE))


def _isotype_cutoff(protein: "Modality | None") -> float | None:
    if protein is None:
        return None
    names = (
        protein.features["symbol"].astype(str) + " " + protein.features["feature_id"].astype(str)
    )
    columns = [k for k, name in enumerate(names) if _is_isotype(name)]
    if not columns:
        return None
    values = np.asarray(protein.counts[:, columns].toarray())
    return float(np.quantile(values, ISOTYPE_QUANTILE))
