"""Rank regulators by joined evidence, each channel visible, with a grade and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.regulators.confounds import (
    conflicts_of,
    confounds_of,
    literature_of,
)
from imscope.analyses.regulators.grades import ORDER, Evidence, grade, veto, words
from imscope.analyses.regulators.network import Network
from imscope.analyses.regulators.posterior import (
    Channels,
    frozen_model,
    posterior,
    rank_probability,
)
from imscope.analyses.regulators.profiles import Profiles
from imscope.analyses.regulators.reach import paths_to, reach_scores
from imscope.analyses.regulators.unit_activity import Activity
from imscope.core.schema import REGULATOR_RANK
from imscope.evidence.surface import SURFACE, surface_proteins
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.moderate import fit_moderated, moderated_f

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
PROGRAMME_GENES = 100
NOT_DETECTED_CPM = 1.0
CAP = 0.05
MOST_MARKERS = 30
DISAGREE = (0.5, 0.1)
"""Posterior above and rank_p above: the two ways of joining evidence disagree."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Regulators in order of evidence.

    Attributes
    ----------
    table
        As declared in ``regulator_rank``.
    paths
        As declared in ``regulator_paths``, of the regulators from grade ``upstream``.
    channels
        Of the scored regulators, in the order of ``activity.regulators``.
    notes
        What was left out, in words.
    model
        Version and hash of the frozen model.
    """

    table: "pd.DataFrame"
    paths: "pd.DataFrame"
    channels: Channels
    notes: tuple[str, ...]
    model: str


def gene_statistics(profiles: Profiles) -> tuple[Floats, Floats]:
    """Z and p of every gene over units; NaN where units are too few.

    Returns
    -------
    z, p
        Shape ``(n_genes,)``.
    """
    n = profiles.changes.shape[1]
    if not profiles.testable:
        return np.full(n, np.nan), np.full(n, np.nan)
    fit = fit_moderated(profiles.changes, profiles.design)
    p = np.clip(moderated_f(fit, [profiles.design.shape[1] - 1])[1], 1e-300, 1)
    p = np.where(np.isfinite(p), p, 1.0)
    return np.sign(fit.coefficients[-1]) * stats.norm.isf(p / 2), p


def programme_of(profiles: Profiles) -> dict[str, float]:
    """Genes that differ most, with their sign: the programme where the user names none.

    Parameters
    ----------
    profiles
        Of :func:`contrast_profiles`.

    Returns
    -------
    programme
        100 genes to their sign.
    """
    z = gene_statistics(profiles)[0]
    if not np.isfinite(z).any():
        z = profiles.changes.mean(axis=0)
    top = np.argsort(-np.abs(z), kind="stable")[:PROGRAMME_GENES]
    return {str(profiles.symbols[k]): float(np.sign(z[k])) for k in sorted(top)}


def channels_of(
    found: Activity,
    network: Network,
    programme: Mapping[str, float],
    screen: "pd.DataFrame | None" = None,
    *,
    rewirings: int = 1_000,
    seed: int = 0,
) -> Channels:
    """Evidence for each scored regulator.

    Parameters
    ----------
    found
        Activity of one contrast.
    network, programme
        As for :func:`reach_scores`.
    screen
        As :func:`read_screen` gives it.
    rewirings, seed
        Of the null of reach.
    """
    names = list(found.regulators)
    own = found.table.drop_duplicates("regulator").set_index("regulator").loc[names]
    p = own["p_value"].to_numpy(dtype=np.float64)
    act = np.sign(own["effect"].to_numpy(dtype=np.float64)) * stats.norm.isf(p / 2)
    z = gene_statistics(found.profiles)[0]
    place = {str(s): k for k, s in enumerate(found.profiles.symbols)}
    expression = np.array([z[place[n]] if n in place else np.nan for n in names])
    reach = reach_scores(network, programme, rewirings=rewirings, seed=seed)
    nothing = np.full(len(names), np.nan)
    if screen is None:
        return Channels(act, expression, np.array([reach[n] for n in names]), nothing, nothing)
    joined = screen.reindex(names)
    return Channels(
        act, expression, np.array([reach[n] for n in names]),
        joined["z"].to_numpy(dtype=np.float64), joined["power"].to_numpy(dtype=np.float64),
    )  # fmt: skip


def rank(
    found: Activity,
    network: Network,
    *,
    programme: Mapping[str, float] | None = None,
    screen: "pd.DataFrame | None" = None,
    side: "Mapping[str, pd.DataFrame] | None" = None,
    rewirings: int = 1_000,
    seed: int = 0,
) -> Ranking:
    """Rank the regulators of one contrast.

    Parameters
    ----------
    found
        Of :func:`activity`.
    network
        The same network.
    programme
        Gene to sign; by default the 100 genes that differ most in the contrast.
    screen
        Of :func:`read_screen`.
    side
        Further tables by name: ``chromatin`` (``regulator``, ``z``: shown, not in the posterior)
        and ``gates`` (``gate``, ``marker``).
    rewirings, seed
        Of the nulls.

    Returns
    -------
    ranking
        The posterior is from a model fitted on simulated worlds; it is empty with fewer than 3
        units. Surface markers have no posterior and no grade: they are markers.

    Notes
    -----
    No score of a simulated knock-out enters. Units below the least number are ``described`` only.
    """
    import pandas as pd

    goal = programme_of(found.profiles) if programme is None else dict(programme)
    channels = channels_of(found, network, goal, screen, rewirings=rewirings, seed=seed)
    names = list(found.regulators)
    own = found.table.drop_duplicates("regulator").set_index("regulator").loc[names]
    testable = found.profiles.testable
    place = {str(s): k for k, s in enumerate(found.profiles.symbols)}
    cpm = np.array([found.profiles.own_cpm[place[n]] if n in place else 0.0 for n in names])
    probability = posterior(channels) if testable else np.full(len(names), np.nan)
    probability = np.where(cpm < NOT_DETECTED_CPM, np.minimum(probability, CAP), probability)
    degree = own["n_targets"].to_numpy(dtype=np.int64)
    rank_p = (
        rank_probability(channels, degree, seed=seed) if testable else np.full(len(names), np.nan)
    )
    more = _joined(names, screen, side or {})
    rows = []
    for k, name in enumerate(names):
        evidence = Evidence(
            name, found.profiles.contrast, float(own["effect"].iloc[k]),
            float(own["q_value"].iloc[k]), float(channels.reach[k]), float(probability[k]),
            float(channels.screen[k]), more["screen_q"][k], float(channels.power[k]),
            more["guides"][k], more["replicates"][k], testable,
            str(own["status"].iloc[k]).startswith("circular"),
        )  # fmt: skip
        rows.append(_row(evidence, own.iloc[k], channels, k, cpm[k], rank_p[k]))
        rows[-1]["chromatin_z"] = more["chromatin_z"][k]
    rows += _markers(found.profiles, (side or {}).get("gates"))
    table = REGULATOR_RANK.frame(rows)
    table["confounds"] = confounds_of(found, table["regulator"].tolist())
    table["literature"] = literature_of(table["regulator"].tolist())
    order = table["grade"].map({g: k for k, g in enumerate(ORDER)})
    kind = (table["kind"] == "surface").astype(int)
    key = pd.DataFrame({"kind": kind, "order": order, "p": -table["posterior"].fillna(-1),
                        "z": -table["effect"].abs(), "name": table["regulator"]})  # fmt: skip
    table = table.loc[
        key.sort_values(["kind", "order", "p", "z", "name"], kind="stable").index
    ].reset_index(drop=True)
    graded = table.loc[table["grade"].isin(["causal here", "upstream"]), "regulator"].tolist()
    model = frozen_model()
    notes = list(found.notes)
    if screen is not None:
        outside = sorted(set(screen.index) - set(names))
        if outside:
            notes.append(
                f"{len(outside)} perturbed genes are no scored regulators and are left out, such "
                f"as {outside[0]}"
            )
    return Ranking(
        REGULATOR_RANK.check(table), paths_to(network, goal, graded[:20]), channels, tuple(notes),
        f"version {model.version}, sha256 {model.sha256[:12]}",
    )  # fmt: skip


def _joined(
    names: list[str], screen: "pd.DataFrame | None", side: "Mapping[str, pd.DataFrame]"
) -> dict[str, list[float]]:
    """Columns of side tables for each regulator; NaN where they say nothing."""
    nothing = [float("nan")] * len(names)
    out = dict.fromkeys(("screen_q", "guides", "replicates", "chromatin_z"), nothing)
    if screen is not None:
        part = screen.reindex(names)
        for column, source in (("screen_q", "q"), ("guides", "guides"),
                               ("replicates", "replicates")):  # fmt: skip
            out[column] = part[source].astype(float).tolist()
    if "chromatin" in side:
        z = side["chromatin"].drop_duplicates("regulator").set_index("regulator")["z"]
        out["chromatin_z"] = z.reindex(names).astype(float).tolist()
    return out


def _row(
    e: Evidence, own: "pd.Series[Any]", channels: Channels, k: int, cpm: float, rank_p: float
) -> dict[str, Any]:
    """One regulator."""
    found = grade(e)
    lever = ("raise" if e.effect > 0 else "lower") if found in ("causal here", "upstream") else ""
    against = veto(e.regulator, lever)
    disagree = e.posterior > DISAGREE[0] and rank_p > DISAGREE[1]
    return {
        "regulator": e.regulator, "kind": "regulator", "family": own["family"],
        "posterior": e.posterior, "rank_p": float(rank_p), "grade": found,
        "words": words(e, found), "effect": e.effect, "low": own["low"], "high": own["high"],
        "p_value": own["p_value"], "q": e.q, "activity_z": channels.activity[k],
        "expression_z": channels.expression[k], "expression_cpm": float(cpm),
        "reach_z": e.reach_z, "screen_z": e.screen_z, "screen_q": e.screen_q,
        "screen_power": e.power, "lever": "" if against else lever, "veto": against,
        "n_units": int(own["n_units"]), "conflicts": conflicts_of(e, disagree),
        "status": own["status"],
    }  # fmt: skip


def _markers(profiles: Profiles, gates: "pd.DataFrame | None") -> list[dict[str, Any]]:
    """Surface proteins whose RNA differs over units, with the gate that uses them."""
    z, p = gene_statistics(profiles)
    if not np.isfinite(z).any():
        return []
    surface = {g for g, row in surface_proteins().items() if row.status in SURFACE}
    rows = [k for k, s in enumerate(profiles.symbols) if str(s) in surface]
    if not rows:
        return []
    q = benjamini_hochberg(p[rows])
    keep = sorted((k for k in range(len(rows)) if q[k] <= 0.05), key=lambda k: p[rows[k]])
    effect = (np.linalg.pinv(profiles.design) @ profiles.changes)[-1]
    use: dict[str, list[str]] = {}
    for gate, marker in [] if gates is None else gates[["gate", "marker"]].itertuples(index=False):
        use.setdefault(str(marker), []).append(str(gate))
    side = profiles.contrast.partition(" v ")[0]
    out = []
    for j in keep[:MOST_MARKERS]:
        k, name = rows[j], str(profiles.symbols[rows[j]])
        level = "higher" if z[k] > 0 else "lower"
        out.append(
            {"regulator": name, "kind": "surface", "family": name, "q": float(q[j]),
             "p_value": float(p[k]), "expression_z": float(z[k]), "effect": float(effect[k]),
             "expression_cpm": float(profiles.own_cpm[k]), "n_units": len(profiles.units),
             "words": f"{name} is a surface marker, {level} in {side}",
             "gate": ", ".join(use.get(name, [])), "status": "ok"}
        )  # fmt: skip
    return out
