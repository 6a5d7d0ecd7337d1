"""From what the claims found to verdicts: one rule for verdict, interval, planner and design."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imscope.analyses.heterogeneity.findings import Finding
from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.stats.adjust import holm, in_sequence
from imscope.stats.contrast import least_p

CLAIMS_OF_TWO_GROUPS = 2
"""Claims A and B can be tested in every comparison, C only along a time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Verdict of one claim, with the probabilities as adjusted for the others."""

    verdict: str
    words: str
    p_value: float
    p_equivalence: float
    p_least: float


def smallest_p(
    n_test: int,
    n_reference: int,
    *,
    paired: bool = False,
    settings: HeterogeneitySettings | None = None,
    claims: int = CLAIMS_OF_TWO_GROUPS,
) -> float:
    """Smallest adjusted probability with which a design can show claim A.

    The design table, the planner, the verdict and the docs all ask here. Above the level of the
    test nothing can be shown, whatever the data.

    Parameters
    ----------
    n_test, n_reference
        Units per group; with ``paired`` the number of pairs, twice.
    paired
        The units are pairs.
    settings
        Order and adjustment of the claims; the defaults are the documented procedure.
    claims
        Claims adjusted for with Holm's method; the first in a fixed sequence pays nothing.

    Examples
    --------
    >>> smallest_p(3, 3), round(smallest_p(4, 4), 4)
    (0.05, 0.0143)
    >>> by_holm = HeterogeneitySettings(adjustment="holm")
    >>> smallest_p(3, 3, settings=by_holm), round(smallest_p(3, 4, settings=by_holm), 3)
    (0.1, 0.057)
    """
    chosen = settings or HeterogeneitySettings()
    times = claims if chosen.adjustment == "holm" else 1
    return least_p(n_test, n_reference, paired=paired, times=times)


def multipliers(findings: Sequence[Finding], settings: HeterogeneitySettings) -> list[float]:
    """What each claim's probability is multiplied with; 1 in a fixed sequence.

    Behind the first claim that Holm's method does not show, the rest are held to its level.
    """
    out = [1.0] * len(findings)
    if settings.adjustment != "holm":
        return out
    p = [f.p_side for f in findings]
    order = sorted((k for k in range(len(p)) if np.isfinite(p[k])), key=lambda k: p[k])
    factor = float(len(order))
    for k in order:
        out[k] = max(factor, 1.0)
        if p[k] * factor <= settings.alpha:
            factor -= 1
    return out


def decide(
    findings: Sequence[Finding],
    settings: HeterogeneitySettings,
    technical: str,
) -> list[Seen]:
    """Verdict of each claim.

    Parameters
    ----------
    findings
        Claims A, B and C.
    settings
        Order, adjustment and level.
    technical
        Plate, batch or library the groups cannot be told apart from, or empty.
    """
    adjust = _holm if settings.adjustment == "holm" else _sequence
    side = adjust([f.p_side for f in findings], findings, settings)
    same = adjust([f.p_equivalence for f in findings], findings, settings)
    times = multipliers(findings, settings)
    out = []
    for k, finding in enumerate(findings):
        least = min(finding.least * times[k], 1.0)
        if finding.refused:
            nan = float("nan")
            out.append(Seen("NOT TESTABLE", finding.refused, nan, nan, nan))
            continue
        p, p_same = float(side[k]), float(same[k])
        verdict, words = _verdict(finding, p, p_same, least, settings)
        if technical:
            verdict = "DESCRIPTIVE"
            words = f"{_size(finding)}; the groups cannot be told apart from {technical}, so this "
            words += "describes what was measured and claims nothing of the cells"
        out.append(Seen(verdict, words, p, p_same, least))
    return out


def _holm(
    p: list[float], _findings: Sequence[Finding], _settings: HeterogeneitySettings
) -> list[float]:
    return [float(v) for v in holm(p)]


def _sequence(
    p: list[float], findings: Sequence[Finding], settings: HeterogeneitySettings
) -> list[float]:
    """Adjusted in the order of the settings; a claim that cannot be tested is passed over."""
    place = {f.claim: k for k, f in enumerate(findings)}
    order = [place[c] for c in settings.claim_order]
    known = [float("nan") if findings[k].refused else p[k] for k in order]
    # a claim without a ratio shows nothing, and nothing behind it is shown
    known = [1.0 if np.isnan(v) and not findings[k].refused else v
             for v, k in zip(known, order, strict=True)]  # fmt: skip
    made = in_sequence(known)
    return [float(made[order.index(k)]) for k in range(len(findings))]


def _size(finding: Finding) -> str:
    if not np.isfinite(finding.ratio):
        return "no ratio"
    return f"ratio {finding.ratio:.2f} ({finding.low:.2f} to {finding.high:.2f})"


def _verdict(
    finding: Finding,
    p: float,
    p_same: float,
    least: float,
    settings: HeterogeneitySettings,
) -> tuple[str, str]:
    size, alpha = _size(finding), settings.alpha
    lower = finding.p_lower <= finding.p_higher
    own = finding.p_side <= alpha
    if p_same <= alpha and settings.margin_low < finding.low <= finding.high < settings.margin_high:
        return "EQUIVALENT", f"{size} lies inside the margin"
    if p <= alpha:
        end = finding.high if lower else finding.low
        if np.isfinite(finding.ratio) and ((end >= 1) if lower else (end <= 1)):
            return "INCONCLUSIVE", f"{size}: the difference in ambient RNA can make it"
        more = "more" if lower else "less"
        return ("SUPERIOR" if lower else "INFERIOR"), f"{size}: the test group is {more} uniform"
    if own and settings.adjustment == "sequence":
        before = settings.claim_order[: settings.claim_order.index(finding.claim)]
        first = " and ".join(before)
        return (
            "DESCRIPTIVE",
            f"{size}: described only, because claim {first} comes first in the registered order "
            "and was not shown",
        )
    if least > alpha:
        return (
            "INCONCLUSIVE",
            f"{size}: with {finding.n[0]} v {finding.n[1]} units no probability below {least:.2f} "
            "can occur, so the interval is all that can be given",
        )
    return "INCONCLUSIVE", f"{size}: neither a difference nor equivalence is shown"
