"""Name subsets by the programmes that set them apart in every unit, or leave them unnamed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from imscope.core.cells import require_columns
from imscope.core.schema import SUBSET_NAMES
from imscope.evidence.gene_sets import load
from imscope.stats.shares import clopper_pearson

if TYPE_CHECKING:
    import pandas as pd

UNNAMED = "unnamed"
NAMING = ("stage", "lineage", "function", "subset", "state", "environment")
"""Families of gene sets that may name a subset. Identity is shared by all subsets of a product;
safety, disease and origin are called elsewhere by their own rules; technical sets name nothing."""


@dataclass(frozen=True, slots=True)
class NameSettings:
    """Choices of the naming.

    Attributes
    ----------
    fewest_units
        Units needed for a name.
    alpha
        Level of the test over units that the programme is higher inside, over all programmes.
    margin
        Lead over the next programme of another family. Unit: standard errors of that programme.
    confidence
        Lowest confidence that is named.
    """

    fewest_units: int = 3
    alpha: float = 0.05
    margin: float = 1.0
    confidence: float = 0.3


def name_subsets(
    scores: "pd.DataFrame",
    significant: Collection[str],
    *,
    unit_scores: "pd.DataFrame",
    settings: NameSettings | None = None,
) -> "pd.DataFrame":
    """Give each subset that passed the subset test the name of its leading programme.

    In every unit the score of the subset less the mean score of the unit's other subsets is one
    observation; cells are not. The programme with the largest such difference in its own standard
    errors leads. It names the subset if its one-sided test over units holds after Holm's correction
    over programmes, if it leads the best programme of another family by a margin, and if the units
    agree: confidence is the lower 95 % Clopper-Pearson limit of the share of units in which it is
    higher inside than outside.

    Parameters
    ----------
    scores
        Table ``programme_scores`` with ``group`` the subset: a programme is used where its
        ``status`` is ``ok``.
    significant
        Subsets that passed the test of splitting; others stay unnamed.
    unit_scores
        ``group``, ``unit``, ``programme``, ``score``: the score of the subset in each unit.
    settings
        See :class:`NameSettings`.

    Returns
    -------
    names
        Table ``subset_names``, one row per subset.

    Raises
    ------
    DataError
        A column is missing.

    Notes
    -----
    A name says which programme leads among those that are curated here, not what the cell is.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(g, u, p, (g == "1") * (p == "angiogenesis") + 0.01 * k * (p == "hypoxia"))
    ...         for g in ("0", "1") for k, u in enumerate("abcdefgh")
    ...         for p in ("angiogenesis", "hypoxia")]
    >>> units = pd.DataFrame(rows, columns=["group", "unit", "programme", "score"])
    >>> units["score"] += [0.003 * (k % 5) for k in range(len(units))]
    >>> scores = units.groupby(["group", "programme"], as_index=False)["score"].mean()
    >>> scores["status"] = "ok"
    >>> name_subsets(scores, {"1"}, unit_scores=units)["name"].tolist()
    ['unnamed', 'angiogenesis']
    """
    chosen = settings or NameSettings()
    require_columns(scores, "group", "programme", "status")
    require_columns(unit_scores, "group", "unit", "programme", "score")
    family = {s.name: s.family for s in load().values() if s.family in NAMING}
    usable = scores[(scores["status"] == "ok") & scores["programme"].isin(list(family))]
    rows = []
    for group in sorted(scores["group"].astype(str).unique()):
        if group not in significant:
            rows.append(_unnamed(group, "it did not pass the test of splitting"))
            continue
        own = usable[usable["group"].astype(str) == group]["programme"]
        profile = _profile(unit_scores, group, own.tolist(), family)
        rows.append(_name(group, profile, chosen))
    return SUBSET_NAMES.frame(rows)


def _profile(
    unit_scores: "pd.DataFrame", group: str, programmes: list[str], family: dict[str, str]
) -> "pd.DataFrame":
    """One row per programme: mean difference over units, its standard errors, agreement."""
    import pandas as pd

    table = unit_scores[unit_scores["programme"].isin(programmes)]
    inside = table["group"].astype(str) == group
    keys = ["programme", "unit"]
    a = table[inside].groupby(keys)["score"].mean()
    b = table[~inside].groupby(keys)["score"].mean()
    difference = (a - b).dropna()
    rows = []
    for programme, d in difference.groupby(level="programme"):
        values = d.to_numpy(dtype=np.float64)
        n = len(values)
        error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        lead = float(values.mean() / error) if error > 0 else float("nan")
        rows.append(
            {
                "programme": str(programme),
                "family": family[str(programme)],
                "effect": float(values.mean()),
                "lead": lead,
                "p": float(stats.t.sf(lead, n - 1)) if n > 1 else float("nan"),
                "n_units": n,
                "n_agree": int((values > 0).sum()),
            }
        )
    columns = ["programme", "family", "effect", "lead", "p", "n_units", "n_agree"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["lead", "programme"], ascending=[False, True], ignore_index=True
    )


def _name(group: str, profile: "pd.DataFrame", settings: NameSettings) -> dict[str, object]:
    known = profile[profile["lead"].notna()]
    most = int(profile["n_units"].max()) if len(profile) else 0
    if most < settings.fewest_units or known.empty:
        why = f"{most} units hold it beside others, {settings.fewest_units} needed"
        return _unnamed(group, why)
    first = known.iloc[0]
    others = known[known["family"] != first["family"]]
    runner = others.iloc[0] if len(others) else None
    margin = float(first["lead"] - (runner["lead"] if runner is not None else 0.0))
    n, agree = int(first["n_units"]), int(first["n_agree"])
    low = float(clopper_pearson(agree, n, level=0.9)[0]) if n else 0.0
    why = ""
    if not float(first["p"]) * len(known) <= settings.alpha:
        why = "no programme is surely higher inside over the units"
    elif margin < settings.margin:
        why = f"{first['programme']} and {_runner_name(runner)} lead alike"
    elif low < settings.confidence:
        why = f"{agree} of {n} units agree"
    return {
        "group": group,
        "name": str(first["programme"]).replace("_", " ") if not why else UNNAMED,
        "confidence": low,
        "margin": margin,
        "effect": float(first["effect"]),
        "n_units": n,
        "n_agree": agree,
        "runner_up": _runner_name(runner),
        "status": "not named" if why else "named",
        "reason": why,
    }


def _runner_name(runner: "pd.Series | None") -> str:
    """Programme of the row, or a word for none."""
    return "none" if runner is None else str(runner["programme"])


def _unnamed(group: str, why: str) -> dict[str, object]:
    return SUBSET_NAMES.blank(
        group=group, name=UNNAMED, runner_up="none", status="not named", reason=why
    )
