"""Claims A, B and C of two groups: fixed procedure, units as replicates, verdict and reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.heterogeneity.arms import (
    Arm,
    choose_arms,
    make_arm,
    why_not_compare,
    within_hi2,
)
from imscope.analyses.heterogeneity.between import compare_spread
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.drift import TIME, drifts_of
from imscope.analyses.heterogeneity.inference import (
    Contrast,
    compare_arms,
    compare_pairs,
    holm,
    permutation_p,
)
from imscope.analyses.heterogeneity.matched import match_depth
from imscope.analyses.heterogeneity.slopes import MEASURES, slopes_of
from imscope.core.errors import MethodError
from imscope.core.rng import spawn
from imscope.core.schema import CLAIMS

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05


@dataclass(slots=True)
class _Finding:
    """What one claim found, before adjustment for several claims."""

    claim: str
    n: tuple[int, int]
    refused: str = ""
    ratio: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_lower: float = float("nan")
    p_higher: float = float("nan")
    p_equivalence: float = float("nan")
    ratio_unmatched: float = float("nan")
    method: str = ""
    note: str = ""


def compare(
    h: Heterogeneity,
    group: str,
    *,
    unit: str | None = None,
    test: str | None = None,
    reference: str | None = None,
    registered: str | None = None,
    threads: int | None = None,
) -> "pd.DataFrame":
    """Test claims A, B and C between groups, with replicate units and never cells.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`.
    group
        Column of the groups, such as ``source_class``.
    unit
        Column of the replicate units; by default the one of the settings.
    test, reference
        Groups to compare; by default every group with the usual reference (primary cells).
    registered
        Hash of the settings fixed before the data were read. Any other settings make every claim
        NOT TESTABLE.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    claims
        As ``claims`` in :mod:`imscope.core.schema`: A (cells within a unit), B (units among one
        another), C (drift per population doubling) for every pair of groups. ``ratio`` is test over
        reference; below one the test group is more uniform, which is called SUPERIOR.

    Raises
    ------
    DataError
        A column or group does not exist.

    Notes
    -----
    Depths are matched by thinning; the ratio without matching stands beside. Claim A: log HI2
    inside each unit, exact permutation of units, Welch interval, two one-sided tests against the
    margin. If units of both groups share a value of ``pair``, the paired tests are used. The
    one-sided probabilities of the three claims are adjusted by Holm's method. Units with too much
    ambient RNA are left out by name, because ambient RNA makes cells look alike.

    References
    ----------
    .. [1] Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. doi:10.1007/BF01068419
    """
    import pandas as pd

    column = unit or h.replicate_column
    pairs = choose_arms(h, group, test=test, reference=reference)
    rows: list[dict[str, object]] = []
    if not pairs:
        only = ", ".join(g for g in map(str, h.strata[group].dropna().unique()))
        rows = [_refused_row(c, only, "", f"only one {group}: {only}") for c in "ABC"]
    changed = registered is not None and registered != h.settings.digest
    matched: Heterogeneity | None = None
    for one, other in pairs:
        arms = make_arm(h, one, column), make_arm(h, other, column)
        reason = why_not_compare(h, *arms)
        if changed:
            reason = "the settings (margin included) are not those registered before the data"
        if reason:
            n = len(arms[0].units), len(arms[1].units)
            rows += [_refused_row(c, one.name, other.name, reason, n=n) for c in "ABC"]
            continue
        if matched is None:
            matched = _matched(h, threads)
        made = _claims(h, matched or h, arms, matched is not None)
        for row in made:
            if row["claim"] == "C" and row["verdict"] != "NOT TESTABLE":
                row["reason"] = f"{row['reason']}; {_slopes(matched or h, arms)}"
        rows += made
    table = CLAIMS.check(pd.DataFrame(rows, columns=[c.name for c in CLAIMS.columns]))
    numbers = [c.name for c in CLAIMS.columns if c.kind == "number" and c.name in table]
    table.loc[table["verdict"] == "NOT TESTABLE", numbers] = float("nan")  # words, never a number
    return table


def _matched(h: Heterogeneity, threads: int | None) -> Heterogeneity | None:
    try:
        return match_depth(h, threads=threads)
    except MethodError:
        return None


def _claims(
    h: Heterogeneity, deep: Heterogeneity, arms: tuple[Arm, Arm], was_matched: bool
) -> list[dict[str, object]]:
    findings = [_cells(deep, arms), _units(deep, arms), _drift(deep, arms)]
    if was_matched:
        plain = _cells(h, arms), _units(h, arms), _drift(h, arms)
        for finding, other in zip(findings, plain, strict=True):
            finding.ratio_unmatched = other.ratio
    best = holm([min(f.p_lower, f.p_higher) if not f.refused else np.nan for f in findings])
    raw = [min(f.p_lower, f.p_higher) for f in findings]
    lower = [
        f.p_lower if not f.p_lower <= f.p_higher else a for f, a in zip(findings, best, strict=True)
    ]
    higher = [
        f.p_higher if f.p_lower <= f.p_higher else a for f, a in zip(findings, best, strict=True)
    ]
    equivalence = holm([f.p_equivalence for f in findings])
    out = []
    for i, finding in enumerate(findings):
        if finding.refused:
            out.append(
                _refused_row(
                    finding.claim, arms[0].name, arms[1].name, finding.refused, n=finding.n
                )
            )
            continue
        out.append(
            _row(h, arms, finding, lower[i], higher[i], float(equivalence[i]))
            | {"p_raw": float(raw[i])}
        )
    return out


def _cells(h: Heterogeneity, arms: tuple[Arm, Arm]) -> _Finding:
    """Claim A: cells within a unit."""
    values = [[within_hi2(h, u) for u in arm.units] for arm in arms]
    finding = _Finding("A", (len(values[0]), len(values[1])))
    flat = np.concatenate(values)
    if not (flat > 0).all():
        finding.refused = f"{int((~(flat > 0)).sum())} units have an index not above zero"
        return finding
    logs = [np.log(v) for v in values]
    margin = h.settings.margin_low, h.settings.margin_high
    paired = _pairs(h, arms)
    if len(paired) >= 3:
        contrast = compare_pairs(
            [logs[0][i] - logs[1][j] for i, j in paired],
            margin=margin,
            confidence=h.settings.confidence,
        )
        finding.n = (len(paired), len(paired))
    else:
        contrast = compare_arms(logs[0], logs[1], margin=margin, confidence=h.settings.confidence)
    _fill(finding, contrast)
    return finding


def _fill(finding: _Finding, contrast: Contrast) -> None:
    finding.ratio = float(np.exp(contrast.difference))
    finding.low, finding.high = float(np.exp(contrast.low)), float(np.exp(contrast.high))
    finding.p_lower, finding.p_higher = contrast.p_lower, contrast.p_higher
    finding.p_equivalence = contrast.p_equivalence
    finding.method = contrast.method


def _pairs(h: Heterogeneity, arms: tuple[Arm, Arm]) -> list[tuple[int, int]]:
    """Positions of units that share a value of the column ``pair``."""
    if "pair" not in h.strata.columns:
        return []

    def names(arm: Arm) -> dict[str, int]:
        out: dict[str, int] = {}
        for i, unit in enumerate(arm.units):
            values = h.strata["pair"].iloc[unit.strata].dropna().astype(str).unique()
            if len(values) == 1 and values[0] not in out:
                out[str(values[0])] = i
        return out

    one, other = names(arms[0]), names(arms[1])
    return [(one[v], other[v]) for v in sorted(set(one) & set(other))]


def _units(h: Heterogeneity, arms: tuple[Arm, Arm]) -> _Finding:
    """Claim B: units among one another."""
    finding = _Finding("B", (len(arms[0].units), len(arms[1].units)))
    got = compare_spread(
        h,
        *arms,
        margin=(h.settings.margin_low, h.settings.margin_high),
        rng=spawn(h.settings.seed, "spread", arms[0].name, arms[1].name),
    )
    finding.ratio, finding.low, finding.high = got.ratio, got.low, got.high
    finding.p_lower, finding.p_higher = got.p_lower, got.p_higher
    finding.p_equivalence = got.p_equivalence
    finding.method = "permutation of centred units"
    finding.note = (
        f"with these units a halved spread is seen with a chance of {100 * got.power:.0f} %"
    )
    if not np.isfinite(got.ratio):
        finding.note += "; a between-unit component is not above zero"
    return finding


def _drift(h: Heterogeneity, arms: tuple[Arm, Arm]) -> _Finding:
    """Claim C: drift per population doubling."""
    drift = [drifts_of(h, arm) for arm in arms]
    finding = _Finding("C", (len(drift[0]), len(drift[1])))
    if TIME not in h.strata.columns:
        finding.refused = f"there is no column {TIME!r}"
    elif min(finding.n) < 3:
        finding.refused = (
            f"{min(finding.n)} replicate units ({arms[0].unit}) of one group have three samples "
            f"along {TIME}, 3 are needed"
        )
    if finding.refused:
        return finding
    a, b = (np.asarray(d) for d in drift)
    finding.p_lower, finding.p_higher = permutation_p(a, b)
    finding.method = "exact permutation of units"
    if (a > 0).all() and (b > 0).all():
        margin = h.settings.margin_low, h.settings.margin_high
        _fill(finding, compare_arms(np.log(a), np.log(b), margin=margin))
    else:
        finding.note = "the drift of some units is not above zero, so there is no ratio"
    return finding


def _slopes(h: Heterogeneity, arms: tuple[Arm, Arm]) -> str:
    """Mean slope per doubling of what is not tested: log HI2, log HI_c, senescent fraction."""
    test, reference = (slopes_of(h, arm) for arm in arms)
    said = [
        f"{name} changes by {np.mean(test[name]):+.3f} v {np.mean(reference[name]):+.3f}"
        for name in MEASURES[1:]
        if min(len(test[name]), len(reference[name])) >= 3
    ]
    return f"per doubling {', '.join(said)}" if said else "no slope of HI2 can be given"


_WHAT = {
    "A": "cells within a unit",
    "B": "units among one another",
    "C": "drift per population doubling",
}


def _row(
    h: Heterogeneity,
    arms: tuple[Arm, Arm],
    finding: _Finding,
    p_lower: float,
    p_higher: float,
    p_equivalence: float,
) -> dict[str, object]:
    test, reference = arms
    verdict, why = _verdict(finding, p_lower, p_higher, p_equivalence)
    notes = [why, finding.note]
    if abs(finding.ratio_unmatched / finding.ratio - 1) > 0.1:
        notes.append(
            f"W-DEPTH-MATCHED: without matching the depth the ratio is "
            f"{finding.ratio_unmatched:.2f}"
        )
    lost = [*test.dropped, *reference.dropped]
    if lost:
        notes.append(f"left out: {', '.join(lost)}")
    return {
        "claim": finding.claim,
        "test_group": test.name,
        "reference_group": reference.name,
        "ratio": finding.ratio,
        "low": finding.low,
        "high": finding.high,
        "p_value": p_lower if finding.p_lower <= finding.p_higher else p_higher,
        "p_equivalence": p_equivalence,
        "n_test": finding.n[0],
        "n_reference": finding.n[1],
        "verdict": verdict,
        "reason": f"{_WHAT[finding.claim]}: {'; '.join(n for n in notes if n)}",
        "ratio_unmatched": finding.ratio_unmatched,
        "method": finding.method,
        "settings_hash": h.settings.digest,
    }


def _verdict(
    finding: _Finding, p_lower: float, p_higher: float, p_equivalence: float
) -> tuple[str, str]:
    size = f"ratio {finding.ratio:.2f} ({finding.low:.2f} to {finding.high:.2f})"
    if not np.isfinite(finding.ratio):
        size = "no ratio"
    if p_equivalence <= ALPHA:
        return "EQUIVALENT", f"{size} lies inside the margin"
    if p_lower <= ALPHA:
        return "SUPERIOR", f"{size}: the test group is more uniform"
    if p_higher <= ALPHA:
        return "INFERIOR", f"{size}: the test group is less uniform"
    return "INCONCLUSIVE", f"{size}: neither a difference nor equivalence is shown"


def _refused_row(
    claim: str, test: str, reference: str, reason: str, *, n: tuple[int, int] = (0, 0)
) -> dict[str, object]:
    nothing = ("ratio", "low", "high", "p_value", "p_equivalence", "p_raw", "ratio_unmatched")
    return {
        "claim": claim,
        "test_group": test,
        "reference_group": reference,
        **dict.fromkeys(nothing, float("nan")),
        "n_test": n[0],
        "n_reference": n[1],
        "verdict": "NOT TESTABLE",
        "reason": f"{_WHAT[claim]}: {reason}",
        "method": "",
        "settings_hash": "",
    }
