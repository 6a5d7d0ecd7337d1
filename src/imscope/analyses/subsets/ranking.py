"""Rank subsets for a use, with every term of the total in sight."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from imscope.core import codes
from imscope.core.cells import require_columns
from imscope.core.errors import UsageError
from imscope.core.schema import SUBSET_RANKING

if TYPE_CHECKING:
    import pandas as pd

FEWEST_WEIGHT = 0.5
"""Share of the panel's weight that must be scored."""
PRESENT = 5
"""Cells of a subset from which a unit supports it."""
NEUTRAL = 0.5
"""Value of a term that cannot be estimated: it neither raises nor buries a subset."""

COUNTED = {5: "five", 6: "six"}
BLOCKED = 4
"""Taken from the units in the variance of Fisher's z: one more than without blocks."""


@dataclass(frozen=True, slots=True)
class _Term:
    value: float
    basis: str
    status: str = "ok"
    reason: str = ""


def rank(
    indication: Mapping[str, float],
    scores: "pd.DataFrame",
    *,
    cells: "pd.DataFrame",
    vetoes: "pd.DataFrame | None" = None,
    conflicts: "pd.DataFrame | None" = None,
    measured: "pd.DataFrame | None" = None,
) -> "pd.DataFrame":
    r"""Rank subsets for an indication.

    The total is a product of factors in [0, 1], five of them always:

    - *posterior*: :math:`\Phi(\sum_p w_p z_p/\sum_p |w_p|)` with :math:`z_p` the normal score of
      programme p, from its p value over units, positive where the subset lies above the mean of
      all subsets. Dividing by the sum of weights treats programmes as fully dependent, so many
      programmes that say the same do not add up to certainty.
    - *stability*: :math:`e^{-|b|}`, b the mean slope over units of the log odds of the subset's
      share against passage.
    - *replicates*: (k + 1/2)/(n + 1), k of n units hold at least 5 cells of it.
    - *evidence*: 1 less half the share of the panel's weight whose evidence is in conflict.
    - *safety*: 0 if vetoed, else 1.
    - *measured here*, where outcomes of lots were measured: :math:`\Phi(\bar z)`, the mean over
      outcomes of Fisher's z of the correlation of the subset's share with the outcome, positive
      where more of the subset goes with a better outcome. A subset that assays contradict falls.

    Parameters
    ----------
    indication
        Weight per programme; negative where less is wanted.
    scores
        Table ``programme_scores`` with ``group`` the subset.
    cells
        ``subset``, ``unit``, ``n_cells``, ``n_total``, and ``passage`` where known: one row per
        subset, unit and passage.
    vetoes
        ``subset``, ``reason``.
    conflicts
        ``programme``, ``reason``.
    measured
        Table ``potency_link`` of attributes called ``subset_NAME``.

    Returns
    -------
    ranking
        Table ``subset_ranking``: a row per subset and term, and one of the total.

    Raises
    ------
    UsageError
        The indication has no weight.
    DataError
        A column is missing.

    Notes
    -----
    The total orders candidates for a wet assay. It is no probability that a product works.

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"group": ["0", "1"], "programme": "angiogenesis",
    ...     "score": [0.1, 0.4], "status": "ok", "p_value": [0.01, 0.01]})
    >>> cells = pd.DataFrame({"subset": ["0", "0", "1", "1"], "unit": ["a", "b"] * 2,
    ...     "n_cells": 50, "n_total": 100})
    >>> table = rank({"angiogenesis": 1.0}, scores, cells=cells)
    >>> table[table["term"] == "total"]["subset"].tolist()
    ['1', '0']
    """
    weight = {k: float(v) for k, v in indication.items() if v != 0}
    size = sum(abs(v) for v in weight.values())
    if not weight or not np.isfinite(size):
        raise UsageError(
            "an indication needs weights of programmes",
            found=str(dict(indication)),
            fix="give one finite weight other than 0 at least",
            code=codes.SUBSETS_OPTION,
        )
    require_columns(scores, "group", "programme", "score", "status", "p_value")
    require_columns(cells, "subset", "unit", "n_cells", "n_total")
    evidence = _evidence(weight, conflicts)
    found = []
    for subset in sorted(scores["group"].astype(str).unique()):
        own = cells[cells["subset"].astype(str) == subset]
        terms = {
            "posterior": _posterior(subset, scores, weight),
            "stability": _stability(own),
            "replicates": _replicates(own, int(cells["unit"].nunique())),
            "evidence": evidence,
            "safety": _safety(subset, vetoes),
        }
        if measured is not None:
            terms["measured here"] = _measured(subset, measured)
        total = float(np.prod([t.value for t in terms.values()]))
        reason = "; ".join(f"{k}: {t.status}: {t.reason}" for k, t in terms.items() if t.reason)
        worst = next((t.status for t in reversed(terms.values()) if t.status != "ok"), "ok")
        terms["total"] = _Term(total, f"product of the {COUNTED[len(terms)]} terms", worst, reason)
        found.append((subset, terms))
    found.sort(key=lambda item: (-item[1]["total"].value, item[0]))
    rows = [
        {
            "rank": place,
            "subset": subset,
            "term": term,
            "value": t.value,
            "log_value": float(np.log(t.value)) if t.value > 0 else float("nan"),
            "basis": t.basis,
            "status": t.status,
            "reason": t.reason,
        }
        for place, (subset, terms) in enumerate(found, 1)
        for term, t in terms.items()
    ]
    table = SUBSET_RANKING.frame(rows)
    table.attrs["imscope"] = {"table": SUBSET_RANKING.name, "settings": dict(weight)}
    return table


