"""The index of each group relative to a reference in the same run."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.groups import (
    Group,
    groups_by,
    make_group,
    select_strata,
    too_much_ambient,
    why_not,
)
from imscope.analyses.heterogeneity.statistics import Reduced, hi2, jackknife_interval
from imscope.core.names import read_truth
from imscope.core.schema import HETEROGENEITY_RELATIVE

if TYPE_CHECKING:
    import pandas as pd

MARK = "is_reference"


def relative_table(h: Heterogeneity, by: str, *, reference: str | None = None) -> "pd.DataFrame":
    """Divide the index of each group by that of the reference samples of its platform.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`; samples with a true ``is_reference`` are the reference,
        or, where no sample has it, those of the source class ``reference_line``.
    by
        Column of the groups.
    reference
        Another reference: a value of ``by``, or ``COLUMN=VALUE``.

    Returns
    -------
    table
        As ``heterogeneity_relative`` in :mod:`imscope.core.schema`. Without a reference on the
        platform of a group the ratio is empty and ``status`` says so.

    Raises
    ------
    DataError
        There is no such column.

    Notes
    -----
    A ratio to a line or reference lot measured in the same run is the recommended way to follow
    uniformity over time, as relative potency is for potency. Intervals are over blocks of cells.
    """
    import pandas as pd

    groups = groups_by(h, by)
    base = references(h) if reference is None else select_strata(h, reference, by=by)
    rows = [_row(h, group, base) for group in groups]
    return HETEROGENEITY_RELATIVE.check(pd.DataFrame(rows, columns=HETEROGENEITY_RELATIVE.names))


def references(h: Heterogeneity) -> NDArray[np.bool_]:
    """Find the samples the design calls the reference, ``(n_strata,)``."""
    none = np.zeros(len(h.strata), dtype=bool)
    marked = read_truth(h.strata[MARK], MARK) if MARK in h.strata.columns else none
    if marked.any() or "source_class" not in h.strata.columns:
        return marked
    words = h.strata["source_class"].astype("object").map(str).str.casefold()
    return np.asarray(words == "reference_line", dtype=bool)


def _row(h: Heterogeneity, group: Group, base_strata: NDArray[np.bool_]) -> dict[str, object]:
    empty = float("nan")
    row: dict[str, object] = {
        "group": group.name,
        "reference": "",
        "ratio": empty,
        "low": empty,
        "high": empty,
        "status": why_not(h, group) or "ok",
    }
    if row["status"] != "ok":
        return row
    same = h.pool == h.pool[group.strata[0]]
    chosen = np.flatnonzero(base_strata & same)
    if not len(chosen):
        return row | {"status": "no reference sample on this platform"}
    names = sorted(set(h.strata["sample"].iloc[chosen].astype(str)))
    reference = make_group(h, ", ".join(names), chosen)
    row["reference"] = reference.name
    problem = why_not(h, reference)
    soup = {g.name: too_much_ambient(h, g) for g in (group, reference)}
    if any(soup.values()):
        words = "; ".join(f"{name}: {why}" for name, why in soup.items() if why)
        return row | {"status": f"not comparable: {words}"}
    if problem:
        return row | {"status": f"reference {problem}"}
    own, base = (_blocks(h, g) for g in (group, reference))
    if len(own.n) != len(base.n):
        return row | {"status": "too few cells for an interval"}

    def ratio(times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(hi2(own, times) / hi2(base, times))

    k = len(own.n)
    interval = jackknife_interval(ratio, k, confidence=h.settings.confidence)
    value = float(ratio(np.ones((1, k)))[0])
    return row | {"ratio": value, "low": interval.low, "high": interval.high}


def _blocks(h: Heterogeneity, group: Group) -> Reduced:
    code = np.unique(h.block[group.units], return_inverse=True)[1]
    return h.all_genes.subset(group.units).merge(code)
