"""Tables of perturbations: a plain one, or those of `imscope screens`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.genes import is_mouse_name
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

RAISING = ("activation", "overexpression", "crispra", "agonist", "raise")
LOWERING = ("knockout", "knockdown", "crispri", "inhibitor", "lower")
NEED = 1.96
FEWEST = 5
"""Tests from which the spread of effects says how large an effect there can be."""


def read_screen(table: "pd.DataFrame") -> "pd.DataFrame":
    """Effect of raising each regulator on the programme or on uniformity, with its error.

    Parameters
    ----------
    table
        ``regulator`` (or ``gene``, ``target``), ``effect`` and ``se``; or ``log2_fc`` with
        ``ci_low`` and ``ci_high`` as in ``screen_genes``; or ``hi2_ratio`` with its ends as in
        ``screen_uniformity`` (then less heterogeneity is the effect). Optional: ``n_guides`` (or
        ``n_doses``), ``n_replicates``, ``q_value``, ``power`` and ``mode``: knockout (the default:
        the sign is turned), knockdown, inhibitor, or activation, overexpression, agonist.

    Returns
    -------
    screen
        By ``regulator``, once each (the largest z of several): ``z`` and ``effect`` of raising it,
        ``q``, ``power``, ``guides``, ``replicates`` (0 where not stated), ``mode``.

    Raises
    ------
    DataError
        Names, effects or errors are missing, an error is not positive, or genes are of the mouse.

    Examples
    --------
    >>> import pandas as pd
    >>> one = pd.DataFrame({"regulator": ["TWIST1"], "effect": [-0.8], "se": [0.2]})
    >>> read_screen(one).loc["TWIST1", "z"]
    np.float64(4.0)
    """
    import pandas as pd

    head = [c for c in ("regulator", "gene", "target", "compound") if c in table.columns]
    if not head:
        raise _bad("no column of names", table)
    names = table[head[0]].astype(str)
    effect, se = _effects(table)
    missing = ~(np.isfinite(effect) & np.isfinite(se))
    if missing.all():
        raise _bad("no row with an effect and its error", table)
    wrong = ~missing & (se <= 0)
    if wrong.any():
        raise _bad(f"an error that is not positive, of {names[wrong].iloc[0]}", table)
    mouse = [n for n in names if is_mouse_name(n)]
    if len(mouse) > len(names) / 2:
        raise DataError(
            "the screen names genes of the mouse",
            found=f"{len(mouse)} of {len(names)}, such as {mouse[0]}",
            fix="give the human genes they stand for",
            code=codes.REGULATORS_SPECIES,
        )
    mode = (
        table["mode"].astype(str).str.lower()
        if "mode" in table
        else pd.Series("knockout", names.index)
    )
    turn = np.array([_turn(m, table) for m in mode])
    p = 2 * stats.norm.sf(np.abs(effect / se))
    q = _numbers(table, "q_value") if "q_value" in table else benjamini_hochberg(p)
    guides = _numbers(table, "n_guides", "n_doses")
    out = pd.DataFrame(
        {"regulator": names, "effect": turn * effect, "z": turn * effect / se, "q": q,
         "power": _power(table, effect, se), "guides": np.nan_to_num(guides),
         "replicates": np.nan_to_num(_numbers(table, "n_replicates")), "mode": mode}
    )[~missing]  # fmt: skip
    out = out.sort_values("z", key=lambda z: -z.abs(), kind="stable")
    return out.drop_duplicates("regulator").set_index("regulator").sort_index()


def _numbers(table: "pd.DataFrame", *names: str) -> NDArray[np.float64]:
    import pandas as pd

    for name in names:
        if name in table:
            return np.asarray(pd.to_numeric(table[name], errors="coerce"), dtype=np.float64)
    return np.full(len(table), np.nan)


def _effects(table: "pd.DataFrame") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Effects and errors, from intervals where no error is given."""
    width = 2 * stats.norm.ppf(0.975)
    if {"effect", "se"} <= set(table.columns):
        return _numbers(table, "effect"), _numbers(table, "se")
    if {"log2_fc", "ci_low", "ci_high"} <= set(table.columns):
        spread = _numbers(table, "ci_high") - _numbers(table, "ci_low")
        return _numbers(table, "log2_fc"), spread / width
    if {"hi2_ratio", "hi2_low", "hi2_high"} <= set(table.columns):
        low, high = np.log2(_numbers(table, "hi2_low")), np.log2(_numbers(table, "hi2_high"))
        return -np.log2(_numbers(table, "hi2_ratio")), (high - low) / width
    raise _bad("effects without their errors", table)


def _turn(mode: str, table: "pd.DataFrame") -> float:
    if any(mode.startswith(w) for w in RAISING):
        return 1.0
    if any(mode.startswith(w) for w in LOWERING):
        return -1.0
    raise _bad(f"mode {mode!r}", table)


def _power(
    table: "pd.DataFrame", effect: NDArray[np.float64], se: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Chance to see an effect as large as the strongest twentieth of the screen, at 5 %."""
    if "power" in table:
        return _numbers(table, "power")
    known = np.isfinite(effect) & np.isfinite(se)
    if known.sum() < FEWEST:
        return np.full(len(effect), np.nan)
    strong = float(np.quantile(np.abs(effect[known]), 0.95))
    return np.asarray(stats.norm.cdf(strong / se - NEED), dtype=np.float64)


def _bad(found: str, table: "pd.DataFrame") -> DataError:
    return DataError(
        "the table of perturbations cannot be used",
        found=f"{found}; columns: {', '.join(map(str, table.columns[:15]))}",
        fix="give regulator, effect and se; n_guides, n_replicates, mode, q_value if known",
        code=codes.REGULATORS_SCREEN,
    )
