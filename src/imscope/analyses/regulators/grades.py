"""Grades of evidence and the only words each of them allows."""

from dataclasses import dataclass

import numpy as np

ORDER = ("causal here", "upstream", "associated", "contradicted", "described", "")
"""Order of the blocks of a table; within each by posterior."""
Q_ACTIVITY = 0.10
Q_SCREEN = 0.05
REACH_Z = 2.0
POSTERIOR = 0.5
POWER = 0.8
RAISING_RISK = frozenset(
    {"POU5F1", "NANOG", "SOX2", "LIN28A", "KLF4", "PRDM14", "MYC", "MYCN", "MYCL", "TERT", "MYB",
     "FOS", "JUN", "ETV1", "ETV4", "ERG", "FLI1", "GLI1", "TAL1", "BMI1", "KRAS", "EGFR", "ERBB2",
     "MDM2", "CCND1", "SS18", "YAP1"}
)  # fmt: skip
"""Own list of pluripotency factors and oncogenes: raising them is no suggestion."""
LOWERING_RISK = frozenset(
    {"TP53", "RB1", "PTEN", "CDKN2A", "CDKN1A", "CDKN1B", "NF1", "NF2", "APC", "BRCA1", "BRCA2",
     "SMAD4", "VHL", "WT1", "TP73", "TP63", "STK11", "ARID1A"}
)  # fmt: skip
"""Own list of tumour suppressors: lowering them is no suggestion."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the grade of one regulator rests on; NaN where there is none."""

    regulator: str
    contrast: str
    effect: float
    q: float
    reach_z: float
    posterior: float
    screen_z: float
    screen_q: float
    power: float
    guides: float
    replicates: float
    testable: bool
    circular: bool


def grade(e: Evidence) -> str:
    """Grade by fixed rules.

    Examples
    --------
    >>> from dataclasses import replace
    >>> e = Evidence("A", "x v y", 3.0, 0.01, 3.0, 0.8, *[float("nan")] * 5, True, False)
    >>> grade(e), grade(replace(e, reach_z=0.0)), grade(replace(e, testable=False))
    ('upstream', 'associated', 'described')
    >>> tested = replace(e, screen_z=5.0, screen_q=0.001, power=0.9, guides=3, replicates=3)
    >>> grade(tested), grade(replace(tested, screen_z=-5.0)), grade(replace(tested, guides=1))
    ('causal here', 'contradicted', 'upstream')
    """
    if e.circular:
        return ""
    if not e.testable:
        return "described"
    sign = np.sign(e.effect)
    moved = e.screen_q <= Q_SCREEN
    silent = e.power >= POWER and abs(e.screen_z) < 1.96
    active = e.q <= Q_ACTIVITY
    likely = e.posterior >= POSTERIOR
    if active and np.isfinite(e.screen_z) and (silent or (moved and sign * e.screen_z < 0)):
        return "contradicted"
    enough = e.guides >= 2 and e.replicates >= 2
    if moved and enough and sign * e.screen_z > 0 and likely:
        return "causal here"
    if active and sign * e.reach_z >= REACH_Z and likely:
        return "upstream"
    return "associated" if active else ""


def words(e: Evidence, found: str) -> str:
    """Sentence a grade allows, with the quantity.

    Examples
    --------
    >>> e = Evidence("A", "x v y", 3.0, 0.01, 3.0, 0.8, *[float("nan")] * 5, True, False)
    >>> words(e, "upstream")
    'A could drive the difference x v y: more active, and the programme lies downstream of it'
    """
    more = "more active" if e.effect > 0 else "less active"
    side, _, rest = e.contrast.partition(" v ")
    if found == "causal here":
        return f"changing {e.regulator} changes the programme in these cells (z {e.screen_z:.1f})"
    if found == "upstream":
        return (
            f"{e.regulator} could drive the difference {e.contrast}: {more}, and the programme "
            "lies downstream of it"
        )
    if found == "associated":
        return f"{e.regulator} is {more} in {side} than in {rest or 'the rest'}"
    if found == "contradicted":
        how = "did not move" if abs(e.screen_z) < 1.96 else "moved the other way"
        return f"{e.regulator} is {more} in {side}, but when it was changed the programme {how}"
    if found == "described":
        return f"{e.regulator} looks {more} in {side}; too few units for a test"
    return ""


def veto(regulator: str, lever: str) -> str:
    """Reason why a lever may not be shown; empty where it may."""
    if lever == "raise" and regulator in RAISING_RISK:
        return "raising a pluripotency factor or oncogene is not suggested"
    if lever == "lower" and regulator in LOWERING_RISK:
        return "lowering a tumour suppressor is not suggested"
    return ""
