"""Claims where nothing is to be claimed: arms that differ in how they were measured only."""

from dataclasses import dataclass

import numpy as np

from imscope.analyses.heterogeneity import compare
from validation.common import Row, Study, met, percent, rng_of
from validation.real_arms import Arms, make, measured

LIMIT = 0.06
SETTINGS = {
    "arms alike, 4 v 4 lots": Arms(),
    "30 v 120 cells a lot": Arms(cells=(30, 120)),
    "depth 1,600 v 3,200 UMI": Arms(depth=(1_600, 3_200)),
    "4 v 8 lots": Arms(units=(4, 8)),
    "4 v 8 lots, SD of log HI2 0.3 v 0.1": Arms(units=(4, 8), spread=(0.3, 0.1)),
    "4 v 8 lots, SD of log HI2 0.1 v 0.3": Arms(units=(4, 8), spread=(0.1, 0.3)),
    "ambient RNA 4 v 2 %, known": Arms(soup=(0.04, 0.02)),
    "droplets with two like cells 10 v 0 %": Arms(doublets=(0.10, 0.0)),
    "cycling cells 30 v 10 %": Arms(cycling=(0.30, 0.10)),
    "all together, one way": Arms(
        units=(4, 8), cells=(120, 30), depth=(3_200, 1_600), spread=(0.3, 0.1),
        soup=(0.03, 0.01), doublets=(0.08, 0.02), cycling=(0.30, 0.10),
    ),
    "all together, the other way": Arms(
        units=(8, 4), cells=(30, 120), depth=(1_600, 3_200), spread=(0.1, 0.3),
        soup=(0.01, 0.03), doublets=(0.02, 0.08), cycling=(0.10, 0.30),
    ),
    "ambient RNA 8 v 2 %, not known": Arms(soup=(0.08, 0.02), known=False),
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """What one claim said of one study."""

    claim: str
    ratio: float
    low: float
    high: float
    p: float
    verdict: str

    @property
    def lower(self) -> bool:
        """Shown to be lower, were it the first claim in the order."""
        return self.p <= 0.05 and self.high < 1

    @property
    def higher(self) -> bool:
        """Shown to be higher, were it the first claim in the order."""
        return self.p <= 0.05 and self.low > 1

    @property
    def contradicts(self) -> bool:
        """Whether the verdict and the interval say different things."""
        side = {"SUPERIOR": self.high < 1, "INFERIOR": self.low > 1}
        if self.verdict in side:
            return not side[self.verdict]
        return self.verdict == "INCONCLUSIVE" and (self.high < 1 or self.low > 1)


def claims(item: str, arms: Arms, k: int) -> list[Claim]:
    """Claims A and B of one study."""
    made = make(rng_of(f"nulls {item}", k), arms)
    table = compare(measured(made), "arm", test="test", reference="reference")
    return [
        Claim(r.claim, r.ratio, r.low, r.high, r.p_raw, r.verdict)
        for r in table[table["claim"] != "C"].itertuples()
    ]


def run(quick: bool) -> list[Row]:
    n = 20 if quick else 300
    rows: list[Row] = []
    for name, arms in SETTINGS.items():
        seen = [c for k in range(n) for c in claims(name, arms, k)]
        goal = arms.known
        for letter, what in (("A", "cells within a lot"), ("B", "lots among one another")):
            own = [c for c in seen if c.claim == letter]
            for side, word in (("lower", "more"), ("higher", "less")):
                rate = float(np.mean([getattr(c, side) for c in own]))
                rows.append(
                    Row(
                        name,
                        f"claim {letter} ({what}): {word} uniform",
                        "6 % or less" if goal else "none: a caveat stands beside the verdict",
                        percent(rate),
                        met(rate <= LIMIT) if goal else "",
                        f"{n} studies of counts; standard error {percent(np.sqrt(0.05 * 0.95 / n))}",
                    )
                )
        bad = sum(c.contradicts for c in seen)
        rows.append(
            Row(name, "verdicts that contradict their interval", "0", str(bad), met(bad == 0))
        )
    return rows


STUDY = Study(
    "nulls",
    "Claims under the nulls of real studies",
    "Counts from a simulator that shares no code with the package's own. The two arms have one truth; they differ in cells, depth, lots, spread between lots, ambient RNA, doublets and cycling cells, one at a time and together. A claim counts as made when it would be made as the first in the registered order.",
    run,
)
