"""Senescent cells: only where arrest, SASP, rest and loss of LMNB1 come together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.identity.cycle import CycleCells
from imscope.analyses.identity.fractions import Groups
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn
from imscope.core.schema import SENESCENCE, SENESCENCE_PROFILES
from imscope.engine.panel_counts import PanelCounts
from imscope.evidence.gene_sets import load
from imscope.stats.random_sets import log_profiles, random_scores
from imscope.stats.shares import share_over_units

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
RAISED = 1.645
"""Robust z from which a set counts as raised: one reference cell in twenty reaches it."""
CORE = RAISED
"""Robust z the arrest genes that are no SASP factors have to reach by themselves."""
CLIP = 5.0
LEAST_REFERENCE = 50
HALF = -1.0
"""Log2 fold change of LMNB1 from which a whole profile counts as having lost it."""


@dataclass(frozen=True, slots=True, eq=False)
class SenescentCells:
    """The four conditions of every cell, and cells that meet all.

    Attributes
    ----------
    arrest_z, sasp_z
        Robust z of the two sets, shape ``(n_cells,)``.
    resting, low_lmnb1, called
        Shape ``(n_cells,)``.
    relative_to
        Where the thresholds come from.
    why_not
        Why nothing is called; empty when something is.
    """

    arrest_z: Floats
    sasp_z: Floats
    resting: NDArray[np.bool_]
    low_lmnb1: NDArray[np.bool_]
    called: NDArray[np.bool_]
    relative_to: str
    why_not: str


def gene_lists() -> dict[str, tuple[str, ...]]:
    """Genes of arrest, of arrest without SASP factors, and of SASP without arrest genes.

    Examples
    --------
    >>> gene_lists()["core"]
    ('CDKN1A', 'CDKN2A', 'CDKN2B', 'GLB1', 'TIMP1')
    """
    arrest, sasp = load()["senescence_arrest_up"].genes, load()["senmayo"].genes
    return {
        "arrest": arrest,
        "core": tuple(g for g in arrest if g not in sasp),
        "sasp": tuple(g for g in sasp if g not in arrest),
    }


def score_senescence(
    panel: PanelCounts, cycle: CycleCells, *, reference: NDArray[np.bool_] | None = None
) -> SenescentCells:
    """Call cells senescent that show all four signs.

    Parameters
    ----------
    panel
        Counts of (at least) the genes of ``senescence_arrest_up``, ``senmayo`` and LMNB1.
    cycle
        Phase of every cell, see :func:`imscope.analyses.identity.cycle.score_cycle`.
    reference
        Cells the thresholds come from, shape ``(n_cells,)``; all cells by default.

    Returns
    -------
    cells
        See :class:`SenescentCells`.

    Notes
    -----
    Five arrest genes are SASP factors too: they are left out of the SASP set, and the other arrest
    genes have to be raised by themselves (z >= 1.645; below that ``arrest_z`` is at most 0), so
    that neither sign stands in for the other. A set's score is the mean over its genes of the
    residual of the count from depth times the share in reference cells, in Poisson standard
    deviations cut at 5; its z is taken from median and median deviation of reference cells.
    Without reference cells a run in which most cells are senescent hides them. SenMayo alone is
    SASP, which licensing raises too; arrest alone is found in quiescent cells.

    References
    ----------
    .. [1] Saul D et al. (2022). Nat Commun 13:4827. doi:10.1038/s41467-022-32552-1

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> panel = PanelCounts(("LMNB1",), sp.csc_array([[1.0]]), np.array([9.0]))
    >>> nan = np.full(1, np.nan)
    >>> cycle = CycleCells(nan, nan, nan, np.array(["G1"], dtype=object), None, "")
    >>> score_senescence(panel, cycle).why_not
    '0 of 10 genes of senescence_arrest_up are detected, half are needed'
    """
    n = len(panel.depth)
    chosen = panel.depth > 0 if reference is None else reference & (panel.depth > 0)
    words = "all cells of the run" if reference is None else "reference samples"
    why = _why_not(panel, cycle, int(chosen.sum()))
    if why:
        none, no = np.full(n, np.nan), np.zeros(n, dtype=bool)
        return SenescentCells(none, none, no, no, no, words, why)
    genes = gene_lists()
    arrest = _robust_z(panel, genes["arrest"], chosen)
    core = _robust_z(panel, genes["core"], chosen)
    sasp = _robust_z(panel, genes["sasp"], chosen)
    if not all(np.isfinite(z).all() for z in (arrest, core, sasp)):
        no = np.zeros(n, dtype=bool)
        why = "half of the reference cells show no gene of a set (depth too low)"
        return SenescentCells(arrest, sasp, no, no, no, words, why)
    resting = np.isin(cycle.phase.astype(str), ["G1", "not called"])
    lmnb1 = panel.of(["LMNB1"]).ravel()
    low = lmnb1 < panel.depth * (lmnb1[chosen].sum() / panel.depth[chosen].sum())
    arrest = np.where(core >= CORE, arrest, np.minimum(arrest, 0.0))
    called = (arrest >= RAISED) & (sasp >= RAISED) & resting & low
    return SenescentCells(arrest, sasp, resting, low, called, words, "")


def senescence_table(cells: SenescentCells, panel: PanelCounts, groups: Groups) -> "pd.DataFrame":
    """Share of senescent cells per group: table ``senescence``."""
    rows = []
    for g, name in enumerate(groups.names):
        mine = groups.group == g
        row = SENESCENCE.blank(
            group=name,
            n_cells=int(mine.sum()),
            n_units=groups.n_units(g),
            relative_to=cells.relative_to,
            status="not estimable",
            reason=cells.why_not,
        )
        if not cells.why_not:
            row |= asdict(share_over_units(cells.called[mine], groups.unit[mine]))
            each = {
                "arrest_frac": cells.arrest_z[mine] >= RAISED,
                "sasp_frac": cells.sasp_z[mine] >= RAISED,
                "resting_frac": cells.resting[mine],
                "low_lmnb1_frac": cells.low_lmnb1[mine],
            }
            means = {k: float(v.mean()) for k, v in each.items()}
            row |= means | {"chance_frac": float(np.prod(list(means.values())))}
            row["lmnb1_ratio"], row["reason"] = _confirmed(cells, panel, mine)
            row["status"] = "open" if row["reason"] else "ok"
        rows.append(row)
    return SENESCENCE.frame(rows)


def score_profiles(
    sums: Floats,
    features: "pd.DataFrame",
    names: Sequence[str],
    *,
    reference: NDArray[np.bool_],
    random_sets: int = 1_000,
    seed: int = 0,
) -> "pd.DataFrame":
    """Tell senescent from growing and quiescent profiles (pseudobulk or bulk counts).

    Parameters
    ----------
    sums
        Counts, shape ``(n_profiles, n_genes)``.
    features
        Their features, as :func:`imscope.io.genes.map_genes` gives them.
    names
        Names of the profiles.
    reference
        Growing profiles the others are held against, shape ``(n_profiles,)``.
    random_sets
        Random sets of like expression.
    seed
        Of the random sets.

    Returns
    -------
    table
        ``senescence_profiles`` as declared in :mod:`imscope.core.schema`. Senescent is a profile
        with arrest and SASP raised (z >= 1.645), G2/M genes lowered (z <= -1.645) and LMNB1 halved.

    Raises
    ------
    DataError
        Shapes do not fit.
    """
    if sums.shape != (len(names), len(features)) or len(reference) != len(names):
        raise DataError(
            "profiles, names and features do not fit together",
            found=f"{sums.shape} counts, {len(names)} names, {len(features)} features",
            code=codes.IDENTITY_SHAPE,
        )
    usable = sums.sum(axis=0) > 0
    column: dict[str, int] = {}
    for k, symbol in enumerate(features["symbol"]):
        if usable[k]:
            column.setdefault(str(symbol), k)
    sets = {
        "arrest_z": gene_lists()["arrest"],
        "sasp_z": gene_lists()["sasp"],
        "cycle_z": load()["cc_g2m"].genes,
    }
    few = [n for n, g in sets.items() if 2 * sum(x in column for x in g) < len(g)]
    why = ""
    if not reference.any():
        why = "there is no reference profile"
    elif few or "LMNB1" not in column:
        why = f"genes of {', '.join(few) or 'LMNB1'} are not detected"
    if why:
        blank = SENESCENCE_PROFILES.blank
        return SENESCENCE_PROFILES.frame(
            blank(group=n, call="not estimable", reason=why) for n in names
        )
    logs = log_profiles(sums)
    values = {}
    for k, (name, genes) in enumerate(sets.items()):
        at = np.array([column[g] for g in genes if g in column])
        drawn = random_scores(
            logs,
            logs.mean(axis=0),
            at,
            usable=usable,
            n=random_sets,
            rng=spawn(seed, "senescence", k),
        )
        drawn -= drawn[:, reference].mean(axis=1, keepdims=True)
        score = logs[:, at].mean(axis=1)
        score -= score[reference].mean()
        spread = drawn.std(axis=0, ddof=1)  # none where a profile is the only reference
        values[name] = np.divide(
            score - drawn.mean(axis=0), spread, out=np.zeros(len(score)), where=spread > 0
        )
    lmnb1 = logs[:, column["LMNB1"]]
    values["lmnb1_log2_fc"] = lmnb1 - lmnb1[reference].mean()
    rows = [
        _judged(n, {k: float(v[i]) for k, v in values.items()}, bool(reference[i]))
        for i, n in enumerate(names)
    ]
    return SENESCENCE_PROFILES.frame(rows)


def _judged(name: str, value: dict[str, float], reference: bool) -> dict[str, object]:
    met = {
        "arrest raised": value["arrest_z"] >= RAISED,
        "SASP raised": value["sasp_z"] >= RAISED,
        "cycle low": value["cycle_z"] <= -RAISED,
        "LMNB1 halved": value["lmnb1_log2_fc"] <= HALF,
    }
    yes, no = ([k for k, v in met.items() if v == w] for w in (True, False))
    words = f"met: {', '.join(yes) or 'none'}; not met: {', '.join(no) or 'none'}"
    call = "senescent" if not no else "not senescent"
    return {"group": name, **value, "call": "reference" if reference else call, "reason": words}


def _robust_z(panel: PanelCounts, genes: Sequence[str], chosen: NDArray[np.bool_]) -> Floats:
    found = panel.detected(genes)
    x = panel.of(found)
    share = x[chosen].sum(axis=0) / panel.depth[chosen].sum()
    kept = share > 0
    expected = panel.depth[:, None] * share[kept]
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (x[:, kept] - expected) / np.sqrt(expected)
    score = np.clip(np.nan_to_num(z), -CLIP, CLIP).mean(axis=1)
    middle = np.median(score[chosen])
    width = 1.4826 * np.median(np.abs(score[chosen] - middle))
    if width <= 0:
        return np.full(len(score), np.nan)
    return np.asarray((score - middle) / width, dtype=np.float64)


def _confirmed(
    cells: SenescentCells, panel: PanelCounts, mine: NDArray[np.bool_]
) -> tuple[float, str]:
    """LMNB1 of the cells with the other three signs over other resting cells, and what it says."""
    three = mine & cells.resting & (cells.arrest_z >= RAISED) & (cells.sasp_z >= RAISED)
    other = mine & cells.resting & ~three
    lmnb1 = panel.of(["LMNB1"]).ravel()
    a, b = int(lmnb1[three].sum()), int(lmnb1[other].sum())
    n, m = panel.depth[three].sum(), panel.depth[other].sum()
    if not three.any():
        return float("nan"), ""
    if a + b == 0 or m == 0 or n == 0:
        return float("nan"), "LMNB1 is not seen in resting cells"
    ratio = (a / n) / (b / m) if b else float("nan")
    p = float(stats.binomtest(a, a + b, n / (n + m), alternative="less").pvalue)
    if p < 0.05:
        return ratio, ""
    return ratio, (
        f"LMNB1 is not shown to be lower in cells with the other three signs "
        f"({a} against {a + b} counts, p = {p:.2f})"
    )


def _why_not(panel: PanelCounts, cycle: CycleCells, n_reference: int) -> str:
    for name in ("senescence_arrest_up", "senmayo"):
        genes = load()[name].genes
        found = len(panel.detected(genes))
        if 2 * found < len(genes):
            return f"{found} of {len(genes)} genes of {name} are detected, half are needed"
    if not panel.detected(["CDKN1A", "CDKN2A"]):
        return "neither CDKN1A nor CDKN2A is detected"
    if not panel.detected(["LMNB1"]):
        return "LMNB1 is not detected"
    if cycle.why_not and cycle.model is None:
        return f"no cell-cycle phase ({cycle.why_not})"
    if n_reference < LEAST_REFERENCE:
        return f"{n_reference} reference cells, {LEAST_REFERENCE} are needed"
    return ""