def _posterior(subset: str, scores: "pd.DataFrame", weight: Mapping[str, float]) -> _Term:
    ok = scores[(scores["status"] == "ok") & scores["programme"].isin(list(weight))]
    total, used, said = 0.0, 0.0, []
    for programme, w in sorted(weight.items()):
        rows = ok[ok["programme"] == programme]
        own = rows[rows["group"].astype(str) == subset]
        if own.empty or not np.isfinite(own["p_value"].iloc[0]):
            said.append(f"{programme} not scored")
            continue
        p = float(np.clip(own["p_value"].iloc[0], 1e-12, 1.0))
        side = np.sign(float(own["score"].iloc[0]) - float(rows["score"].mean()))
        z = float(side * stats.norm.isf(p / 2))
        total += w * z
        used += abs(w)
        said.append(f"{programme} {w:+g} x z {z:+.2f}")
    share = used / sum(abs(v) for v in weight.values())
    basis = ", ".join(said)
    if share < FEWEST_WEIGHT:
        return _Term(NEUTRAL, basis, "not estimable", f"{share:.0%} of the panel is scored")
    return _Term(float(stats.norm.cdf(total / used)), basis)


def _stability(own: "pd.DataFrame") -> _Term:
    slopes = []
    if "passage" in own.columns:
        for _, unit in own.dropna(subset=["passage"]).groupby("unit"):
            x = unit["passage"].to_numpy(dtype=np.float64)
            k, n = (unit[c].to_numpy(dtype=np.float64) for c in ("n_cells", "n_total"))
            if np.ptp(x) > 0:
                slopes.append(float(np.polyfit(x, np.log((k + 0.5) / (n - k + 0.5)), 1)[0]))
    if not slopes:
        return _Term(NEUTRAL, "no unit is known at two passages", "not estimable", "no passages")
    b = float(np.mean(slopes))
    basis = f"log odds change {b:+.2f} per passage, {len(slopes)} units"
    return _Term(float(np.exp(-abs(b))), basis)


def _replicates(own: "pd.DataFrame", n: int) -> _Term:
    k = int((own.groupby("unit")["n_cells"].sum() >= PRESENT).sum())
    return _Term((k + 0.5) / (n + 1), f"{k} of {n} units hold {PRESENT} cells or more")


def _evidence(weight: Mapping[str, float], conflicts: "pd.DataFrame | None") -> _Term:
    if conflicts is None or conflicts.empty:
        return _Term(1.0, "no conflict on record")
    require_columns(conflicts, "programme", "reason")
    hit = sorted(set(conflicts["programme"].astype(str)) & set(weight))
    share = sum(abs(weight[p]) for p in hit) / sum(abs(v) for v in weight.values())
    return _Term(
        1 - share / 2, f"in conflict: {', '.join(hit)}" if hit else "no conflict on record"
    )


def _safety(subset: str, vetoes: "pd.DataFrame | None") -> _Term:
    if vetoes is None or vetoes.empty:
        return _Term(1.0, "no veto on record")
    require_columns(vetoes, "subset", "reason")
    own = vetoes[vetoes["subset"].astype(str) == subset]["reason"].astype(str)
    if own.empty:
        return _Term(1.0, "no veto on record")
    reason = "; ".join(sorted(set(own)))
    return _Term(0.0, reason, "vetoed", reason)


def _measured(subset: str, measured: "pd.DataFrame") -> _Term:
    """What lots did in assays when they held more of the subset."""
    require_columns(measured, "attribute", "outcome", "correlation", "n_units", "good", "status")
    own = measured[measured["attribute"].astype(str) == f"subset_{subset}"]
    own = own[own["correlation"].notna() & (own["n_units"] > BLOCKED)]
    own = own[own["status"].isin(["SHOWN", "NOT SHOWN", "SUGGESTED"])]
    if own.empty:
        return _Term(NEUTRAL, "no outcome of lots tested", "not estimable", "not measured here")
    sign = np.where(own["good"], 1.0, -1.0)
    r = np.clip(np.abs(own["correlation"].to_numpy(dtype=np.float64)), 0, 0.999)
    z = sign * np.arctanh(r) * np.sqrt(own["n_units"].to_numpy(dtype=np.float64) - BLOCKED)
    said = [_finding(row) for row in own.to_dict("records")]
    against = own[~own["good"].astype(bool) & own["status"].isin(["SHOWN", "SUGGESTED"])]
    value = float(stats.norm.cdf(z.mean()))
    if len(against):
        names = ", ".join(sorted(set(against["outcome"].astype(str))))
        reason = f"lots with more of it do worse in {names}"
        return _Term(value, "; ".join(said), "contradicted", reason)
    return _Term(value, "; ".join(said))


def _finding(row: Mapping[Hashable, object]) -> str:
    """One outcome in words: sign, size, interval and lots."""
    side = "better" if row["good"] else "worse"
    words = f"{row['outcome']} {side}, correlation {float(str(row['correlation'])):+.2f}"
    slope, low, high = (row.get(k) for k in ("slope", "low", "high"))
    if slope is not None and low is not None and high is not None:
        numbers = [float(str(v)) for v in (slope, low, high)]
        words += f", slope {numbers[0]:.3g} ({numbers[1]:.3g} to {numbers[2]:.3g})"
    return f"{words}, {row['n_units']} lots, {str(row['status']).lower()}"
