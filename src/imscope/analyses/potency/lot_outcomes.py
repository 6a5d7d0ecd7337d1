"""Outcomes of lots as one value a lot, with its error: runs, animals and patients inside lots."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.schema import OUTCOME_LOT_VALUES

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
WIDE = 10.0
"""Ratio of largest to smallest value from which a positive outcome is analysed as a logarithm."""


def summarise_outcomes(
    outcomes: "pd.DataFrame", *, scales: Mapping[str, str] | None = None
) -> "pd.DataFrame":
    """One value per lot and outcome on the scale of the analysis.

    Parameters
    ----------
    outcomes
        :attr:`imscope.io.outcomes.Outcomes.table`.
    scales
        ``identity``, ``log`` or ``logit`` by outcome; by default yes and no are logits, positive
        outcomes that span a factor of ten are logarithms, others stay as they are.

    Returns
    -------
    table
        Table ``outcome_lots``. The error is that of the mean over measurements, from the scatter
        within lots pooled over all lots. A lot with a limit among its measurements keeps the limit
        and has no value.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.io.outcomes import check_outcomes
    >>> rows = [("L1", 1.0), ("L1", 3.0), ("L2", 5.0), ("L2", 7.0)]
    >>> table = pd.DataFrame(rows, columns=["lot", "value"])
    >>> table = table.assign(outcome="IDO", unit="uM", direction="higher", run=[1, 2, 1, 2])
    >>> found = summarise_outcomes(check_outcomes(table).table)
    >>> found["value"].tolist(), found["error"].round(3).tolist()
    ([2.0, 6.0], [1.0, 1.0])
    """
    rows = []
    for outcome, part in outcomes.groupby("outcome", sort=True):
        scale = (scales or {}).get(str(outcome)) or _scale(part)
        rows += _rows(str(outcome), part, scale)
    return OUTCOME_LOT_VALUES.frame(rows)


def _scale(part: "pd.DataFrame") -> str:
    if part["yes_no"].all():
        return "logit"
    value = part["value"].to_numpy(dtype=float)
    return "log" if value.min() > 0 and value.max() >= WIDE * value.min() else "identity"


def _rows(outcome: str, part: "pd.DataFrame", scale: str) -> list[dict[str, object]]:
    first = part.iloc[0]
    head = {"outcome": outcome, "unit": str(first["unit"]), "direction": str(first["direction"]),
            "scale": scale}  # fmt: skip
    lots = [(str(lot), mine) for lot, mine in part.groupby("lot", sort=True)]
    pooled = _pooled(part[part["limit"] == ""], scale)
    out = []
    for lot, mine in lots:
        n, limits = len(mine), [w for w in mine["limit"] if w]
        value = mine["value"].to_numpy(dtype=float)
        if limits:
            side = limits[0] if len(set(limits)) == 1 else ""
            out.append({**head, "lot": lot, "n": n, "limit": side or "<", "value": np.nan,
                        "error": np.nan})  # fmt: skip
            continue
        if scale == "logit":
            yes = float(value.sum())
            at = float(np.log((yes + 0.5) / (n - yes + 0.5)))
            error = float(np.sqrt(1 / (yes + 0.5) + 1 / (n - yes + 0.5)))
        else:
            at = float((np.log(value) if scale == "log" else value).mean())
            error = float(np.sqrt(pooled / n))
        out.append({**head, "lot": lot, "n": n, "limit": "", "value": at, "error": error})
    return out


def _pooled(part: "pd.DataFrame", scale: str) -> float:
    """Variance of one measurement within lots, pooled; NaN where no lot has two."""
    if scale == "logit":
        return float("nan")
    value = part["value"].to_numpy(dtype=float)
    value = np.log(value) if scale == "log" else value
    code = np.unique(part["lot"].astype(str), return_inverse=True)[1]
    size = np.bincount(code)
    free = int((size - 1).sum())
    if free < 1:
        return float("nan")
    rest = value - (np.bincount(code, value) / size)[code]
    return float((rest**2).sum() / free)
