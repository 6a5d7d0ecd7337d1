"""What each claim finds in two arms, before several claims are adjusted for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.arms import Arm, pairs_of, within_hi2
from imscope.analyses.heterogeneity.between import compare_spread
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.drift import TIME, drifts_of
from imscope.stats.contrast import Contrast, compare_arms, compare_pairs, least_p, one_sided

Arms = tuple[Arm, Arm]
NAN = float("nan")
MIN_PAIRS = 3


@dataclass(slots=True)
class Finding:
    """One claim: numbers on the ratio scale, or why there are none.

    Attributes
    ----------
    claim, n
        Letter; units per arm.
    refused
        Why it cannot be tested.
    ratio, low, high, p_lower, p_higher, p_equivalence
        Ratio of test over reference with its interval; one-sided probabilities.
    ratio_without
        Ratio without cell-cycle and dissociation genes.
    least
        Smallest probability the design can give.
    method, note
        How, and what must be said beside it.
    """

    claim: str
    n: tuple[int, int]
    refused: str = ""
    ratio: float = NAN
    low: float = NAN
    high: float = NAN
    p_lower: float = NAN
    p_higher: float = NAN
    p_equivalence: float = NAN
    ratio_unmatched: float = NAN
    ratio_without: float = NAN
    least: float = 0.0
    method: str = ""
    note: str = ""

    @property
    def p_side(self) -> float:
        """Probability of the side the ratio lies on; NaN where nothing is tested."""
        return NAN if self.refused else min(self.p_lower, self.p_higher)


def find(h: Heterogeneity, claim: str, arms: Arms, alpha: float) -> Finding:
    """Numbers of one claim, with an interval that leaves ``alpha`` out on each side."""
    return {"A": _cells, "B": _units, "C": _drift}[claim](h, arms, alpha)


def _margin(h: Heterogeneity) -> tuple[float, float]:
    return h.settings.margin_low, h.settings.margin_high


def _cells(h: Heterogeneity, arms: Arms, alpha: float) -> Finding:
    """Claim A: cells within a unit, with all genes and without cycle and dissociation genes."""
    versions = [
        [np.array([within_hi2(h, u, without=w) for u in arm.units]) for arm in arms]
        for w in (False, True)
    ]
    finding = Finding("A", (len(arms[0].units), len(arms[1].units)))
    flat = np.concatenate([v for arms_of in versions for v in arms_of])
    if not (flat > 0).all():
        bad = int((~(np.concatenate(versions[0]) > 0)).sum())
        finding.refused = f"{bad} units have an index not above zero"
        return finding
    paired = pairs_of(h, arms)
    is_paired = len(paired) >= MIN_PAIRS
    if is_paired:
        finding.n = (len(paired), len(paired))
    finding.least = least_p(*finding.n, paired=is_paired)
    both = [_contrast(h, v, paired if is_paired else None, alpha) for v in versions]
    _fill(finding, both[0])
    finding.ratio_without = float(np.exp(both[1].difference))
    # a claim is made only when it holds with and without cycle genes
    finding.low, finding.high = (
        float(np.exp(min(c.low for c in both))),
        float(np.exp(max(c.high for c in both))),
    )
    finding.p_lower, finding.p_higher = (
        max(c.p_lower for c in both),
        max(c.p_higher for c in both),
    )
    finding.p_equivalence = max(c.p_equivalence for c in both)
    if min(both[0].p_lower, both[0].p_higher) <= alpha < min(finding.p_lower, finding.p_higher):
        finding.note = "cell-cycle and dissociation genes carry the difference: not without them"
    return finding


def _contrast(
    h: Heterogeneity,
    values: list[NDArray[np.float64]],
    paired: list[tuple[int, int]] | None,
    alpha: float,
) -> Contrast:
    test, reference = (np.log(v) for v in values)
    if paired is None:
        return compare_arms(test, reference, margin=_margin(h), alpha=alpha)
    changes = [test[i] - reference[j] for i, j in paired]
    return compare_pairs(changes, margin=_margin(h), alpha=alpha)


def _fill(finding: Finding, contrast: Contrast) -> None:
    finding.ratio = float(np.exp(contrast.difference))
    finding.low, finding.high = float(np.exp(contrast.low)), float(np.exp(contrast.high))
    finding.p_lower, finding.p_higher = contrast.p_lower, contrast.p_higher
    finding.p_equivalence = contrast.p_equivalence
    finding.method = contrast.method


def _units(h: Heterogeneity, arms: Arms, alpha: float) -> Finding:
    """Claim B: units among one another."""
    got = compare_spread(h, *arms, margin=_margin(h), alpha=alpha)
    note = (
        "had the test group half the spread of the reference group, these units would show it "
        f"in {100 * got.power:.0f} % of such studies"
    )
    if not np.isfinite(got.ratio):
        note += "; a between-unit component is not above zero"
    return Finding(
        "B",
        (len(arms[0].units), len(arms[1].units)),
        ratio=got.ratio,
        low=got.low,
        high=got.high,
        p_lower=got.p_lower,
        p_higher=got.p_higher,
        p_equivalence=got.p_equivalence,
        method="F ratio of noise-free components",
        note=note,
    )


def _drift(h: Heterogeneity, arms: Arms, alpha: float) -> Finding:
    """Claim C: drift per population doubling."""
    drift = [np.asarray(drifts_of(h, arm)) for arm in arms]
    n = len(drift[0]), len(drift[1])
    finding = Finding("C", n, least=least_p(*n) if min(n) >= 1 else 0.0)
    if TIME not in h.strata.columns:
        finding.refused = f"there is no column {TIME!r}"
    elif min(n) < 3:
        finding.refused = (
            f"{min(n)} replicate units ({arms[0].unit}) of one group have three samples along "
            f"{TIME}, 3 are needed"
        )
    elif min(d.min() for d in drift) > 0:
        logs = (np.log(d) for d in drift)
        _fill(finding, compare_arms(*logs, margin=_margin(h), alpha=alpha))
    else:
        lower, higher = one_sided(np.concatenate(drift)[None], n[0])
        finding.p_lower, finding.p_higher = float(lower[0]), float(higher[0])
        finding.method = "exact permutation of units and Welch t"
        finding.note = "the drift of some units is not above zero, so there is no ratio"
    return finding
