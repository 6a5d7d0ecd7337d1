"""Claims A, B and C of two groups: fixed procedure, units as replicates, verdict and reason."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.heterogeneity.arms import (
    Arm,
    choose_arms,
    confounded,
    make_arm,
    why_not_compare,
)
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.findings import Finding, find
from imscope.analyses.heterogeneity.matched import match_depth
from imscope.analyses.heterogeneity.slopes import MEASURES, slopes_of
from imscope.analyses.heterogeneity.unequal import ambient_room, unequal_arms
from imscope.analyses.heterogeneity.verdicts import Seen, decide, multipliers
from imscope.core import codes
from imscope.core.cells import require_columns
from imscope.core.errors import MethodError
from imscope.core.schema import CLAIMS

if TYPE_CHECKING:
    import pandas as pd


def compare_groups(
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
    Depths are matched by thinning, and droplets with 1.6 times the median UMI of their library are
    left out of both groups, because two like cells in one droplet look more uniform than one; the
    ratio without matching stands beside. Claim A: log HI2 inside each unit, the larger of Welch's
    probability and that of the exact permutation of the studentised difference; with and without
    cell-cycle genes. Units that share a value of ``pair``, or occur in both groups, are paired.
    Claim B: F ratio of components that are free of the noise of cells. Each side is tested at 5 %
    and the interval is the 90 % interval of the same test, so that a verdict never contradicts it.
    Claims are tested in the order of the settings (A, B, C): behind a claim that is not shown the
    next are described only; or by Holm's method. Limits of ambient RNA stay limits: a verdict
    changes only where the least possible share demands it. A group that is a plate, batch or
    library, or lies in one of its own, is described only.

    References
    ----------
    .. [1] Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. doi:10.1007/BF01068419
    """
    column = unit or h.replicate_column
    require_columns(h.strata, group)
    pairs = choose_arms(h, group, test=test, reference=reference)
    rows: list[dict[str, object]] = []
    if not pairs:
        only = ", ".join(g for g in map(str, h.strata[group].dropna().unique()))
        rows = [_refused(c, only, "", f"only one {group}: {only}") for c in "ABC"]
    changed = registered is not None and registered != h.settings.digest
    matched: Heterogeneity | None = None
    for one, other in pairs:
        arms = make_arm(h, one, column), make_arm(h, other, column)
        reason = why_not_compare(h, *arms)
        if changed:
            reason = "the settings (margin included) are not those registered before the data"
        if reason:
            n = len(arms[0].units), len(arms[1].units)
            rows += [_refused(c, one.name, other.name, reason, n=n) for c in "ABC"]
            continue
        if matched is None:
            matched = _matched(h, threads)
        rows += _claims(h, matched, arms, confounded(h, group, arms))
    return CLAIMS.frame(rows)


def _matched(h: Heterogeneity, threads: int | None) -> Heterogeneity:
    try:
        return match_depth(h, threads=threads)
    except MethodError:
        return h


def _claims(
    h: Heterogeneity, deep: Heterogeneity, arms: tuple[Arm, Arm], technical: str
) -> list[dict[str, object]]:
    """Rows of one pair of groups, in the order A, B, C."""
    alpha = h.settings.alpha
    findings = [find(deep, c, arms, alpha) for c in "ABC"]
    times = multipliers(findings, h.settings)
    for k, (finding, factor) in enumerate(zip(findings, times, strict=True)):
        if factor > 1 and not finding.refused:  # the interval at the level the claim is tested at
            findings[k] = find(deep, finding.claim, arms, alpha / factor)
    for finding in findings if deep is not h else []:
        finding.ratio_unmatched = find(h, finding.claim, arms, alpha).ratio
    down, up = ambient_room(h, arms)
    findings[0].low, findings[0].high = findings[0].low / up, findings[0].high * down
    seen = decide(findings, h.settings, technical)
    lines = unequal_arms(h, arms)
    rows = []
    for finding, verdict in zip(findings, seen, strict=True):
        if finding.refused:
            a, b = arms[0].name, arms[1].name
            rows.append(_refused(finding.claim, a, b, finding.refused, n=finding.n))
        else:
            extra = [_slopes(deep, arms)] if finding.claim == "C" else []
            rows.append(_row(h, arms, finding, verdict, [*lines, *extra]))
    return rows


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
    h: Heterogeneity, arms: tuple[Arm, Arm], finding: Finding, seen: Seen, lines: list[str]
) -> dict[str, object]:
    test, reference = arms
    notes = [seen.words, finding.note, *lines]
    if abs(finding.ratio_unmatched / finding.ratio - 1) > 0.1:
        notes.append(
            f"{codes.W_MATCHED}: without matching the depth the ratio is "
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
        "p_value": seen.p_value,
        "p_equivalence": seen.p_equivalence,
        "n_test": finding.n[0],
        "n_reference": finding.n[1],
        "verdict": seen.verdict,
        "reason": f"{_WHAT[finding.claim]}: {'; '.join(n for n in notes if n)}",
        "p_raw": finding.p_side,
        "p_least": seen.p_least,
        "ratio_unmatched": finding.ratio_unmatched,
        "ratio_without_cycle": finding.ratio_without,
        "method": finding.method,
        "settings_hash": h.settings.digest,
    }


def _refused(
    claim: str, test: str, reference: str, reason: str, *, n: tuple[int, int] = (0, 0)
) -> dict[str, object]:
    return {
        "claim": claim,
        "test_group": test,
        "reference_group": reference,
        "n_test": n[0],
        "n_reference": n[1],
        "verdict": "NOT TESTABLE",
        "reason": reason,
    }
